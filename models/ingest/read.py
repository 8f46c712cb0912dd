"""Uploaded files to a scan."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from models.errors import ContentDoubted, UserError
from models.imaging.geometry import display_orientation
from models.imaging.scan import (
    SPACING_BOUNDS_MM,
    Notice,
    Orientation,
    Scan,
    references_of,
)
from models.imaging.study_header import StudyHeader
from models.ingest.archive import gunzipped, members
from models.ingest.asked import NOTHING, Asked
from models.ingest.ct_check.check import refuse_other_pictures, refuse_other_regions
from models.ingest.dicom import read_header
from models.ingest.dicom.study_header import study_header_of
from models.ingest.limits import DEFAULT, Limits
from models.ingest.picture import read_picture, without_padding
from models.ingest.series.headers import SliceHeader, read_headers
from models.ingest.series.notices import series_notices, tilt_notice
from models.ingest.series.order import in_order, orientation_of
from models.ingest.series.selection import no_such_series, one_series
from models.ingest.series.volume import read_volume, same_contents
from models.ingest.source import DICOM_NAME, DISC, Source, natural_key
from models.ingest.spacing import check_spacing, spacing_notices, spacing_of
from models.ingest.volumes.formats import own_name, read_grid
from models.ingest.volumes.grid import slices_of
from models.messages import Message

File = Source | tuple[str, bytes]
Progress = Callable[[int, int], object]
Kinds = dict[Source, str]  # see `Source.kind`
PICTURE_NOTICES = (
    Notice(
        "coloured_marks",
        "The picture has coloured marks, such as an arrow or a box; they were painted over, and what was "
        "beneath them is lost. Send it without marks.",
    ),
    Notice("reduced_pages", "Smaller copies of the pages of a TIFF were left out."),
)

DOUBTED = {  # by why an upload was refused: what is said once somebody went on all the same
    "not_ct_image": Message(
        "The picture does not look like a CT image of the chest; it was read because the sender stated "
        "that it is one. If it is not, the result means nothing."
    ),
    "not_chest": Message(
        "No lung was recognised: this may not be a CT image of the chest; it was read because the sender "
        "stated that it is one. If it is not, the result means nothing."
    ),
}
OF_ONE_KIND = {  # by two kinds of loose files that were sent together: what to do
    ("dicom", "picture"): Message("The upload mixes DICOM files and pictures; send one or the other."),
    ("dicom", "volume"): Message("The upload mixes DICOM files and volumes; send one or the other."),
    ("picture", "volume"): Message("The upload mixes pictures and volumes; send one or the other."),
    ("dicom", "picture", "volume"): Message(
        "The upload mixes DICOM files and pictures and volumes; send one or the other."
    ),
}


def read_scan(
    files: Sequence[File],
    spacing_mm: float | None = None,
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
    asked: Asked = NOTHING,
) -> Scan:
    """Decode an upload: a picture or a stack of them, a DICOM file or series, a volume, or a ZIP of these.

    Parameters
    ----------
    files
        DICOM slices are ordered by position; pictures naturally by name: slice-2 before slice-10.
    spacing_mm
        Short for an `asked` that says only this.
    limits
        How much of it is read at most.
    progress
        Called as ``progress(done, total)`` after every file of the first pass over a DICOM series, and after
        every slice of the second; `total` changes between the passes, done / total only grows.
    asked
        What is known of the files, and wanted of them.

    Raises
    ------
    SeveralSeries
        Where there are several, and none is asked for.
    UserError
        ``no_file``, ``bad_number``, ``unsupported_file``, ``mixed_series``, ``corrupt_file``, ``too_large``;
        ``bad_field`` where there is no such series; further what `models.ingest.dicom`, `picture`, `series`,
        `archive` and `ct_check` raise. Of `ct_check` it is a ContentDoubted, with the scan.
    """
    sources = [file if isinstance(file, Source) else Source.of_bytes(*file) for file in files]
    kinds = {source: source.kind() for source in sources}
    kinds = {source: kind for source, kind in kinds.items() if source.name or kind != "empty"}
    if not kinds:
        raise UserError("no_file", "No file was sent; choose a CT image first.")
    asked = asked if spacing_mm is None else msgspec.structs.replace(asked, spacing_mm=spacing_mm)
    check_spacing(asked.spacing_mm, asked.slice_spacing_mm)
    kinds = _of_disc(_without_gzip(kinds, limits))
    if "zip" in kinds.values():
        kinds = _unzip(kinds, limits)
        dicom, images = _of_zip(kinds)
    else:
        dicom, images = _sort_out(kinds)
    if asked.only is not None:
        dicom = [dicom[index] for index in asked.only if index < len(dicom)]
    if dicom:
        return _dicom_scan(dicom, asked, limits, progress or (lambda done, total: None))
    if asked.series is not None:
        raise no_such_series(Message("It is not DICOM and has no series; leave the field out."))
    if "volume" in kinds.values():
        return _volume_scan(kinds, asked, limits)
    return _picture_scan(images, asked, limits)


def _without_strays(kinds: Kinds) -> Kinds:
    """Without what systems leave in folders, unless it is all there is."""
    return {source: kind for source, kind in kinds.items() if not source.is_stray} or kinds


def _of_disc(kinds: Kinds) -> Kinds:
    """Without strays; of a medium that has a list of its DICOM files (PS3.10 section 8.6), without all else.

    What else lies on a CD are programs, previews and leaflets.
    """
    is_disc = any(DISC.search(source.name) for source in kinds)
    kinds = _without_strays(kinds)
    dicom = {source: kind for source, kind in kinds.items() if source in _dicom_files(kinds)}
    return dicom if is_disc and dicom else kinds


def _without_gzip(kinds: Kinds, limits: Limits) -> Kinds:
    """With what files packed by gzip hold in their place."""
    packed = [source for source, kind in kinds.items() if kind == "gzip"]
    unpacked = dict(zip(packed, gunzipped(packed, limits), strict=True))
    return {
        unpacked.get(source, source): unpacked[source].kind() if source in unpacked else kind
        for source, kind in kinds.items()
    }


def _unzip(kinds: Kinds, limits: Limits) -> Kinds:
    """The files in a ZIP and their kinds."""
    if len(kinds) > 1:
        raise UserError("mixed_series", "Send either one ZIP or separate files, not both.")
    files = members(next(iter(kinds)), limits)
    return _without_strays(_without_gzip({source: source.kind() for source in files}, limits))


def _of_zip(kinds: Kinds) -> tuple[list[Source], list[Source]]:
    """DICOM files and pictures of a ZIP; where both are, the pictures are a CD's previews."""
    dicom = _dicom_files(kinds)
    pictures = [source for source, kind in kinds.items() if kind == "picture"]
    if not dicom and not pictures and "volume" not in kinds.values():
        raise UserError(
            "unsupported_file",
            "The ZIP contains no DICOM files, pictures or volume; ZIPs inside it are not opened.",
        )
    return dicom, [] if dicom else pictures


def _sort_out(kinds: Kinds) -> tuple[list[Source], list[Source]]:
    """DICOM files or pictures among loose files."""
    dicom = _dicom_files(kinds)
    mixed = tuple(kind for kind in ("dicom", "picture", "volume") if kind in kinds.values())
    if len(mixed) > 1:
        raise UserError("mixed_series", OF_ONE_KIND[mixed])
    if dicom or "volume" in kinds.values():
        return dicom, []
    if "empty" in kinds.values():
        raise UserError("corrupt_file", "The file is empty.")
    if "archive" in kinds.values():
        raise UserError(
            "unsupported_file",
            "The only archive format supported is ZIP; unpack this file and send its contents, or a ZIP "
            "of them.",
        )
    return [], list(kinds)


def _dicom_files(kinds: Kinds) -> list[Source]:
    """DICOM files and, beside them, what is only named so: damaged ones."""
    if "dicom" not in kinds.values():
        return []
    damaged = {source for source, kind in kinds.items() if kind != "dicom" and DICOM_NAME.search(source.name)}
    return [source for source, kind in kinds.items() if kind == "dicom" or source in damaged]


def _dicom_scan(sources: list[Source], asked: Asked, limits: Limits, progress: Progress) -> Scan:
    found = read_headers(sources, _counter(progress, 0, 2 * len(sources)), limits)
    slices, said = one_series(found, asked.series, asked.pictures)
    limits.check_slices(len(slices), *slices[0].shape)
    series = in_order(slices, same_contents)
    n_slices = len(series.slices)
    notes: set[str] = set()
    volume = read_volume(series.slices, _counter(progress, n_slices, 2 * n_slices), notes)
    frames = [header.frame for header in series.slices]
    is_hu = all(header.is_hu for header in series.slices)
    spacing = next((frame.spacing_mm for frame in frames if frame.spacing_mm), None)
    thickness = [frame.thickness_mm for frame in frames if frame.thickness_mm]
    scan = _scan(
        volume,
        spacing,
        asked.spacing_mm,
        is_hu,
        [*said, *series_notices(series, found.left_out, notes)],
        orientation=display_orientation(orientation_of(series.slices)),
        positions_mm=series.positions_mm,
        thickness_mm=float(np.median(thickness)) if thickness else None,
        references=references_of(header.reference for header in series.slices),
        contrast=any(header.contrast for header in series.slices),
        day=_common({header.label.day for header in series.slices}),
        header=_header(series.slices),
    )
    elsewhere = all(header.region for header in series.slices)
    return _judged(scan, refuse_other_regions, volume, spacing or scan.spacing_mm, is_hu, elsewhere)


def _header(slices: Sequence[SliceHeader]) -> StudyHeader | None:
    """Whose study it is, by its first slice; None where not all are of one patient and study."""
    if len({(slice.label.patient, slice.label.study) for slice in slices}) > 1:
        return None
    return study_header_of(read_header(slices[0].source.open()))


def _common(days: set[int | None]) -> int | None:
    """The only one of the days; None where there are several."""
    return days.pop() if len(days) == 1 else None


def _volume_scan(kinds: Kinds, asked: Asked, limits: Limits) -> Scan:
    volumes = [source for source, kind in kinds.items() if kind == "volume"]
    if len(volumes) > 1:
        message = Message("The upload contains {n} volumes; send one at a time.", n=len(volumes))
        raise UserError("mixed_series", message)
    others = {
        own_name(source.name): lambda source=source: source.open().read()
        for source in kinds
        if source is not volumes[0]
    }
    found = slices_of(read_grid(volumes[0].open().read(), others, limits))
    limits.check_image(*found.pixels.shape[1:])
    low, high = SPACING_BOUNDS_MM
    spacing = found.spacing_mm if low <= min(found.spacing_mm) and max(found.spacing_mm) <= high else None
    scan = _scan(
        found.pixels,
        spacing,
        asked.spacing_mm,
        True,
        [*found.notices, *tilt_notice(found.tilt_degrees)],
        positions_mm=found.positions_mm,
    )
    return _judged(scan, refuse_other_regions, found.pixels, spacing or scan.spacing_mm, True)


def _counter(progress: Progress, done: int, total: int) -> Callable[[], object]:
    """A step function that reports `done` + 1, + 2, … of `total`."""
    steps = iter(range(done + 1, total + 1))
    return lambda: progress(next(steps, total), total)


def _picture_scan(sources: list[Source], asked: Asked, limits: Limits) -> Scan:
    slices: list[np.ndarray] = []
    pixels, notes = 0, set[str]()
    for source in sorted(sources, key=lambda source: natural_key(source.name)):
        pages = read_picture(source.open().read(), limits, pixels, notes)
        pixels += sum(page.size for page in pages)
        slices += pages
    if len({pixels.shape for pixels in slices}) > 1:
        raise UserError(
            "mixed_series", "The pictures differ in size; all slices of a stack must have the same size."
        )
    stack = np.stack([without_padding(pixels) for pixels in slices])
    said = [notice for notice in PICTURE_NOTICES if notice.code in notes]
    step_mm = asked.slice_spacing_mm if len(stack) > 1 else None
    scan = _scan(stack, None, asked.spacing_mm, False, said, given_step_mm=step_mm)
    return _judged(scan, refuse_other_pictures, stack)


def _judged(scan: Scan, refuse: Callable[..., None], *arguments: object) -> Scan:
    """The scan, unless what it shows is refused; then it goes along, for somebody who knows better."""
    try:
        refuse(*arguments)
    except UserError as error:
        if error.code not in DOUBTED:
            raise
        notices = (Notice("content_doubted", DOUBTED[error.code]), *scan.notices)
        raise ContentDoubted(error.code, error.text, replace(scan, notices=notices)) from error
    return scan


def _scan(
    slices: np.ndarray,
    found: tuple[float, float] | None,
    given: float | None,
    is_hu: bool,
    notices: list[Notice],
    **geometry: Any,
) -> Scan:
    orientation = geometry.get("orientation", Orientation())
    spacing = spacing_of(found, given, orientation.shown(slices.transpose(1, 2, 0)).transpose(2, 0, 1), is_hu)
    is_odd = any(notice.code == "odd_numbers" for notice in notices)
    notices = [*notices, *spacing_notices(spacing, is_odd)]
    return Scan(
        slices,
        spacing.mm,
        spacing.is_assumed,
        is_hu,
        tuple(notices),
        spacing_source=spacing.source,
        **geometry,
    )
