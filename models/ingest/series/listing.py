"""The series of an upload as a list from which somebody chooses one, and which of them is proposed."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np

from models.imaging.geometry import uneven
from models.ingest.series.headers import Headers, OtherObject
from models.ingest.series.labels import Label, SeriesKey, is_for_lung
from models.ingest.series.order import Slices, along_normal_of, orientation_of
from models.ingest.series.thumbnails import EDGE, Picture, in_sequence, picture_of, shows_lung
from models.messages import Message

AXIAL = Message("axial CT")
MOST_LISTED = 500  # series, and as many other objects; the rest are counted
MOST_PICTURES = 200
PICTURE_SECONDS = 6.0  # after which no further picture is made
SHORT = 0.3  # of the longest series: what covers less is only a part of the chest
SAME_MM = 0.1  # slices whose thickness differs by less are equally thin
UID = re.compile("[0-9.]{1,64}")  # nothing else is repeated to anyone (PS3.5 section 9.1)
Value = TypeVar("Value")
REASONS = ("lung", "longest", "only_one", "thinnest", "equally_thin", "lung_kernel")


class ListedSeries(msgspec.Struct, frozen=True):
    """One series of an upload.

    Attributes
    ----------
    number
        In the list, from 1; None for what cannot be read.
    uid
        SeriesInstanceUID; None where the files have none, or one that is not written as the standard has it.
    slices
        Images that it holds, each once.
    what
        "axial CT", or what else it is, in words.
    series_number, description, date
        As its label says, see `models.ingest.series.labels.Label`; the date is that of the study.
    thickness_mm, spacing_mm
        Of a slice; between slices, None where they are not at even distances.
    extent_mm
        From the first slice to the last; None where it is unknown.
    kernel
        Convolution kernel.
    form
        How its images came to be: original, derived or projection.
    region
        Part of the body without lung that it is labelled with.
    is_hu
    study, patient
        Which of the upload's studies and patients it belongs to, from 1.
    shows_lung
        None where that was not looked at, or cannot be told.
    picture
        Its middle slice.
    files
        Which of the upload's DICOM files are of it, from 0, in their order; for `read_scan`.
    """

    number: int | None
    uid: str | None
    slices: int
    what: Message
    series_number: int | None = None
    description: str | None = None
    date: str | None = None
    thickness_mm: float | None = None
    spacing_mm: float | None = None
    extent_mm: float | None = None
    kernel: str | None = None
    form: str = "original"
    region: Message | None = None
    is_hu: bool = False
    study: int = 1
    patient: int = 1
    shows_lung: bool | None = None
    picture: Picture | None = None
    files: tuple[int, ...] = ()

    @property
    def has_lung_kernel(self) -> bool:
        """Whether it was reconstructed for the lung, as its kernel or its description says."""
        return is_for_lung(self.kernel, self.description)

    @property
    def step_mm(self) -> float:
        """What a nodule must be larger than to be seen: slice thickness or spacing, whichever is larger."""
        return max(self.thickness_mm or 0.0, self.spacing_mm or 0.0) or np.inf


class Listing(msgspec.Struct, frozen=True):
    """What an upload of several series holds.

    Attributes
    ----------
    series
        Those that can be read, by their numbers.
    others
        Those that cannot.
    n_more
        How many further ones are not listed.
    n_damaged, n_unplaced
        Files that cannot be read; of them, those of which it is not known to which series they belong.
    proposed
        Number of the series that serves best.
    reasons
        Why it is proposed: some of `REASONS`.
    """

    series: tuple[ListedSeries, ...]
    others: tuple[ListedSeries, ...] = ()
    n_more: int = 0
    n_damaged: int = 0
    n_unplaced: int = 0
    proposed: int = 1
    reasons: tuple[str, ...] = ()

    @property
    def n_studies(self) -> int:
        """How many studies it holds."""
        return len({each.study for each in (*self.series, *self.others)})

    @property
    def n_patients(self) -> int:
        """How many patients it shows, as far as the files tell them apart."""
        return len({each.patient for each in (*self.series, *self.others)})

    def of(self, number: int) -> ListedSeries | None:
        """The series of a number."""
        return next((each for each in self.series if each.number == number), None)


def checked(listing: Listing) -> Listing:
    """A list that another process made, if it makes sense; else ValueError."""
    numbers = [each.number for each in listing.series]
    pictures = [each.picture for each in (*listing.series, *listing.others) if each.picture]
    if numbers != list(range(1, len(numbers) + 1)) or listing.proposed not in numbers:
        raise ValueError("Series are numbered from 1, and one of them is proposed.")
    if not all(
        0 < min(each.rows, each.cols) <= max(each.rows, each.cols) <= EDGE
        and len(each.pixels) == each.rows * each.cols
        for each in pictures
    ):
        raise ValueError("A picture has a byte a pixel.")
    return listing


def listing_of(found: Headers, groups: Sequence[Slices], pictures: bool) -> Listing:
    """The list of an upload's series.

    Parameters
    ----------
    groups
        The series that can be read, in order.
    pictures
        Whether pictures are made, and lung is looked for, which takes decoding some slices of each.
    """
    others = _other_groups(found.others)
    labels = [*(group[0].label for group in groups), *(group[0].label for group in others)]
    studies = _numbered(sorted({_study(label) for label in labels}))
    patients = _numbered(dict.fromkeys(label.patient for label in labels))

    def place(label: Label) -> dict[str, int]:
        return {"study": studies[_study(label)], "patient": patients[label.patient]}

    listed = [
        _listed(number, group, **place(group[0].label))
        for number, group in enumerate(groups[:MOST_LISTED], 1)
    ]
    files = _files_of(found)
    listed = [
        msgspec.structs.replace(each, files=files[group[0].series])
        for each, group in zip(listed, groups, strict=False)
    ]
    beside = [_beside(group, **place(group[0].label)) for group in others[:MOST_LISTED]]
    if pictures:
        end = time.monotonic() + PICTURE_SECONDS
        listed = _looked_at(listed, groups, end)
        beside = _with_pictures(beside, others, MOST_PICTURES - len(listed), end)
    proposed = min(listed, key=_rank(listed))
    return Listing(
        tuple(listed),
        tuple(beside),
        len(groups) + len(others) - len(listed) - len(beside),
        len(found.damaged),
        sum(file.series is None for file in found.damaged),
        proposed.number or 1,
        reasons_for(proposed, listed),
    )


def _files_of(found: Headers) -> dict[SeriesKey, tuple[int, ...]]:
    """By series, which of the files are of it, damaged ones included."""
    series = {id(header.source): header.series for header in found.slices}
    series |= {id(file.source): file.series for file in found.damaged if file.series is not None}
    files = defaultdict(list)
    for index, source in enumerate(found.sources):
        if id(source) in series:
            files[series[id(source)]].append(index)
    return {key: tuple(indices) for key, indices in files.items()}


def _study(label: Label) -> tuple[str, str]:
    return label.date or "", label.study


def _numbered(values: Iterable[Value]) -> dict[Value, int]:
    return {value: number for number, value in enumerate(values, 1)}


def _other_groups(objects: Iterable[OtherObject]) -> list[list[OtherObject]]:
    """Objects of one kind and one series each, in the order of their numbers."""
    groups = defaultdict(list)
    for each in objects:
        groups[each.label.series, each.noun].append(each)

    def place(group: list[OtherObject]) -> tuple[bool, int, str, str]:
        label = group[0].label
        return label.number is None, label.number or 0, str(label.series), str(group[0].noun)

    return sorted(groups.values(), key=place)


def _listed(number: int, group: Slices, study: int, patient: int) -> ListedSeries:
    first, label = group[0], group[0].label
    thickness = [header.frame.thickness_mm for header in group if header.frame.thickness_mm]
    named = {(each.sop_instance_uid, each.frame) for header in group if (each := header.reference)}
    is_named = all(header.reference for header in group)
    spacing, extent = _distances(group)
    return ListedSeries(
        number=number,
        uid=label.uid if UID.fullmatch(label.uid) else None,
        slices=len(named) if is_named else len(group),
        what=AXIAL,
        series_number=label.number,
        description=label.description or None,
        date=label.date,
        thickness_mm=float(np.median(thickness)) if thickness else None,
        spacing_mm=spacing,
        extent_mm=extent,
        kernel=first.kernel or None,
        form=label.form,
        region=first.region,
        is_hu=all(header.is_hu for header in group),
        study=study,
        patient=patient,
    )


def _distances(group: Slices) -> tuple[float | None, float | None]:
    """Distance of neighbouring slices, where it is even, and from the first to the last; in mm."""
    if not all(header.frame.position for header in group):
        return None, None
    positions = np.unique(along_normal_of(group, orientation_of(group)).round(2))
    extent = float(positions[-1] - positions[0])
    if len(positions) < 2 or uneven(positions):
        return None, extent
    return round(float(np.median(np.diff(positions))), 3), extent


def _beside(group: Sequence[OtherObject], study: int, patient: int) -> ListedSeries:
    label = group[0].label
    return ListedSeries(
        number=None,
        uid=label.uid if UID.fullmatch(label.uid) else None,
        slices=sum(each.n_frames for each in group),
        what=group[0].noun,
        series_number=label.number,
        description=label.description or None,
        date=label.date,
        form=label.form,
        study=study,
        patient=patient,
    )


def _looked_at(listed: list[ListedSeries], groups: Sequence[Slices], end: float) -> list[ListedSeries]:
    """With a picture of the middle slice of each, and whether it, or one half-way to its ends, shows lung."""
    found: list[ListedSeries] = []
    for each, group in zip(listed, groups, strict=False):
        if time.monotonic() > end or len(found) >= MOST_PICTURES:
            found.append(each)
            continue
        slices = in_sequence(group)
        picture, lung = picture_of(slices[len(slices) // 2])
        for header in (slices[len(slices) // 4], slices[3 * len(slices) // 4]):
            if lung is False and len(slices) > 2 and time.monotonic() < end:
                lung = shows_lung(header) or False
        found.append(msgspec.structs.replace(each, picture=picture, shows_lung=lung))
    return found


def _with_pictures(
    beside: list[ListedSeries], groups: Sequence[Sequence[OtherObject]], most: int, end: float
) -> list[ListedSeries]:
    found: list[ListedSeries] = []
    for each, group in zip(beside, groups, strict=False):
        ordered = sorted(group, key=lambda item: item.instance or 0)
        middle = ordered[len(ordered) // 2]
        if len(found) < most and time.monotonic() < end and middle.shape != (0, 0):
            each = msgspec.structs.replace(each, picture=picture_of(middle)[0])
        found.append(each)
    return found


def _rank(listed: Sequence[ListedSeries]) -> Callable[[ListedSeries], tuple[Any, ...]]:
    """Sort key by which the series that serves best comes first.

    Of those that are suited (`_suitability`) the thinnest, of equally thin ones that of a lung kernel, then
    an original, then the longest.
    """
    suitability = _suitability(listed)

    def rank(each: ListedSeries) -> tuple[Any, ...]:
        return (
            *suitability(each),
            round(each.step_mm / SAME_MM) if np.isfinite(each.step_mm) else np.inf,
            round((each.thickness_mm or 0.0) / SAME_MM),
            not each.has_lung_kernel,
            each.form == "derived",
            -each.slices,
            each.number,
        )

    return rank


def _suitability(listed: Sequence[ListedSeries]) -> Callable[[ListedSeries], tuple[bool, ...]]:
    """What speaks against a series, the weightiest first.

    No lung, no HU, a projection, labelled as another part of the body, far shorter than the longest.
    """
    longest = max((each.extent_mm or 0.0 for each in listed if each.shows_lung is not False), default=0.0)

    def against(each: ListedSeries) -> tuple[bool, ...]:
        return (
            each.shows_lung is False,
            not each.is_hu,
            each.form == "projection",
            each.region is not None,
            (each.extent_mm or 0.0) < SHORT * longest,
        )

    return against


def reasons_for(proposed: ListedSeries, listed: Sequence[ListedSeries]) -> tuple[str, ...]:
    """What speaks for the proposed series: some of `REASONS`."""
    against = _suitability(listed)
    rest = [each for each in listed if each is not proposed]
    suited = [each.step_mm for each in rest if against(each) == against(proposed)]
    thinner = [each for each in rest if each.shows_lung and each.step_mm < proposed.step_mm - SAME_MM / 2]
    found = ["lung"] if proposed.shows_lung else []
    if any(against(each)[-1] for each in thinner) and not against(proposed)[-1]:
        found.append("longest")
    elif not suited:
        found.append("only_one")
    elif proposed.step_mm < min(suited) - SAME_MM / 2:
        found.append("thinnest")
    elif np.isfinite(proposed.step_mm):
        found.append("equally_thin")
    if proposed.has_lung_kernel:
        found.append("lung_kernel")
    return tuple(found)
