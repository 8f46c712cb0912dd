"""What the reader of a series should be told about it, in words: gaps, repeats, tilt, thickness."""

from collections import Counter
from collections.abc import Collection, Iterator

import numpy as np

from models.imaging.geometry import gaps, tilt_degrees, uneven
from models.imaging.scan import Notice, references_of
from models.ingest.series.order import Series, orientation_of

LISTED = 5  # positions named in one sentence, at most
THICK_MM = 5.0
TILT_DEGREES = 1.0
MANY_GAPS = 0.2  # of the distances: more wide ones mean an irregular series, not missing slices


def series_notices(series: Series, left_out: Counter[str], notes: Collection[str] = ()) -> list[Notice]:
    """Warnings about a series.

    Parameters
    ----------
    left_out
        Objects beside it that were not read, by kind.
    notes
        Codes of what was found while the pixels were decoded.

    Returns
    -------
    list of Notice
        Of the codes ``left_out``, ``slices_left_out``, ``order_assumed``, ``duplicate_slices``,
        ``burned_in_text``, ``signed_values``, ``odd_numbers``, ``region_label``, ``no_identifiers``,
        ``missing_slices``, ``irregular_spacing``, ``gantry_tilt``, ``thick_slices`` and ``not_hu``.
    """
    notices = []
    if series.n_unplaced:
        message = f"{series.n_unplaced} slices were left out: they do not give their position in the series."
        if series.n_unplaced == 1:
            message = "1 slice was left out: it does not give its position in the series."
        notices.append(Notice("slices_left_out", message))
    if left_out:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(left_out.items()))
        notices.append(Notice("left_out", f"Skipped, not axial CT: {kinds}."))
    if series.ordered_by != "position" and len(series.slices) > 1:
        some = any(header.frame.position for header in series.slices)
        why = "Some slice positions are missing" if some else "The files do not give the slice positions"
        by = "Slice Location" if series.ordered_by == "location" else "their numbers"
        notices.append(Notice("order_assumed", f"{why}; the slices are ordered by {by}."))
    if series.repeated_mm:
        message = f"Duplicate slices were read once: {_at(series.repeated_mm)}."
        notices.append(Notice("duplicate_slices", message))
    if any(header.is_text_likely for header in series.slices):
        message = "Text may be burned into the image: make sure it contains no name before you pass it on."
        notices.append(Notice("burned_in_text", message))
    if "signed_values" in notes:
        message = (
            "The pixel values are signed although the header says they are not; they were read as signed."
        )
        notices.append(Notice("signed_values", message))
    notices += [*_odd(series), *_region(series), *_identifiers(series)]
    return [*notices, *_spacing(series), *_tilt(series), *_thick(series), *_units(series)]


def _odd(series: Series) -> Iterator[Notice]:
    sentences = list(dict.fromkeys(sentence for header in series.slices for sentence in header.odd))
    more = [f"The same holds for {len(sentences) - LISTED} more numbers."] if len(sentences) > LISTED else []
    if sentences:
        yield Notice("odd_numbers", " ".join(sentences[:LISTED] + more))


def _region(series: Series) -> Iterator[Notice]:
    regions = Counter(header.region for header in series.slices if header.region)
    if regions:
        region, count = regions.most_common(1)[0]
        what = "The file says" if len(series.slices) == 1 else f"{count} of {len(series.slices)} files say"
        shows = "it shows" if len(series.slices) == 1 else "they show"
        message = f"{what} that {shows} {region}. Such labels are often wrong: check that it is the chest."
        yield Notice("region_label", message)


def _identifiers(series: Series) -> Iterator[Notice]:
    malformed = {name for header in series.slices for name in header.malformed}
    references = [header.reference for header in series.slices]
    if malformed:
        names = _listed(sorted(malformed))
        why = f"{names} {'is' if len(malformed) == 1 else 'are'} not written as the standard requires"
    elif None not in references and references_of(references) is None:
        why = "several of its images have the same identifier"
    else:
        return
    yield Notice("no_identifiers", f"DICOM reports cannot be made for this scan: {why}.")


def _spacing(series: Series) -> Iterator[Notice]:
    positions = series.positions_mm or ()
    wide, distances = gaps(positions), uneven(positions)
    if len(wide) > max(1, MANY_GAPS * (len(positions) - 1)):
        steps = np.diff(positions)
        wide, distances = [], (float(steps.min()), float(steps.max()))
    if wide:
        gaps_mm = _listed([f"between {low:.1f} and {high:.1f} mm" for low, high in wide])
        yield Notice("missing_slices", f"Slices seem to be missing: {gaps_mm}.")
    if distances:
        low, high = distances
        yield Notice("irregular_spacing", f"The slice spacing varies from {low:.2f} to {high:.2f} mm.")


def _tilt(series: Series) -> Iterator[Notice]:
    positions = [header.frame.position for header in series.slices if header.frame.position]
    if len(positions) < len(series.slices):
        positions = [(0.0, 0.0, 0.0)]  # only the slices' own tilt is known
    return tilt_notice(tilt_degrees(positions, orientation_of(series.slices)))


def tilt_notice(degrees: float) -> Iterator[Notice]:
    """A warning where slices are tilted, or shifted against one another, by so many degrees."""
    if degrees > TILT_DEGREES:
        message = f"The slices are tilted by {degrees:.1f} degrees (gantry tilt)."
        yield Notice("gantry_tilt", message)


def _thick(series: Series) -> Iterator[Notice]:
    thickness = max((header.frame.thickness_mm or 0 for header in series.slices), default=0)
    if thickness > THICK_MM:
        slices = "slice is" if len(series.slices) == 1 else "slices are"
        message = f"The {slices} {thickness:.1f} mm thick; the models were trained on 0.6 to 5.0 mm."
        yield Notice("thick_slices", message)


def _units(series: Series) -> Iterator[Notice]:
    if not all(header.is_hu for header in series.slices):
        yield Notice("not_hu", "The pixel values are not Hounsfield units; densities cannot be measured.")


def _at(positions_mm: tuple[float, ...]) -> str:
    return "at " + _listed([f"{position:.1f} mm" for position in positions_mm])


def _listed(texts: list[str]) -> str:
    more = [f"{len(texts) - LISTED} more places"] if len(texts) > LISTED else []
    *first, last = [*texts[:LISTED], *more]
    return f"{', '.join(first)} and {last}" if first else last
