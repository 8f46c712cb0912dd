"""``python app.py``: serves the application, and says on the terminal what the start does and the address.

It is served by gunicorn as `models.web.gunicorn_server` sets it up. Where there is no gunicorn (Windows), by
waitress, which holds no thread while a request arrives; there it is not bounded how many connections an
address has, nor how slowly somebody sends who never stops for long.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask

from models.web.access import refuse_open_door
from models.web.access.request_timeouts import IDLE_SECONDS
from models.web.settings import SETTINGS, in_url, read_settings
from models.web.terminal import StartLines

if TYPE_CHECKING:
    from waitress.server import BaseWSGIServer

BACKLOG = 256
THREADS, CONNECTIONS = 64, 512  # of waitress
CREATE = Callable[[dict[str, Any]], Flask]


def serve(create: CREATE) -> None:
    """Serve what ``create(config)`` makes until it is told to stop; SystemExit where it cannot be served."""
    try:
        settings = read_settings(SETTINGS, os.environ)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    host, port = settings["HOST"], settings["PORT"]
    refuse_open_door(host, settings["PASSWORD"], settings["OPEN"])
    listener = listen(host, port)
    print("Loading the five models (some seconds) ...", flush=True)
    with_server = serve_with_waitress if sys.platform == "win32" else serve_with_gunicorn
    with_server(create, listener)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; SystemExit with one clear line where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            why = f"Port {port} of {host} is taken by another program: set NODULE_PORT to another port."
        else:
            why = f"Cannot listen on {host}, port {port} (NODULE_HOST, NODULE_PORT): {error}."
        raise SystemExit(why) from None


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    name = {"127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://{in_url(name)}:{port}"


def serve_with_gunicorn(create: CREATE, listener: socket.socket) -> None:
    """Serve with gunicorn: a master, and a process that has the models."""
    from gunicorn.app.base import Application

    from models.web import gunicorn_server

    class Server(Application):
        def load_config(self) -> None:
            self.load_config_from_module_name_or_filename(f"python:{gunicorn_server.__name__}")
            own = {"workers": 1, "bind": f"fd://{os.dup(listener.fileno())}", "loglevel": "warning"}
            for name, value in (own | {"post_worker_init": ready}).items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return create({"PROGRESS": StartLines()})

    def ready(worker: gunicorn_server.DeadlineWorker) -> None:
        gunicorn_server.post_worker_init(worker)
        say_ready(listener)

    Server().run()


def serve_with_waitress(create: CREATE, listener: socket.socket) -> None:
    """Serve with waitress, in this process."""
    from models.inference.runtime.process import settle, tune_for_serving

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # by way of atexit, where the store is emptied
    tune_for_serving()
    server = waitress_server(create({"PROGRESS": StartLines()}), listener)
    settle()
    say_ready(listener)
    server.run()


def waitress_server(app: Flask, listener: socket.socket) -> BaseWSGIServer:
    """An application and a listening socket as a server of waitress; ``run`` serves until ``close``."""
    import waitress

    return waitress.create_server(
        app,
        sockets=[listener],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=max(1, IDLE_SECONDS // 3),
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"],
        clear_untrusted_proxy_headers=False,  # that there is one shows in what it adds
        ident=None,
    )


def say_ready(listener: socket.socket) -> None:
    """Where to go, on the terminal."""
    print(f"Open {address_of(listener)} in a browser. Ctrl+C stops the server.", flush=True)
