"""What the calculators have in common: kinds of nodule, and the refusal."""

import math

NODULE_TYPES = ("solid", "part-solid", "ground glass")  # as `models.inference.measurement.texture` names them


class Refusal(Exception):
    """The model or guideline was not made for this case; ``code`` says why."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def logistic(x):
    """Probability of the log odds ``x``."""
    return 1 / (1 + math.exp(-x))


def rounded(value, decimals=0):
    """Rounded half up: 8.5 mm are 9 mm, as people round, where Python's ``round`` says 8."""
    scale = 10**decimals
    return math.floor(value * scale + 0.5) / scale
