"""What is kept of a comparison of two scans: plain values, from which pages and reports follow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self

from models.imaging.scan import Notice, Roi, Scan
from models.inference.comparison.alignment import Alignment, Reason
from models.inference.finding import FindingSummary
from models.messages import Message

Which = Literal["before", "now"]
OTHER: dict[Which, Which] = {"before": "now", "now": "before"}
COARSER = 1.5  # times as thick slices, or as wide pixels: worth a word
NOT_ALIGNED: dict[Reason, Message] = {
    "no_spacing": Message(
        "The scans could not be aligned: the pixel size of one of them is not known; add it again with its "
        "spacing. Click the nodule on both."
    ),
    "no_positions": Message(
        "The scans could not be aligned: one of them is a single slice, or does not give the positions of "
        "its slices. Click the nodule on both."
    ),
    "no_lungs": Message(
        "The scans could not be aligned: no lungs were recognised in one of them. Click the nodule on both."
    ),
}


@dataclass(frozen=True)
class Pair:
    """One nodule in both scans, or in one that was looked for in the other.

    Attributes
    ----------
    before, now : int or None
        Its finding on the earlier and on the later scan, by its index; None where none was found.
    source : str
        Who found the second of the two: ``found`` by the app, or ``clicked``.
    expected : Roi, optional
        Where the alignment expects it on the scan that lacks it, or on which it was found second.
    distance_mm : float, optional
        From there to what was found.
    """

    before: int | None
    now: int | None
    source: Literal["found", "clicked"]
    expected: Roi | None = None
    distance_mm: float | None = None

    def of(self, which: Which) -> int | None:
        """The finding on that scan."""
        return self.before if which == "before" else self.now

    @property
    def is_whole(self) -> bool:
        """Whether both scans show it."""
        return self.before is not None and self.now is not None


@dataclass(frozen=True)
class Link:
    """That another scan was added to one, and what is known of the two.

    Attributes
    ----------
    other : str
        Token of the scan that was added.
    is_earlier : bool
        Whether that is the earlier one.
    days : int or None
        From one to the other; None where that is not known.
    are_days_typed : bool
        Whether a person gave them, and not the two studies' dates.
    alignment : Alignment or None
        None where the two cannot be aligned, and then the `reason`.
    notices : tuple of Notice
    pairs : tuple of Pair
    """

    other: str
    is_earlier: bool
    days: int | None = None
    are_days_typed: bool = False
    alignment: Alignment | None = None
    reason: Reason | None = None
    notices: tuple[Notice, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def with_pair(self, pair: Pair) -> Self:
        """With a pair in place of those of its findings; what that leaves over is not paired."""
        return replace(self, pairs=(*self._others(pair), pair))

    def without_pair(self, pair: Pair) -> Self:
        """Without a pair of these findings."""
        return replace(self, pairs=tuple(self._others(pair)))

    def between(self, before: "Side", now: "Side") -> Self:
        """With those pairs alone of which both scans have the findings: the others are deleted."""
        befores, nows = ({None} | {found.index for found in side.findings} for side in (before, now))
        pairs = tuple(pair for pair in self.pairs if pair.before in befores and pair.now in nows)
        return replace(self, pairs=pairs)

    def _others(self, pair: Pair) -> Iterator[Pair]:
        for each in self.pairs:
            shared = (
                each.now is not None and each.now == pair.now,
                each.before is not None and each.before == pair.before,
            )
            if not any(shared):
                yield each


@dataclass(frozen=True)
class Side:
    """One of the two scans: its token, itself, and its findings."""

    token: str
    scan: Scan
    findings: tuple[FindingSummary, ...]


@dataclass(frozen=True)
class Comparison:
    """Two scans of one browser; ``token`` is that of the one that the other was added to."""

    token: str
    link: Link
    before: Side
    now: Side

    def side(self, which: Which) -> Side:
        """The earlier or the later scan."""
        return self.before if which == "before" else self.now

    def pair_of(self, which: Which, index: int) -> Pair | None:
        """The pair that a finding is in."""
        return next((pair for pair in self.link.pairs if pair.of(which) == index), None)


def notices_on(
    before: Scan, now: Scan, alignment: Alignment | None, reason: Reason | None
) -> tuple[Notice, ...]:
    """What to know of two scans that are compared."""
    found = (
        _fit(alignment),
        _not_aligned(reason),
        _one_study(before, now),
        _coarser(before, now),
        _grey(before, now),
        _contrast(before, now),
    )
    return tuple(notice for notice in found if notice is not None)


def _fit(alignment: Alignment | None) -> Notice | None:
    if alignment is None or alignment.fits:
        return None
    message = Message(
        "The two scans match poorly: after alignment their lungs overlap by {percent:.0f} %, and vessels and "
        "bones do not coincide as they would in one patient. Make sure that both are of the same patient. If "
        "they are, much has changed, and what is found on the other scan may be a different nodule.",
        percent=100 * alignment.lungs,
    )
    return Notice("other_patient", message)


def _not_aligned(reason: Reason | None) -> Notice | None:
    return None if reason is None else Notice("not_aligned", NOT_ALIGNED[reason])


def _one_study(before: Scan, now: Scan) -> Notice | None:
    if not before.references or not now.references:
        return None
    if before.references[0].study_uid != now.references[0].study_uid:
        return None
    return Notice("one_study", "Both series belong to one study: differences between them are not growth.")


def _coarser(before: Scan, now: Scan) -> Notice | None:
    steps = [scan.slice_spacing_mm for scan in (before, now)]
    pixels = [max(scan.spacing_mm) for scan in (before, now)]
    first, second = steps
    if first and second and max(first, second) > COARSER * min(first, second):
        message = Message(
            "The slice spacing is {first:.1f} mm on the earlier scan and {second:.1f} mm on the later one: "
            "this alone may cause a difference in size, especially of small nodules.",
            first=first,
            second=second,
        )
    elif before.spacing_assumed or now.spacing_assumed:
        return None
    elif max(pixels) > COARSER * min(pixels):
        message = Message(
            "The pixel size is {first:.2f} mm on the earlier scan and {second:.2f} mm on the later one: this "
            "alone may cause a difference in size, especially of small nodules.",
            first=pixels[0],
            second=pixels[1],
        )
    else:
        return None
    return Notice("other_spacing", message)


def _grey(before: Scan, now: Scan) -> Notice | None:
    if before.is_hu == now.is_hu:
        return None
    return Notice(
        "not_hu", "Only one of the two scans is in Hounsfield units: outlines may differ for that reason."
    )


def _contrast(before: Scan, now: Scan) -> Notice | None:
    if before.contrast is None or now.contrast is None or before.contrast == now.contrast:
        return None
    message = Message("Contrast agent was given for the earlier scan only: it may make a nodule look larger.")
    if now.contrast:
        message = Message(
            "Contrast agent was given for the later scan only: it may make a nodule look larger."
        )
    return Notice("contrast", message)
