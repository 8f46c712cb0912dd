"""What a process is kept from once it decodes; each is tried in an interpreter of its own."""

import json
import os
import subprocess
import sys

import pytest

from models.ingest.sandbox import restrictions
from models.ingest.sandbox.fork_server_client import ROOT

pytestmark = pytest.mark.skipif(
    bool(restrictions.missing()), reason="this system has no Landlock or no seccomp"
)
TRIED = """
import ctypes, json, os, resource, signal, socket, subprocess, sys, threading
from models.ingest.sandbox import restrictions

server, stored, handed = int(sys.argv[1]), sys.argv[2], open(sys.argv[3])
def thread():
    done = []
    other = threading.Thread(target=lambda: done.append(True))
    other.start()
    other.join()
    return done
tries = {
    "environment of the server": lambda: open(f"/proc/{server}/environ").read(),
    "own environment": lambda: open("/proc/self/environ").read(),
    "memory of the server": lambda: open(f"/proc/{server}/mem", "rb"),
    "files of the server": lambda: os.listdir(f"/proc/{server}/fd"),
    "another scan": lambda: open(stored).read(),
    "a new file": lambda: open(stored + ".new", "w"),
    "a removal": lambda: os.unlink(stored),
    "the program's settings": lambda: open("app.py").read(),
    "a socket": lambda: socket.socket(),
    "a local socket": lambda: socket.socket(socket.AF_UNIX),
    "a process": os.fork,
    "a program": lambda: os.execv(sys.executable, [sys.executable, "-c", ""]),
    "a child": lambda: subprocess.run([sys.executable, "-c", ""]),
    "a signal": lambda: os.kill(server, 0),
    "more memory": lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
    "its own signal": lambda: os.kill(os.getpid(), 0),
    "what was handed over": lambda: handed.read(),
    "a pair of sockets": lambda: [end.close() for end in socket.socketpair()],
    "a thread": thread,
    "an import": lambda: __import__("pydicom.pixels"),
    "a weight": lambda: open("weights/content.json").read(1),
    "an alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 60),
}
resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))
restrictions.enter(restrictions.ruleset("weights"))
found = {}
for name, attempt in tries.items():
    try:
        attempt()
        found[name] = True
    except (OSError, ValueError):
        found[name] = False
print(json.dumps(found))
"""
ALLOWED = (
    "its own signal",
    "what was handed over",
    "a pair of sockets",
    "a thread",
    "an import",
    "a weight",
    "an alarm",
)


def test_a_decoder_reaches_what_it_needs_and_nothing_else(tmp_path):
    stored, handed = tmp_path / "slices.npy", tmp_path / "handed"
    stored.write_text("pixels")
    handed.write_text("upload")
    command = [sys.executable, "-c", TRIED, str(os.getpid()), str(stored), str(handed)]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout)
    assert {name for name, worked in found.items() if worked} == set(ALLOWED)
    assert len(found) == 22
    assert stored.read_text() == "pixels"


def test_what_a_system_lacks_is_named(monkeypatch):
    monkeypatch.setattr(restrictions, "_landlock_version", lambda: 0)
    assert restrictions.missing() == ("Landlock",)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert restrictions.missing() == ("Landlock", "seccomp")
