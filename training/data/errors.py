"""What `training.data.prepare` tells its user."""


class PrepareError(Exception):
    """What is wrong with the source data, in one sentence."""
