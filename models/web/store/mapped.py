"""The slices that were handed out as maps of their files, and what holds them when their scan is gone.

A page's template leaves objects that refer to each other; Python finds such circles only now and then, and
until it does, a scan that was removed stays in memory.
"""

import gc
import os
import threading
import time
import weakref

LOOK_SECONDS = 0.25
COLLECTIONS = 8  # for one scan: who still computes with it lets it go by itself


class Mapped:
    """Sees to it that nothing is kept open of scans that are gone."""

    def __init__(self):
        self._lock, self._owner = threading.Lock(), None
        self._maps = []  # [map, folder of its scan, collections for it]

    def add(self, slices, folder):
        """Remember slices (`numpy.memmap`) of the scan in a folder."""
        with self._lock:
            if self._owner != os.getpid():  # the first, or in a child that was forked
                self._owner, self._maps = os.getpid(), []
            if not self._maps:
                threading.Thread(target=self._look, name="store-maps", daemon=True).start()
            self._maps.append([weakref.ref(slices._mmap), folder, 0])

    def _look(self):
        """While there are maps, look every now and then whether their scans are gone."""
        while True:
            time.sleep(LOOK_SECONDS)
            with self._lock:
                self._maps = [each for each in self._maps if each[0]() is not None]
                if not self._maps:
                    return
                gone = [each for each in self._maps if each[2] < COLLECTIONS and not each[1].exists()]
                for each in gone:
                    each[2] += 1
            if gone:
                gc.collect()
