"""The network that tells a nodule from a place without one: its views, its training, its measurement."""
