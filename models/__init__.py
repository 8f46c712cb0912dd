"""Everything between uploaded bytes and a finding; knows nothing of Flask or of training."""

__version__ = "0.6.0"
