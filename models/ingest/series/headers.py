"""First pass over an upload: what each DICOM file holds, by its header alone."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydicom import Dataset

from models.errors import UserError
from models.imaging.geometry import is_axial, plane_of
from models.imaging.scan import Reference
from models.ingest.dicom import read_header
from models.ingest.dicom.frames import Frame, count_frames, frames_of
from models.ingest.dicom.hounsfield import is_hounsfield, odd_rescale
from models.ingest.dicom.numbers import whole_in
from models.ingest.dicom.references import contrast_given, malformed_uids, reference_of
from models.ingest.dicom.sop_classes import (
    DICOMDIR,
    OTHER_PLANE,
    is_text_likely,
    labelled_region,
    objection_to,
)
from models.ingest.limits import Limits
from models.ingest.series.labels import Label, SeriesKey, label_of
from models.ingest.source import DICOM_NAME, Source
from models.messages import Message

OTHER_FRAMES = Message("frame in another plane")
NO_DICOM = Message("file that is not a DICOM image")
PLANES = {  # by what `plane_of` says
    "coronal": Message("coronal plane"),
    "sagittal": Message("sagittal plane"),
    "oblique": Message("oblique plane"),
}
SETTING = (
    "PatientID",
    "StudyDate",
    "SeriesNumber",
    "Manufacturer",
    "ManufacturerModelName",
    "KVP",
    "ConvolutionKernel",
    "SliceThickness",
)
KERNEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,11}")


@dataclass(frozen=True)
class SliceHeader:
    """One axial CT slice: where its pixels are, and what ordering and naming a series needs.

    Attributes
    ----------
    shape
        Rows and columns.
    label
        What the file says of its series.
    kernel
        Convolution kernel, empty where unknown.
    is_hu
        Whether the pixels are in Hounsfield units.
    reference
        None where the file does not name itself properly.
    contrast
        Whether contrast agent was given, as far as the file says so.
    is_text_likely
        Whether text may be burned into the pixels.
    region
        Part of the body without lung that the file is labelled with.
    malformed
        Names of the identifiers that are not as the standard has them.
    odd
        Sentences on numbers that are not written as they should be.
    setting
        The same for slices whose scanner, patient and protocol are, as far as the files say so.
    """

    source: Source
    frame: Frame
    shape: tuple[int, int]
    label: Label
    acquisition: int | None
    instance: int | None
    kernel: str
    is_hu: bool
    reference: Reference | None
    contrast: bool
    is_text_likely: bool
    region: Message | None = None
    malformed: tuple[str, ...] = ()
    odd: tuple[Message, ...] = ()
    setting: int = 0

    @property
    def series(self) -> SeriesKey:
        """The same for all slices of one series."""
        return self.label.series


@dataclass(frozen=True)
class OtherObject:
    """A DICOM object that is not an axial CT slice: what it is, in words, and what it says of its series.

    The shape is that of its images, (0, 0) where it has none.
    """

    source: Source
    noun: Message
    label: Label
    shape: tuple[int, int]
    n_frames: int
    instance: int | None


class Damaged(NamedTuple):
    """A file that cannot be read, and its series, as far as that is known."""

    error: UserError
    series: SeriesKey | None
    source: Source


@dataclass
class Headers:
    """What the first pass found: slices, other objects by kind with their refusals, damaged files."""

    slices: list[SliceHeader] = field(default_factory=list)
    left_out: Counter[Message] = field(default_factory=Counter)
    refusals: dict[Message, UserError] = field(default_factory=dict)
    others: list[OtherObject] = field(default_factory=list)
    damaged: list[Damaged] = field(default_factory=list)
    n_files: int = 0
    sources: list[Source] = field(default_factory=list)


def read_headers(sources: list[Source], step: Callable[[], object], limits: Limits) -> Headers:
    """Read the headers of DICOM files.

    Parameters
    ----------
    sources
        DICOM files; an empty one counts as damaged.
    step
        Called without arguments after each file.

    Raises
    ------
    UserError
        ``too_large``.
    """
    found = Headers(n_files=len(sources), sources=sources)
    strays: list[Damaged] = []
    for source in sources:
        series = None
        try:
            dataset = read_header(source.open(), source.name)
            label = label_of(dataset)
            series = label.series
            _add(found, source, dataset, label, limits)
        except UserError as error:
            if error.code not in ("corrupt_file", "no_pixels"):
                raise
            (found.damaged if _is_marked(source) else strays).append(Damaged(error, series, source))
        step()
    if not strays:
        return found
    if found.slices and all(_is_marked(header.source) for header in found.slices):
        found.n_files -= len(strays)
        found.left_out += Counter({NO_DICOM: len(strays)})
    else:
        found.damaged += strays
    return found


def _is_marked(source: Source) -> bool:
    """Whether a file says that it is DICOM, rather than only beginning like it."""
    return bool(DICOM_NAME.search(source.name)) or source.open().read(132)[128:] == b"DICM"


def _add(found: Headers, source: Source, dataset: Dataset, label: Label, limits: Limits) -> None:
    objection = objection_to(dataset)
    if objection is None:
        limits.check_frames(count_frames(dataset))
        limits.check_image(int(dataset.Rows), int(dataset.Columns))
        headers = _slice_headers(source, dataset, label)
        axial = [h for h in headers if h.frame.orientation is None or is_axial(h.frame.orientation)]
        found.slices += axial
        if len(axial) < len(headers):
            found.left_out[OTHER_FRAMES] += len(headers) - len(axial)
    elif objection.noun == DICOMDIR:  # a CD's list of its files, no object of its own
        found.n_files -= 1
    elif objection.refusal.code == "no_pixels":  # a slice without them must not vanish from its series
        raise objection.refusal
    else:
        found.left_out[objection.noun] += 1
        found.refusals.setdefault(objection.noun, objection.refusal)
        found.others.append(_other_object(source, dataset, label, objection.noun))


def _other_object(source: Source, dataset: Dataset, label: Label, noun: Message) -> OtherObject:
    if noun == OTHER_PLANE and (orientation := frames_of(dataset)[0].orientation):
        noun = PLANES.get(plane_of(orientation), noun)
    rows, cols = (whole_in(dataset, keyword) or 0 for keyword in ("Rows", "Columns"))
    n_frames = 1
    with suppress(UserError):  # of another kind of object, where nothing hangs on it
        n_frames = count_frames(dataset)
    return OtherObject(source, noun, label, (rows, cols), n_frames, whole_in(dataset, "InstanceNumber"))


def _slice_headers(source: Source, dataset: Dataset, label: Label) -> list[SliceHeader]:
    shared: dict[str, Any] = {
        "shape": (int(dataset.Rows), int(dataset.Columns)),
        "label": label,
        "acquisition": whole_in(dataset, "AcquisitionNumber"),
        "instance": whole_in(dataset, "InstanceNumber"),
        "kernel": _kernel(dataset.get("ConvolutionKernel")),
        "is_hu": is_hounsfield(dataset),
        "is_text_likely": is_text_likely(dataset),
        "region": labelled_region(dataset),
        "malformed": malformed_uids(dataset),
        "setting": hash(tuple(str(dataset.get(keyword)) for keyword in SETTING)),
    }
    return [
        SliceHeader(
            source,
            frame,
            **shared,
            reference=reference_of(dataset, frame),
            contrast=contrast_given(dataset, frame.number),
            odd=frame.odd + odd_rescale(dataset, frame.number),
        )
        for frame in frames_of(dataset)
    ]


def _kernel(value: Any) -> str:
    """Only what looks like the name of a kernel is repeated to anyone."""
    first = value if isinstance(value, str) or value is None else next(iter(value), "")
    return name if KERNEL_NAME.fullmatch(name := str(first or "").strip()) else ""
