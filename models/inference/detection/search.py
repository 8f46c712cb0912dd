"""Looking for nodules in all of a scan, without a click."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from models.errors import UserError
from models.imaging.field import Grid, field_at, slice_in_hu
from models.imaging.lung import lung_mask
from models.imaging.scan import Roi, Scan, locate
from models.inference.detection.candidates import Blob, Candidate, best_of, blobs_in, link, plausibility
from models.inference.detection.localiser import Localiser
from models.inference.runtime.parallel import CORES, side_by_side

STEP_MM = 2.0  # slices are looked at so far apart, or all of them where they are farther
LEAST_MM = 3.0  # in whole slices; LIDC-IDRI calls nothing smaller a nodule
USUAL_MM = 8.0  # smaller finds are less suspicious and rank lower
MOST, LOOKS = 5, 10  # candidates that are shown, and that are looked at twice
MARGIN_MM = 15.0  # around the lungs, for the network to see what a location borders on


class Cancelled(Exception):
    """The search was given up."""


def search(
    scan: Scan,
    localiser: Localiser,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    indices: Sequence[int] | None = None,
) -> tuple[Candidate, ...]:
    """Nodule candidates of a scan, the best first.

    Parameters
    ----------
    scan : Scan
    localiser : Localiser
    progress : callable, optional
        Called with the number of slices done and to do.
    cancelled : callable, optional
        Asked now and then whether to give up.
    indices : sequence of int, optional
        The slices that are looked at; default: `slices_to_search`.

    Returns
    -------
    tuple of Candidate
        At most `MOST`; empty where none was found.

    Raises
    ------
    Cancelled
    """
    indices = slices_to_search(scan) if indices is None else indices
    found: list[list[Blob]] = []
    if progress:
        progress(0, len(indices))
    for start in range(0, len(indices), CORES):
        if cancelled and cancelled():
            raise Cancelled
        for blobs in side_by_side(partial(_blobs_of, scan, localiser), indices[start : start + CORES]):
            found.append(blobs)
            if progress:
                progress(len(found), len(indices))
    return _ranked(scan, localiser, found, len(indices))


def suggest(scan: Scan, localiser: Localiser | None, index: int | None = None) -> Roi:
    """The most suspicious location of a scan, or of one of its slices; its source is ``suggested``.

    Raises
    ------
    UserError
        ``nodule_not_found``, or ``roi_outside`` where there is no such slice.
    """
    if localiser is None:
        raise UserError(
            "nodule_not_found",
            "Nodules cannot be looked for here, since the localiser's weights are missing: say where the "
            "nodule is with row and col.",
        )
    indices = None if index is None else [locate(scan, 0, 0, index).slice]
    candidates = search(scan, localiser, indices=indices)
    if not candidates:
        where = "the image" if index is None else f"slice {index}"
        message = f"No nodule was found in {where}. If there is one, say where it is with row and col."
        raise UserError("nodule_not_found", message)
    best = candidates[0]
    return Roi(best.row, best.col, best.slice, "suggested")


def slices_to_search(scan: Scan) -> range:
    """Indices of the slices that are looked at."""
    spacing = scan.slice_spacing_mm
    step = max(1, int(STEP_MM / spacing)) if spacing else 1
    return range(step // 2 if len(scan.slices) > step else 0, len(scan.slices), step)


def _blobs_of(scan: Scan, localiser: Localiser, index: int) -> list[Blob]:
    lungs, box = None, (0, 0, scan.rows, scan.cols)
    if scan.is_whole_slice:
        lungs = lung_mask(slice_in_hu(scan, index), scan.spacing_mm)
        if not lungs.any():
            return []
        box = _around(lungs, scan.spacing_mm)
    from models.networks.localiser import STRIDE  # imports Keras

    grid = Grid.over(box, STRIDE, scan.spacing_mm)
    probability = localiser.maps(field_at(scan, index, grid)[None])[0]
    probability = np.where(_allowed(grid, lungs, (scan.rows, scan.cols)), probability, 0)
    return blobs_in(probability, grid, index, scan.positions_mm[index] if scan.positions_mm else 0.0)


def _allowed(grid: Grid, lungs: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels of a grid lie within the image and, where these are known, the lungs."""
    pixels = [np.rint(at).astype(int) for at in grid.to_file(*(np.arange(n) for n in grid.size))]
    inside = np.logical_and.outer(*(at < n for at, n in zip(pixels, shape, strict=True)))
    if lungs is None:
        return inside
    return inside & lungs[np.ix_(*(np.minimum(at, n - 1) for at, n in zip(pixels, shape, strict=True)))]


def _around(mask: np.ndarray, spacing_mm: tuple[float, float]) -> tuple[int, int, int, int]:
    """Bounding box (top, left, bottom, right) of a mask with a margin, in whole pixels."""
    edges = []
    for axis, spacing in enumerate(spacing_mm):
        hit = np.flatnonzero(mask.any(axis=1 - axis))
        margin = int(MARGIN_MM / spacing)
        edges.append((max(0, hit[0] - margin), min(mask.shape[axis], hit[-1] + 1 + margin)))
    (top, bottom), (left, right) = edges
    return top, left, bottom, right


def _ranked(
    scan: Scan, localiser: Localiser, found: Sequence[Sequence[Blob]], n_searched: int
) -> tuple[Candidate, ...]:
    """A second look, at the best candidates only: eight views of each, around it, tell nodules from noise."""
    step = None
    if scan.positions_mm and n_searched > 1:
        step = (scan.positions_mm[-1] - scan.positions_mm[0]) / (n_searched - 1)
    chains = [(best_of(chain), plausibility(chain, step)) for chain in link(found)]
    chains.sort(key=lambda pair: -pair[0].score * pair[1])
    looks = [_second_look(scan, localiser, blob, factor) for blob, factor in chains[:LOOKS]]
    least = localiser.thresholds["whole" if scan.is_whole_slice else "part"]
    good = sorted((look for look in looks if look and look[0].score >= least), key=lambda look: -look[1])
    return tuple(_without_doubles([candidate for candidate, _ in good], scan.spacing_mm)[:MOST])


def _second_look(
    scan: Scan, localiser: Localiser, blob: Blob, factor: float
) -> tuple[Candidate, float] | None:
    """The candidate at a blob, and what ranks it: its score, less for a small one."""
    seen = localiser.look_at(scan, blob.row, blob.col, blob.slice)
    if seen is None or (scan.is_whole_slice and seen.diameter_mm < LEAST_MM):
        return None
    score, diameter = factor * seen.score, seen.diameter_mm
    candidate = Candidate(*seen.middle, blob.slice, score, None if scan.spacing_assumed else diameter)
    return candidate, score * min(1.0, diameter / USUAL_MM) ** 0.25


def _without_doubles(candidates: Iterable[Candidate], spacing_mm: tuple[float, float]) -> list[Candidate]:
    """Of candidates at one location of one slice, which the second look made of two, the first."""
    kept: list[Candidate] = []
    for c in candidates:
        same = (k for k in kept if k.slice == c.slice)
        if not any(
            np.hypot((k.row - c.row) * spacing_mm[0], (k.col - c.col) * spacing_mm[1]) < 1 for k in same
        ):
            kept.append(c)
    return kept


def find_location(
    scan: Scan, localiser: Localiser | None, row: float | None, col: float | None, index: int | None
) -> Roi:
    """The location given, or the centre of a crop, or else the best candidate of the scan or of its slice.

    Raises
    ------
    UserError
        ``bad_number``, ``roi_outside`` or ``nodule_not_found``.
    """
    if scan.is_crop or (row, col) != (None, None):
        return locate(scan, row, col, index)
    return suggest(scan, localiser, index)
