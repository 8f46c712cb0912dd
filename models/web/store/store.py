"""The temporary store: scans, the notes beside them, and how far an upload has come.

A folder (mode 0700) that any number of processes of one machine share. A scan's sub-folder is named by a
hash of token and owner together: who has only one of the two finds nothing, a listing of the folder reveals
neither, and a foreign scan is simply a scan that is not there. Only what `Scan` holds is kept: no headers,
no names of files.
"""

import errno
import json
import os
import shutil
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from models.errors import UserError
from models.web.store import clock, disk
from models.web.store.ended import RevokedNames, forget_past
from models.web.store.keys import (
    job_name,
    mark,
    new_token,
    note_name,
    scan_gone,
    scan_name,
    store_full,
    translated_os_errors,
)
from models.web.store.lifetime import StoreLifetime
from models.web.store.mapped import Mapped
from models.web.store.process_lock import default_folder

NOTE_BYTES = 5_000_000
FULL = (errno.ENOSPC, errno.EDQUOT)
JOBS_AT_MOST, JOB_SECONDS = 200, 300
TOUCH_SECONDS = 5  # a use is written down at most this often


class ScanStore:
    """Scans between two requests.

    Methods with a token and an owner raise ``UserError("scan_gone")`` where either is malformed, unknown,
    foreign, expired or removed, alike; those that write raise ``UserError("store_full")`` where the disk
    refuses. Owners are random values that the browser keeps.

    Parameters
    ----------
    folder : path, optional
        Of this user alone (`make_private` says what is refused); default: one among the temporary files.
    minutes : float
        A scan expires this long after its last use. Where the clock is set meanwhile, scans count as just
        used: none stays for longer than this from then on, and none goes before its time.
    max_mb, max_scans : float, int
        Bounds on all scans, of all processes together: for a new one, old ones go of whoever has most. Old
        ones go, too, where the disk is full.
    sweep_seconds : float
        How often a thread removes what has expired.

    Attributes
    ----------
    ended : Ended
        For sessions, which all processes must know when they were ended.
    """

    def __init__(self, folder=None, minutes=30, max_mb=2000, max_scans=20, sweep_seconds=60):
        self._seconds = minutes * 60
        self._max_bytes, self._max_scans = int(max_mb * 1_000_000), max_scans
        self._ahead = clock.ahead()
        self._stay = StoreLifetime(Path(folder or default_folder()), disk.wipe, self._sweep, sweep_seconds)
        self.ended = RevokedNames(self._stay.here)
        self._mapped = Mapped()

    def put(self, scan, owner, address=""):
        """Keep a scan; its token.

        Parameters
        ----------
        scan : Scan
        owner : str
        address : str
            Of the visitor, who has a share; on disk lies a keyed hash of it.

        Raises
        ------
        UserError
            ``too_large`` for a scan beyond the whole bound, ``store_full``, ``scan_gone`` without an owner.
        """
        token, n_bytes = new_token(), scan.slices.nbytes
        name = scan_name(token, owner)
        if n_bytes > self._max_bytes:
            size, most = n_bytes / 1e6, self._max_bytes / 1e6
            message = f"The scan takes {size:.0f} MB unpacked; this server keeps at most {most:.0f} MB."
            raise UserError("too_large", message)
        with translated_os_errors():
            here = self._here()
            new = here.folder / (name + disk.NEW)
            visitor = tuple(mark(here.key, text) for text in (address, owner))
            asked = self._max_bytes, self._max_scans, disk.StoredScan(new, clock.wall(), n_bytes, visitor)
            try:
                with here.exclusive():
                    disk.discard_expired(here.folder, clock.wall() - self._seconds)
                    if not disk.make_room(here.folder, *asked):
                        raise store_full()
                    _in_place_of_old(partial(disk.reserve, new, n_bytes, visitor), here.folder, asked)
                write = partial(disk.write_scan, new, scan)  # the long part: others may use the store
                _in_place_of_old(write, here.folder, asked, here.exclusive)
                with here.exclusive():
                    os.rename(new, here.folder / name)
            finally:
                shutil.rmtree(new, ignore_errors=True)
        return token

    def get(self, token, owner):
        """The scan, its slices a read-only memory map."""
        name = scan_name(token, owner)
        try:
            path = self._used(name)
            scan = disk.read_scan(path)
        except (OSError, ValueError, KeyError, TypeError):  # removed meanwhile, or damaged
            raise scan_gone() from None
        self._mapped.add(scan.slices, path)
        return scan

    def remove(self, token, owner):
        """Forget a scan and its notes."""
        with self._changing(token, owner) as path:
            disk.discard(path)

    def write(self, token, owner, name, value):
        """Keep a note beside a scan: any JSON value, under a name of lower-case letters."""
        note = note_name(name)
        with self._changing(token, owner) as path:
            _write_note(path / note, value)

    def read(self, token, owner, name, default=None):
        """A note beside a scan, or `default` where there is none."""
        note, scan = note_name(name), scan_name(token, owner)
        with translated_os_errors():
            path = self._used(scan)
            try:
                return disk.read_json(path / note)
            except FileNotFoundError:
                self._used(scan)  # was it the scan that went?
                return default

    def append(self, token, owner, name, item):
        """Add an item to a note that is a list, whoever else adds to it; its index in the list."""
        note = note_name(name)
        with self._changing(token, owner) as path:
            items = disk.read_json(path / note) if (path / note).exists() else []
            _write_note(path / note, [*items, item])
            return len(items)

    def report(self, job, owner, value):
        """Say how far an upload is; a nicety, so what cannot be kept (a malformed job) is passed over."""
        data = json.dumps(value).encode()
        with suppress(UserError, OSError):
            here, name = self._here(), job_name(job, owner)
            with here.exclusive():
                jobs = here.folder / disk.JOBS
                jobs.mkdir(mode=0o700, exist_ok=True)
                if not (jobs / name).exists():
                    _forget_jobs(jobs, at_most=JOBS_AT_MOST - 1)
                disk.write_file(jobs / name, data)

    def reported(self, job, owner, default=None):
        """What was last reported of an upload, or `default`."""
        try:
            path = self._here().folder / disk.JOBS / job_name(job, owner)
            return disk.read_json(path) if _age(path) <= JOB_SECONDS else default
        except (UserError, OSError, ValueError):
            return default

    def sweep(self):
        """Remove what has expired, and what was left half done."""
        with translated_os_errors():
            self._sweep(self._stay.here())

    def close(self):
        """Stop, for this process (done at its exit too); the last process that goes removes everything."""
        self._stay.close()

    def _here(self):
        """This process's presence in the folder, whose dates are those of the clock as it goes now."""
        here = self._stay.here()
        self._follow_clock(here)
        return here

    def _follow_clock(self, here):
        """Date everything anew where the clock was set since this process looked last."""
        ahead = clock.ahead()
        if abs(ahead - self._ahead) > clock.JUMP_SECONDS:
            with here.exclusive():
                disk.renew(here.folder, clock.wall())
        self._ahead = ahead

    def _used(self, name, here=None):
        """The folder of a scan, its use written down; FileNotFoundError where it is not, or no longer."""
        path = (here or self._here()).folder / name
        age = _age(path)
        if age > self._seconds:
            raise FileNotFoundError("expired")
        if age > min(TOUCH_SECONDS, self._seconds / 10):
            os.utime(path)
        return path

    @contextmanager
    def _changing(self, token, owner):
        """The folder of a scan, which nobody else changes or removes meanwhile."""
        name = scan_name(token, owner)
        with translated_os_errors():
            here = self._here()
            with here.exclusive():
                yield self._used(name, here)

    def _sweep(self, here):
        self._follow_clock(here)
        with here.exclusive():
            disk.renew(here.folder, clock.wall(), later_than=clock.wall() + clock.JUMP_SECONDS)
            disk.discard_expired(here.folder, clock.wall() - self._seconds)
            forget_past(here.folder)
            with suppress(FileNotFoundError):
                _forget_jobs(here.folder / disk.JOBS, at_most=JOBS_AT_MOST)


def _age(path):
    return clock.wall() - os.stat(path).st_mtime


def _in_place_of_old(write, folder, asked, turn=nullcontext):
    """Write; where the disk is full, remove old scans, for which `turn` is taken, until it goes."""
    while True:
        try:
            return write()
        except OSError as error:
            with turn():
                if error.errno not in FULL or not disk.evict(folder, *asked):
                    raise


def _write_note(path, value):
    data = json.dumps(value).encode()
    if len(data) > NOTE_BYTES:
        raise UserError("too_large", "No more can be noted on this scan. Upload it again to go on.")
    disk.write_file(path, data)


def _forget_jobs(jobs, at_most):
    """Remove reports on uploads that nobody continued, and the oldest beyond the bound."""
    by_age = sorted((_age(path), path) for path in jobs.iterdir())
    for i, (age, path) in enumerate(by_age):
        if age > JOB_SECONDS or i >= at_most:
            path.unlink()
