"""Second pass over a series: each slice decoded straight into the volume."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from models.errors import UserError
from models.ingest.dicom import decode
from models.ingest.series.headers import SliceHeader
from models.ingest.series.selection import damaged
from models.ingest.source import Source

THREADS = 2  # unpacking and decompressing leave the interpreter to the other one


def read_volume(
    slices: Sequence[SliceHeader], step: Callable[[], object], notes: set[str] | None = None
) -> np.ndarray:
    """Decode the slices of a series.

    Parameters
    ----------
    slices
        In order.
    step
        Called without arguments, in the calling thread, for each slice.
    notes
        See `models.ingest.dicom.hounsfield.to_hounsfield`.

    Returns
    -------
    ndarray of shape (n, rows, cols)
        int16 where all values are whole numbers, else float32; HU where the files hold HU.

    Raises
    ------
    UserError
        ``corrupt_file`` that says how many of the files are damaged, or what `decode` raises.
    """
    volume, by_source = Volume(len(slices), slices[0].shape, notes), defaultdict(list)
    for index, header in enumerate(slices):
        by_source[header.source].append((index, header.frame.number))
    if len(by_source) == 1:  # many frames, whose steps would come too late
        errors = [volume.fill(*by_source.popitem(), step)]
    else:
        errors = _fill_all(volume, by_source, step)
    broken = [error for error in errors if error]
    if broken:
        raise damaged(len(broken), len(errors), broken[0])
    return volume.pixels


def _fill_all(
    volume: "Volume", by_source: Mapping[Source, list[tuple[int, int]]], step: Callable[[], object]
) -> list[UserError | None]:
    errors = []
    with ThreadPoolExecutor(THREADS) as pool:
        results = pool.map(volume.fill, by_source.keys(), by_source.values())
        for wanted, error in zip(by_source.values(), results, strict=True):
            errors.append(error)
            for _ in wanted:
                step()
    return errors


class Volume:
    """Slices that several threads decode; float32 from the first slice on that is not of whole numbers."""

    def __init__(self, n_slices: int, shape: tuple[int, int], notes: set[str] | None = None) -> None:
        self.pixels = np.empty((n_slices, *shape), np.int16)
        self._lock, self._notes = threading.Lock(), notes

    def fill(
        self, source: Source, wanted: list[tuple[int, int]], step: Callable[[], object] = lambda: None
    ) -> UserError | None:
        """Decode frames of one file.

        Parameters
        ----------
        wanted
            Index of the slice, and 0-based number of its frame in the file.
        step
            Called without arguments after each.

        Returns
        -------
        UserError or None
            A ``corrupt_file``, which is counted; others are raised.
        """
        stream = source.open()
        try:
            frames = decode(stream, [number for _, number in wanted], self._notes)
            for (index, _), pixels in zip(wanted, frames, strict=True):
                self._put(index, pixels)
                step()
            stream.seek(0, 2)  # a ZIP compares its checksum at the end
        except UserError as error:
            if error.code != "corrupt_file":
                raise
            return error
        return None

    def _put(self, index: int, pixels: np.ndarray) -> None:
        if pixels.shape != self.pixels.shape[1:]:
            raise UserError("corrupt_file", "The DICOM file's pixels do not match its header.")
        with self._lock:
            if pixels.dtype != np.int16 and self.pixels.dtype == np.int16:
                self.pixels = self.pixels.astype(np.float32)
            self.pixels[index] = pixels


def same_contents(one: SliceHeader, other: SliceHeader) -> bool:
    """Whether two slices hold equal pixels."""
    first, second = (next(iter(decode(h.source.open(), [h.frame.number]))) for h in (one, other))
    return np.array_equal(first, second)
