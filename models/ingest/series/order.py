"""From the headers of an upload to one series in anatomical order, feet to head."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from models.errors import UserError
from models.imaging.geometry import SAME_POSITION_MM, along_normal, same_orientation, uneven
from models.imaging.scan import Notice
from models.ingest.series.headers import SliceHeader
from models.ingest.series.phases import refuse_phases
from models.ingest.source import natural_key

LISTED = 8  # series or sizes named in one sentence, at most
UID_END = 8  # characters of a series' identifier that tell it from others
MERGED = (
    "Every slice names a series of its own; they were taken for one, because scanner, size and positions fit."
)
UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # supine: rows to the patient's left, columns to the back
SAME_SPACING = 0.01  # relative difference
FEW = 0.1  # of the slices: so many, or one, are left out where they fit no stack with the others
LEAST_MERGED = 3  # slices that name a series each, and are taken for one
HOW_TO = "Send one series at a time: the files of its folder, or a ZIP of them; thin slices serve best."


@dataclass(frozen=True)
class Series:
    """Slices in order.

    Attributes
    ----------
    slices : tuple of SliceHeader
    positions_mm : tuple of float, or None
        Along the normal, feet to head; None where they are unknown.
    repeated_mm : tuple of float
        Positions found twice.
    evidence : str
        What the order rests on: ``position`` (Image Position (Patient)), ``location`` (Slice Location), or
        ``number`` (Instance Number, then the files' names).
    n_unplaced : int
        Slices that do not say where they lie, and were left out.
    """

    slices: tuple[SliceHeader, ...]
    positions_mm: tuple[float, ...] | None
    repeated_mm: tuple[float, ...] = ()
    evidence: str = "position"
    n_unplaced: int = 0


def one_series(found):
    """The slices of the only series of an upload.

    Parameters
    ----------
    found : models.ingest.series.headers.Headers

    Returns
    -------
    list of SliceHeader
        Of one series, one size, one orientation and one spacing; not in order yet.
    list of Notice
        ``series_merged`` and ``slices_left_out``, where a few slices did not fit the others.

    Raises
    ------
    UserError
        ``corrupt_file`` where any file is damaged, ``mixed_series``, or, where there is no axial CT slice,
        the refusal of the most frequent kind of object.
    """
    if found.damaged:
        raise damaged(len(found.damaged), found.n_files, found.damaged[0])
    if not found.slices:
        if not found.refusals:
            raise UserError("unsupported_file", "The upload holds a list of DICOM files, but no image.")
        raise found.refusals[found.left_out.most_common(1)[0][0]]
    by_series = defaultdict(list)
    for header in found.slices:
        by_series[header.series].append(header)
    notices = []
    if len(by_series) > 1:
        if not _is_one_series(by_series.values()):
            raise UserError("mixed_series", _list_series(list(by_series.values())))
        notices.append(Notice("series_merged", MERGED))
    slices, said = _of_one_stack(found.slices)
    return slices, notices + said


def _is_one_series(groups):
    """Whether slices that each name a series of their own, as some anonymisers write, make one stack."""
    slices = [header for group in groups for header in group]
    alike = {(header.setting, header.shape, header.frame.spacing_mm) for header in slices}
    if len(slices) < LEAST_MERGED or len(slices) > len(groups) or len(alike) > 1:
        return False
    orientation = orientation_of(slices)
    if not all(same_orientation(orientation, header.frame.orientation or orientation) for header in slices):
        return False
    if any(header.frame.position is None for header in slices):
        numbers = {header.instance for header in slices} - {None}
        return len(numbers) == len(slices)
    places = np.sort(along_normal([header.frame.position for header in slices], orientation))
    return bool(np.diff(places).min() > SAME_POSITION_MM and uneven(places) is None)


def damaged(n_damaged, n_files, error):
    """The refusal of an upload some files of which are damaged; `error` itself where all are."""
    if n_damaged == n_files:
        return error
    files = "file is" if n_damaged == 1 else "files are"
    message = (
        f"{n_damaged} of {n_files} DICOM {files} damaged or cut short, so that slices are missing; "
        "export the series again."
    )
    return UserError("corrupt_file", message)


def _list_series(groups):
    groups.sort(key=lambda group: (group[0].series_number is None, group[0].series_number, -len(group)))
    lines = _told_apart([(_describe(group), group) for group in groups])[:LISTED]
    more = f" and {len(groups) - LISTED} more" if len(groups) > LISTED else ""
    return f"The upload holds {len(groups)} series: {'; '.join(lines)}{more}. {HOW_TO}"


def _describe(group):
    first = group[0]
    text = f"series {first.series_number}" if first.series_number is not None else "a series without number"
    text += f" with {len(group)} {'slice' if len(group) == 1 else 'slices'}"
    if first.frame.thickness_mm:
        text += f" of {first.frame.thickness_mm:g} mm"
    return f"{text}, kernel {first.kernel}" if first.kernel else text


def _told_apart(lines):
    """Lines of series; those that read alike say where the series lies, or how its identifier ends."""
    for more in (_extent, _end_of_uid):
        counts = Counter(line for line, _ in lines)
        lines = [(line + more(group) if counts[line] > 1 else line, group) for line, group in lines]
    return [line for line, _ in lines]


def _extent(group):
    positions = [header.frame.position for header in group]
    if None in positions:
        return ""
    places = along_normal(positions, orientation_of(group))
    return f", from {places.min():.1f} to {places.max():.1f} mm"


def _end_of_uid(group):
    uid = re.sub("[^0-9.]", "", str(group[0].series[0]))
    return f", whose identifier ends in {uid[-UID_END:]}" if uid else ""


def _of_one_stack(slices):
    """The slices without a few that fit no stack with them, and notices of these; else see `one_series`."""
    notices = []
    for fits, sentence, refuse in (
        (_same_size, "of another size", _refuse_sizes),
        (_same_grid, "turned or tilted against the others", _refuse_grids),
        (_same_spacing, "with pixels of another size", _refuse_spacings),
    ):
        kept = fits(slices)
        n_others = len(slices) - len(kept)
        if n_others > max(1, FEW * len(slices)) or len(kept) <= n_others:
            refuse(slices)
        if n_others:
            were = "1 slice was" if n_others == 1 else f"{n_others} slices were"
            notices.append(Notice("slices_left_out", f"{were} left out: {sentence}."))
        slices = kept
    return slices, notices


def _most_common(values):
    known = Counter(value for value in values if value is not None)
    return known.most_common(1)[0][0] if known else None


def _same_size(slices):
    shape = _most_common(header.shape for header in slices)
    return [header for header in slices if header.shape == shape]


def _same_grid(slices):
    grid = _most_common(header.frame.orientation for header in slices)
    return [h for h in slices if not h.frame.orientation or same_orientation(grid, h.frame.orientation)]


def _same_spacing(slices):
    spacing = _most_common(header.frame.spacing_mm for header in slices)
    return [
        h
        for h in slices
        if not h.frame.spacing_mm or np.allclose(h.frame.spacing_mm, spacing, rtol=SAME_SPACING, atol=0)
    ]


def _refuse_sizes(slices):
    sizes = Counter(f"{cols} x {rows} pixels" for rows, cols in (header.shape for header in slices))
    counts = " and ".join(f"{count} of {size}" for size, count in sizes.most_common(LISTED))
    raise UserError("mixed_series", f"The slices differ in size ({counts}). {HOW_TO}")


def _refuse_grids(slices):
    message = "The slices are turned or tilted against one another, so they make no one stack."
    raise UserError("mixed_series", f"{message} {HOW_TO}")


def _refuse_spacings(slices):
    spacings = [*({header.frame.spacing_mm for header in slices} - {None})]
    low, high = np.min(spacings), np.max(spacings)
    message = f"The slices differ in pixel size ({low:g} to {high:g} mm), so they are several series."
    raise UserError("mixed_series", f"{message} {HOW_TO}")


def in_order(slices, same_contents):
    """Order the slices of one series from feet to head and keep those that are there twice once.

    By Image Position (Patient) where most slices have one of their own; else by Slice Location, else by
    Instance Number. Slices that lack what the others are ordered by are left out.

    Parameters
    ----------
    slices : list of SliceHeader
        See `one_series`.
    same_contents : callable
        Whether two slices hold equal pixels; asked only where many lie in the same places.

    Returns
    -------
    Series

    Raises
    ------
    UserError
        ``mixed_series`` where several phases of the same region are mixed.
    """
    n_slices, slices = len(slices), sorted(slices, key=_by_number)
    evidence, slices, positions = _evidence(slices)
    n_unplaced = n_slices - len(slices)
    if positions is None:
        return Series(tuple(slices), None, evidence=evidence, n_unplaced=n_unplaced)
    order = np.argsort(positions, kind="stable")
    slices, positions = [slices[i] for i in order], positions[order]
    new = np.concatenate([[True], np.diff(positions) > SAME_POSITION_MM])
    refuse_phases(slices, positions, new, same_contents)
    kept = np.flatnonzero(new)
    repeated = sorted({float(positions[kept[place]]) for place in (np.cumsum(new) - 1)[~new]})
    return Series(
        tuple(slices[i] for i in kept),
        tuple(map(float, positions[kept])),
        tuple(repeated),
        evidence,
        n_unplaced,
    )


def orientation_of(slices):
    """The slices' common orientation; upright where no file says it."""
    known = (header.frame.orientation for header in slices if header.frame.orientation)
    return next(known, UPRIGHT)


def _by_number(header):
    number = header.instance
    return number is None, number or 0, natural_key(header.source.name), header.frame.number


def _evidence(slices):
    """What the slices are ordered by (see `Series.evidence`), those that have it, and where these lie."""
    known = [header for header in slices if header.frame.position]
    located = [header for header in slices if header.frame.location_mm is not None]
    if 2 * len(known) > len(slices):
        places = along_normal([header.frame.position for header in known], orientation_of(slices))
        if len(slices) == 1 or _tell_apart(known, places):
            return "position", known, places
    if 2 * len(located) > len(slices):
        locations = np.array([header.frame.location_mm for header in located])
        if _n_distinct(locations) > 1:
            return "location", located, _towards_the_head(located) * locations
    return "number", slices, None


def _tell_apart(slices, places):
    """Whether positions are to be believed: they were not overwritten, nor do others tell more apart."""
    if not np.any([header.frame.position for header in slices]):
        return False
    locations = [header.frame.location_mm for header in slices]
    if None not in locations:
        return _n_distinct(np.array(locations)) <= _n_distinct(places)
    numbers = {header.instance for header in slices} - {None}
    return _n_distinct(places) > 1 or len(numbers) < len(slices)


def _n_distinct(places):
    return 1 + int((np.diff(np.sort(places)) > SAME_POSITION_MM).sum())


def _towards_the_head(slices):
    """Sign of Slice Location along the normal, by slices that have a position as well; 1 where none has."""
    both = [header for header in slices if header.frame.position]
    if len(both) < 2:
        return 1
    places = along_normal([header.frame.position for header in both], orientation_of(both))
    locations = np.array([header.frame.location_mm for header in both])
    return -1 if (places - places.mean()) @ (locations - locations.mean()) < 0 else 1
