"""The one series of an upload, by the headers: of one size, one orientation and one spacing."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NoReturn, TypeVar

import numpy as np

from models.errors import SeveralSeries, UserError
from models.imaging.geometry import SAME_POSITION_MM, same_orientation, uneven
from models.imaging.scan import Notice
from models.ingest.series.headers import Headers
from models.ingest.series.listing import listing_of
from models.ingest.series.order import Slices, along_normal_of, orientation_of
from models.messages import Message, counted, joined

LISTED = 8  # series or sizes named in one sentence, at most
UID_END = 8  # characters of a series' identifier that tell it from others
MERGED = Message(
    "Each slice has its own series identifier; they were read as one series, because scanner, size and "
    "positions match."
)
MAY_BE_MISSING = Message(
    "Some files of the upload are damaged and do not say which series they belong to: slices may be missing."
)
OTHERS_DAMAGED = Message("Some files of the upload are damaged; they belong to other series.")
SAME_SPACING = 0.01  # relative difference
FEW = 0.1  # of the slices: so many, or one, are left out where they fit no stack with the others
LONGEST_NUMBER = 6  # digits of a number in the list
LEAST_MERGED = 3  # slices that name a series each, and are taken for one
HOW_TO = Message(
    "Send one series at a time: the files of its folder, or a ZIP of them; thin slices work best."
)

Value = TypeVar("Value")
Line = tuple[Message, ...]  # what is said of a series, to be joined by commas


def one_series(
    found: Headers, asked: str | None = None, pictures: bool = False
) -> tuple[Slices, list[Notice]]:
    """The slices of the only series of an upload, or of the one that is asked for.

    Parameters
    ----------
    asked
        A number of the list of `listing_of`, or a SeriesInstanceUID.
    pictures
        Whether the list of several series is made for people, who see a picture of each.

    Returns
    -------
    list of SliceHeader
        Of one series, one size, one orientation and one spacing; not in order yet.
    list of Notice
        ``series_merged`` and ``slices_left_out``, where a few slices did not fit the others;
        ``damaged_files`` where it is not known of which series they are.

    Raises
    ------
    SeveralSeries
        Where there are several, and none is asked for.
    UserError
        ``corrupt_file`` where any file of the series is damaged, ``mixed_series``, ``bad_field`` where there
        is no such series, or, where there is no axial CT slice, the refusal of the most frequent kind of
        object.
    """
    groups = groups_of(found.slices)
    is_merged = len(groups) > 1 and _is_one_series(groups)
    if found.damaged and (is_merged or not groups):
        raise damaged(len(found.damaged), found.n_files, found.damaged[0].error)
    if not groups:
        raise _refusal_of_others(found)
    if is_merged:
        if asked not in (None, "1", *(group[0].label.uid for group in groups)):
            raise no_such_series(_list_series([found.slices]))
        slices, said = _of_one_stack(found.slices)
        return slices, [Notice("series_merged", MERGED), *said]
    if asked is None and len(groups) > 1:
        raise SeveralSeries(_with_how_to(_list_series(groups)), listing_of(found, groups, pictures))
    return _of_several(_chosen(groups, asked), groups, found)


def _chosen(groups: list[Slices], asked: str | None) -> Slices:
    """The series that is asked for: by its identifier, or else by its number in the list."""
    if asked is None:
        return groups[0]
    for group in groups:
        if group[0].label.uid == asked:
            return group
    is_number = asked.isascii() and asked.isdecimal() and len(asked) <= LONGEST_NUMBER
    if is_number and 1 <= int(asked) <= len(groups):
        return groups[int(asked) - 1]
    raise no_such_series(_list_series(groups))


def _refusal_of_others(found: Headers) -> UserError:
    """The refusal of an upload without an axial CT slice."""
    if not found.refusals:
        return UserError(
            "unsupported_file", "The upload contains a list of DICOM files (DICOMDIR), but no images."
        )
    return found.refusals[found.left_out.most_common(1)[0][0]]


def no_such_series(what_there_is: Message) -> UserError:
    """The refusal of a choice that is not in the list."""
    sentence = Message("The field series does not match any series of this upload.")
    return UserError("bad_field", joined(" ", [sentence, what_there_is]))


def _of_several(chosen: Slices, groups: list[Slices], found: Headers) -> tuple[Slices, list[Notice]]:
    """The slices of one of the series; see `one_series`.

    A damaged file of another series does no harm. Where it is not known of which it is, slices may be
    missing: that is refused where there is only one series, and else said.
    """
    of_unknown = [file for file in found.damaged if file.series is None]
    own = [file for file in found.damaged if file.series == chosen[0].series]
    if len(groups) == 1 and (own or of_unknown):
        raise damaged(len(own + of_unknown), found.n_files, (own or of_unknown)[0].error)
    if own:
        raise damaged(len(own), len(own) + len({header.source for header in chosen}), own[0].error)
    slices, said = _of_one_stack(chosen)
    if of_unknown:
        said = [Notice("damaged_files", MAY_BE_MISSING), *said]
    elif found.damaged:
        said = [Notice("damaged_files", OTHERS_DAMAGED), *said]
    return slices, said


def groups_of(slices: Slices) -> list[Slices]:
    """The series of an upload, in the order in which they are listed, whatever the order of its files."""
    by_series = defaultdict(list)
    for header in slices:
        by_series[header.series].append(header)

    def place(group: Slices) -> tuple[bool, int, int, str, str]:
        label = group[0].label
        return label.number is None, label.number or 0, -len(group), label.date or "", str(label.series)

    return sorted(by_series.values(), key=place)


def _is_one_series(groups: Collection[Slices]) -> bool:
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
    positions = np.sort(along_normal_of(slices, orientation))
    return bool(np.diff(positions).min() > SAME_POSITION_MM and uneven(positions) is None)


def damaged(n_damaged: int, n_files: int, error: UserError) -> UserError:
    """The refusal of an upload some files of which are damaged; `error` itself where all are."""
    if n_damaged == n_files:
        return error
    message = counted(
        "1 of {total} DICOM file is damaged or incomplete, so slices are missing; export the series again.",
        "{n} of {total} DICOM files are damaged or incomplete, so slices are missing; export the series "
        "again.",
        n_damaged,
        total=n_files,
    )
    return UserError("corrupt_file", message)


def _with_how_to(sentence: Message) -> Message:
    return joined(" ", [sentence, HOW_TO])


def _list_series(groups: list[Slices]) -> Message:
    lines = _told_apart([(_describe(group), group) for group in groups])[:LISTED]
    series = joined("; ", [joined(", ", line) for line in lines])
    if len(groups) > LISTED:
        return Message(
            "The upload contains {n} series: {series} and {more} more.",
            n=len(groups),
            series=series,
            more=len(groups) - LISTED,
        )
    return counted(
        "The upload contains 1 series: {series}.",
        "The upload contains {n} series: {series}.",
        len(groups),
        series=series,
    )


def _describe(group: Slices) -> Line:
    first = group[0]
    slices = _numbered_slices if first.label.number is not None else _slices
    line = [slices(len(group), first.frame.thickness_mm, first.label.number or 0)]
    if first.kernel:
        line.append(Message("kernel {kernel}", kernel=first.kernel))
    return tuple(line)


def _numbered_slices(n: int, thickness_mm: float | None, number: int) -> Message:
    if thickness_mm:
        return counted(
            "series {number} with 1 slice of {mm:g} mm",
            "series {number} with {n} slices of {mm:g} mm",
            n,
            number=number,
            mm=thickness_mm,
        )
    return counted("series {number} with 1 slice", "series {number} with {n} slices", n, number=number)


def _slices(n: int, thickness_mm: float | None, _: int) -> Message:
    if thickness_mm:
        return counted(
            "a series without a number with 1 slice of {mm:g} mm",
            "a series without a number with {n} slices of {mm:g} mm",
            n,
            mm=thickness_mm,
        )
    return counted("a series without a number with 1 slice", "a series without a number with {n} slices", n)


def _told_apart(lines: list[tuple[Line, Slices]]) -> list[Line]:
    """Lines of series; those that read alike say where the series lies, or how its identifier ends."""
    for more in (_extent, _end_of_uid):
        texts = [str(joined(", ", line)) for line, _ in lines]
        lines = [
            ((*line, *more(group)) if texts.count(text) > 1 else line, group)
            for text, (line, group) in zip(texts, lines, strict=True)
        ]
    return [line for line, _ in lines]


def _extent(group: Slices) -> Line:
    if not all(header.frame.position for header in group):
        return ()
    positions = along_normal_of(group, orientation_of(group))
    return (Message("from {low:.1f} to {high:.1f} mm", low=positions.min(), high=positions.max()),)


def _end_of_uid(group: Slices) -> Line:
    uid = re.sub("[^0-9.]", "", group[0].label.uid)
    return (Message("whose identifier ends in {end}", end=uid[-UID_END:]),) if uid else ()


def _of_one_stack(slices: Slices) -> tuple[Slices, list[Notice]]:
    """The slices without a few that fit no stack with them, and notices of these; else see `one_series`."""
    notices = []
    for fits, left_out, refuse in (
        (_same_size, _of_another_size, _refuse_sizes),
        (_same_grid, _of_another_grid, _refuse_grids),
        (_same_spacing, _of_another_spacing, _refuse_spacings),
    ):
        kept = fits(slices)
        n_others = len(slices) - len(kept)
        if n_others > max(1, FEW * len(slices)) or len(kept) <= n_others:
            refuse(slices)
        if n_others:
            notices.append(Notice("slices_left_out", left_out(n_others)))
        slices = kept
    return slices, notices


def _of_another_size(n: int) -> Message:
    return counted(
        "1 slice was left out: of a different size.", "{n} slices were left out: of a different size.", n
    )


def _of_another_grid(n: int) -> Message:
    return counted(
        "1 slice was left out: rotated or tilted relative to the others.",
        "{n} slices were left out: rotated or tilted relative to the others.",
        n,
    )


def _of_another_spacing(n: int) -> Message:
    return counted(
        "1 slice was left out: with a different pixel size.",
        "{n} slices were left out: with a different pixel size.",
        n,
    )


def _most_common(values: Iterable[Value | None]) -> Value | None:
    known = Counter(value for value in values if value is not None)
    return known.most_common(1)[0][0] if known else None


def _same_size(slices: Slices) -> Slices:
    shape = _most_common(header.shape for header in slices)
    return [header for header in slices if header.shape == shape]


def _same_grid(slices: Slices) -> Slices:
    grid = _most_common(header.frame.orientation for header in slices)
    return [
        h for h in slices if not (own := h.frame.orientation) or grid is None or same_orientation(grid, own)
    ]


def _same_spacing(slices: Slices) -> Slices:
    common = _most_common(header.frame.spacing_mm for header in slices)
    return [
        h
        for h in slices
        if not (own := h.frame.spacing_mm) or (common and np.allclose(own, common, rtol=SAME_SPACING, atol=0))
    ]


def _refuse_sizes(slices: Slices) -> NoReturn:
    shapes = Counter(header.shape for header in slices).most_common(LISTED)
    sizes = [
        Message("{n} of {cols} x {rows} pixels", n=count, cols=cols, rows=rows)
        for (rows, cols), count in shapes
    ]
    named: dict[str, Any] = {f"size{index}": size for index, size in enumerate(sizes)}
    text = "{and_}".join(f"{{{name}}}" for name in named)
    sentence = Message(
        "The slices differ in size ({sizes}).", sizes=Message(text, and_=Message(" and "), **named)
    )
    raise UserError("mixed_series", _with_how_to(sentence))


def _refuse_grids(slices: Slices) -> NoReturn:
    sentence = Message(
        "The slices are rotated or tilted relative to one another, so they do not form one stack."
    )
    raise UserError("mixed_series", _with_how_to(sentence))


def _refuse_spacings(slices: Slices) -> NoReturn:
    edges = [mm for header in slices for mm in header.frame.spacing_mm or ()]
    low, high = min(edges), max(edges)
    sentence = Message(
        "The slices differ in pixel size ({low:g} to {high:g} mm), so they belong to several series.",
        low=low,
        high=high,
    )
    raise UserError("mixed_series", _with_how_to(sentence))
