"""The pictures from which the check of uploads learns what CT looks like, and what does not.

A group is what must not be on two sides: a patient, a family of drawings, a source picture.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from models.imaging.phantom import KINDS as PHANTOM_KINDS
from models.imaging.phantom import draw_phantom
from models.ingest.ct_check.image_features import image_features, working_copy
from training.ct_check.ct import KINDS, crop_view, drawn_chest, lettered, resized, slice_view, through_jpeg
from training.ct_check.drawings import FAMILIES
from training.ct_check.photos import sources
from training.data.pictures import Slices

Picture = tuple[np.ndarray, str, str]  # pixels, group, kind
SIZES = (64, 96, 128, 192, 256)
LEVELS = 8  # pictures with fewer never reach the check


@dataclass(frozen=True)
class Pictures:
    """Image features of many pictures, in rows, with their names, and each picture's group and kind."""

    names: tuple[str, ...]
    features: np.ndarray
    group: np.ndarray
    kind: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "Pictures":
        return Pictures(self.names, self.features[chosen], self.group[chosen], self.kind[chosen])

    def __len__(self) -> int:
        return len(self.features)


def measured(pictures: Iterable[Picture]) -> Pictures:
    """The features of pictures; those with hardly any levels are left out."""
    rows, groups, kinds = [], [], []
    names: tuple[str, ...] = ()
    for pixels, group, kind in pictures:
        if len(np.unique(pixels)) >= LEVELS:
            features = image_features(pixels)
            names = tuple(features)
            rows.append(list(features.values()))
            groups.append(group)
            kinds.append(kind)
    return Pictures(names, np.array(rows, np.float32), np.array(groups), np.array(kinds))


def together(*parts: Pictures) -> Pictures:
    """Several `Pictures` as one; empty ones do not count."""
    some = [part for part in parts if len(part)]
    columns = [
        np.concatenate([getattr(part, name) for part in some]) for name in ("features", "group", "kind")
    ]
    return Pictures(some[0].names, *columns)


def crops(
    slices: Slices,
    patients: Collection[str],
    every: int,
    kinds: tuple[str, ...] | int,
    rng: np.random.Generator,
) -> Iterator[Picture]:
    """Nodule crops of LIDC-IDRI-slices: `kinds` of each, or so many of them at random."""
    for key in sorted(slices.index):
        if key[0] in patients:
            for pixels in slices.read(key)[rng.integers(every) :: every]:
                chosen = kinds if isinstance(kinds, tuple) else rng.choice(KINDS, kinds, p=_likelier_mixed())
                for kind in chosen:
                    yield crop_view(pixels, kind, rng), key[0], kind


def _likelier_mixed() -> np.ndarray:
    weight = np.ones(len(KINDS))
    weight[-1] = len(KINDS) - 1
    return weight / weight.sum()


def whole_slices(
    volumes: Mapping[str, np.ndarray], views: int, rng: np.random.Generator
) -> Iterator[Picture]:
    """Whole slices, so many views each; `volumes` are slices in HU by patient."""
    for patient, volume in volumes.items():
        for hu in volume:
            for _ in range(views):
                yield slice_view(np.asarray(hu, np.float32), rng), patient, "whole slice"


def phantoms(count: int, rng: np.random.Generator) -> Iterator[Picture]:
    """Drawn nodules, as the project shows newcomers, and drawn chests: they must pass."""
    for number in range(count):
        kind, size = list(PHANTOM_KINDS)[number % 2], int(rng.choice([64, 96, 128, 160, 192, 256, 384]))
        nodule = draw_phantom(kind, size, int(rng.integers(2**31)), rng.uniform(0.5, 1.3))
        yield nodule, "phantom", "phantom"
        yield slice_view(drawn_chest(rng), rng), "drawn chest", "drawn chest"


def drawn(views: int, rng: np.random.Generator) -> Iterator[Picture]:
    """Every family of drawings, so many each."""
    for name, family in FAMILIES.items():
        for _ in range(views):
            yield as_uploaded(family(rng, int(rng.choice(SIZES))), rng), name, name


def photos(views: int, rng: np.random.Generator) -> Iterator[Picture]:
    """Parts of every source picture that ships with packages, so many each."""
    for name, pixels in sources().items():
        group = "icons" if max(pixels.shape) < 60 else name
        for _ in range(views if group == name else max(1, views // 10)):
            yield as_uploaded(_some_part(pixels, rng), rng), group, "photo"


def cut_crops(
    slices: Slices, patients: Collection[str], views: int, rng: np.random.Generator
) -> Iterator[Picture]:
    """Nodule crops cut at a threshold, sharp or blurred: masks, though their outlines are anatomy."""
    keys = [key for key in sorted(slices.index) if key[0] in patients]
    for number in rng.choice(len(keys), views):
        stack = slices.read(keys[number])
        pixels = ndimage.gaussian_filter(
            stack[rng.integers(len(stack))].astype(np.float32), rng.choice([0, 1, 2])
        )
        mask = (pixels > np.quantile(pixels, rng.uniform(0.3, 0.95))).astype(float)
        blurred = ndimage.gaussian_filter(mask, rng.uniform(0.4, 4))
        yield as_uploaded(blurred, rng), "mask", "mask"


def _some_part(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    edge = int(rng.uniform(min(64, min(pixels.shape)), min(pixels.shape) + 1))
    edge = min(pixels.shape) if rng.random() < 0.3 else edge
    top, left = (rng.integers(length - edge + 1) for length in pixels.shape)
    pixels = pixels[top : top + edge, left : left + edge]
    return (
        np.asarray(Image.fromarray(pixels).resize((256, 256), Image.Resampling.BOX)) if edge > 400 else pixels
    )


def as_uploaded(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values of any scale as 8 bits: contrast, inversion, posterising, blur, size, letters, JPEG."""
    values = working_copy(values)[0] if max(values.shape) > 600 else values
    low, high = (
        np.percentile(values, rng.choice([0, 0, 1, 10])),
        np.percentile(values, rng.choice([100, 100, 99, 90])),
    )
    values = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    if rng.random() < 0.3:
        values = values ** rng.uniform(0.4, 2.5)
    if rng.random() < 0.25:
        values = 1 - values
    if rng.random() < 0.1:
        levels = rng.integers(9, 24)
        values = np.rint(values * levels) / levels
    if rng.random() < 0.2:
        values = ndimage.gaussian_filter(values, rng.uniform(0.4, 2))
    if rng.random() < 0.2:
        values = np.clip(values + rng.normal(0, rng.uniform(0.005, 0.04), values.shape), 0, 1)
    low, high = (rng.uniform(0, 0.3), rng.uniform(0.6, 1)) if rng.random() < 0.2 else (0, 1)
    pixels = np.rint((low + (high - low) * values) * 255).astype(np.uint8)
    if rng.random() < 0.5 or min(pixels.shape) < 48:
        pixels = resized(pixels, rng, (64, 400))
    if rng.random() < 0.05:
        pixels = lettered(pixels, rng)
    if rng.random() < 0.3:
        pixels = np.asarray(Image.fromarray(pixels).rotate(90 * int(rng.integers(4)), expand=True))
    return through_jpeg(pixels, rng) if rng.random() < 0.35 else pixels
