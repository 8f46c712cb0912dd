"""What a network is fed: random views of nodules, with what the readers said of them as soft targets.

The views vary in what a network must not mind.
"""

from argparse import Namespace

import keras
import numpy as np
from numpy.random import Generator

from models.imaging.patch import PATCH, PatchSpec, adjacent_slices, cut_patch
from models.networks.scales import scale_diameter
from training.classifier import devices
from training.data.dataset import Nodules, centre

SINGLE_SLICE = 0.3  # share of views that know one slice only, as when one picture is uploaded
TIGHT_CROP = 0.1  # share of views cut from a smaller picture, so that the patch is padded
TIGHT_CROP_MM = (11.0, 22.0)  # half edge of that picture
SHIFT_MM = 3.0
SCALE = 0.12  # natural logarithm; also the error of an assumed spacing
WINDOW = 0.4  # share of views seen through a display window that saturates
NOISE = 0.04


def random_patch(stack: np.ndarray, spacing_mm: float, rng: Generator, spec: PatchSpec = PATCH) -> np.ndarray:
    """A random view of a stack (slices, rows, cols), cut by the same function as in serving.

    Random choice of slice (near the middle more often), shift, scale, tight crop, flips in all three
    axes, right-angle rotation, display window, gain, gamma and noise.

    Returns
    -------
    ndarray of shape (pixels, pixels, 3), float32
    """
    index = int(rng.triangular(0, len(stack) / 2, len(stack))) if len(stack) > 1 else 0
    single = rng.random() < SINGLE_SLICE
    order = (index,) * 3 if single else adjacent_slices(len(stack), index)
    if rng.random() < 0.5:
        order = order[::-1]
    row, col = np.array(centre(stack)) + rng.uniform(-SHIFT_MM, SHIFT_MM, 2) / spacing_mm
    slices = [stack[i] for i in order]
    if rng.random() < TIGHT_CROP:
        slices, row, col = _tight_crop(slices, spacing_mm, row, col, rng)
    spacing = spacing_mm * np.exp(rng.uniform(-SCALE, SCALE))
    patch = cut_patch(slices, spacing, row, col, spec)
    patch = np.rot90(patch, int(rng.integers(4)))
    if rng.random() < 0.5:
        patch = patch[::-1]
    return _display(patch, rng)


def _tight_crop(
    slices: list[np.ndarray], spacing_mm: float, row: float, col: float, rng: Generator
) -> tuple[list[np.ndarray], float, float]:
    half = rng.uniform(*TIGHT_CROP_MM, 4) / spacing_mm
    top, left = max(0, int(row - half[0])), max(0, int(col - half[1]))
    bottom, right = int(row + half[2]) + 1, int(col + half[3]) + 1
    return [pixels[top:bottom, left:right] for pixels in slices], row - top, col - left


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
        ``seed``, ``views``, ``batch``, ``mixup`` of `training.classifier.train.parse`.

    Notes
    -----
    An item is (patches, targets, weights) as `keras.Model.fit` wants them: the target of the rating is
    the readers' own distribution, and a nodule weighs as the square root of its number of readers (up
    to four), since the mean of few readers says less.
    """

    def __init__(
        self, nodules: Nodules, indices: np.ndarray, epoch: int, args: Namespace, spec: PatchSpec = PATCH
    ) -> None:
        super().__init__()
        self.nodules, self.seed, self.epoch, self.spec = nodules, args.seed, epoch, spec
        self.mixup = args.mixup
        rng = np.random.default_rng((args.seed, epoch))
        order = np.concatenate([rng.permutation(indices) for _ in range(args.views)])
        self.batches = devices.into_batches(order, args.batch)
        self.distribution = nodules.rating_distribution
        self.weight = np.sqrt(np.minimum(nodules.n_readers, 4) / 4).astype(np.float32)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple:
        rng = np.random.default_rng((self.seed, self.epoch, number))
        chosen, nodules = self.batches[number], self.nodules
        patches = [random_patch(nodules.stacks[i], nodules.spacing_mm[i], rng, self.spec) for i in chosen]
        arrays = {
            "patch": np.stack(patches),
            "rating": self.distribution[chosen],
            "descriptors": nodules.descriptors[chosen],
            "diameter": scale_diameter(nodules.diameter_mm[chosen, None]),
            "weight": self.weight[chosen],
        }
        if self.mixup:
            arrays = mix(arrays, rng, self.mixup)
        patches, weight = arrays.pop("patch"), arrays.pop("weight")
        return devices.own_part((patches, arrays, dict.fromkeys(arrays, weight)))


def mix(arrays: dict[str, np.ndarray], rng: Generator, alpha: float) -> dict[str, np.ndarray]:
    """Blend each array's rows with those of a random partner (mixup; Zhang et al., arXiv:1710.09412)."""
    share = np.float32(rng.beta(alpha, alpha))
    partner = rng.permutation(len(arrays["patch"]))
    return {name: share * array + (1 - share) * array[partner] for name, array in arrays.items()}
