"""Whether there is a nodule at a location at all, as a network of its own sees it."""

from dataclasses import dataclass

from models.trained import WeightsError


@dataclass(frozen=True)
class Recognition:
    """What the recognition network says of one location.

    Attributes
    ----------
    probability : float
        That there is a nodule, in [0, 1].
    threshold : float
        Below it there is none.
    """

    probability: float
    threshold: float

    @property
    def is_nodule(self) -> bool:
        """Whether a nodule is recognised."""
        return self.probability >= self.threshold


class Recogniser:
    """The network of ``weights/recognition.weights.h5``: ``recogniser(scan, roi)`` gives a `Recognition`."""

    def __init__(self, folder, report=None):
        raise WeightsError("recognition.weights.h5 does not fit this version's network.")
