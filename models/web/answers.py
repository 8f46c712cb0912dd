"""Answers on kept scans: computed once, kept beside the scan, and given again for any model."""

from contextlib import suppress
from dataclasses import replace

import msgspec

from models.errors import UserError
from models.imaging.scan import Roi, Scan
from models.inference.classifier import ModelRegistry
from models.inference.correction import corrected
from models.inference.finding import Finding, FindingSummary
from models.inference.pipeline import analyse, check_model, finding_of, read_nodule
from models.inference.reading import Correction, Reading
from models.web.finding_list import CORRECTED, OWN, READING, FindingGone, FindingList, KeptFinding
from models.web.queue import Queue
from models.web.store import ScanStore
from models.web.telemetry import stage


class Answers:
    """Gives findings; where too many readings are under way, one more is refused as ``busy``.

    Parameters
    ----------
    store : ScanStore
    registry : ModelRegistry
    queue : Queue
        Bounds the readings under way or waiting.

    Attributes
    ----------
    findings : FindingList
        Of each scan: names, and which are deleted.
    """

    def __init__(self, store: ScanStore, registry: ModelRegistry, queue: Queue):
        self._store, self._registry, self._queue = store, registry, queue
        self.findings = FindingList(store)

    def once(self, scan: Scan, roi: Roi, model: str, anyway: bool = False) -> Finding:
        """The finding at a location of a scan that is not kept.

        Scores are given `anyway`, here and below, although no nodule is recognised.
        """
        with self._queue.place(), stage("predict"):
            return analyse(scan, roi, model, self._registry, anyway)

    def first(
        self, scan: Scan, owner: str, roi: Roi, model: str, address: str = "", anyway: bool = False
    ) -> tuple[str, int, Finding]:
        """Token, index and first finding of a scan that just came; without a finding it is not kept."""
        token = self._store.put(scan, owner, address)
        try:
            return token, *self.new(token, owner, roi, model, anyway)
        except UserError:
            self._store.remove(token, owner)
            raise

    def new(self, token: str, owner: str, roi: Roi, model: str, anyway: bool = False) -> tuple[int, Finding]:
        """The finding at a location of a kept scan, and its index; the reading is kept."""
        check_model(model, self._registry)
        scan = self._store.get(token, owner)
        reading = self._read(scan, roi)
        finding = finding_of(scan, reading, model, self._registry, anyway)
        listed = self.findings.add(token, owner, finding.summary)
        self.findings.keep(token, owner, listed.index, READING, msgspec.to_builtins(reading))
        return listed.index, replace(finding, name=listed.name, duplicate=listed.duplicate)

    def listed(self, token: str, owner: str) -> list[FindingSummary]:
        """The findings of a scan, in the order in which they were asked for; not those that are deleted."""
        return self.findings.shown(token, owner)

    def again(
        self, token: str, owner: str, index: int, model: str | None = None, anyway: bool = False
    ) -> Finding:
        """A finding of a kept scan, with the model asked for first or another in front.

        Raises
        ------
        FindingGone
            There is no such finding, or it is deleted.
        UserError
            ``scan_gone``, ``unknown_model``, ``model_unavailable``; ``busy`` where it must be read anew.
        """
        listed, scan = self.findings.one(token, owner, index), self._store.get(token, owner)
        reading = self._original(token, owner, listed, scan)
        note = self._store.read(token, owner, f"{CORRECTED}{index}")
        if note and note["weights"] == self._registry.checksum:
            reading = msgspec.convert(note, Reading)
        finding = finding_of(scan, reading, model or listed.model, self._registry, anyway)
        own = {name: getattr(listed, name) for name in OWN}
        return replace(finding, **own)

    def every(self, token: str, owner: str) -> list[tuple[int, Finding]]:
        """All findings of a kept scan with their indices, each with the model that it was asked of.

        Those that are deleted are left out, also while others are read: the indices may have gaps.
        """
        every = []
        for found in self.listed(token, owner):
            with suppress(FindingGone):
                every.append((found.index, self.again(token, owner, found.index)))
        return every

    def correct(self, token: str, owner: str, index: int, correction: Correction | None) -> None:
        """Keep a reader's correction of a finding's outline, in place of an earlier one; None takes it back.

        Raises as `again` and `models.inference.correction.corrected` do; what was kept then stays.
        """
        reading = None
        if correction is not None:
            scan = self._store.get(token, owner)
            original = self._original(token, owner, self.findings.one(token, owner, index), scan)
            with self._queue.place(), stage("predict"):
                reading = msgspec.to_builtins(corrected(scan, original, correction, self._registry))
        self.findings.keep(token, owner, index, CORRECTED, reading)

    def _original(self, token: str, owner: str, found: FindingSummary, scan: Scan) -> Reading:
        """A reading as it was computed; anew where that never ended, or was by other weights."""
        note = self._store.read(token, owner, f"{READING}{found.index}")
        if note and note["weights"] == self._registry.checksum:
            return msgspec.convert(note, Reading)
        reading = self._read(scan, found.roi)
        self.findings.keep(token, owner, found.index, READING, msgspec.to_builtins(reading))
        return reading

    def anew(self, token: str, owner: str, scan: Scan) -> None:
        """Let a kept scan say something else of its slices, and read all its findings again.

        Corrections of outlines are made to the new ones, unless nothing would be left of these. Where a
        reading fails, all stays as it was; raises as `new` does.
        """
        old = self._all_kept(token, owner)
        new = {index: self._read(scan, kept.roi) for index, kept in old.items()}
        corrections = {i: self._corrected_anew(token, owner, i, scan, reading) for i, reading in new.items()}
        said = {i: self._summary(scan, reading, old[i].model) for i, reading in new.items()}
        self._store.change(token, owner, scan)
        self.findings.say_anew(token, owner, said)
        for index, reading in new.items():
            with suppress(FindingGone):  # forgotten meanwhile
                self.findings.keep(token, owner, index, READING, msgspec.to_builtins(reading))
                if (again := corrections[index]) is not None:
                    self.findings.keep(token, owner, index, CORRECTED, msgspec.to_builtins(again))

    def _all_kept(self, token: str, owner: str) -> dict[int, KeptFinding]:
        """By index all findings of which something is left, those that may come back too."""
        entries = self.findings.entries(token, owner)
        return {index: kept for index, kept in enumerate(entries) if kept is not None}

    def _summary(self, scan: Scan, reading: Reading, model: str) -> FindingSummary:
        return finding_of(scan, reading, model, self._registry).summary

    def _corrected_anew(
        self, token: str, owner: str, index: int, scan: Scan, reading: Reading
    ) -> Reading | None:
        """A new reading with the correction that was made to the one in its place; None without one."""
        note = self._store.read(token, owner, f"{CORRECTED}{index}")
        correction = msgspec.convert(note, Reading).corrected if note else None
        if correction is None:
            return None
        with suppress(UserError), self._queue.place(), stage("predict"):
            return corrected(scan, reading, correction, self._registry)
        return None

    def _read(self, scan: Scan, roi: Roi) -> Reading:
        with self._queue.place(), stage("predict"):
            return read_nodule(scan, roi, self._registry)
