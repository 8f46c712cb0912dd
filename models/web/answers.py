"""Answers on kept scans: computed once, kept beside the scan, and given again for any model."""

from models.errors import UserError
from models.imaging.scan import Roi
from models.inference.pipeline import analyse, check_model, finding_of, read_nodule
from models.web.reading_json import note_of, reading_of
from models.web.telemetry.request_context import stage

NOTES = "findings"  # the list that a viewer shows: place, model and verdict of each finding
KEPT = ("model", "title", "verdict", "headline", "probability")


class Answers:
    """Gives findings; where too many readings are under way, one more is refused as ``busy``.

    Parameters
    ----------
    store : ScanStore
    registry : ModelRegistry
    queue : Queue
        Bounds the readings under way or waiting.
    """

    def __init__(self, store, registry, queue):
        self._store, self._registry, self._queue = store, registry, queue

    def once(self, scan, roi, model, anyway=False):
        """The finding at a place of a scan that is not kept, without an explanation.

        Scores are given `anyway`, here and below, although no nodule is recognised.
        """
        with self._queue, stage("predict"):
            return analyse(scan, roi, model, self._registry, anyway)

    def first(self, scan, owner, roi, model, address="", anyway=False):
        """Token, index and first finding of a scan that just came; without a finding it is not kept."""
        token = self._store.put(scan, owner, address)
        try:
            return token, *self.new(token, owner, roi, model, anyway)
        except UserError:
            self._store.remove(token, owner)
            raise

    def new(self, token, owner, roi, model, anyway=False):
        """The finding at a place of a kept scan, and its index; the reading is kept."""
        check_model(model, self._registry)
        reading = self._read(self._store.get(token, owner), roi)
        finding = finding_of(reading, model, self._registry, anyway)
        note = vars(roi) | {name: getattr(finding, name) for name in KEPT}
        index = self._store.append(token, owner, NOTES, note)
        self._store.write(token, owner, f"reading{index}", note_of(reading))
        return index, finding

    def listed(self, token, owner):
        """What a viewer shows of the findings of a scan: dicts of row, col, slice, source and `KEPT`."""
        return self._store.read(token, owner, NOTES, [])

    def again(self, token, owner, index, model=None, anyway=False):
        """A finding of a kept scan, with the model asked for first or another in front.

        Raises
        ------
        IndexError
            There is no such finding.
        UserError
            ``scan_gone``, ``unknown_model``, ``model_unavailable``; ``busy`` where it must be read anew.
        """
        listed = self.listed(token, owner)[index]
        scan, name = self._store.get(token, owner), f"reading{index}"
        note = self._store.read(token, owner, name)
        if note and note["weights"] == self._registry.checksum:
            reading = reading_of(note, scan)
        else:  # never finished, or of other weights
            reading = self._read(scan, Roi(*(listed[field] for field in ("row", "col", "slice", "source"))))
            self._store.write(token, owner, name, note_of(reading))
        return finding_of(reading, model or listed["model"], self._registry, anyway)

    def _read(self, scan, roi):
        with self._queue, stage("predict"):
            return read_nodule(scan, roi, self._registry, explain=True)
