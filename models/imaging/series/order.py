"""From the headers of an upload to one series in anatomical order, feet to head."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from models.errors import ScanError
from models.imaging.geometry import SAME_POSITION_MM, along_normal, same_orientation
from models.imaging.series.headers import SliceHeader
from models.imaging.series.phases import refuse_phases
from models.imaging.source import natural_key

LISTED = 8  # series or sizes named in one sentence, at most
UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # supine: rows to the patient's left, columns to the back
SAME_SPACING = 0.01  # relative difference
HOW_TO = "Send one series at a time: the files of its folder, or a ZIP of them; thin slices serve best."


@dataclass(frozen=True)
class Series:
    """Slices in order, their positions along the normal (None where unknown), positions found twice."""

    slices: tuple[SliceHeader, ...]
    positions_mm: tuple[float, ...] | None
    repeated_mm: tuple[float, ...] = ()


def one_series(found):
    """The slices of the only series of an upload.

    Parameters
    ----------
    found : models.imaging.series.headers.Headers

    Returns
    -------
    list of SliceHeader
        Of one series, one size, one orientation and one spacing; not in order yet.

    Raises
    ------
    ScanError
        ``corrupt_file`` where any file is damaged, ``mixed_series``, or, where there is no axial CT slice,
        the refusal of the most frequent kind of object.
    """
    if found.damaged:
        raise damaged(len(found.damaged), found.n_files, found.damaged[0])
    if not found.slices:
        if not found.refusals:
            raise ScanError("unsupported_file", "The upload holds a list of DICOM files, but no image.")
        raise found.refusals[found.left_out.most_common(1)[0][0]]
    by_series = defaultdict(list)
    for header in found.slices:
        by_series[header.series].append(header)
    if len(by_series) > 1:
        raise ScanError("mixed_series", _list_series(list(by_series.values())))
    _refuse_uneven(found.slices)
    return found.slices


def damaged(n_damaged, n_files, error):
    """The refusal of an upload some files of which are damaged; `error` itself where all are."""
    if n_damaged == n_files:
        return error
    files = "file is" if n_damaged == 1 else "files are"
    message = (
        f"{n_damaged} of {n_files} DICOM {files} damaged or cut short, so that slices are missing; "
        "export the series again."
    )
    return ScanError("corrupt_file", message)


def _list_series(groups):
    groups.sort(key=lambda group: (group[0].series_number is None, group[0].series_number, -len(group)))
    lines = [_describe(group) for group in groups[:LISTED]]
    more = f" and {len(groups) - LISTED} more" if len(groups) > LISTED else ""
    return f"The upload holds {len(groups)} series: {'; '.join(lines)}{more}. {HOW_TO}"


def _describe(group):
    first = group[0]
    text = f"series {first.series_number}" if first.series_number is not None else "a series without number"
    text += f" with {len(group)} {'slice' if len(group) == 1 else 'slices'}"
    if first.frame.thickness_mm:
        text += f" of {first.frame.thickness_mm:g} mm"
    return f"{text}, kernel {first.kernel}" if first.kernel else text


def _refuse_uneven(slices):
    sizes = Counter(f"{cols} x {rows} pixels" for rows, cols in (header.shape for header in slices))
    if len(sizes) > 1:
        counts = " and ".join(f"{count} of {size}" for size, count in sizes.most_common(LISTED))
        raise ScanError("mixed_series", f"The slices differ in size ({counts}). {HOW_TO}")
    orientations = {header.frame.orientation for header in slices} - {None}
    first = next(iter(orientations), None)
    if not all(same_orientation(first, other) for other in orientations):
        message = "The slices are turned or tilted against one another, so they make no one stack."
        raise ScanError("mixed_series", f"{message} {HOW_TO}")
    spacings = np.array([*({header.frame.spacing_mm for header in slices} - {None})])
    if len(spacings) and (np.ptp(spacings, axis=0) > SAME_SPACING * spacings.min(axis=0)).any():
        low, high = spacings.min(), spacings.max()
        message = f"The slices differ in pixel size ({low:g} to {high:g} mm), so they are several series."
        raise ScanError("mixed_series", f"{message} {HOW_TO}")


def in_order(slices, same_contents):
    """Order the slices of one series from feet to head and keep those that are there twice once.

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
    ScanError
        ``mixed_series`` where several phases of the same region are mixed.
    """
    slices = sorted(slices, key=_by_number)
    positions = _positions(slices)
    if positions is None:
        return Series(tuple(slices), None)
    order = np.argsort(positions, kind="stable")
    slices, positions = [slices[i] for i in order], positions[order]
    new = np.concatenate([[True], np.diff(positions) > SAME_POSITION_MM])
    refuse_phases(slices, positions, new, same_contents)
    kept = np.flatnonzero(new)
    repeated = sorted({float(positions[kept[place]]) for place in (np.cumsum(new) - 1)[~new]})
    return Series(tuple(slices[i] for i in kept), tuple(map(float, positions[kept])), tuple(repeated))


def orientation_of(slices):
    """The slices' common orientation; upright where no file says it."""
    known = (header.frame.orientation for header in slices if header.frame.orientation)
    return next(known, UPRIGHT)


def _by_number(header):
    number = header.instance
    return number is None, number or 0, natural_key(header.source.name), header.frame.number


def _positions(slices):
    """Distances along the normal; None where any is unknown, or all were overwritten with zeros."""
    positions = [header.frame.position for header in slices]
    if None in positions or (len(slices) > 1 and not np.any(positions)):
        return None
    return along_normal(positions, orientation_of(slices))
