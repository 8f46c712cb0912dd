"""The process that forks a child for each upload; started as `python -m models.imaging.isolation.zygote FD`.

It has one thread, reads no upload itself, and ends when the last server process has closed its socket. One
child waits in advance, since forking takes some milliseconds.

An order is one message, JSON, with descriptors: of an ``upload`` the control socket, the spool and the result
file (see `upload`), of a ``codec`` its connection. How a child ended is told over the control socket:
``ended`` with the signal, 0 for none.
"""

import gc
import json
import os
import select
import selectors
import signal
import socket
import sys
import time
from collections import namedtuple
from contextlib import suppress

from models.imaging.dicom import codec_process
from models.imaging.dicom.codec import FRAME_SECONDS
from models.imaging.display import to_png
from models.imaging.isolation.bounds import confine, end_after, follow
from models.imaging.isolation.upload import decode_upload
from models.imaging.phantom import draw_phantom
from models.imaging.read import read_scan

Child = namedtuple("Child", "process orders")
ORDER_BYTES, DESCRIPTORS = 4096, 3
IDLE_S = 0.25  # before a child that waits warms up: not while the last one's upload is answered
WARM_UP = [("warm-up.png", to_png(draw_phantom("spiculated")))]
CODEC_MB = 1500  # address space, of which the libraries take 300
QUIET = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


def main():
    """Serve until the server is gone."""
    server = socket.socket(fileno=int(sys.argv[1]))
    warm_up()  # what is loaded at first use is shared
    gc.collect()
    gc.freeze()  # else a child's first collection would copy it all
    Zygote(server).serve()


def warm_up():
    """Read a picture: what that writes to is copied then, and not when someone waits."""
    read_scan(WARM_UP)


class Zygote:
    """Has a child ready for each order of the server, or of its children, and tells how uploads ended."""

    def __init__(self, server):
        self._server = server
        self._orders, self._to_zygote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.setblocking(False)
        self._controls = {}  # of uploads, by process
        self._spare = None  # the next child, and the socket at which it waits for its order
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)

    def serve(self):
        """Take orders until the server is gone."""
        with selectors.DefaultSelector() as ready:
            for source in (self._server, self._orders, self._woken):
                ready.register(source, selectors.EVENT_READ)
            while True:
                self._spare = self._spare or self._fork()
                for key, _ in ready.select():
                    if key.fileobj is self._woken:
                        self._woken.recv(4096)
                        self._reap()
                    elif not self._take_order(key.fileobj):
                        return

    def _take_order(self, source):
        """Hand one order to a child; False where there will be no more."""
        message, descriptors, _, _ = socket.recv_fds(source, ORDER_BYTES, DESCRIPTORS)
        if not message:
            return False
        child, self._spare = self._spare or self._fork(), None
        try:
            if child:
                with child.orders:
                    socket.send_fds(child.orders, [message], descriptors, socket.MSG_NOSIGNAL)
        except OSError:  # it was killed while it waited
            child = None
        control = socket.socket(fileno=descriptors.pop(0))
        if json.loads(message)["kind"] != "upload":
            control.close()
        elif child:
            self._controls[child.process] = control
        else:
            _tell(control, signal.SIGKILL)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _fork(self):
        """A child that waits for its order; None where there are no more processes or no memory."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        zygote = os.getpid()
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
                follow(zygote)
                if not select.select([theirs], [], [], IDLE_S)[0]:
                    warm_up()
                message, descriptors, _, _ = socket.recv_fds(theirs, ORDER_BYTES, DESCRIPTORS)
                theirs.close()
                if message:
                    obey(json.loads(message), descriptors, self._to_zygote)
            finally:
                os._exit(0)
        theirs.close()
        return Child(process, ours)

    def _leave(self):
        """In a child: be no zygote any more, and hold no other upload's socket."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._server, self._orders, self._woken, self._wake, *self._controls.values()):
            end.close()

    def _reap(self):
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            if control := self._controls.pop(process, None):
                _tell(control, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
            elif self._spare and process == self._spare.process:
                self._spare.orders.close()
                self._spare = None


def _tell(control, ended):
    """Say by which signal a child ended, on a line of its own, and close."""
    with control, suppress(OSError):  # who asked has its answer, or gave up
        control.send(b"\n" + json.dumps({"ended": int(ended)}).encode() + b"\n", QUIET)


def obey(order, descriptors, to_zygote):
    """In a child: decode an upload, or frames."""
    seconds = order["seconds"]
    end = time.monotonic() + seconds
    if order["kind"] == "upload":
        control, spool, result = descriptors
        confine(seconds, order["megabytes"], order["file_bytes"])
        decode_upload(socket.socket(fileno=control), spool, result, to_zygote, end)
        return
    to_zygote.close()
    confine(seconds, CODEC_MB, 0)
    with socket.socket(fileno=descriptors[0]) as connection:

        def before():
            end_after(min(FRAME_SECONDS, end - time.monotonic()))

        codec_process.serve(connection.makefile("rb"), connection.makefile("wb"), before)


if __name__ == "__main__":
    main()
