"""The temporary store: scans, the notes beside them, and how far an upload has come.

A folder (mode 0700) that any number of processes of one machine share. A scan's sub-folder is named by a
hash of token and owner together: who has only one of the two finds nothing, a listing of the folder reveals
neither, and a foreign scan is simply a scan that is not there. Only what `describe` says of a scan is kept:
no headers (whose study it is stays in memory, see `header_memory`), no names of files. Uploads that are
needed again, which have both, lie there encrypted (`sealed`).
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.imaging.scan import Scan
from models.imaging.study_header import StudyHeader
from models.messages import Message
from models.web.store import disk
from models.web.store.days import hidden_day
from models.web.store.header_memory import HeaderMemory
from models.web.store.keys import (
    job_name,
    lasts,
    mark,
    new_token,
    note_name,
    scan_gone,
    scan_name,
    store_full,
    translated_os_errors,
)
from models.web.store.mapped_slices import MappedSlices
from models.web.store.process_lock import ProcessLock, StoreLifetime, default_folder
from models.web.store.revoked import RevokedNames, forget_past
from models.web.store.sealed import key_of, seal, sealed_size, unseal

NOTE_BYTES = 5_000_000
FULL = (errno.ENOSPC, errno.EDQUOT)
JOBS_AT_MOST, JOB_SECONDS = 200, 300
JUMP_SECONDS = 10  # of the clock; less is correction, and no matter to scans that stay for minutes
TOUCH_SECONDS = 5  # a use is written down at most this often


class ScanStore:
    """Scans between two requests.

    Methods with a token and an owner raise ``UserError("scan_gone")`` where either is malformed, unknown,
    foreign, expired or removed, alike; those that write raise ``UserError("store_full")`` where the disk
    refuses. Owners are random values that the browser keeps.

    Parameters
    ----------
    folder
        Of this user alone (`make_private` says what is refused); default: one among the temporary files.
    minutes
        A scan expires this long after its last use. Where the clock is set meanwhile, scans count as just
        used: none stays for longer than this from then on, and none goes before its time.
    max_mb, max_scans
        Bounds on all scans, of all processes together: for a new one, old ones go of whoever has most. Old
        ones go, too, where the disk is full.
    sweep_seconds
        How often a thread removes what has expired.

    Attributes
    ----------
    revoked
        For sessions, which all processes must know when they were ended.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        minutes: float = 30,
        max_mb: float = 2000,
        max_scans: int = 20,
        sweep_seconds: float = 60,
    ) -> None:
        self._seconds = minutes * 60
        self._max_bytes, self._max_scans = int(max_mb * 1_000_000), max_scans
        self._ahead = disk.ahead()
        self._headers = HeaderMemory(max_scans)
        self._lifetime = StoreLifetime(
            Path(folder or default_folder()), disk.wipe, self._sweep, sweep_seconds
        )
        self.revoked = RevokedNames(self._lifetime.lock)
        self._mapped = MappedSlices()

    def put(self, scan: Scan, owner: str, address: str = "", beside: str | None = None) -> str:
        """Keep a scan; its token. The visitor's address has a share; on disk lies a keyed hash of it.

        The scan whose token is `beside` does not go for it. The day of the study is kept as `hidden_day`.

        Raises
        ------
        UserError
            ``too_large`` for a scan beyond the whole bound, ``store_full``, ``scan_gone`` without an owner.
        """
        n_bytes = scan.slices.nbytes
        if n_bytes > self._max_bytes:
            size, most = n_bytes / 1e6, self._max_bytes / 1e6
            message = Message(
                "The scan takes {size:.0f} MB uncompressed; this server keeps at most {most:.0f} MB.",
                size=size,
                most=most,
            )
            raise UserError("too_large", message)
        token = new_token()
        name = scan_name(token, owner)  # refuses who is nobody
        kept = replace(scan, day=hidden_day(scan.day, owner))

        def write(path: Path) -> None:
            disk.write_scan(path, kept)

        self._put(name, n_bytes, write, owner, address, beside=beside)
        if scan.header:
            with self._changing(token, owner) as path:
                self._headers.put(name, token, owner, scan.header, disk.names_in(path.parent))
        return token

    def header(self, token: str, owner: str) -> StudyHeader | None:
        """Whose study a scan is, as long as it is kept; None where nobody said, or the memory was lost."""
        with self._changing(token, owner):
            return self._headers.get(scan_name(token, owner), token, owner)

    def put_sealed(
        self, pieces: Callable[[], Iterable[bytes]], n_bytes: int, owner: str, address: str = ""
    ) -> str:
        """Keep bytes encrypted, as a scan is kept, with notes beside them; their token.

        Parameters
        ----------
        pieces
            Gives them from the beginning, `n_bytes` in all; may be called more than once.

        Raises
        ------
        UserError
            ``too_large`` beyond the whole bound, ``store_full``, ``scan_gone`` without an owner.
        """
        if (size := sealed_size(n_bytes)) > self._max_bytes:
            takes, most = size / 1e6, self._max_bytes / 1e6
            message = Message(
                "The upload takes {size:.0f} MB; this server keeps at most {most:.0f} MB. Send one series at "
                "a time.",
                size=takes,
                most=most,
            )
            raise UserError("too_large", message)
        token = new_token()
        key = key_of(token, owner)

        def write(path: Path) -> None:
            disk.write_sealed(path, lambda: seal(pieces(), key))

        self._put(scan_name(token, owner), size, write, owner, address, disk.SEALED)
        return token

    def get_sealed(self, token: str, owner: str) -> Iterator[bytes]:
        """The bytes of `put_sealed`, in pieces; what is removed meanwhile is read to its end."""
        name = scan_name(token, owner)
        with translated_os_errors():
            file = open(self._used(name) / disk.SEALED, "rb")  # noqa: SIM115  # closed below

        def pieces() -> Iterator[bytes]:
            with file:
                try:
                    yield from unseal(file, key_of(token, owner))
                except ValueError:
                    raise scan_gone() from None

        return pieces()

    def use_together(self, token: str, other: str, owner: str) -> None:
        """Let another entry, of `put_sealed`, stay as long as a scan that is used."""
        with self._changing(token, owner) as path:
            disk.use_together(path, path.with_name(scan_name(other, owner)))

    def _put(
        self,
        name: str,
        n_bytes: int,
        write_into: Callable[[Path], None],
        owner: str,
        address: str,
        file: str = disk.SLICES,
        beside: str | None = None,
    ) -> None:
        """Make room for an entry, and write it; the one whose token is `beside` does not go for it."""
        with translated_os_errors():
            lock = self._lock()
            new = lock.folder / (name + disk.NEW)
            visitor = tuple(mark(lock.key, text) for text in (address, owner))
            spared = lock.folder / scan_name(beside, owner) if beside else None
            own = disk.StoredScan(new, disk.wall(), n_bytes, visitor, spared)
            asked = self._max_bytes, self._max_scans, own
            try:
                with lock.exclusive():
                    disk.discard_expired(lock.folder, disk.wall() - self._seconds)
                    if not disk.make_room(lock.folder, *asked):
                        raise store_full()
                    _in_place_of_old(partial(disk.reserve, new, n_bytes, visitor, file), lock.folder, asked)
                write = partial(write_into, new)  # the long part: others may use the store
                _in_place_of_old(write, lock.folder, asked, lock.exclusive)
                with lock.exclusive():
                    os.rename(new, lock.folder / name)
            finally:
                shutil.rmtree(new, ignore_errors=True)

    def get(self, token: str, owner: str) -> Scan:
        """The scan, its slices a read-only memory map."""
        name = scan_name(token, owner)
        try:
            path = self._used(name)
            scan = disk.read_scan(path)
        except (OSError, ValueError, KeyError, TypeError):  # removed meanwhile, or damaged
            raise scan_gone() from None
        self._mapped.add(scan.slices, path)
        return scan

    def change(self, token: str, owner: str, scan: Scan) -> None:
        """Keep what a scan now says of the same slices; the notes that followed from it go."""
        with self._changing(token, owner) as path:
            disk.rewrite(path, scan, kept=[file.name for file in path.glob("*.json") if lasts(file.stem)])

    def remove(self, token: str, owner: str) -> None:
        """Forget a scan and its notes."""
        with self._changing(token, owner) as path:
            disk.discard(path)
            self._headers.forget_but(disk.names_in(path.parent))

    def write(self, token: str, owner: str, name: str, value: Any) -> None:
        """Keep a note beside a scan: any JSON value, under a name of lower-case letters."""
        note = note_name(name)
        with self._changing(token, owner) as path:
            _write_note(path / note, value)

    def read(self, token: str, owner: str, name: str, default: Any = None) -> Any:
        """A note beside a scan, or `default` where there is none."""
        note, scan = note_name(name), scan_name(token, owner)
        with translated_os_errors():
            path = self._used(scan)
            try:
                return disk.read_json(path / note)
            except FileNotFoundError:
                self._used(scan)  # was it the scan that went?
                return default

    def append(self, token: str, owner: str, name: str, item: Any) -> int:
        """Add an item to a note that is a list, whoever else adds to it; its index in the list."""
        return len(self.update(token, owner, name, lambda items: [*(items or []), item])) - 1

    def update(
        self,
        token: str,
        owner: str,
        name: str,
        change: Callable[[Any], Any],
        removed: Callable[[Any], Iterable[str]] = lambda _: (),
    ) -> Any:
        """Replace a note by what `change` makes of it (of None, where there is none), and return that.

        The notes that `removed` names, given what is returned, go with it. Nobody else writes meanwhile.
        """
        note = note_name(name)
        with self._changing(token, owner) as path:
            value = change(disk.read_json(path / note) if (path / note).exists() else None)
            for other in removed(value):
                (path / note_name(other)).unlink(missing_ok=True)
            _write_note(path / note, value)
            return value

    def report(self, job: str | None, owner: str, value: Any) -> None:
        """Say how far an upload is; a nicety, so what cannot be kept (a malformed job) is passed over."""
        data = json.dumps(value).encode()
        with suppress(UserError, OSError):
            lock, name = self._lock(), job_name(job, owner)
            with lock.exclusive():
                jobs = lock.folder / disk.JOBS
                jobs.mkdir(mode=0o700, exist_ok=True)
                if not (jobs / name).exists():
                    _forget_jobs(jobs, at_most=JOBS_AT_MOST - 1)
                disk.write_file(jobs / name, data)

    def reported(self, job: str, owner: str, default: Any = None) -> Any:
        """What was last reported of an upload, or `default`."""
        try:
            path = self._lock().folder / disk.JOBS / job_name(job, owner)
            return disk.read_json(path) if _age(path) <= JOB_SECONDS else default
        except (UserError, OSError, ValueError):
            return default

    def sweep(self) -> None:
        """Remove what has expired, and what was left half done."""
        with translated_os_errors():
            self._sweep(self._lifetime.lock())

    def close(self) -> None:
        """Stop, for this process (done at its exit too); the last process that goes removes everything."""
        self._lifetime.close()

    def _lock(self) -> ProcessLock:
        """This process's lock on the folder, whose dates are those of the clock as it goes now."""
        lock = self._lifetime.lock()
        self._follow_clock(lock)
        return lock

    def _follow_clock(self, lock: ProcessLock) -> None:
        """Date everything anew where the clock was set since this process looked last."""
        ahead = disk.ahead()
        if abs(ahead - self._ahead) > JUMP_SECONDS:
            with lock.exclusive():
                disk.renew(lock.folder, disk.wall())
        self._ahead = ahead

    def _used(self, name: str, lock: ProcessLock | None = None) -> Path:
        """The folder of a scan, its use written down; FileNotFoundError where it is not, or no longer."""
        path = (lock or self._lock()).folder / name
        age = _age(path)
        if age > self._seconds:
            raise FileNotFoundError("expired")
        if age > min(TOUCH_SECONDS, self._seconds / 10):
            disk.touch(path)
        return path

    @contextmanager
    def _changing(self, token: str, owner: str) -> Iterator[Path]:
        """The folder of a scan, which nobody else changes or removes meanwhile."""
        name = scan_name(token, owner)
        with translated_os_errors():
            lock = self._lock()
            with lock.exclusive():
                yield self._used(name, lock)

    def _sweep(self, lock: ProcessLock) -> None:
        self._follow_clock(lock)
        with lock.exclusive():
            disk.renew(lock.folder, disk.wall(), later_than=disk.wall() + JUMP_SECONDS)
            disk.discard_expired(lock.folder, disk.wall() - self._seconds)
            self._headers.forget_but(disk.names_in(lock.folder))
            forget_past(lock.folder)
            with suppress(FileNotFoundError):
                _forget_jobs(lock.folder / disk.JOBS, at_most=JOBS_AT_MOST)


def _age(path: Path) -> float:
    return disk.wall() - os.stat(path).st_mtime


def _in_place_of_old(
    write: Callable[[], None],
    folder: Path,
    asked: tuple[int, int, disk.StoredScan],
    turn: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Write; where the disk is full, remove old scans, for which `turn` is taken, until it goes."""
    while True:
        try:
            return write()
        except OSError as error:
            with turn():
                if error.errno not in FULL or not disk.evict(folder, *asked):
                    raise


def _write_note(path: Path, value: Any) -> None:
    data = json.dumps(value).encode()
    if len(data) > NOTE_BYTES:
        raise UserError("too_large", "No more can be stored for this scan. Upload it again to continue.")
    disk.write_file(path, data)


def _forget_jobs(jobs: Path, at_most: int) -> None:
    """Remove reports on uploads that nobody continued, and the oldest beyond the bound."""
    by_age = sorted((_age(path), path) for path in jobs.iterdir())
    for i, (age, path) in enumerate(by_age):
        if age > JOB_SECONDS or i >= at_most:
            path.unlink()
