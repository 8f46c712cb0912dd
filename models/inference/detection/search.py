"""Looking for nodules in all of a scan, without a click."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from models.errors import UserError
from models.imaging.candidate_fields import step_of
from models.imaging.field import (
    FINDER_REDUCTION,
    FINDER_STRIDE,
    GRID_MM,
    Grid,
    field_at,
    slice_in_hu,
)
from models.imaging.lung import lung_mask
from models.imaging.scan import ASSUMED_SPACING_MM, Roi, Scan, locate
from models.inference.detection.candidates import SEED, Blob, Candidate, Linking, best_of, blobs_in
from models.inference.runtime.parallel import CORES, side_by_side
from models.messages import Message

MOST = 5  # candidates that are shown
MARGIN_MM = 15.0  # around the lungs, for the network to see what a location borders on
SCALES = (1.0, 2.0)  # of the grid: nodules, and masses, which are looked for on a coarse one
LARGE_MM = 24.0  # what the coarse grid finds is at least so large; smaller ones are the fine one's

Marked = tuple[Candidate, ...]
Progress = Callable[[int, int, Marked], None]


class Networks(Protocol):
    """What the search asks; see `models.inference.detection.finder.Finder`."""

    @property
    def thresholds(self) -> dict[str, float]: ...

    def map_of(self, field: np.ndarray) -> np.ndarray: ...

    def judged(self, scan: Scan, chains: Sequence[Sequence[Blob]], scale: float = 1.0) -> np.ndarray: ...


class Cancelled(Exception):
    """The search was given up."""


@dataclass(frozen=True)
class Proposal:
    """One nodule candidate: its blobs in the slices that show it, and the scale of the grid."""

    chain: list[Blob]
    scale: float


def search(
    scan: Scan,
    finder: Networks,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    indices: Sequence[int] | None = None,
) -> Marked:
    """Nodule candidates of a scan, the most probable first.

    Parameters
    ----------
    scan : Scan
    finder : Networks
    progress : callable, optional
        Called with the number of slices done and to do, and the candidates so far.
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
    scan, least = as_searched(scan), finder.thresholds["series" if len(scan.slices) > 1 else "picture"]
    found: list[tuple[Candidate, Proposal]] = []
    for done, proposals in propose(scan, finder, indices):
        if cancelled and cancelled():
            raise Cancelled
        found += [one for one in _judged(scan, finder, proposals) if one[0].probability >= least]
        if progress:
            progress(done, len(indices), _without_doubles(found)[:MOST])
    return _without_doubles(found)[:MOST]


def search_all(scan: Scan, finder: Networks, indices: Sequence[int] | None = None) -> Marked:
    """All candidates of a scan however improbable and however many, the most probable first."""
    indices, scan = slices_to_search(scan) if indices is None else indices, as_searched(scan)
    proposed = propose(scan, finder, indices)
    return _without_doubles(one for _, proposals in proposed for one in _judged(scan, finder, proposals))


def as_searched(scan: Scan) -> Scan:
    """A scan as the networks look at it: where its spacing is a guess, with that of most scans.

    The networks know differences of a third. By the width of the lungs, as sizes are estimated, fewer
    pictures with a cancer were marked at the same share of healthy ones (``training/finder/README.md``).
    """
    usual = (ASSUMED_SPACING_MM, ASSUMED_SPACING_MM)
    return replace(scan, spacing_mm=usual) if scan.spacing_assumed else scan


def propose(
    scan: Scan, finder: Networks, indices: Sequence[int], seed: float = SEED
) -> Iterator[tuple[int, list[Proposal]]]:
    """What the first network proposes: the number of slices done, and the proposals that end there."""
    linking = {scale: Linking() for scale in SCALES}
    yield 0, []
    for start in range(0, len(indices), CORES):
        some = indices[start : start + CORES]
        ended: list[Proposal] = []
        for layers in side_by_side(partial(_blobs_of, scan, finder, seed), some):
            for scale, blobs in layers.items():
                ended += [Proposal(chain, scale) for chain in linking[scale].add(blobs)]
        if start + CORES >= len(indices):
            ended += [Proposal(chain, scale) for scale in SCALES for chain in linking[scale].end()]
        yield start + len(some), ended


def suggest(scan: Scan, finder: Networks | None, index: int | None = None) -> tuple[Roi, Marked]:
    """The most probable location of a scan, or of one of its slices, and all that were found there.

    Its source is ``suggested``.

    Raises
    ------
    UserError
        ``nodule_not_found``, or ``roi_outside`` where there is no such slice.
    """
    if finder is None:
        raise UserError(
            "nodule_not_found",
            "The app cannot search for nodules here, because the finder's weights are missing: give the "
            "location with row and col.",
        )
    indices = None if index is None else [locate(scan, 0, 0, index).slice]
    candidates = search(scan, finder, indices=indices)
    if not candidates:
        message = Message(
            "No nodule was found in the image. If there is one, give its location with row and col."
        )
        if index is not None:
            message = Message(
                "No nodule was found in slice {index}. If there is one, give its location with row and col.",
                index=index,
            )
        raise UserError("nodule_not_found", message)
    best = candidates[0]
    return Roi(best.row, best.col, best.slice, "suggested"), candidates


def slices_to_search(scan: Scan) -> range:
    """Indices of the slices that are looked at."""
    step = step_of(scan.slice_spacing_mm)
    return range(step // 2 if len(scan.slices) > step else 0, len(scan.slices), step)


def _blobs_of(scan: Scan, finder: Networks, seed: float, index: int) -> dict[float, list[Blob]]:
    """What the network sees in a slice, by the scale of the grid."""
    lungs, box = None, (0, 0, scan.rows, scan.cols)
    if scan.is_whole_slice:
        lungs = lung_mask(slice_in_hu(scan, index), scan.spacing_mm)
        if not lungs.any():
            return {scale: [] for scale in SCALES}
        box = _around(lungs, scan.spacing_mm)
    found = {}
    for scale in SCALES:
        grid = Grid.over(box, FINDER_STRIDE, scan.spacing_mm, GRID_MM * scale)
        answer, reduced = finder.map_of(field_at(scan, index, grid)), grid.reduced(FINDER_REDUCTION)
        answer = np.where(within_image(reduced, lungs, (scan.rows, scan.cols)), answer, 0)
        least = LARGE_MM if scale > 1 else 0
        found[scale] = [blob for blob in blobs_in(answer, reduced, index, seed) if blob.diameter_mm >= least]
    return found


def within_image(grid: Grid, lungs: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels of a grid lie within an image of `shape` and, where these are known, its lungs."""
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


def _judged(
    scan: Scan, finder: Networks, proposals: Sequence[Proposal]
) -> Iterator[tuple[Candidate, Proposal]]:
    """Proposals as candidates, with their probability."""
    for scale in SCALES:
        own = [proposal for proposal in proposals if proposal.scale == scale]
        for proposal, probability in zip(
            own, finder.judged(scan, [p.chain for p in own], scale), strict=True
        ):
            yield _candidate(scan, proposal, float(probability)), proposal


def as_candidates(scan: Scan, proposals: Sequence[Proposal], probability: np.ndarray) -> Marked:
    """Proposals with known probabilities, the most probable first, without doubles."""
    pairs = zip(proposals, probability.tolist(), strict=True)
    return _without_doubles((_candidate(scan, proposal, p), proposal) for proposal, p in pairs)


def _candidate(scan: Scan, proposal: Proposal, probability: float) -> Candidate:
    best = best_of(proposal.chain)
    diameter = None if scan.spacing_assumed else best.diameter_mm
    return Candidate(best.row, best.col, best.slice, probability, diameter)


def _without_doubles(found: Iterable[tuple[Candidate, Proposal]]) -> Marked:
    """The most probable first, of those that both grids show the first alone."""
    kept: list[tuple[Candidate, Proposal]] = []
    for one in sorted(found, key=lambda pair: -pair[0].probability):
        if not any(_same(one[1], other[1]) for other in kept):
            kept.append(one)
    return tuple(candidate for candidate, _ in kept)


def _same(a: Proposal, b: Proposal) -> bool:
    """Whether both grids show the same: proposals of one and of the other that lie in one another."""
    if a.scale == b.scale:
        return False
    there = {blob.slice: blob for blob in b.chain}
    return any(
        blob.slice in there
        and np.hypot(*np.subtract(blob.at_mm, there[blob.slice].at_mm))
        < max(blob.diameter_mm, there[blob.slice].diameter_mm) / 2
        for blob in a.chain
    )


def find_location(
    scan: Scan, finder: Networks | None, row: float | None, col: float | None, index: int | None
) -> tuple[Roi, Marked]:
    """The location given, or the centre of a crop, or else the best candidate of the scan or of its slice.

    Returns
    -------
    roi : Roi
    candidates : tuple of Candidate
        All that were found, where it was looked for.

    Raises
    ------
    UserError
        ``bad_number``, ``roi_outside`` or ``nodule_not_found``.
    """
    if scan.is_crop or (row, col) != (None, None):
        return locate(scan, row, col, index), ()
    return suggest(scan, finder, index)
