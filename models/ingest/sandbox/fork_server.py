"""Forks a child for each upload; started as `python -m models.ingest.sandbox.fork_server FD`.

It has one thread, reads no upload itself, and ends when the last server process has closed its socket. One
child waits in advance, since forking takes some milliseconds.

An order is one message, JSON, with descriptors: of an ``upload``, from the server, the control socket, the
spool and the result file (see `upload`); of a ``codec``, from the child that decodes an upload, its
connection. How a child ended is told over the control socket: ``ended`` with the signal, 0 for none. A child
whose control socket the server has closed is ended, and with each upload its codecs: a child that a file has
taken over stays no longer than it is waited for.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections import namedtuple
from contextlib import suppress
from dataclasses import dataclass, field

from models.errors import UserError
from models.imaging.display import to_png
from models.imaging.phantom import draw_phantom
from models.ingest.dicom import codec_process
from models.ingest.dicom.codec import FRAME_SECONDS
from models.ingest.read import read_scan
from models.ingest.sandbox import restrictions
from models.ingest.sandbox.fork_server_client import READY
from models.ingest.sandbox.job import decode_upload
from models.ingest.sandbox.resource_limits import confine, end_after, follow
from models.trained import use

Child = namedtuple("Child", "process orders")
ORDER_BYTES, DESCRIPTORS = 4096, 3
IDLE_S = 0.25  # before a child that waits warms up: not while the last one's upload is answered
WARM_UP = [("warm-up.png", to_png(draw_phantom("spiculated")))]
CODEC_S = 3600  # a codec is asked for what is left of an upload's time
CODEC_MB = 1500  # address space, of which the libraries take 300
CODECS = 64  # of one upload at once; each thread that decodes frames has one
QUIET = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
BROKEN = "This server cannot read images: the program that decodes them does not work."


def main():
    """Serve until the server is gone."""
    server, weights = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    use(weights)
    problem = what_is_wrong()  # what is loaded at first use is shared
    gc.collect()
    gc.freeze()  # else a child's first collection would copy it all
    server.send(READY, QUIET)
    ForkServer(server, problem, restrictions.ruleset(weights)).serve()


def what_is_wrong():
    """Why no upload can be read, in a sentence; empty where a picture could be."""
    try:
        warm_up()
    except UserError as error:
        return error.message
    except Exception:
        traceback.print_exc()  # of our own picture
        return BROKEN
    return ""


def warm_up():
    """Read a picture: what that writes to is copied then, and not when someone waits."""
    read_scan(WARM_UP)


@dataclass
class Upload:
    """An upload that a child decodes: where it is told how that ended, its line to us, and its codecs."""

    control: socket.socket
    line: socket.socket
    codecs: set = field(default_factory=set)


class ForkServer:
    """Has a child ready for each order of the server, or of its children, and tells how uploads ended.

    Parameters
    ----------
    server : socket.socket
    problem : str
        Why every upload is refused; empty where none has to be.
    rules : int or None
        As of `restrictions.ruleset`.
    """

    def __init__(self, server, problem, rules):
        self._server, self._problem, self._rules = server, problem, rules
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._ready = select.epoll()
        self._uploads, self._users = {}, {}  # by process; the uploads' processes by that of a codec
        self._waiting = {}  # what is to be done, by descriptor
        self._spare = None  # the next child, and our end of its line
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)

    def serve(self):
        """Take orders until the server is gone."""
        self._wait_for(self._server, select.EPOLLIN, self._take_upload)
        self._wait_for(self._woken, select.EPOLLIN, self._reap)
        while True:
            self._spare = self._spare or self._fork()
            for descriptor, _ in self._ready.poll(maxevents=1):  # more could be of files closed meanwhile
                if (act := self._waiting.get(descriptor)) and act() is False:
                    return

    def _wait_for(self, source, event, act):
        self._waiting[source.fileno()] = act
        self._ready.register(source.fileno(), event)

    def _wait_no_more(self, source):
        if self._waiting.pop(source.fileno(), None):
            self._ready.unregister(source.fileno())

    def _take_upload(self):
        """Hand an order of the server to a child; False where there will be no more."""
        message, descriptors = _received(self._server)
        if not message:
            return False
        control = socket.socket(fileno=descriptors.pop(0))
        if self._problem:
            _tell(control, {"error": ["decoder_unavailable", self._problem]})
        elif child := self._hand_over(message, [control.fileno(), *descriptors]):
            self._uploads[child.process] = upload = Upload(control, child.orders)
            self._wait_for(control, 0, lambda: self._end(child.process))  # 0: until it is closed
            self._wait_for(child.orders, select.EPOLLIN, lambda: self._take_codec(child.process, upload))
        else:
            _tell(control, {"ended": int(signal.SIGKILL)})
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _take_codec(self, process, upload):
        """Fork a codec for a child that decodes an upload, and that may say anything."""
        message, descriptors = _received(upload.line)
        if not message:
            self._wait_no_more(upload.line)
        elif (seconds := _codec_seconds(message)) and len(descriptors) == 1 and len(upload.codecs) < CODECS:
            order = json.dumps({"kind": "codec", "seconds": seconds}).encode()
            if child := self._hand_over(order, descriptors):
                child.orders.close()
                upload.codecs.add(child.process)
                self._users[child.process] = process
        for descriptor in descriptors:
            os.close(descriptor)

    def _hand_over(self, message, descriptors):
        """Give the waiting child its order; it, or None where there is none."""
        child, self._spare = self._spare, None
        if child is None:
            return None
        try:
            socket.send_fds(child.orders, [message], descriptors, socket.MSG_NOSIGNAL)
        except OSError:  # it was killed while it waited
            child.orders.close()
            return None
        return child

    def _fork(self):
        """A child that waits for its order; None where there are no more processes or no memory."""
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
                if not select.select([theirs], [], [], IDLE_S)[0]:
                    warm_up()
                message, descriptors = _received(theirs)
                if message:
                    run_job(json.loads(message), descriptors, theirs, self._rules)
            finally:
                os._exit(0)
        theirs.close()
        return Child(process, ours)

    def _leave(self):
        """In a child: be no zygote any more, and hold no other upload's socket."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        lines = [end for upload in self._uploads.values() for end in (upload.control, upload.line)]
        for end in (self._server, self._woken, self._wake, self._ready, *lines):
            end.close()

    def _end(self, process):
        """Nobody waits for an upload any more: end its child, and its codecs."""
        upload = self._uploads[process]
        self._wait_no_more(upload.control)
        for each in (process, *upload.codecs):
            os.kill(each, signal.SIGKILL)

    def _reap(self):
        self._woken.recv(4096)
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            self._bury(process, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)

    def _bury(self, process, ended):
        """See to what a child leaves that is no more."""
        if upload := self._uploads.pop(process, None):
            for end in (upload.control, upload.line):
                self._wait_no_more(end)
            for each in upload.codecs:
                del self._users[each]
                os.kill(each, signal.SIGKILL)
            upload.line.close()
            _tell(upload.control, {"ended": ended})
        elif (user := self._users.pop(process, None)) is not None:
            self._uploads[user].codecs.discard(process)
        elif self._spare and process == self._spare.process:
            self._spare.orders.close()
            self._spare = None


def _received(line):
    """An order and its descriptors; an empty one where the other end is gone."""
    try:
        message, descriptors, _, _ = socket.recv_fds(line, ORDER_BYTES, DESCRIPTORS)
    except ConnectionResetError:  # with something that it had not read
        return b"", []
    return message, descriptors


def _codec_seconds(message):
    """How long a codec may take that a child asks for; None where that is not what it asks."""
    try:
        order = json.loads(message)
        seconds = float(order["seconds"]) if order["kind"] == "codec" else 0.0
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    return seconds if 0 < seconds < CODEC_S else None


def _tell(control, message):
    """Say how an upload ended, on a line of its own, and close."""
    with control, suppress(OSError):  # who asked has its answer, or gave up
        control.send(b"\n" + json.dumps(message).encode() + b"\n", QUIET)


def run_job(order, descriptors, fork_server, rules):
    """In a child: decode an upload, or frames.

    Parameters
    ----------
    order : dict
    descriptors : list of int
    zygote : socket.socket
        This child's line to it.
    rules : int or None
        As of `restrictions.ruleset`.
    """
    seconds = order["seconds"]
    end = time.monotonic() + seconds
    if order["kind"] == "upload":
        control, spool, result = descriptors
        confine(seconds, order["megabytes"], order["file_bytes"])
        restrictions.enter(rules)
        decode_upload(socket.socket(fileno=control), spool, result, fork_server, end)
        return
    fork_server.close()
    confine(seconds, CODEC_MB, 0)
    restrictions.enter(rules)
    with socket.socket(fileno=descriptors[0]) as connection:

        def before():
            end_after(min(FRAME_SECONDS, end - time.monotonic()))

        codec_process.serve(connection.makefile("rb"), connection.makefile("wb"), before)


if __name__ == "__main__":
    main()
