"""The network that marks what may be a nodule in whole scans: its views, its training, its measurement."""
