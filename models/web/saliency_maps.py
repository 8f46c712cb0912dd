"""The saliency maps of kept findings: computed when they are asked for, once, and kept beside the reading."""

import threading
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import numpy as np

from models.imaging.patch import PATCH
from models.inference.classifier import CONSENSUS, ModelRegistry
from models.inference.finding import Finding
from models.inference.saliency.saliency import Saliency, joined
from models.web.finding_list import MAPS, FindingList
from models.web.queue import Queue
from models.web.store import ScanStore
from models.web.telemetry import stage

LEVELS = 255  # of a map, which is shown with as many


class SaliencyMaps:
    """Gives maps; where too many readings are under way, one that is not kept is refused as ``busy``.

    Parameters
    ----------
    store : ScanStore
    registry : ModelRegistry
    queue : Queue
        Bounds the readings under way or waiting.
    """

    def __init__(self, store: ScanStore, registry: ModelRegistry, queue: Queue):
        self._store, self._registry, self._queue = store, registry, queue
        self._findings = FindingList(store)
        self._computing = threading.Lock()  # one map takes all cores; who asks for the same finds it done

    def can_explain(self, finding: Finding) -> bool:
        """Whether there is a map of a finding's model; none is made where no nodule is recognised."""
        return finding.probability is not None and bool(self._registry.explained_by(finding.model))

    def with_kept(self, token: str, owner: str, index: int, finding: Finding) -> Finding:
        """A finding with its map, as far as that was computed before."""
        note = self._kept(token, owner, index).get(finding.model) if self.can_explain(finding) else None
        return replace(finding, saliency=None if note is None else _map_of(note))

    def with_map(self, token: str, owner: str, index: int, finding: Finding) -> Finding:
        """A finding with its map, where there is one; UserError ``scan_gone``, ``busy``."""
        found = self.with_kept(token, owner, index, finding)
        if found.saliency is not None or not self.can_explain(finding):
            return found
        with self._queue.place(), self._computing:
            kept = self._kept(token, owner, index)  # by another one meanwhile
            if finding.model not in kept:
                with stage("explain"):
                    kept = self._computed(finding, kept)
                note = {"weights": self._registry.checksum, "maps": kept}
                self._findings.keep(token, owner, index, MAPS, note)
        return replace(finding, saliency=_map_of(kept[finding.model]))

    def _computed(self, finding: Finding, kept: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """What is kept, and the map of a finding's model; of the consensus with those of all models."""
        keys = self._registry.explained_by(finding.model)
        maps = self._registry.explain([key for key in keys if key not in kept], finding.patch)
        if finding.model == CONSENSUS:
            maps[CONSENSUS] = joined(maps[key] if key in maps else _map_of(kept[key]) for key in keys)
        return kept | {key: _note_of(one) for key, one in maps.items()}

    def _kept(self, token: str, owner: str, index: int) -> dict[str, dict[str, Any]]:
        """The maps that were computed with these weights, by model, as JSON values."""
        note = self._store.read(token, owner, f"{MAPS}{index}")
        return note["maps"] if note and note["weights"] == self._registry.checksum else {}


def _note_of(saliency: Saliency) -> dict[str, Any]:
    levels = np.round(saliency.map * LEVELS).astype(np.uint8)
    return {
        "map": b64encode(levels.tobytes()).decode(),
        "method": saliency.method,
        "layer": saliency.layer,
    }


def _map_of(note: dict[str, Any]) -> Saliency:
    """In steps of 1 / `LEVELS`."""
    levels = np.frombuffer(b64decode(note["map"]), np.uint8).reshape(PATCH.pixels, PATCH.pixels)
    return Saliency(levels.astype(np.float32) / LEVELS, note["method"], note["layer"])
