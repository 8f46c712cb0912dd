"""What the calculators have in common: kinds of nodule, and the refusal."""

import math
from typing import TypeVar

NODULE_TYPES = ("solid", "part-solid", "ground glass")  # as `models.inference.measurement.texture` names them
Value = TypeVar("Value")


class Refusal(Exception):
    """The model or guideline was not made for this case; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def answered(value: Value | None) -> Value:
    """What was answered to a question that is asked for some nodules only; ValueError where nothing was."""
    if value is None:
        raise ValueError("The nodule needs an answer that it has not.")
    return value


def logistic(x: float) -> float:
    """Probability of the log odds ``x``."""
    return 1 / (1 + math.exp(-x))


def rounded(value: float, decimals: int = 0) -> float:
    """Rounded half up: 8.5 mm are 9 mm, as people round, where Python's ``round`` says 8."""
    scale = 10**decimals
    return math.floor(value * scale + 0.5) / scale
