"""How a scan lies on disk: a folder with its slices, its description and its notes, dated. No pickles."""

import json
import math
import os
import re
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0

from models.imaging.scan import Scan, describe, scan_of

SLICES, DESCRIPTION, VISITOR, JOBS = "slices.npy", "scan.json", "visitor", "jobs"
SEALED, TOGETHER = "upload.sealed", "together"
NEW, GONE = ".new", ".gone"  # end of the name of what is being written, or removed
OURS = re.compile(rf"[0-9a-f]{{64}}({re.escape(NEW)}|{re.escape(GONE)})?")


def wall() -> float:
    """Seconds since 1970, by the clock by which files are dated."""
    return time.time()


def ahead() -> float:
    """How far the wall clock is ahead of one that nobody sets, in seconds; changes where it is set.

    That one counts the seconds that the machine sleeps, where the system has such a clock.
    """
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return wall() - (time.monotonic() if boot is None else time.clock_gettime(boot))


@dataclass(frozen=True)
class StoredScan:
    """A scan's folder, when it was last used (seconds since 1970), its size in bytes, and whose it is.

    The visitor is two marks, of the address and of the browser, that are equal for equal ones. Another scan,
    whose folder is `spared`, does not go for this one.
    """

    path: Path
    last_use: float
    n_bytes: int
    visitor: tuple[str, ...] = ("", "")
    spared: Path | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it can be read, and evicted; what is being written cannot."""
        return not self.path.suffix


def kept_in(folder: Path) -> list[StoredScan]:
    """All scans in a store's folder, also those that are being written, last used first."""
    found = []
    for path in _own(folder):
        with suppress(FileNotFoundError):
            infos = [path.stat()]
            for file in list(path.iterdir()):
                with suppress(FileNotFoundError):  # a temporary name of a file that is being written
                    infos.append(file.stat())
            last_use = max(info.st_mtime for info in infos)
            found.append(StoredScan(path, last_use, sum(info.st_size for info in infos[1:]), _visitor(path)))
    return sorted(found, key=attrgetter("last_use"), reverse=True)


def names_in(folder: Path) -> set[str]:
    """Names of the scans that are kept, without those that are being written or removed."""
    return {path.name for path in _own(folder) if not path.suffix}


def discard_expired(folder: Path, oldest: float) -> None:
    """Remove scans last used before the time `oldest`, and finish interrupted removals."""
    for scan in kept_in(folder):
        if scan.last_use < oldest or scan.path.suffix == GONE:
            discard(scan.path)


def renew(folder: Path, now: float, later_than: float = -math.inf) -> None:
    """Let scans and reports count as used now: all, or those last used later than some time."""
    with suppress(FileNotFoundError):  # no report yet
        _renew([(path, path.stat().st_mtime) for path in (folder / JOBS).iterdir()], now, later_than)
    _renew([(scan.path, scan.last_use) for scan in kept_in(folder)], now, later_than)


def _renew(dated: Iterable[tuple[Path, float]], now: float, later_than: float) -> None:
    for path in [path for path, last_use in dated if last_use > later_than]:
        with suppress(OSError):  # removed meanwhile
            for each in [*(path.iterdir() if path.is_dir() else ()), path]:
                os.utime(each, (now, now))


def _visitor(path: Path) -> tuple[str, ...]:
    with suppress(FileNotFoundError, ValueError):
        address, browser = (path / VISITOR).read_text().split()
        return address, browser
    return StoredScan.visitor


def make_room(folder: Path, n_bytes: int, n_scans: int, new: StoredScan) -> bool:
    """Remove scans until there is room for a new one; see `evict`.

    `n_bytes` and `n_scans` bound all together, the new one included. False where that cannot be reached,
    because scans are being written.
    """
    while True:
        kept = [*kept_in(folder), new]
        if len(kept) <= n_scans and sum(scan.n_bytes for scan in kept) <= n_bytes:
            return True
        if not evict(folder, n_bytes, n_scans, new):
            return False


def evict(folder: Path, n_bytes: int, n_scans: int, new: StoredScan) -> bool:
    """Remove a scan for a new one: of the address, and of the browser there, that has most; the oldest.

    So nobody's scans go because someone else sends many. Bounds as of `make_room`. False where there is none
    that could go.
    """
    kept = kept_in(folder)
    of_address: defaultdict[str, float] = defaultdict(float)
    of_browser: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for scan in (new, *(scan for scan in kept if scan.path != new.path)):
        weight = scan.n_bytes / max(n_bytes, 1) + 1 / n_scans
        of_address[scan.visitor[0]] += weight
        of_browser[scan.visitor] += weight

    def excess(scan: StoredScan) -> tuple[float, float, float]:
        return round(of_address[scan.visitor[0]], 6), round(of_browser[scan.visitor], 6), -scan.last_use

    complete = [scan for scan in kept if scan.is_complete and scan.path != new.spared]
    if complete:
        discard(max(complete, key=excess).path)
    return bool(complete)


def reserve(
    path: Path, n_bytes: int, visitor: tuple[str, ...] = StoredScan.visitor, name: str = SLICES
) -> None:
    """Make the folder of a scan to be written, with slices that already count with their full size."""
    path.mkdir(mode=0o700, exist_ok=True)
    write_file(path / VISITOR, " ".join(visitor).encode())
    with open(path / name, "wb", opener=_private) as file:
        file.truncate(n_bytes)


def write_scan(path: Path, scan: Scan) -> None:
    """Fill a reserved folder; slice by slice, so that the volume is never copied in memory."""
    slices = scan.slices
    header = {"descr": dtype_to_descr(slices.dtype), "fortran_order": False, "shape": slices.shape}
    with open(path / SLICES, "r+b") as file:  # numpy's own writing overlooks a disk that is full at the end
        write_array_header_1_0(file, header)
        for pixels in slices:
            file.write(np.ascontiguousarray(pixels).data)
    write_file(path / DESCRIPTION, json.dumps(describe(scan)).encode())


def rewrite(path: Path, scan: Scan, kept: Iterable[str] = ()) -> None:
    """Replace the description of the slices in a folder; all notes go but those `kept`."""
    own = {SLICES, VISITOR, DESCRIPTION, TOGETHER, *kept}
    for file in [file for file in path.iterdir() if file.name not in own]:
        file.unlink(missing_ok=True)
    write_file(path / DESCRIPTION, json.dumps(describe(scan)).encode())


def write_sealed(path: Path, segments: Callable[[], Iterable[bytes]]) -> None:
    """Fill a reserved folder with an encrypted file; `segments` gives it from the beginning each time."""
    with open(path / SEALED, "r+b") as file:
        for segment in segments():
            file.write(segment)


def use_together(path: Path, other: Path) -> None:
    """Let each use of a scan's folder count as one of another folder, too."""
    write_file(path / TOGETHER, other.name.encode())


def touch(path: Path) -> None:
    """Note that a scan is used now, and what is used together with it."""
    os.utime(path)
    with suppress(FileNotFoundError):
        other = (path / TOGETHER).read_text()
        if OURS.fullmatch(other):
            os.utime(path.with_name(other))


def read_scan(path: Path) -> Scan:
    """The scan in a folder; its slices are a read-only memory map, which on POSIX outlives their removal."""
    description = read_json(path / DESCRIPTION)
    return scan_of(description, np.load(path / SLICES, mmap_mode="r", allow_pickle=False))


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(path.name + NEW)
    with open(new, "wb", opener=_private) as file:
        file.write(data)
    os.replace(new, path)


def read_json(path: Path) -> Any:
    """The value in a file."""
    return json.loads(path.read_bytes())


def discard(path: Path) -> None:
    """Remove a scan: at once out of reach, then from the disk."""
    gone = path.with_name(path.name[:64] + GONE)
    try:
        os.rename(path, gone)
    except OSError:  # Windows renames nothing that is mapped; what cannot go now goes at a later sweep
        gone = path
    shutil.rmtree(gone, ignore_errors=True)


def wipe(folder: Path) -> None:
    """Remove all that a store put into its folder, and nothing else."""
    for path in [*_own(folder), folder / JOBS]:
        shutil.rmtree(path, ignore_errors=True)


def _own(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in os.scandir(folder) if OURS.fullmatch(entry.name)]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
