"""Small pictures of series, and whether these show lung: a slice or three of each are decoded."""

from contextlib import suppress

import msgspec
import numpy as np
from PIL import Image

from models.errors import UserError
from models.imaging.display import to_grey
from models.imaging.geometry import display_orientation
from models.ingest.ct_check.check import LEAST_FIELD_MM, LUNG_MM2, LUNG_SHARE, lung_shown_mm2
from models.ingest.dicom import decode
from models.ingest.limits import DEFAULT
from models.ingest.series.headers import OtherObject, SliceHeader
from models.ingest.series.order import UPRIGHT, Slices, along_normal_of, orientation_of

EDGE = 128  # pixels, at most


class Picture(msgspec.Struct, frozen=True):
    """A grey picture: its pixels row by row, a byte each."""

    rows: int
    cols: int
    pixels: bytes


def in_sequence(group: Slices) -> Slices:
    """The slices of a series in order, whatever is wrong with it: by position, or else by number."""
    if all(header.frame.position for header in group):
        positions = along_normal_of(group, orientation_of(group))
        return [group[i] for i in np.argsort(positions, kind="stable")]
    return sorted(group, key=lambda header: (header.instance or 0, header.frame.number))


def picture_of(image: SliceHeader | OtherObject) -> tuple[Picture | None, bool | None]:
    """A picture of an image, None where it cannot be decoded; and whether it shows lung, as `shows_lung`."""
    pixels = _decoded(image)
    if pixels is None:
        return None, None
    if isinstance(image, OtherObject):
        return _small(to_grey(_within_usual(pixels), False), (1.0, 1.0)), None
    spacing = image.frame.spacing_mm or (1.0, 1.0)
    turned = display_orientation(image.frame.orientation or UPRIGHT)
    grey = to_grey(np.asarray(pixels, np.float32), image.is_hu)
    return _small(turned.shown(grey), turned.shown_spacing(spacing)), _lung(image, pixels)


def shows_lung(header: SliceHeader) -> bool | None:
    """Whether a slice shows lung; None where that cannot be told."""
    pixels = _decoded(header)
    return None if pixels is None else _lung(header, pixels)


def _lung(header: SliceHeader, hu: np.ndarray) -> bool | None:
    spacing = header.frame.spacing_mm
    if not header.is_hu or spacing is None:
        return None
    field_mm2 = float(hu.size * spacing[0] * spacing[1])
    if field_mm2 < LEAST_FIELD_MM**2:
        return None
    return lung_shown_mm2(hu, spacing) >= min(LUNG_MM2, LUNG_SHARE * field_mm2)


def _decoded(image: SliceHeader | OtherObject) -> np.ndarray | None:
    number = image.frame.number if isinstance(image, SliceHeader) else image.n_frames // 2
    with suppress(UserError):
        DEFAULT.check_image(*image.shape)
        pixels = next(iter(decode(image.source.open(), [number])))
        return pixels if pixels.shape == image.shape else None
    return None


def _within_usual(pixels: np.ndarray) -> np.ndarray:
    """Pixels without the few that are far darker or brighter than the rest."""
    low, high = np.percentile(pixels, (1, 99))
    return np.clip(np.asarray(pixels, np.float32), low, high)


def _small(grey: np.ndarray, spacing_mm: tuple[float, float]) -> Picture:
    """At most `EDGE` pixels high and wide, and square millimetres."""
    height, width = (length * mm for length, mm in zip(grey.shape, spacing_mm, strict=True))
    scale = EDGE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(np.ascontiguousarray(grey)).resize(size, Image.Resampling.BOX)
    return Picture(size[1], size[0], image.tobytes())
