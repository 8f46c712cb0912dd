"""Which processes use a store's folder, each from its start to its end, and whose turn it is to change it.

Each process holds a shared lock (flock) on the folder for as long as it lives; the kernel lifts it however
the process ends. Who gets that lock exclusively is alone: what lies there then is left over. The lock is on
the folder itself because cleaners of the temporary folder (systemd-tmpfiles) spare a locked folder.

Without flock (Windows) a process cannot see the others: each then has a folder of its own, so that one
process serves one store, and what a killed process leaves stays until someone deletes it.
"""

import atexit
import os
import secrets
import stat
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

KEY_BYTES = 32


def default_folder() -> Path:
    """Folder of this user's scans among the system's temporary files."""
    user = os.getuid() if hasattr(os, "getuid") else "windows"
    return Path(tempfile.gettempdir()) / f"lung-nodule-store-{user}"


def make_private(folder: Path) -> None:
    """Make the folder for this user alone, or see that the present one is so.

    Raises
    ------
    PermissionError
        The path is a link or no folder, belongs to another user, or is open to others.
    OSError
        The folder cannot be made.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    info = folder.lstat()
    own = stat.S_ISDIR(info.st_mode)
    if hasattr(os, "getuid"):  # elsewhere the mode says nothing about who may read
        own = own and info.st_uid == os.getuid() and not info.st_mode & 0o077
    if not own:
        raise PermissionError(
            "The folder of the temporary scans must be a real folder (no link) that belongs to this user "
            "alone (mode 0700)."
        )


class ProcessLock:
    """This process among those that use a folder, from here to `leave`.

    Parameters
    ----------
    folder
        Made where missing, see `make_private`.
    wipe
        ``wipe(folder)`` removes everything that a store put there; called with nobody else present.

    Attributes
    ----------
    folder
        The folder to use; without flock one of this process's own, inside the given one.
    key
        Random, of all processes that share the folder; it lies in the file of the lock.
    """

    def __init__(self, folder: Path, wipe: Callable[[Path], None]) -> None:
        make_private(folder)
        self.folder = folder
        self._wipe = wipe
        self._mutex = threading.Lock()
        self._here = True
        if fcntl is None:
            self.folder = Path(tempfile.mkdtemp(dir=folder))
            self.key = secrets.token_bytes(KEY_BYTES)
            return
        self._alive = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        if self._alone():
            wipe(folder)  # left by processes that were killed
        fcntl.flock(self._alive, fcntl.LOCK_SH)  # waits while another process wipes
        self._turn = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with self.exclusive():
            if os.fstat(self._turn).st_size < KEY_BYTES:
                os.pwrite(self._turn, secrets.token_bytes(KEY_BYTES), 0)
            self.key = os.pread(self._turn, KEY_BYTES, 0)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """The turn to change the folder: one thread of one process at a time, and nobody is wiping."""
        with self._mutex:
            if not self._here:
                raise FileNotFoundError("this process has left the store")
            if fcntl is None:
                yield
                return
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)

    def is_lost(self) -> bool:
        """Whether someone took the folder away (or made another in its place)."""
        try:
            now = os.stat(self.folder)
            return fcntl is not None and not os.path.samestat(os.fstat(self._alive), now)
        except OSError:
            return True

    def leave(self) -> None:
        """Go; the last to go removes everything."""
        with self._mutex:
            if fcntl is None:
                self._wipe(self.folder)
                with suppress(OSError):
                    self.folder.rmdir()
            elif self._here and not self.is_lost() and self._alone():
                self._wipe(self.folder)
            self.forget()

    def forget(self) -> None:
        """Close the locks' files and unlock nothing: in a forked child the locks are the parent's."""
        if self._here and fcntl is not None:
            os.close(self._alive)
            os.close(self._turn)
        self._here = False

    def _alone(self) -> bool:
        if fcntl is None:
            return True
        try:
            fcntl.flock(self._alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class StoreLifetime:
    """Keeps this process's lock on the folder, from its start to its end, and has it swept now and then.

    A forked child (gunicorn --preload) is a process of its own: it locks and sweeps from its first use on.

    Parameters
    ----------
    folder
    wipe, sweep
        ``wipe(folder)`` removes everything, ``sweep(lock)`` what has expired.
    sweep_seconds
    """

    def __init__(
        self,
        folder: Path,
        wipe: Callable[[Path], None],
        sweep: Callable[[ProcessLock], None],
        sweep_seconds: float,
    ) -> None:
        self._folder, self._wipe = folder, wipe
        self._sweep, self._sweep_seconds = sweep, sweep_seconds
        self._closed = False
        self._lock: ProcessLock | None = None
        self._sweeper: threading.Thread | None = None
        self._guard, self._stop = threading.Lock(), threading.Event()
        self.lock()
        _lifetimes.add(self)
        atexit.register(self.close)

    def lock(self) -> ProcessLock:
        """The lock of this process; FileNotFoundError after `close`."""
        with self._guard:
            if self._closed:
                raise FileNotFoundError("the store is closed")
            if self._lock and self._lock.is_lost():
                self._lock.leave()
                self._lock = None
            if self._lock is None:
                self._lock = ProcessLock(self._folder, self._wipe)
            if self._sweeper is None:
                self._sweeper = threading.Thread(target=self._sweep_on, name="store-sweeper", daemon=True)
                self._sweeper.start()
            return self._lock

    def close(self) -> None:
        """Stop, for this process; the last process that shares the folder removes everything."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        self._stop.set()
        if self._sweeper:
            self._sweeper.join()
        if self._lock:
            self._lock.leave()

    def after_fork(self) -> None:
        """In a child: locks and thread are the parent's, and a thread that is not here may hold the mutex."""
        if self._lock:
            self._lock.forget()
        self._lock = self._sweeper = None
        self._guard, self._stop = threading.Lock(), threading.Event()

    def _sweep_on(self) -> None:
        while not self._stop.wait(self._sweep_seconds):
            try:
                self._sweep(self.lock())
            except OSError:  # closed meanwhile, or no access at the moment
                continue


_lifetimes: weakref.WeakSet[StoreLifetime] = weakref.WeakSet()


def _after_fork() -> None:
    for lifetime in list(_lifetimes):
        lifetime.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
