"""A server process, and all that it lets others see: answers, logs, names of files, commands."""

import http.client
import io
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import stream_encode_multipart

from app import ROOT
from tests.servers import ask

LOUD = """
import logging, resource, runpy
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a decoder is to crash
logging.basicConfig(level=logging.DEBUG)
runpy.run_path("app.py", run_name="__main__")
"""
START_S, STOP_S = 300, 60


class Watched:
    """A running server.

    Attributes
    ----------
    answers : list of (str, bytes)
        What was asked, and head and body of the answer.
    names : set of str
        Names of files below the temporary folder, and commands of child processes, seen at any time.
    """

    def __init__(self, process, port, folder):
        self.process, self.port, self.folder = process, port, folder
        self.answers, self.names, self._cookie = [], set(), ""
        self._stopped = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()

    def get(self, path):
        """Status, headers and body of a page."""
        return self._ask("GET", path)

    def post(self, path, files=(), headers=(), **fields):
        """Send a form with files, as (name, bytes)."""
        form = MultiDict(fields)
        for name, data in files:
            form.add("image", FileStorage(io.BytesIO(data), name))
        stream, length, boundary = stream_encode_multipart(form)
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length)}
        return self._ask("POST", path, stream, kind | dict(headers))

    @contextmanager
    def crashing(self):
        """Whatever process the one with the models has or starts, such as for decoding, crashes at once."""
        done = threading.Event()

        def crash():
            while not done.is_set():
                (worker,) = self.process.children()
                for child in worker.children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        child.send_signal(11)
                time.sleep(0.002)

        thread = threading.Thread(target=crash)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def files(self):
        """The files below the temporary folder at this moment."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def stop(self):
        """End the server as a service manager does."""
        self._stopped.set()
        self._watch.join()
        self.process.terminate()
        self.process.wait(STOP_S)

    def _ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        own = {"Sec-Fetch-Site": "same-origin", "Cookie": self._cookie}
        connection.request(method, path, body, own | (headers or {}))
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if cookie := answer.getheader("Set-Cookie"):
            self._cookie = cookie.partition(";")[0]
        self.answers.append((f"{method} {path}", str(answer.headers).encode() + data))
        return answer.status, answer.headers, data

    def _look(self):
        while not self._stopped.wait(0.005):
            for _, folders, files in os.walk(self.folder):
                self.names.update(folders, files)
            with suppress(psutil.Error):
                for child in self.process.children(recursive=True):
                    self.names.add(" ".join(child.cmdline()))


@contextmanager
def watched(folder, log):
    """Serve the application, its log at the most talkative, with temporary files below `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NODULE_")}
    environ |= {
        "TMPDIR": str(folder),
        "NODULE_PORT": str(port),
        "NODULE_LOG": "json",
        "PYTHONWARNINGS": "always",
    }
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", LOUD], cwd=ROOT, env=environ, stdout=file, stderr=file
        )
    try:
        wait_for(process, port, log)
        yield Watched(psutil.Process(process.pid), port, folder)
    finally:
        process.kill()
        process.wait()


def wait_for(process, port, log):
    """Until the server answers; RuntimeError with its log where it does not."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError):
            return ask(port, "/healthz")
        time.sleep(0.1)
    raise RuntimeError(Path(log).read_text())
