"""Several processes share a folder; who goes last removes everything, and nobody removes what others use."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.web.store.keys import scan_name
from tests.web.store.scans import OWNER, make_scan, scans_on_disk

ROOT = Path(__file__).resolve().parents[3]
pytest.importorskip("fcntl")  # what processes share rests on it

BEGIN = """
import os, signal, sys, threading
from models.errors import UserError
from models.web.store import ScanStore
from tests.web.store.scans import OWNER, make_scan

def say(*words):
    print(*words, flush=True)

def answer(ask):
    try:
        return ask()
    except UserError as error:
        return error.code

def forked(child):
    if pid := os.fork():
        return os.waitpid(pid, 0)[1]
    child()
    sys.exit()

store = ScanStore(sys.argv[1])
"""


@pytest.fixture
def start(folder):
    """Further processes with a store in the folder: ``start(code)``; killed after the test."""
    processes = []

    def start_one(code):
        arguments = [sys.executable, "-c", BEGIN + code, str(folder)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(arguments, cwd=ROOT, **pipes))
        return processes[-1]

    yield start_one
    for process in processes:
        process.kill()
        process.communicate()


def end(process):
    """Let a process that waits for a line go on to its end; the rest of what it says."""
    rest, _ = process.communicate("go on\n", timeout=60)
    assert process.returncode == 0
    return rest.split()


PUT = "say(store.put(make_scan(5), OWNER)); input()"


def test_one_process_puts_and_another_gets(start, store):
    process = start(PUT)
    token = process.stdout.readline().strip()
    assert store.get(token, OWNER).slices.tobytes() == make_scan(5).slices.tobytes()
    store.write(token, OWNER, "search", {"done": 1})
    end(process)
    assert store.read(token, OWNER, "search") == {"done": 1}  # the other's exit left everything


def test_the_last_process_that_exits_removes_everything(start, folder):
    first, second = start(PUT), start(PUT)
    tokens = [first.stdout.readline().strip(), second.stdout.readline().strip()]
    assert scans_on_disk(folder) == sorted(scan_name(token, OWNER) for token in tokens)
    end(first)
    assert len(scans_on_disk(folder)) == 2
    end(second)
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_the_last_store_that_is_closed_removes_everything(make_store, folder):
    first, second = make_store(), make_store()
    token = first.put(make_scan(), OWNER)
    second.report("a-job-of-the-browser", OWNER, 1)
    first.close()
    assert second.get(token, OWNER).is_hu
    second.close()
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_what_killed_processes_left_is_removed_at_the_next_start(start, make_store, folder):
    first, second = start(PUT), start(PUT)
    first.stdout.readline()
    token = second.stdout.readline().strip()
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    store = make_store()  # somebody is alive: everything stays
    assert store.get(token, OWNER).is_hu
    assert len(scans_on_disk(folder)) == 2
    second.send_signal(signal.SIGKILL)
    second.wait(60)
    store.close()
    assert scans_on_disk(folder) == []


def test_a_start_after_a_crash_of_all_finds_an_empty_folder(start, make_store, folder):
    process = start("store.report('a-job-of-the-browser', OWNER, 1)\n" + PUT)
    process.stdout.readline()
    process.kill()
    process.wait(60)
    assert len(scans_on_disk(folder)) == 1
    make_store()
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_files_of_others_in_the_folder_are_left_alone(make_store, folder):
    folder.mkdir(mode=0o700)
    (folder / "thesis.txt").write_text("mine")
    (folder / "photos").mkdir()
    store = make_store(max_scans=1)
    store.put(make_scan(), OWNER)
    store.put(make_scan(), OWNER)
    store.sweep()
    store.close()
    assert sorted(path.name for path in folder.iterdir()) == ["lock", "photos", "thesis.txt"]
    assert (folder / "thesis.txt").read_text() == "mine"


def test_a_forked_child_that_exits_leaves_its_parents_scans(start):
    process = start("""
token = store.put(make_scan(), OWNER)
say(forked(lambda: None))                                      # never touches the store
say(forked(lambda: say(store.get(token, OWNER).rows)))         # reads
say(forked(lambda: say(store.append(token, OWNER, "a", 1))))   # writes
say(store.get(token, OWNER).rows, *store.read(token, OWNER, "a"))
input()
""")
    assert end(process) == ["0", "8", "0", "0", "0", "8", "1"]


def test_a_forked_child_outlives_its_parent_and_keeps_the_scans(start, folder):
    process = start("""
token = store.put(make_scan(), OWNER)
if not os.fork():
    store.get(token, OWNER)
    say("child", os.getpid())
    input()
    say(answer(lambda: store.get(token, OWNER).rows))
    say([thread.name for thread in threading.enumerate()].count("store-sweeper"))
    sys.exit()
signal.pause()
""")
    assert process.stdout.readline().startswith("child")
    process.kill()  # the parent; the child reads on from the same pipes
    process.wait(60)
    assert len(scans_on_disk(folder)) == 1
    process.stdin.write("go on\n")
    process.stdin.close()
    process.stdin = None
    assert process.stdout.read().split() == ["8", "1"]
    assert_empty_soon(folder)


def assert_empty_soon(folder):
    """The child's exit (it is no child of ours, so that nobody can wait for it) removes the scans."""
    for _ in range(200):
        if not scans_on_disk(folder):
            return
        time.sleep(0.05)
    assert scans_on_disk(folder) == []


def test_a_fork_while_other_threads_hold_the_locks_goes_on(start):
    process = start("""
stop, token = threading.Event(), store.put(make_scan(), OWNER)
def work():
    while not stop.is_set():
        store.write(token, OWNER, "a", 1)
threads = [threading.Thread(target=work) for _ in range(2)]
[thread.start() for thread in threads]
codes = {forked(lambda: store.write(token, OWNER, "b", 2)) for _ in range(6)}
stop.set()
[thread.join() for thread in threads]
say(*codes, store.read(token, OWNER, "a"), store.read(token, OWNER, "b"))
input()
""")
    assert end(process) == ["0", "1", "2"]


def test_processes_that_start_and_exit_at_once_never_remove_a_scan_in_use(start):
    code = """
for _ in range(25):
    token = store.put(make_scan(), OWNER)
    say(answer(lambda: store.get(token, OWNER).rows))
    store.close()
    store = ScanStore(sys.argv[1])
input()
"""
    processes = [start(code) for _ in range(3)]
    assert [set(end(process)) for process in processes] == [{"8"}] * 3


def test_a_folder_that_was_taken_away_is_made_again(make_store, folder):
    store, other = make_store(), make_store()
    lost = store.put(make_scan(), OWNER)
    os.rename(folder, folder.with_name("elsewhere"))
    token = store.put(make_scan(), OWNER)
    assert other.get(token, OWNER).is_hu
    assert scans_on_disk(folder.with_name("elsewhere")) == [scan_name(lost, OWNER)]
    store.close()
    assert other.get(token, OWNER).is_hu
