"""Where a network looked: the places in a patch that its malignancy score rests on. Knows no network.

The evidence of `models.inference.saliency.gradients` is shared out over the patch. As SmoothGrad averages
over noise (Smilkov et al., arXiv:1706.03825, 2017), it is averaged over the eight views, and over small
shifts of them where a single gradient scatters. `training.saliency` chose method and layers of each network
by measurement; ``weights/saliency.json`` names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from models.imaging.patch import PATCH
from models.inference.saliency.maps import combined, gathered, scaled, shifted, spread

REACH, WIDE_REACH = 6, 9  # pixels (4 and 6 mm): views are shifted by at most so much each way
TIMES = 2  # shifts of each view
JOINED = "mean"


@dataclass(frozen=True)
class Saliency:
    """What a score rests on.

    Attributes
    ----------
    map : ndarray of shape (pixels, pixels), float32
        In [0, 1] on the grid of the close field; its maximum is 1, or it is 0 everywhere.
    method : str
    layer : str or None
        The layers whose feature maps were used, joined by "+"; None for the consensus.
    """

    map: np.ndarray
    method: str
    layer: str | None

    @property
    def is_empty(self) -> bool:
        """Whether nothing in the patch moves the score: such a map must not be drawn."""
        return not self.map.any()


@dataclass(frozen=True)
class Method:
    """How evidence is added up.

    Attributes
    ----------
    net : bool
        Whether channels that disagree cancel.
    shifts : ndarray of shape (times, 8, 2), int
        Of each view, in pixels.
    robust : bool
        Whether the views' square roots are averaged, so that one view cannot outvote the others.
    """

    net: bool
    shifts: np.ndarray
    robust: bool = False


METHODS = {
    f"{shifted}{net}evidence": Method(bool(net), shifts, robust)
    for shifted, shifts, robust in (
        ("", spread(1, 0), False),
        ("robust_", spread(1, 0), True),
        ("shifted_", spread(TIMES, REACH), False),
        ("widely_shifted_", spread(TIMES, WIDE_REACH), False),
        ("robust_shifted_", spread(TIMES, REACH), True),
        ("robust_widely_shifted_", spread(TIMES, WIDE_REACH), True),
    )
    for net in ("", "net_")
}


@dataclass(frozen=True)
class Explainer:
    """Makes one network's evidence a map.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    layer : str
        Names of the layers whose maps are multiplied, joined by "+"; ``input`` is the patch itself.

    Raises
    ------
    ValueError
        For a method that does not exist.
    """

    method: str
    layer: str

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"Expected one of {', '.join(METHODS)}. Received: {self.method}")

    @property
    def layers(self) -> list[str]:
        """Names of the layers whose evidence is needed."""
        return self.layer.split("+")

    @property
    def how(self) -> Method:
        """How evidence is added up."""
        return METHODS[self.method]

    def views(self, patches: np.ndarray) -> np.ndarray:
        """The views that evidence is needed of, (8 times, pixels, pixels, fields), for the first eight."""
        return shifted(patches, self.how.shifts)

    def map(self, evidence: Sequence[np.ndarray]) -> Saliency:
        """What the score of a slice rests on.

        Parameters
        ----------
        evidence : list of ndarray of shape (8 times, n, n)
            Of each of `layers`, in the order of `views`.

        Returns
        -------
        Saliency
            In the orientation of the first view.
        """
        maps = [gathered(one, self.how.shifts, self.how.robust) for one in evidence]
        return Saliency(combined(maps), self.method, self.layer)


def joined(saliencies: Iterable[Saliency]) -> Saliency:
    """The mean of the maps that are not empty, for the consensus; empty where all are."""
    maps = [saliency.map for saliency in saliencies if not saliency.is_empty]
    return Saliency(scaled(np.sum(maps, axis=0) if maps else np.zeros(PATCH.shape[:2])), JOINED, None)
