"""What speaks against trusting a nodule's size: an outline cut or guessed, slices that are too thick."""

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.ndimage import distance_transform_edt

from models.imaging.field import slice_in_hu
from models.imaging.scan import Notice, Scan
from models.inference.measurement.outline import reaches_edge, within
from models.inference.measurement.texture import Texture
from models.inference.measurement.volume import is_too_thick
from models.messages import Message

SOFT_ABOVE_HU = -300.0  # soft tissue, not lung
RING_MM = (1.0, 3.0)  # from the outline outwards: nearer the nodule's own edge is blurred
GUESSED_FROM = 0.35  # share of that ring that is soft tissue
# the ratings 1, 3 and 5 of LIDC, cut midway
TEXTURE_EDGES: tuple[tuple[int, Texture], ...] = ((2, "ground glass"), (4, "part-solid"), (6, "solid"))
TERMS: dict[Texture, Message] = {
    "ground glass": Message("ground glass"),
    "part-solid": Message("part-solid"),
    "solid": Message("solid"),
}
CUT_BY_SCAN = {  # by whether it is seen in the first slice, and in the last one
    (True, False): Message(
        "The nodule is seen in the first slice of the scan and may extend beyond it: its length and volume "
        "may be larger than measured."
    ),
    (False, True): Message(
        "The nodule is seen in the last slice of the scan and may extend beyond it: its length and volume "
        "may be larger than measured."
    ),
    (True, True): Message(
        "The nodule is seen in the first and in the last slice of the scan and may extend beyond it: its "
        "length and volume may be larger than measured."
    ),
}
SIZE_CODES = (
    *("size_unknown", "cut_off", "cut_by_scan", "border_guessed", "slices_too_thick", "volume_unknown"),
)
Outlines = Mapping[int, np.ndarray]


def size_warnings(
    scan: Scan, outlines: Outlines, largest: int, long_axis_mm: float | None
) -> Iterator[Notice]:
    """What is wrong with the size of an outlined nodule, or missing from it.

    Of the codes ``cut_off``, ``cut_by_scan``, ``border_guessed``, ``slices_too_thick``, ``size_unknown`` and
    ``volume_unknown``. `long_axis_mm` is None where the pixel spacing is not known.
    """
    if scan.spacing_assumed:
        yield Notice("size_unknown", "No size is given, because the pixel size is not known.")
    if any(reaches_edge(polygon, (scan.rows, scan.cols)) for polygon in outlines.values()):
        yield Notice(
            "cut_off", "The nodule reaches the edge of the image and may be larger than its outline."
        )
    first, last, n_slices = min(outlines), max(outlines), len(scan.slices)
    if n_slices > 1 and (first == 0 or last == n_slices - 1):
        yield Notice("cut_by_scan", CUT_BY_SCAN[first == 0, last == n_slices - 1])
    share = soft_share(outlines[largest], scan, largest)
    if share is not None and share >= GUESSED_FROM:
        message = Message(
            "{percent:.0f} % of the outline lies against soft tissue, such as pleura, mediastinum or "
            "vessels, which CT hardly separates from a nodule: there the outline is a guess, and so are "
            "the sizes.",
            percent=100 * share,
        )
        yield Notice("border_guessed", message)
    if long_axis_mm is not None and n_slices > 1:
        yield from _no_volume(scan, (first, last), long_axis_mm)


def _no_volume(scan: Scan, slices: tuple[int, int], long_axis_mm: float) -> Iterator[Notice]:
    if scan.depths_mm is None:
        yield Notice("volume_unknown", "No volume is given, because the slice spacing is not known.")
    elif is_too_thick(scan.depths_mm, slices, long_axis_mm):
        yield Notice(
            "slices_too_thick",
            "No volume is given: the slice spacing is more than half the nodule's length, so its extent "
            "across slices is poorly seen, and its largest section may lie between two slices.",
        )


def soft_share(polygon: np.ndarray, scan: Scan, index: int) -> float | None:
    """Share of soft tissue in a ring around an outline; None where the ring lies beyond the image.

    Parameters
    ----------
    polygon : ndarray of shape (n, 2)
        In the file's pixels.
    scan : Scan
        Of pictures HU are estimated.
    index : int
        The slice.
    """
    spacing = np.array(scan.spacing_mm)
    margin = np.ceil(RING_MM[1] / spacing).astype(int) + 1
    low = np.maximum(np.floor(polygon.min(axis=0)).astype(int) - margin, 0)
    high = np.ceil(polygon.max(axis=0)).astype(int) + margin + 1
    hu = slice_in_hu(scan, index)[low[0] : high[0], low[1] : high[1]]
    inside = within(polygon - low, hu.shape)
    if not inside.any():
        return None
    away = distance_transform_edt(~inside, sampling=scan.spacing_mm)
    ring = (away > RING_MM[0]) & (away <= RING_MM[1])
    return float((hu[ring] > SOFT_ABOVE_HU).mean()) if ring.any() else None


def texture_of_rating(rating: float) -> Texture:
    """What a texture descriptor on LIDC's scale of 1 to 5 is called."""
    return next(name for edge, name in TEXTURE_EDGES if rating < edge)


def texture_warning(texture: Texture | None, rating: float | None) -> Notice | None:
    """That the texture class, by density, and the models' descriptor disagree; None where they do not."""
    if texture is None or rating is None or texture_of_rating(rating) == texture:
        return None
    message = Message(
        "By its density the nodule looks {density}, by the models' texture descriptor ({rating:.1f} of 5) "
        "{rated}: please determine the nodule type by eye, since guidelines depend on it.",
        density=TERMS[texture],
        rating=rating,
        rated=TERMS[texture_of_rating(rating)],
    )
    return Notice("texture_disagrees", message)
