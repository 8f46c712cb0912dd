"""gunicorn as it serves the application: its settings and hooks; reasons and figures: .deploy/README.md.

Importing it prepares this process to be gunicorn's master; `.deploy/gunicorn.conf.py` and `python app.py` do.
"""

import errno
import mmap
import os
import selectors
import socket
import struct
import time
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from models.inference.runtime.process import settle, tune_for_serving
from models.web.access import refuse_open_door
from models.web.access.request_timeouts import DeadlineSocket, OpenConnections
from models.web.settings import SETTINGS, in_url, read_settings
from models.web.store import disk
from models.web.store.header_memory import share
from models.web.store.process_lock import ProcessLock, default_folder
from models.web.telemetry.logs import formatter, hide_tokens

METRICS = "PROMETHEUS_MULTIPROC_DIR"  # where processes add up their counts
ROOT = Path(__file__).resolve().parents[2]
tune_for_serving()
settings = read_settings(SETTINGS, os.environ)
refuse_open_door(settings["HOST"], settings["PASSWORD"], settings["OPEN"])
arrivals = OpenConnections(not settings["PROXIES"])


class Connection(TConn):
    """A connection that is counted as long as it is open."""

    def close(self, graceful: bool = False) -> None:
        arrivals.leave(self.sock)
        super().close(graceful)


class DeadlineWorker(ThreadWorker):
    """A process with threads that does not wait for clients which send slowly or stop half-way.

    When the server is told to reload, it goes on answering until a new process is ready.
    """

    is_leaving = False
    generation: mmap.mmap

    def accept(self, listener: socket.socket) -> None:
        """Take a connection; until something comes, it has no thread."""
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        sock = DeadlineSocket.of(sock)
        if not arrivals.arrive(address[0] if isinstance(address, tuple) else "", sock):
            sock.close()
            return
        conn = Connection(self.cfg, sock, address, listener.getsockname())
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.nr_conns += 1
        self.pending_conns.append(conn)
        self.poller.register(sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: Connection) -> Any:
        DeadlineSocket.of(conn.sock)  # another request, with a time of its own
        arrivals.begin(conn.sock)
        return super().handle(conn)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at a reload, once a new process is ready, or when told again."""
        ready, reloaded = GENERATION.unpack(self.generation)
        if self.alive and not self.is_leaving and ready <= reloaded and self.age <= reloaded:
            self.is_leaving = True
            return
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Called every second: go where it is time to."""
        ready, reloaded = GENERATION.unpack(self.generation)
        if self.is_leaving and ready > reloaded:
            self.alive = False
        return super().is_parent_alive()


class Log(Logger):
    """gunicorn's own lines, masked as the application's; JSON where that is set."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.addFilter(hide_tokens)
            if settings["LOG"] != "plain":
                handler.setFormatter(formatter(settings["LOG"]))


chdir = str(ROOT)
bind = f"{in_url(settings['HOST'])}:{settings['PORT']}"
worker_class = DeadlineWorker
workers = int(os.environ.get("WEB_CONCURRENCY", 1))
preload_app = False  # TensorFlow's threads and locks do not outlive a fork: each process loads the models
threads = 256  # made when needed; far more than the queue has places, so that the surplus is told so at once
worker_connections = 512
backlog = 256
max_requests = 0  # memory does not grow, and a start takes some seconds

timeout = 120  # without a sign of life of the whole process; a start on a slow machine is no death
graceful_timeout = 60  # for requests under way, at reload and stop
keepalive = 5
limit_request_line, limit_request_fields, limit_request_field_size = 4094, 64, 8190
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a busy disk is no death either
control_socket_disable = True

accesslog = None  # models.web.telemetry writes the line of a request: no address, query or name in it
errorlog = "-"
logger_class = Log


GENERATION = struct.Struct("QQ")  # the newest process that is ready, and the newest at the last reload


def on_starting(server: Arbiter) -> None:
    """The master is present in the store: a reload replaces all processes, and must not empty it."""
    server.generation = mmap.mmap(-1, GENERATION.size)  # processes that are forked share it
    share(settings["STORE_SCANS"])  # whose study a scan is: in memory alone, which all processes see
    server.presence = ProcessLock(Path(settings["STORE"] or default_folder()), disk.wipe)


def post_fork(server: Arbiter, worker: DeadlineWorker) -> None:
    """The locks are the master's."""
    server.presence.forget()
    worker.generation = server.generation


def post_worker_init(worker: DeadlineWorker) -> None:
    """It is ready: the models are loaded."""
    settle()
    ready, reloaded = GENERATION.unpack(worker.generation)
    GENERATION.pack_into(worker.generation, 0, max(ready, worker.age), reloaded)


def on_reload(server: Arbiter) -> None:
    """All processes there are now will be replaced."""
    ready, _ = GENERATION.unpack(server.generation)
    GENERATION.pack_into(server.generation, 0, ready, server.worker_age)


def child_exit(server: Arbiter, worker: DeadlineWorker) -> None:
    """What a process that went is still said to be doing."""
    if METRICS in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)


def on_exit(server: Arbiter) -> None:
    """Who goes last empties the store."""
    server.presence.leave()
