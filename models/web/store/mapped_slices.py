"""The slices that were handed out as maps of their files, and what holds them when their scan is gone.

A page's template leaves objects that refer to each other; Python finds such circles only now and then, and
until it does, a scan that was removed stays in memory.
"""

import gc
import mmap
import os
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LOOK_SECONDS = 0.25
COLLECTIONS = 8  # for one scan: who still computes with it lets it go by itself


@dataclass
class _Map:
    """One map, the folder of its scan, and the collections that were made for it."""

    ref: weakref.ref[mmap.mmap]
    folder: Path
    n_collections: int = 0


class MappedSlices:
    """Sees to it that nothing is kept open of scans that are gone."""

    def __init__(self) -> None:
        self._lock, self._process = threading.Lock(), 0
        self._maps: list[_Map] = []

    def add(self, slices: np.ndarray, folder: Path) -> None:
        """Remember slices (`numpy.memmap`) of the scan in a folder."""
        with self._lock:
            if self._process != os.getpid():  # the first, or in a child that was forked
                self._process, self._maps = os.getpid(), []
            if not self._maps:
                threading.Thread(target=self._look, name="store-maps", daemon=True).start()
            self._maps.append(_Map(weakref.ref(slices._mmap), folder))  # type: ignore[attr-defined]

    def _look(self) -> None:
        """While there are maps, look every now and then whether their scans are gone."""
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                self._maps = [each for each in self._maps if each.ref() is not None]
                if not self._maps:
                    return
                gone = [
                    each
                    for each in self._maps
                    if each.n_collections < COLLECTIONS and not each.folder.exists()
                ]
                for each in gone:
                    each.n_collections += 1
            if gone:
                gc.collect()
