"""The network that tells a nodule from a location without one: its views, its training, its measurement."""
