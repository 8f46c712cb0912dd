"""What a network is fed: random views of nodules, with what the readers said of them as soft targets."""

import keras
import numpy as np

from models.imaging.patch import PATCH
from models.networks.scales import scale_diameter
from training.classifier import devices
from training.classifier.augment import random_patch


class RandomViews(keras.utils.PyDataset):
    """One epoch: `views` random views of each nodule, the same ones whenever seed and epoch are the same.

    Parameters
    ----------
    nodules : training.data.dataset.Nodules
    indices : ndarray of int
        The nodules that take part.
    epoch : int
    args : argparse.Namespace
        ``seed``, ``views``, ``batch``, ``mixup`` of `training.classifier.train.parse`.
    spec : PatchSpec

    Notes
    -----
    An item is (patches, targets, weights) as `keras.Model.fit` wants them: the target of the rating is
    the readers' own distribution, and a nodule weighs as the square root of its number of readers (up
    to four), since the mean of few readers says less.
    """

    def __init__(self, nodules, indices, epoch, args, spec=PATCH):
        super().__init__()
        self.nodules, self.seed, self.epoch, self.spec = nodules, args.seed, epoch, spec
        self.mixup = args.mixup
        rng = np.random.default_rng((args.seed, epoch))
        order = np.concatenate([rng.permutation(indices) for _ in range(args.views)])
        self.batches = devices.into_batches(order, args.batch)
        self.distribution = nodules.rating_distribution
        self.weight = np.sqrt(np.minimum(nodules.n_readers, 4) / 4).astype(np.float32)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
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


def mix(arrays, rng, alpha):
    """Blend each array's rows with those of a random partner (mixup; Zhang et al., arXiv:1710.09412)."""
    share = np.float32(rng.beta(alpha, alpha))
    partner = rng.permutation(len(arrays["patch"]))
    return {name: share * array + (1 - share) * array[partner] for name, array in arrays.items()}
