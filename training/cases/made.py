"""Patches that show no nodule, made to measure whether the distance tells them from nodules."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from models.imaging.patch import cut_patch
from models.imaging.phantom import KINDS as DRAWN
from models.imaging.phantom import draw_phantom
from training.cases.locations import patches_of_crops, patches_of_slices
from training.ct_check.drawings import cloud_noise
from training.ct_check.photos import sources
from training.data.outlines import Outlines
from training.data.splits import sides_of_fold
from training.localiser.healthy import HealthySlices

SPACING_MM, EDGE = 0.7, 128  # of what has no scale of its own
POWERS = (0.0, 0.5, 1.0, 1.5, 2.0)  # of noise: white to clouds
EACH = 150  # patches of a kind
SIDES = ("validation", "test")
SEED = 5


def made_patches(
    outlines: Outlines, fold: int, series: Sequence[str] = ()
) -> dict[str, dict[str, np.ndarray]]:
    """Patches without a nodule, by side and kind.

    Parameters
    ----------
    fold : int
        Whose patients are held out; the crops are theirs.
    series : sequence of str
        Series without nodules, see `training.localiser.healthy`; their kinds (``whole slices: vessel``) are
        on the test side.

    Returns
    -------
    dict of str to dict of str to ndarray of shape (n, pixels, pixels, fields)
        ``validation`` and ``test``; no patient, photograph or seed is on both sides.
    """
    sides = sides_of_fold(outlines, fold)
    photos = sources()
    made = {}
    for number, side in enumerate(SIDES):
        rng = np.random.default_rng([SEED, number])
        made[side] = patches_of_crops(outlines, sides[side], rng, EACH)
        made[side] |= {
            "noise": [_patch(_noise(rng), rng) for _ in range(EACH)],
            "photograph": _photographs([photos[name] for name in sorted(photos)[number::2]], rng),
        }
    if series:
        slices = [(scan, index) for scan, index, _, _ in HealthySlices(series).slices]
        found = patches_of_slices(slices, np.random.default_rng([SEED, len(SIDES)]), EACH)
        made["test"] |= {f"whole slices: {kind}": patches for kind, patches in found.items()}
    return {
        side: {kind: np.stack(patches) for kind, patches in kinds.items() if patches}
        for side, kinds in made.items()
    }


def drawn_patches(each: int = 20) -> np.ndarray:
    """The drawn nodules that newcomers try, (n, pixels, pixels, fields)."""
    return np.stack(
        [_patch(draw_phantom(kind, EDGE, seed, SPACING_MM)) for kind in DRAWN for seed in range(each)]
    )


def _patch(pixels: np.ndarray, rng: Generator | None = None) -> np.ndarray:
    """The patch of a picture, as the app cuts it; around a random location where there is an rng."""
    middle = (np.array(pixels.shape) - 1) / 2
    row, col = middle if rng is None else middle * rng.uniform(0.5, 1.5, 2)
    return cut_patch(pixels, SPACING_MM, row, col)


def _noise(rng: Generator) -> np.ndarray:
    return cloud_noise(rng, EDGE, POWERS[rng.integers(len(POWERS))])


def _photographs(photos: list[np.ndarray], rng: Generator) -> list[np.ndarray]:
    """Random locations of each photograph in turn, which is reduced until its shorter edge is near `EDGE`."""
    reduced = [
        photo[:: max(1, min(photo.shape) // EDGE), :: max(1, min(photo.shape) // EDGE)] for photo in photos
    ]
    patches = [_patch(reduced[i % len(reduced)], rng) for i in range(EACH)]
    return [patch for patch in patches if patch.any()]  # not what has one value only
