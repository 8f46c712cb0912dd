"""Forks a child for each upload; started as ``python -m models.ingest.sandbox.fork_server FD WEIGHTS``.

It has one thread, reads no upload itself, and ends when the last server process has closed its socket. One
child waits in advance, since forking takes some milliseconds.

For each upload the server sends it three descriptors: the control socket, over which the child gets its
job, the spool and the result file (see `job.run_job`). How a child ended is told over the control socket:
``ended`` with the signal, 0 for none. A child whose control socket the server has closed is ended: one that a
file has taken over stays no longer than it is waited for.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from models.errors import UserError
from models.imaging.display import to_png
from models.imaging.phantom import draw_phantom
from models.imaging.scan import describe
from models.ingest.read import read_scan
from models.ingest.sandbox import restrictions
from models.ingest.sandbox.fork_server_client import READY
from models.ingest.sandbox.job import follow, run_job
from models.messages import Message
from models.weights import use

MESSAGE_BYTES, DESCRIPTORS = 16, 3
IDLE_S = 0.25  # before a child that waits warms up: not while the last one's upload is answered
WARM_UP = [("warm-up.png", to_png(draw_phantom("spiculated")))]
QUIET = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
BROKEN = Message("This server cannot read images: the decoder does not work.")


class Child(NamedTuple):
    """A process that waits for an upload, and our end of the socket over which it gets one."""

    process: int
    line: socket.socket


def main() -> None:
    """Serve until the server is gone."""
    server, weights = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    use(weights)
    problem = what_is_wrong()  # what is loaded at first use is shared
    gc.collect()
    gc.freeze()  # else a child's first collection would copy it all
    server.send(READY, QUIET)
    ForkServer(server, problem, restrictions.ruleset(weights)).serve()


def what_is_wrong() -> Message | None:
    """Why no upload can be read, in a sentence; None where a picture could be."""
    try:
        describe(read_scan(WARM_UP))
    except UserError as error:
        return error.text
    except Exception:
        traceback.print_exc()  # of our own picture
        return BROKEN
    return None


class ForkServer:
    """Has a child ready for each upload of the server, and tells how it ended.

    Parameters
    ----------
    problem
        Why every upload is refused; None where none has to be.
    rules
        As of `restrictions.ruleset`.
    """

    def __init__(self, server: socket.socket, problem: Message | None, rules: int | None) -> None:
        self._server, self._problem, self._rules = server, problem, rules
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._ready = select.epoll()
        self._controls: dict[int, socket.socket] = {}  # control sockets by process
        self._waiting: dict[int, Callable[[], object]] = {}  # what is to be done, by descriptor
        self._spare: Child | None = None  # the next child
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Take uploads until the server is gone."""
        self._wait_for(self._server, select.EPOLLIN, self._take_upload)
        self._wait_for(self._woken, select.EPOLLIN, self._reap)
        while True:
            self._spare = self._spare or self._fork()
            for descriptor, _ in self._ready.poll(maxevents=1):  # more could be of files closed meanwhile
                if (act := self._waiting.get(descriptor)) and act() is False:
                    return

    def _wait_for(self, source: socket.socket, event: int, act: Callable[[], object]) -> None:
        self._waiting[source.fileno()] = act
        self._ready.register(source.fileno(), event)

    def _wait_no_more(self, source: socket.socket) -> None:
        if self._waiting.pop(source.fileno(), None):
            self._ready.unregister(source.fileno())

    def _take_upload(self) -> bool:
        """Hand an upload of the server to a child; False where there will be no more."""
        descriptors = _received(self._server)
        if not descriptors:
            return False
        control = socket.socket(fileno=descriptors.pop(0))
        if self._problem:
            _tell(control, {"error": ["decoder_unavailable", msgspec.to_builtins(self._problem)]})
        elif process := self._hand_over([control.fileno(), *descriptors]):
            self._controls[process] = control
            self._wait_for(control, 0, lambda: self._end(process))  # 0: until it is closed
        else:
            _tell(control, {"ended": int(signal.SIGKILL)})
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _hand_over(self, descriptors: list[int]) -> int | None:
        """Give the waiting child an upload; its process, or None where there is none."""
        child, self._spare = self._spare, None
        if child is None:
            return None
        with child.line:
            try:
                socket.send_fds(child.line, [b"job"], descriptors, socket.MSG_NOSIGNAL)
            except OSError:  # it was killed while it waited
                return None
        return child.process

    def _fork(self) -> Child | None:
        """A child that waits for its upload; None where there are no more processes or no memory."""
        if self._problem:
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fork_server = os.getpid()
        try:
            process = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            return None
        if process == 0:
            try:
                ours.close()
                self._leave()
                follow(fork_server)
                self._work(theirs)
            finally:
                os._exit(0)
        theirs.close()
        return Child(process, ours)

    def _leave(self) -> None:
        """In a child: be no fork server any more, and hold no other upload's socket."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._ready.close()
        for end in (self._server, self._woken, self._wake, *self._controls.values()):
            end.close()

    def _work(self, line: socket.socket) -> None:
        """In a child: warm up, wait for an upload, and decode it."""
        with line:
            if not select.select([line], [], [], IDLE_S)[0]:
                read_scan(WARM_UP)  # what that writes to is copied now, and not when someone waits
            descriptors = _received(line)
        if descriptors:
            control, spool, result = descriptors
            run_job(socket.socket(fileno=control), spool, result, self._rules)

    def _end(self, process: int) -> None:
        """Nobody waits for an upload any more: end its child."""
        self._wait_no_more(self._controls[process])
        os.kill(process, signal.SIGKILL)

    def _reap(self) -> None:
        self._woken.recv(4096)
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            if control := self._controls.pop(process, None):
                self._wait_no_more(control)
                _tell(control, {"ended": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0})
            elif self._spare and process == self._spare.process:
                self._spare.line.close()
                self._spare = None


def _received(line: socket.socket) -> list[int]:
    """The descriptors of an upload; none where the other end is gone."""
    try:
        return socket.recv_fds(line, MESSAGE_BYTES, DESCRIPTORS)[1]
    except ConnectionResetError:  # with something that it had not read
        return []


def _tell(control: socket.socket, message: dict[str, object]) -> None:
    """Say how an upload ended, on a line of its own, and close."""
    with control, suppress(OSError):  # who asked has its answer, or gave up
        control.send(b"\n" + json.dumps(message).encode() + b"\n", QUIET)


if __name__ == "__main__":
    main()
