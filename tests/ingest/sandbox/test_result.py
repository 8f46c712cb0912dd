"""A decoder that was taken over may say anything, and do anything with what it was handed."""

import json
import os
import socket
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

from models.errors import SeveralSeries, UserError
from models.imaging.scan import describe
from models.ingest.asked import NOTHING
from models.ingest.limits import Limits
from models.ingest.read import read_scan
from models.ingest.sandbox import result
from models.ingest.sandbox.job import Job
from models.ingest.sandbox.result import ForkServerGone, converse, scan_in
from models.ingest.sandbox.sayable import length
from models.ingest.spool import scratch
from models.messages import Message, counted, joined
from tests.ingest.series_files import make_series

SHAPE = (4, 512, 512)
N_BYTES = int(np.prod(SHAPE)) * 2
DESCRIPTION = describe(read_scan(make_series(3)))


def job(seconds):
    return Job((), NOTHING, Limits(), seconds, 100)


def said(*messages, seconds=5, progress=lambda *_: None, end=True):
    """What comes of a conversation with a child that says these things."""
    ours, theirs = socket.socketpair()

    def say():
        theirs.recv(1000)  # the job
        with suppress(OSError):  # it was told enough
            for message in messages:
                line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
                theirs.sendall(line)
        if end:
            theirs.close()

    threading.Thread(target=say, daemon=True).start()
    with ours, theirs:
        return converse(ours, job(seconds), progress)


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(result, "GRACE_S", 0.2)


@pytest.mark.parametrize("piece", [b'{"progress": [1, 2]}\n', b" ", b"\n"])
def test_whoever_goes_on_talking_is_waited_for_no_longer(hasty, piece):
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def talk():
        try:
            while not stop.wait(0.01):
                theirs.sendall(piece)
        except OSError:
            pass

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    start = time.monotonic()
    with pytest.raises(UserError, match="takes more than 0 s to decode"):
        converse(ours, job(0.3), lambda *_: None)
    assert 0.4 < time.monotonic() - start < 1.5
    ours.close()
    thread.join(5)
    stop.set()
    theirs.close()


def test_progress_only_grows_and_is_numbers():
    told = []
    odd = [[1, 0], [-1, 5], [2, 1], ["a", 1], [1.5, 2], [True, 2], [1, 10**9], {}, 3, [1, 2, 3], [0, 4]]
    messages = [{"progress": value} for value in (*odd, [1, 4], [1, 4], [1, 8], [2, 4], [4, 4], [4, 4])]
    assert said(*messages, {"scan": 1}, progress=lambda *done: told.append(done)) == {"scan": 1}
    assert told == [(1, 4), (2, 4), (4, 4)]


ODD_TEXTS = (
    *(
        {},
        {"text": 5},
        {"text": "x" * 5000},
        {"text": "{n}", "values": {"m": 1}},
        {"text": "{", "values": {"n": 1}},
    ),
    {"text": "{n.__class__}", "values": {"n": 1}},
    {"text": "{n.__class__}", "values": {"n": {"text": "x"}, "n.__class__": 1}},
    {"text": "{n:f}", "values": {"n": 10**400}},
    {"text": "{}", "values": {"": "x"}},
    {"text": "{n:>99999999}", "values": {"n": 1}},
    {"text": "{n}" * 99, "values": {"n": "x" * 5000}},
    {"text": "{n}" * 3000, "values": {"n": {"text": "{n}" * 3000, "values": {"n": "x" * 100_000}}}},
    {"text": "{n:d}", "values": {"n": "x"}},
    {"text": "{m}", "many": "{m:d}", "values": {"n": 1, "m": "x"}},
    *({"text": "{m}", "many": "{m}", "values": {"m": 1} | other} for other in ({}, {"n": "x"}, {"n": 1e400})),
)


@pytest.mark.parametrize(
    "error", [[], ["corrupt_file"], 5, None, [["a"], {"text": "b"}], "ab", *(["x", odd] for odd in ODD_TEXTS)]
)
def test_a_refusal_that_is_none_is_one_of_ours(error):
    with pytest.raises(UserError, match="^The file is damaged, or one file of the series is: it crashes"):
        said({"error": error})


def test_a_refusal_is_of_a_known_code():
    with pytest.raises(UserError, match="^3 of them$") as caught:
        said({"error": ["no such code", {"text": "{n} of them", "values": {"n": 3}}]})
    assert caught.value.code == "corrupt_file"


@pytest.mark.parametrize("noise", [b"[" * 100_000, b"\xff", b"5", b'"a"', b"{", b"9" * 5000])
def test_what_is_no_message_is_passed_over(noise):
    assert said(noise + b"\n", {"scan": 1}) == {"scan": 1}
    with pytest.raises(ForkServerGone):
        said(noise + b"\n")


def test_a_line_without_an_end_takes_no_memory(monkeypatch):
    monkeypatch.setattr(result, "LINE_BYTES", 1 << 18)
    with pytest.raises(UserError, match="^The file is damaged"):
        said(b"x" * (1 << 20), end=False)


def packed_scan(in_memory=True, n_bytes=N_BYTES):
    file = scratch(0 if in_memory else None)
    os.ftruncate(file.fileno(), n_bytes)
    return file


def answered(file, **other):
    return scan_in({"scan": DESCRIPTION, "dtype": "<i2", "shape": list(SHAPE), **other}, file)


@pytest.mark.parametrize("in_memory", [True, False])
def test_slices_cannot_be_cut_off_or_changed_once_they_are_handed_over(in_memory):
    """Reading beyond the end of a mapped file ends the process (SIGBUS)."""
    with packed_scan(in_memory) as file:
        theirs = os.dup(file.fileno())
        scan = answered(file)
        for act in (lambda: os.ftruncate(theirs, 0), lambda: os.pwrite(theirs, b"\1\1", 0)):
            try:
                act()
            except PermissionError:
                assert in_memory
        os.close(theirs)
    assert scan.slices.shape == SHAPE
    assert not scan.slices.any()
    assert not scan.slices.flags.writeable


def test_slices_that_are_still_mapped_by_the_other_side_are_copied():
    import mmap

    with packed_scan() as file, mmap.mmap(file.fileno(), N_BYTES) as theirs:
        scan = answered(file)
        theirs[:2] = b"\1\1"
        assert not scan.slices.any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": [5, 512, 512]},
        {"shape": [4, 512]},
        {"shape": [0, 512, 512]},
        {"shape": [-4, -512, 512]},
        {"shape": [10**30, 10**30, 10**30]},
        {"shape": "four"},
        {"shape": [1e400, 1, 1]},
        {"dtype": "O"},
        {"dtype": "<i4"},
        {"dtype": [["a", "<i2"]]},
        {"dtype": 5},
        {"scan": {}},
        {"scan": []},
        {"scan": DESCRIPTION | {"spacing_mm": [0.7]}},
        {"scan": DESCRIPTION | {"spacing_mm": [float("nan"), 0.7]}},
        {"scan": DESCRIPTION | {"spacing_mm": [0.7, float("inf")]}},
        {"scan": DESCRIPTION | {"spacing_mm": [0.7, -0.7]}},
        {"scan": DESCRIPTION | {"spacing_mm": ["0.7", "0.7"]}},
        {"scan": DESCRIPTION | {"notices": [{"code": 1}]}},
        {"scan": DESCRIPTION | {"notices": 5}},
    ],
)
def test_a_description_that_does_not_fit_is_refused(wrong):
    with packed_scan() as file, pytest.raises(UserError, match="^The file is damaged"):
        answered(file, **wrong)


@pytest.mark.parametrize("text", [text for text in ODD_TEXTS if "text" in text and text["text"] != 5])
def test_a_warning_that_cannot_be_said_is_no_warning(text):
    notices = [{"code": "left_out", "text": text | {"text": text["text"] * 3}}]
    with packed_scan() as file, pytest.raises(UserError, match="^The file is damaged"):
        answered(file, scan=DESCRIPTION | {"notices": notices})


def test_a_series_that_cannot_be_said_is_no_series():
    listing = {"series": [{"number": 1, "uid": None, "slices": 1, "what": {"text": "axial CT"}}]}
    error = ["mixed_series", {"text": "Several."}]
    with pytest.raises(SeveralSeries):
        said({"error": error, "several": listing})
    for name in ("what", "region"):
        listing["series"][0][name] = ODD_TEXTS[-1]
        with pytest.raises(UserError, match="^The file is damaged"):
            said({"error": error, "several": listing})


@pytest.mark.parametrize("n", [1, 2])
def test_how_long_a_sentence_is_is_known_without_saying_it(n):
    inner = Message("{mm:.2f} mm", mm=1.25)
    one = counted("{n} slice of {size}", "{n} slices of {size} and {name}", n, size=inner, name="x" * 40)
    longest = len(str(counted("", one.many, 2, size=inner, name="x" * 40)))
    assert length(one) == longest
    assert length(joined(", ", [one, "abc"])) == longest + 5
    assert length(Message("{no value}")) == 10
