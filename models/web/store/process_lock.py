"""Which processes use a store's folder at this moment, and whose turn it is to change it.

Each process holds a shared lock (flock) on the folder for as long as it lives; the kernel lifts it however
the process ends. Who gets that lock exclusively is alone: what lies there then is left over. The lock is on
the folder itself because cleaners of the temporary folder (systemd-tmpfiles) spare a locked folder.

Without flock (Windows) a process cannot see the others: each then has a folder of its own, so that one
process serves one store, and what a killed process leaves stays until someone deletes it.
"""

import os
import secrets
import stat
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

KEY_BYTES = 32


def default_folder():
    """Folder of this user's scans among the system's temporary files."""
    user = os.getuid() if hasattr(os, "getuid") else "windows"
    return Path(tempfile.gettempdir()) / f"lung-nodule-store-{user}"


def make_private(folder):
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
    folder : Path
        Made where missing, see `make_private`.
    wipe : callable
        ``wipe(folder)`` removes everything that a store put there; called with nobody else present.

    Attributes
    ----------
    folder : Path
        The folder to use; without flock one of this process's own, inside the given one.
    key : bytes
        Random, of all processes that share the folder; it lies in the file of the lock.
    """

    def __init__(self, folder, wipe):
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
    def exclusive(self):
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

    def is_lost(self):
        """Whether someone took the folder away (or made another in its place)."""
        try:
            now = os.stat(self.folder)
            return fcntl is not None and not os.path.samestat(os.fstat(self._alive), now)
        except OSError:
            return True

    def leave(self):
        """Go; the last to go removes everything."""
        with self._mutex:
            if fcntl is None:
                self._wipe(self.folder)
                with suppress(OSError):
                    self.folder.rmdir()
            elif self._here and not self.is_lost() and self._alone():
                self._wipe(self.folder)
            self.forget()

    def forget(self):
        """Close the locks' files and unlock nothing: in a forked child the locks are the parent's."""
        if self._here and fcntl is not None:
            os.close(self._alive)
            os.close(self._turn)
        self._here = False

    def _alone(self):
        try:
            fcntl.flock(self._alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
