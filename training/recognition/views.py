"""Random views of nodules and of places without one: what the recognition network must not mind.

Both kinds go through the same changes, so that none of them tells which it is: crops end at random distances
(what lies beyond is mirrored), and either may be enlarged, since a mass of 80 mm is to be known as a lesion.
"""

import keras
import numpy as np

from models.imaging.two_fields import PIXELS, SHAPE, cut_close, cut_fields
from models.networks.recognition import REDUCTION
from training.localiser.views import other_view

OUTLINE = (PIXELS // REDUCTION, PIXELS // REDUCTION, 1)
SCALE = 0.25  # natural logarithm: spacings that are assumed may be wrong by as much
ENLARGED_FROM_MM, UP_TO_MM, MOST = 12.0, 80.0, 4.0  # lesions of that size are shown as large as these
ENLARGED, ENLARGED_PLACES = 0.35, 0.2  # share of their views; other places are enlarged as well
OFF_MM = 1.5  # standard deviation of a location that is taken for the middle of a nodule
ANYWHERE = 0.4  # share of nodules seen from anywhere in the outline
SINGLE_SLICE = 0.3
CUT, CUT_MM = 0.6, (14.0, 60.0)  # share of sides on which the image ends, and so far from the location


def nodule_view(outlines, nodule, rng):
    """A random view of a nodule, and what its readers outlined in it; see `random_view`."""
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    index = int(rng.integers(n))
    outlined = np.argwhere(outlines.readers[first + index])
    if len(outlined) == 0:
        index = n // 2
        outlined = np.argwhere(outlines.readers[first : first + n].any(axis=0))
    spacing = float(outlines.spacing_mm[nodule])
    place = outlined.mean(axis=0) + rng.normal(0, OFF_MM / spacing, 2)
    if rng.random() < ANYWHERE:
        place = outlined[rng.integers(len(outlined))]
    factor = 1.0
    if (size := outlines.diameter_mm[nodule]) >= ENLARGED_FROM_MM and rng.random() < ENLARGED:
        factor = rng.uniform(1.2, max(1.2, min(MOST, UP_TO_MM / size)))
    slices = outlines.slices_hu(nodule, index)
    return random_view(slices, outlines.share(first + index), (spacing, spacing), place, factor, rng)


def crop_place_view(outlines, location, rng):
    """A random view of a place beside a nodule, which may lie in the view."""
    nodule = location["source"]
    first, slices = outlines.first[nodule], outlines.slices_hu(nodule, int(location["slice"]))
    spacing = (float(outlines.spacing_mm[nodule]),) * 2
    return _place_view(slices, outlines.share(first + int(location["slice"])), spacing, location, rng)


def source_place_view(source, location, rng):
    """A random view of a place of a series or picture without nodules."""
    slices = source.slices(int(location["slice"]))
    return _place_view(slices, np.zeros(slices[0].shape, np.float32), source.spacing_mm, location, rng)


def _place_view(slices, share, spacing_mm, location, rng):
    place = np.array([location["row"], location["col"]]) + rng.normal(0, OFF_MM, 2) / spacing_mm
    factor = rng.uniform(1.2, MOST) if rng.random() < ENLARGED_PLACES else 1.0
    return random_view(slices, share, spacing_mm, place, factor, rng)


def random_view(slices, share, spacing_mm, place, factor, rng):
    """Three slices in HU about a place, cut off, scaled by `factor` and a little more, turned, rescanned.

    Returns
    -------
    fields : ndarray of shape `SHAPE`, float32
        In [0, 1].
    share : ndarray of shape `OUTLINE`, float32
        What of `share`, the readers' share of the middle slice, lies in the close field.
    """
    if rng.random() < SINGLE_SLICE:
        slices = [slices[1]] * 3
    elif rng.random() < 0.5:
        slices = slices[::-1]
    factor *= np.exp(rng.uniform(-SCALE, SCALE))
    (*slices, share), place = _cut_off([*slices, share], spacing_mm, place, rng)
    spacing_mm = tuple(factor * mm for mm in spacing_mm)
    share = cut_close(share, spacing_mm, *place, OUTLINE[0])[..., None]
    return other_view(cut_fields(slices, spacing_mm, *place), share, rng)


def _cut_off(slices, spacing_mm, place, rng):
    """The same slices, ending at random distances from the place; and the place in them."""
    edges, shifted = [], []
    for at, mm, n in zip(place, spacing_mm, slices[0].shape, strict=True):
        low, high = (rng.uniform(*CUT_MM) / mm if rng.random() < CUT else n for _ in range(2))
        first, last = max(0, int(at - low)), min(n, int(np.ceil(at + high)) + 1)
        edges.append(slice(first, last))
        shifted.append(at - first)
    return [pixels[tuple(edges)] for pixels in slices], shifted


class Views(keras.utils.PyDataset):
    """One epoch of views, half of them nodules; the same ones whenever seed and epoch are the same.

    Parameters
    ----------
    data : Data
        See `training.recognition.data`.
    epoch : int
    args : argparse.Namespace
        ``seed``, ``steps`` and ``batch``.
    """

    def __init__(self, data, epoch, args):
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.data, self.epoch, self.args = data, epoch, args

    def __len__(self):
        return self.args.steps

    def __getitem__(self, number):
        rng = np.random.default_rng((self.args.seed, self.epoch, number))
        n = self.args.batch
        views, shares = np.empty((n, *SHAPE), np.float32), np.empty((n, *OUTLINE), np.float32)
        truth, weights = np.arange(n) % 2, np.ones(n, np.float32)
        for i, is_nodule in enumerate(truth):
            view, weights[i] = self.data.nodule(rng) if is_nodule else (self.data.place(rng), 1)
            views[i], shares[i] = view
        return views, {"nodule": truth[:, None].astype(np.float32), "outline": shares}, weights
