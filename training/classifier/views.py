"""What a network is fed: random views of nodules, with what the readers said of them as soft targets.

The views vary in what a network must not mind.
"""

from argparse import Namespace
from typing import NamedTuple

import keras
import numpy as np
from numpy.random import Generator

from models.imaging.patch import PATCH, PatchSpec, cut_patch
from models.imaging.two_fields import cut_fields
from models.networks.scales import scale_diameter
from training.classifier import devices
from training.data.dataset import Nodules
from training.data.outlines import Outlines

LARGE_MM, LARGE_VIEWS = 12.0, 1  # lesions of that size are seen so much more often
ENLARGED, UP_TO_MM, MOST = 0.3, 80.0, 4.0  # share of their views that show them larger, up to masses
ANYWHERE = 0.25  # share of views from anywhere in the outline, as where a click could not be snapped
OFF_MM = 1.5  # standard deviation of what is taken for the outline's middle
SCALE = 0.12  # natural logarithm: patients differ, and spacings are off
WRONG_SPACING, WRONG_SCALE = 0.3, 0.26  # share of views whose spacing is assumed, and how far off that is
CUT, CUT_MM = 0.25, (12.0, 45.0)  # share of views of an image that ends so far from the nodule
WINDOW = 0.4  # share of views seen through a display window that saturates
NOISE = 0.04
CELLS = 12  # of the outline, a side of each field


class View(NamedTuple):
    """What a network is shown of a nodule.

    Attributes
    ----------
    patch : ndarray of shape (pixels, pixels, fields), float32
    share : ndarray of shape (CELLS, CELLS, fields), float32
        The readers' share of each part of each field: what of it they count to the nodule.
    factor : float
        How much larger than it is the nodule is shown.
    """

    patch: np.ndarray
    share: np.ndarray
    factor: float


def random_view(outlines: Outlines, nodule: int, rng: Generator, spec: PatchSpec = PATCH) -> View:
    """A random view of a nodule, cut by the same function as in serving.

    A slice (large sections more often), a location, an error of the spacing, borders, mirror images and
    turns, a display and noise are drawn; lesions of `LARGE_MM` or more may be enlarged.
    """
    index = random_slice(outlines, nodule, rng)
    outlined = np.argwhere(outlines.readers[index])
    spacing = float(outlines.spacing_mm[nodule])
    middle = outlined.mean(axis=0) + rng.normal(0, OFF_MM / spacing, 2)
    if rng.random() < ANYWHERE:
        middle = outlined[rng.integers(len(outlined))].astype(float)
    pixels, share = outlines.grey[index], outlines.share(index)
    if rng.random() < CUT:
        rows, cols, middle = _cut_off(spacing, middle, rng)
        pixels, share = pixels[rows, cols], share[rows, cols]
    factor, size = 1.0, outlines.diameter_mm[nodule]
    if size >= LARGE_MM and rng.random() < ENLARGED:
        factor = rng.uniform(1.0, max(1.0, min(MOST, UP_TO_MM / size)))
    scale = WRONG_SCALE if rng.random() < WRONG_SPACING else SCALE
    spacing *= factor * np.exp(rng.uniform(-scale, scale))
    row, col = float(middle[0]), float(middle[1])
    patch = cut_patch(pixels, spacing, row, col, spec)
    share = cut_fields([share], (spacing, spacing), row, col, spec.fields_mm, CELLS)
    quarters = int(rng.integers(4))
    patch, share = np.rot90(patch, quarters), np.rot90(share, quarters)
    if rng.random() < 0.5:
        patch, share = patch[::-1], share[::-1]
    return View(_display(patch, rng), share, factor)


def random_slice(outlines: Outlines, nodule: int, rng: Generator) -> int:
    """A slice in which any reader outlined a nodule, with a probability that grows with its section."""
    area = outlines.areas(nodule)
    return int(outlines.first[nodule] + rng.choice(len(area), p=area / area.sum()))


def _cut_off(spacing_mm: float, middle: np.ndarray, rng: Generator) -> tuple[slice, slice, np.ndarray]:
    """Rows and columns of a slice that end at random distances from a location; the location in them."""
    reach = rng.uniform(*CUT_MM, 4) / spacing_mm
    low = np.maximum(middle - reach[:2], 0).astype(int)
    high = (middle + reach[2:]).astype(int) + 2
    return slice(low[0], high[0]), slice(low[1], high[1]), middle - low


def _display(patch: np.ndarray, rng: Generator) -> np.ndarray:
    """Another display of the same patch; values stay in [0, 1]."""
    low, high = 0.0, 1.0
    if rng.random() < WINDOW:
        low, high = 0.5 * rng.random() ** 2, 1 - 0.35 * rng.random() ** 2
    gain = np.exp(rng.uniform(-0.1, 0.1))
    patch = np.clip((patch - low) / (high - low) * gain, 0, 1) ** np.exp(rng.uniform(-0.25, 0.25))
    noise = rng.normal(0, NOISE * rng.random(), patch.shape)
    return np.clip(patch + noise, 0, 1).astype(np.float32)


class RandomViews(keras.utils.PyDataset):
    """One epoch: `views` random views of each nodule, the same ones whenever seed and epoch are the same.

    Parameters
    ----------
    indices : ndarray of int
        The nodules that take part.
    args : Namespace
        ``seed``, ``views``, ``batch`` of `training.classifier.train.parse`.

    Notes
    -----
    An item is (patches, targets, weights) as `keras.Model.fit` wants them: the target of the rating is
    the readers' own distribution, and a nodule weighs as the square root of its number of readers (up
    to four), since the mean of few readers says less.
    """

    def __init__(
        self,
        nodules: Nodules,
        outlines: Outlines,
        indices: np.ndarray,
        epoch: int,
        args: Namespace,
        spec: PatchSpec = PATCH,
    ) -> None:
        # without threads of Keras', tf.data tunes itself for up to a minute an epoch; in them nobody knows of
        # a distribution, which JAX alone has
        super().__init__(workers=2 if keras.backend.backend() == "tensorflow" else 1)
        self.nodules, self.outlines, self.spec = nodules, outlines, spec
        self.seed, self.epoch = args.seed, epoch
        rng = np.random.default_rng((args.seed, epoch))
        large = indices[nodules.diameter_mm[indices] >= LARGE_MM]
        parts = [indices] * args.views + [large] * LARGE_VIEWS
        order = rng.permutation(np.concatenate(parts))
        self.batches = devices.into_batches(order, args.batch)
        self.distribution = nodules.rating_distribution
        self.weight = np.sqrt(np.minimum(nodules.n_readers, 4) / 4).astype(np.float32)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple:
        rng = np.random.default_rng((self.seed, self.epoch, number))
        chosen, nodules = self.batches[number], self.nodules
        views = [random_view(self.outlines, i, rng, self.spec) for i in chosen]
        patches = np.stack([view.patch for view in views])
        factors = np.array([view.factor for view in views])
        shares = np.stack([view.share for view in views]).transpose(0, 3, 1, 2)
        targets = {
            "outline": shares.reshape(len(views), -1),
            "rating": self.distribution[chosen],
            "descriptors": nodules.descriptors[chosen],
            "diameter": scale_diameter(factors * nodules.diameter_mm[chosen])[:, None],
        }
        return devices.own_part((patches, targets, dict.fromkeys(targets, self.weight[chosen])))
