"""The server as it is run: gunicorn in processes of its own, spoken to over HTTP."""

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psutil
from werkzeug.datastructures import FileStorage
from werkzeug.test import stream_encode_multipart

ROOT = Path(__file__).resolve().parents[2]
ALWAYS = ("manifest.json", "content.json", "consensus.json", "evaluation.json")
FEW = ("alexnet*", "localiser*", "finder*", *ALWAYS)  # of the weights; they load quickly
SAMPLE = r"(\w+)(?:\{(.*)\})? (\S+)"


def free_port():
    """A port of 127.0.0.1 at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gunicorn:
    """gunicorn with the configuration in .deploy/.

    Parameters
    ----------
    folder : Path
        For weights, store, temporary files and the log.
    workers : int
    few : bool
        Whether only one model is loaded, which takes less time.
    settings : str
        Environment variables.
    """

    def __init__(self, folder, workers, few=True, **settings):
        self.store, self.temporary, self.log = folder / "store", folder / "tmp", folder / "log"
        self.temporary.mkdir()
        weights = folder / "weights" if few else ROOT / "weights"
        if few:
            weights.mkdir()
            for path in [path for pattern in FEW for path in (ROOT / "weights").glob(pattern)]:
                shutil.copy(path, weights)
        self.address = f"127.0.0.1:{free_port()}"
        own = {"PORT": self.address.split(":")[1], "STORE": self.store, "WEIGHTS": weights}
        settings |= {f"NODULE_{name}": str(value) for name, value in own.items()}
        settings |= {"WEB_CONCURRENCY": str(workers), "TMPDIR": str(self.temporary)}
        command = [sys.executable, "-m", "gunicorn", "-c", ".deploy/gunicorn.conf.py", "app:create_app()"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
            )
        self.wait_for_workers(workers)

    def wait_for_workers(self, n, but=()):
        """Wait until so many processes answer and those in `but` have ended; their IDs."""
        for _ in range(1800):
            started = self.metric("nodule_process_start_seconds")
            pids = {int(labels["pid"]) for labels, _ in started}.difference(but)
            if len(pids) == n and not any(psutil.pid_exists(pid) for pid in but):
                return sorted(pids)
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"gunicorn did not start:\n{self.log.read_text()}")

    def ask(self, path, fields=None, files=(), **headers):
        """GET, or POST where there are fields or files; status, headers and text, whatever the answer.

        As a browser does from this server's own page, unless a header says otherwise.
        """
        data, headers = None, {"Sec-Fetch-Site": "same-origin"} | headers
        if fields is not None or files:
            form = dict(fields or {})
            if files:
                form["image"] = [FileStorage(io.BytesIO(content), name) for name, content in files]
            stream, _, boundary = stream_encode_multipart(form)
            data = stream.read()
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
        request = urllib.request.Request(f"http://{self.address}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def metric(self, name, **wanted):
        """Samples of a metric: (labels, value) of those with the wanted labels; none while nobody answers."""
        try:
            text = self.ask("/metrics")[2]
        except OSError:
            return []
        found = [match for line in text.splitlines() if (match := re.fullmatch(SAMPLE, line))]
        found = [(re.findall(r'(\w+)="(.*?)"', m[2] or ""), float(m[3])) for m in found if m[1] == name]
        samples = [(dict(labels), value) for labels, value in found]
        return [(labels, value) for labels, value in samples if wanted.items() <= labels.items()]

    @contextmanager
    def only(self, pid, pids):
        """All processes but one stand still, so that it answers; none of them in its turn to write."""
        import fcntl  # not on Windows, where this file is imported too

        others = [other for other in pids if other != pid]
        with (self.store / "lock").open() as turn:  # as in `models.web.store.process_lock`
            fcntl.flock(turn, fcntl.LOCK_EX)
            for other in others:
                os.kill(other, signal.SIGSTOP)
            while any(psutil.Process(other).status() != psutil.STATUS_STOPPED for other in others):
                time.sleep(0.01)
        try:
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    def lines(self):
        """Log lines that are JSON objects; all but TensorFlow's own are."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self):
        """Stop as a service manager does; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
