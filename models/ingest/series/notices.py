"""What the reader of a series should be told about it, in words: gaps, repeats, tilt, thickness."""

from collections import Counter
from collections.abc import Collection, Iterator

import numpy as np

from models.imaging.geometry import gaps, tilt_degrees, uneven
from models.imaging.scan import Notice, references_of
from models.ingest.series.order import Series, orientation_of
from models.messages import Message, counted, joined, listed

LISTED = 5  # positions named in one sentence, at most
THICK_MM = 5.0
TILT_DEGREES = 1.0
MANY_GAPS = 0.2  # of the distances: more wide ones mean an irregular series, not missing slices
ORDER_ASSUMED = {  # by whether some slices give a position, and what all are ordered by
    (True, "location"): Message(
        "Some slice positions are missing; the slices are ordered by Slice Location."
    ),
    (True, "number"): Message("Some slice positions are missing; the slices are ordered by their numbers."),
    (False, "location"): Message(
        "The files do not give the slice positions; the slices are ordered by Slice Location."
    ),
    (False, "number"): Message(
        "The files do not give the slice positions; the slices are ordered by their numbers."
    ),
}


def series_notices(series: Series, left_out: Counter[Message], notes: Collection[str] = ()) -> list[Notice]:
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
        message = counted(
            "1 slice was left out: it does not give its position in the series.",
            "{n} slices were left out: they do not give their position in the series.",
            series.n_unplaced,
        )
        notices.append(Notice("slices_left_out", message))
    if left_out:
        by_name = sorted(left_out.items(), key=lambda item: str(item[0]))
        kinds = joined(", ", [Message("{kind} ({n})", kind=kind, n=count) for kind, count in by_name])
        notices.append(Notice("left_out", Message("Skipped, not axial CT: {kinds}.", kinds=kinds)))
    if series.ordered_by != "position" and len(series.slices) > 1:
        some = any(header.frame.position for header in series.slices)
        notices.append(Notice("order_assumed", ORDER_ASSUMED[some, series.ordered_by]))
    if series.repeated_mm:
        places = _first_of([Message("{mm:.1f} mm", mm=position) for position in series.repeated_mm])
        message = Message("Duplicate slices were read once: at {places}.", places=places)
        notices.append(Notice("duplicate_slices", message))
    if any(header.is_text_likely for header in series.slices):
        notices.append(
            Notice(
                "burned_in_text",
                "Text may be burned into the image: make sure it contains no name before you pass it on.",
            )
        )
    if "signed_values" in notes:
        notices.append(
            Notice(
                "signed_values",
                "The pixel values are signed although the header says they are not; they were read as "
                "signed.",
            )
        )
    notices += [*_odd(series), *_region(series), *_identifiers(series)]
    return [*notices, *_spacing(series), *_tilt(series), *_thick(series), *_units(series)]


def _odd(series: Series) -> Iterator[Notice]:
    sentences = list(dict.fromkeys(sentence for header in series.slices for sentence in header.odd))
    more = [Message("The same holds for {n} more numbers.", n=len(sentences) - LISTED)]
    if sentences:
        yield Notice("odd_numbers", joined(" ", sentences[:LISTED] + more * (len(sentences) > LISTED)))


def _region(series: Series) -> Iterator[Notice]:
    regions = Counter(header.region for header in series.slices if header.region)
    if not regions:
        return
    region, count = regions.most_common(1)[0]
    if len(series.slices) == 1:
        message = Message(
            "The file says that it shows {region}. Such labels are often wrong: check that it is the chest.",
            region=region,
        )
    else:
        message = Message(
            "{count} of {total} files say that they show {region}. Such labels are often wrong: check "
            "that it is the chest.",
            count=count,
            total=len(series.slices),
            region=region,
        )
    yield Notice("region_label", message)


def _identifiers(series: Series) -> Iterator[Notice]:
    malformed = {name for header in series.slices for name in header.malformed}
    references = [header.reference for header in series.slices]
    if malformed:
        message = counted(
            "DICOM reports cannot be made for this scan: {names} is not written as the standard requires.",
            "DICOM reports cannot be made for this scan: {names} are not written as the standard requires.",
            len(malformed),
            names=listed(sorted(malformed)),
        )
        yield Notice("no_identifiers", message)
    elif None not in references and references_of(references) is None:
        yield Notice(
            "no_identifiers",
            "DICOM reports cannot be made for this scan: several of its images have the same identifier.",
        )


def _spacing(series: Series) -> Iterator[Notice]:
    positions = series.positions_mm or ()
    wide, distances = gaps(positions), uneven(positions)
    if len(wide) > max(1, MANY_GAPS * (len(positions) - 1)):
        steps = np.diff(positions)
        wide, distances = [], (float(steps.min()), float(steps.max()))
    if wide:
        places = [Message("between {low:.1f} and {high:.1f} mm", low=low, high=high) for low, high in wide]
        message = Message("Slices seem to be missing: {places}.", places=_first_of(places))
        yield Notice("missing_slices", message)
    if distances:
        low, high = distances
        message = Message("The slice spacing varies from {low:.2f} to {high:.2f} mm.", low=low, high=high)
        yield Notice("irregular_spacing", message)


def _tilt(series: Series) -> Iterator[Notice]:
    positions = [header.frame.position for header in series.slices if header.frame.position]
    if len(positions) < len(series.slices):
        positions = [(0.0, 0.0, 0.0)]  # only the slices' own tilt is known
    return tilt_notice(tilt_degrees(positions, orientation_of(series.slices)))


def tilt_notice(degrees: float) -> Iterator[Notice]:
    """A warning where slices are tilted, or shifted against one another, by so many degrees."""
    if degrees > TILT_DEGREES:
        message = Message("The slices are tilted by {degrees:.1f} degrees (gantry tilt).", degrees=degrees)
        yield Notice("gantry_tilt", message)


def _thick(series: Series) -> Iterator[Notice]:
    thickness = max((header.frame.thickness_mm or 0 for header in series.slices), default=0)
    if thickness > THICK_MM:
        message = counted(
            "The slice is {mm:.1f} mm thick; the models were trained on 0.6 to 5.0 mm.",
            "The slices are {mm:.1f} mm thick; the models were trained on 0.6 to 5.0 mm.",
            len(series.slices),
            mm=thickness,
        )
        yield Notice("thick_slices", message)


def _units(series: Series) -> Iterator[Notice]:
    if not all(header.is_hu for header in series.slices):
        yield Notice("not_hu", "The pixel values are not Hounsfield units; densities cannot be measured.")


def _first_of(places: list[Message]) -> Message:
    """A list of the first, and how many there are beside them."""
    more = [Message("{n} more places", n=len(places) - LISTED)] if len(places) > LISTED else []
    return listed([*places[:LISTED], *more])
