"""Two scans of one patient, kept side by side: added, aligned, and their nodules found in each other."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import msgspec
import numpy as np

from models.errors import UserError
from models.imaging.scan import Notice, Roi, Scan
from models.inference.classifier import ModelRegistry
from models.inference.comparison.alignment import NotAligned, align, location_of, point_of
from models.inference.comparison.comparison import OTHER, Comparison, Link, Pair, Side, Which, notices_on
from models.inference.comparison.pairing import REACH_MM, matches
from models.inference.finding import Finding
from models.web.answers import Answers
from models.web.finding_list import FindingGone
from models.web.queue import Queue
from models.web.store import ScanStore
from models.web.store.days import days_between
from models.web.store.keys import COMPARED_WITH, COMPARISON
from models.web.telemetry import stage

AT_ONCE = 4  # findings that are looked for when a scan is added
LOOKS = 3  # of what may be a nodule near the expected location
MOST_DAYS = 36_525  # a century


class Comparisons:
    """Links two scans of a store.

    Parameters
    ----------
    store : ScanStore
    answers : Answers
    registry : ModelRegistry
    queue : Queue
        Bounds the readings under way or waiting.
    """

    def __init__(self, store: ScanStore, answers: Answers, registry: ModelRegistry, queue: Queue):
        self._store, self._answers, self._registry, self._queue = store, answers, registry, queue

    def add(self, token: str, owner: str, scan: Scan, is_earlier: bool, address: str = "") -> None:
        """Put another scan beside a kept one, align the two, and look for the findings of the one in it.

        Raises
        ------
        UserError
            ``not_comparable`` for the same images, or where there is another scan already; ``store_full``,
            ``too_large`` and ``scan_gone`` as of the store.
        """
        kept = self._store.get(token, owner)
        if self.of(token, owner) is not None:
            raise UserError(
                "not_comparable",
                "This scan is already being compared. Remove the scan that was added, then add another.",
            )
        if _same_images(kept, scan):
            raise UserError(
                "not_comparable",
                "These are the images of the scan that is already open. Send those of another date.",
            )
        other = self._store.put(scan, owner, address, beside=token)
        try:
            link = self._linked(kept, self._store.get(other, owner), Link(other, is_earlier))
            # of an earlier comparison, whose other scan is gone
            self._store.write(token, owner, COMPARED_WITH, None)
            self._store.write(other, owner, COMPARED_WITH, token)
            self._store.write(token, owner, COMPARISON, msgspec.to_builtins(link))
        except BaseException:
            self._store.remove(other, owner)
            raise
        if link.alignment is not None and link.alignment.fits:
            self._find_all(token, owner)

    def of(self, token: str, owner: str) -> Comparison | None:
        """The comparison that a scan is part of; None where there is none, or the other scan is gone.

        Pairs of deleted findings are left out; they are there again when these come back.
        """
        base = self._store.read(token, owner, COMPARED_WITH) or token
        try:
            note = self._store.read(base, owner, COMPARISON)
            if note is None:
                return None
            link = msgspec.convert(note, Link)
            ours, theirs = self._side(base, owner), self._side(link.other, owner)
        except UserError as error:
            if error.code != "scan_gone":
                raise
            self._store.get(token, owner)  # or is it this one that is gone?
            return None
        except msgspec.ValidationError:  # kept by another version of the app
            return None
        before, now = (theirs, ours) if link.is_earlier else (ours, theirs)
        return Comparison(base, link.between(before, now), before, now)

    def needed(self, token: str, owner: str) -> Comparison:
        """The comparison that a scan is part of; UserError ``not_comparable`` where there is none."""
        if found := self.of(token, owner):
            return found
        raise _not_compared()

    def find(self, token: str, owner: str, which: Which, index: int) -> None:
        """Look for a finding of one scan in the other; what is found is read and paired with it.

        Raises
        ------
        UserError
            ``not_comparable`` where the scans are not aligned, ``model_unavailable``, ``busy``.
        FindingGone
            There is no such finding.
        """
        found = self.needed(token, owner)
        alignment, localiser = found.link.alignment, self._registry.localiser
        if alignment is None:
            raise UserError(
                "not_comparable", "The scans could not be aligned: click the nodule on the other one."
            )
        if localiser is None:
            raise UserError(
                "model_unavailable",
                "The app cannot search for the nodule: the network that outlines nodules is unavailable.",
            )
        own, other = found.side(which), found.side(OTHER[which])
        known = self._answers.again(own.token, owner, index)
        roi = known.reading.roi
        point = point_of(own.scan, roi.row, roi.col, roi.slice)
        expected = alignment.to_earlier(point) if which == "now" else alignment.to_later(point)
        there = Roi(*location_of(other.scan, expected), "suggested")
        with self._queue.place(), stage("pair"):
            near = self._known_near(found, owner, OTHER[which], expected)
            if near is None:
                seen = matches(other.scan, expected, known.reading.long_axis_mm, localiser)
                match = next((one for one in seen[:LOOKS] if self._is_nodule(other.scan, one.roi)), None)
                if match is not None:
                    added, _ = self._answers.new(other.token, owner, match.roi, known.model)
                    near = added, match.distance_mm
        second = near or (None, None)
        self._keep(found, owner, _pair(which, index, second[0], "found", there, second[1]))

    def choose(self, token: str, owner: str, which: Which, index: int, roi: Roi) -> None:
        """Pair a finding of one scan with the nodule at a location of the other, which is read."""
        found = self.needed(token, owner)
        known = self._answers.again(found.side(which).token, owner, index)
        other = found.side(OTHER[which])
        second, _ = self._answers.new(other.token, owner, roi, known.model)
        earlier = found.pair_of(which, index)
        there = earlier.expected if earlier else None
        self._keep(found, owner, _pair(which, index, second, "clicked", there))

    def undo(self, token: str, owner: str, before: int | None, now: int | None) -> None:
        """Forget a pair; its findings stay."""
        found = self.needed(token, owner)
        pair = Pair(before, now, "found")
        self._change(found, owner, lambda link: link.without_pair(pair))

    def set_days(self, token: str, owner: str, days: int) -> None:
        """Keep how many days lie between the scans; UserError ``bad_number`` for what cannot be."""
        if not 0 < days <= MOST_DAYS:
            raise UserError("bad_number", "The interval must be between 1 day and 100 years.")
        found = self.needed(token, owner)
        self._change(found, owner, lambda link: replace(link, days=days, are_days_typed=True))

    def end(self, token: str, owner: str) -> str:
        """Remove the scan that was added; the token of the one that stays."""
        found = self.needed(token, owner)
        self._store.remove(found.link.other, owner)
        self._store.write(found.token, owner, COMPARISON, None)
        return found.token

    def change(self, token: str, owner: str, scan: Scan) -> None:
        """Let a kept scan say something else of its slices, as `Answers.anew` does.

        If another one is compared with it, the two are aligned again. Whole pairs stay; what was looked for
        in vain may be looked for again. Where that fails, all stays as it was.
        """
        found = self.of(token, owner)
        link = None if found is None else self._linked_anew(found, token, scan)
        self._answers.anew(token, owner, scan)
        if found is not None and link is not None:
            try:
                self._change(found, owner, lambda old: _in_place_of(old, link))
            except UserError as error:  # it was ended meanwhile
                if error.code != "not_comparable":
                    raise

    def _linked_anew(self, found: Comparison, token: str, scan: Scan) -> Link:
        """The link as it is if the scan of a token says something else of its slices."""
        is_earlier = found.link.is_earlier
        ours, theirs = (found.now, found.before) if is_earlier else (found.before, found.now)
        kept, added = (scan if side.token == token else side.scan for side in (ours, theirs))
        return self._linked(kept, added, Link(found.link.other, is_earlier))

    def findings(
        self, found: Comparison, owner: str, pair: Pair, model: str | None = None
    ) -> tuple[Finding | None, Finding | None]:
        """The findings of a pair, the earlier one first, with one model in front."""

        def of(side: Side, index: int | None) -> Finding | None:
            return None if index is None else self._answers.again(side.token, owner, index, model)

        return of(found.before, pair.before), of(found.now, pair.now)

    def _side(self, token: str, owner: str) -> Side:
        scan = self._store.get(token, owner)
        return Side(token, scan, tuple(self._answers.listed(token, owner)))

    def _linked(self, kept: Scan, added: Scan, link: Link) -> Link:
        """A link with all that can be told of two scans as they lie in the store."""
        days, notices = days_between(kept.day, added.day), []
        if days and (days < 0) != link.is_earlier:
            link = replace(link, is_earlier=days < 0)
            notices.append(
                Notice(
                    "order_by_dates",
                    "According to their dates, the two scans are in the reverse order; they are compared "
                    "that way.",
                )
            )
        if days == 0:
            notices.append(
                Notice(
                    "same_date",
                    "Both scans have the same date. If that is wrong, enter the number of days between them.",
                )
            )
        before, now = (added, kept) if link.is_earlier else (kept, added)
        alignment = reason = None
        with self._queue.place(), stage("align"):
            try:
                alignment = align(now, before)
            except NotAligned as error:
                reason = error.reason
        notices += notices_on(before, now, alignment, reason)
        return replace(
            link,
            days=abs(days) if days else None,
            alignment=alignment,
            reason=reason,
            notices=tuple(notices),
        )

    def _find_all(self, token: str, owner: str) -> None:
        """Look for the nodules that were read already; what fails can be asked for again."""
        found = self.needed(token, owner)
        which: Which = "now" if found.link.is_earlier else "before"
        for finding in found.side(which).findings[:AT_ONCE]:
            if finding.verdict != "no_nodule":
                with suppress(UserError, FindingGone):
                    self.find(token, owner, which, finding.index)

    def _known_near(
        self, found: Comparison, owner: str, which: Which, point: tuple[float, float, float]
    ) -> tuple[int, float] | None:
        """A finding that is there already, in no pair, and its distance (mm) from the expected point."""
        side, best = found.side(which), None
        for index in (finding.index for finding in side.findings):
            pair = found.pair_of(which, index)
            if pair is not None and pair.is_whole:
                continue
            try:
                reading = self._answers.again(side.token, owner, index).reading
            except FindingGone:  # deleted meanwhile
                continue
            if not reading.is_nodule:
                continue
            own = point_of(side.scan, reading.roi.row, reading.roi.col, reading.roi.slice)
            distance = float(np.linalg.norm(np.subtract(own, point)))
            if distance <= REACH_MM and (best is None or distance < best[1]):
                best = index, distance
        return best

    def _is_nodule(self, scan: Scan, roi: Roi) -> bool:
        seen = self._registry.recognise(scan, roi, (roi.slice, roi.slice))
        return seen is None or seen.is_nodule

    def _keep(self, found: Comparison, owner: str, pair: Pair) -> None:
        self._change(found, owner, lambda link: link.with_pair(pair))

    def _change(self, found: Comparison, owner: str, change: Callable[[Link], Link]) -> None:
        """Change a link; UserError ``not_comparable`` where it was ended meanwhile, whatever followed."""

        def changed(note: object) -> object:
            link = msgspec.convert(note, Link | None)
            if link is None or link.other != found.link.other:
                raise _not_compared()
            return msgspec.to_builtins(change(link))

        self._store.update(found.token, owner, COMPARISON, changed)


def _pair(
    which: Which,
    index: int,
    second: int | None,
    source: str,
    expected: Roi | None,
    distance_mm: float | None = None,
) -> Pair:
    """A pair of a finding on one scan and what was found on the other."""
    before, now = (index, second) if which == "before" else (second, index)
    return Pair(before, now, "clicked" if source == "clicked" else "found", expected, distance_mm)


def _in_place_of(old: Link, new: Link) -> Link:
    """A link of two scans that were aligned anew: with the whole pairs, and the days, of the old one."""
    turned = tuple(notice for notice in old.notices if notice.code == "order_by_dates")
    return replace(
        new,
        days=old.days,
        are_days_typed=old.are_days_typed,
        notices=turned + new.notices,
        pairs=tuple(replace(p, expected=None, distance_mm=None) for p in old.pairs if p.is_whole),
    )


def _not_compared() -> UserError:
    return UserError("not_comparable", "There is no other scan to compare this one with; add one first.")


def _same_images(one: Scan, other: Scan) -> bool:
    """Whether two scans are one: by their images' identifiers, or else by every pixel."""
    if one.references and other.references:
        shared = {r.sop_instance_uid for r in one.references} & {r.sop_instance_uid for r in other.references}
        if shared:
            return True
    if one.slices.shape != other.slices.shape:
        return False
    return all(np.array_equal(a, b) for a, b in zip(one.slices, other.slices, strict=True))
