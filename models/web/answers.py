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
from models.web.queue import Queue
from models.web.store import ScanStore
from models.web.telemetry import stage

NOTES = "findings"  # the list that a viewer shows


class Answers:
    """Gives findings; where too many readings are under way, one more is refused as ``busy``.

    Parameters
    ----------
    store : ScanStore
    registry : ModelRegistry
    queue : Queue
        Bounds the readings under way or waiting.
    """

    def __init__(self, store: ScanStore, registry: ModelRegistry, queue: Queue):
        self._store, self._registry, self._queue = store, registry, queue

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
        index = self._store.append(token, owner, NOTES, msgspec.to_builtins(finding.summary))
        self._store.write(token, owner, f"reading{index}", msgspec.to_builtins(reading))
        return index, replace(finding, name=_name_of(index))

    def listed(self, token: str, owner: str) -> list[FindingSummary]:
        """The findings of a scan, in the order in which they were asked for."""
        return msgspec.convert(self._store.read(token, owner, NOTES, []), list[FindingSummary])

    def again(
        self, token: str, owner: str, index: int, model: str | None = None, anyway: bool = False
    ) -> Finding:
        """A finding of a kept scan, with the model asked for first or another in front.

        Raises
        ------
        IndexError
            There is no such finding.
        UserError
            ``scan_gone``, ``unknown_model``, ``model_unavailable``; ``busy`` where it must be read anew.
        """
        listed, scan = self.listed(token, owner)[index], self._store.get(token, owner)
        reading = self._original(token, owner, index, scan)
        note = self._store.read(token, owner, f"corrected{index}")
        if note and note["weights"] == self._registry.checksum:
            reading = msgspec.convert(note, Reading)
        finding = finding_of(scan, reading, model or listed.model, self._registry, anyway)
        return replace(finding, name=_name_of(index, listed))

    def every(self, token: str, owner: str) -> list[tuple[int, Finding]]:
        """All findings of a kept scan with their indices, each with the model that it was asked of."""
        return [(i, self.again(token, owner, i)) for i in range(len(self.listed(token, owner)))]

    def correct(self, token: str, owner: str, index: int, correction: Correction | None) -> None:
        """Keep a reader's correction of a finding's outline, in place of an earlier one; None takes it back.

        Raises as `again` and `models.inference.correction.corrected` do; what was kept then stays.
        """
        reading = None
        if correction is not None:
            scan = self._store.get(token, owner)
            original = self._original(token, owner, index, scan)
            with self._queue.place(), stage("predict"):
                reading = msgspec.to_builtins(corrected(scan, original, correction, self._registry))
        self._store.write(token, owner, f"corrected{index}", reading)

    def _original(self, token: str, owner: str, index: int, scan: Scan) -> Reading:
        """A reading as it was computed; anew where that never ended, or was by other weights."""
        name = f"reading{index}"
        note = self._store.read(token, owner, name)
        if note and note["weights"] == self._registry.checksum:
            return msgspec.convert(note, Reading)
        reading = self._read(scan, self.listed(token, owner)[index].roi)
        self._store.write(token, owner, name, msgspec.to_builtins(reading))
        return reading

    def anew(self, token: str, owner: str, scan: Scan) -> None:
        """Let a kept scan say something else of its slices, and read all its findings again.

        Corrections of outlines are made to the new ones, unless nothing would be left of these. Where a
        reading fails, all stays as it was; raises as `new` does.
        """
        listed = self.listed(token, owner)
        readings = [self._read(scan, found.roi) for found in listed]
        corrections = [self._corrected_anew(token, owner, i, scan, new) for i, new in enumerate(readings)]
        self._store.change(token, owner, scan)
        for index, (found, reading) in enumerate(zip(listed, readings, strict=True)):
            finding = finding_of(scan, reading, found.model, self._registry)
            self._store.append(token, owner, NOTES, msgspec.to_builtins(finding.summary))
            self._store.write(token, owner, f"reading{index}", msgspec.to_builtins(reading))
            if (again := corrections[index]) is not None:
                self._store.write(token, owner, f"corrected{index}", msgspec.to_builtins(again))

    def _corrected_anew(
        self, token: str, owner: str, index: int, scan: Scan, reading: Reading
    ) -> Reading | None:
        """A new reading with the correction that was made to the one in its place; None without one."""
        note = self._store.read(token, owner, f"corrected{index}")
        correction = msgspec.convert(note, Reading).corrected if note else None
        if correction is None:
            return None
        with suppress(UserError), self._queue.place(), stage("predict"):
            return corrected(scan, reading, correction, self._registry)
        return None

    def _read(self, scan: Scan, roi: Roi) -> Reading:
        with self._queue.place(), stage("predict"):
            return read_nodule(scan, roi, self._registry)


def _name_of(index: int, listed: FindingSummary | None = None) -> str:
    return (listed and listed.name) or f"F{index + 1}"
