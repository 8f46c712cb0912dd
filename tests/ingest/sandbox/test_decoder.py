"""Decoding in a process of its own gives what decoding here gives, whatever becomes of other uploads."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
from PIL import Image
from pydicom.uid import JPEGLosslessSV1, JPEGLSLossless

from models.errors import UserError
from models.imaging.phantom import draw_phantom
from models.ingest.asked import NOTHING
from models.ingest.limits import Limits
from models.ingest.read import read_scan
from models.ingest.sandbox.decoder import IS_ISOLATED, Decoder
from models.ingest.sandbox.fork_server_client import (
    ONE_THREAD,
    PASSED_ON,
    ROOT,
    ForkServerClient,
    fork_server_client,
)
from models.ingest.source import Source
from models.ingest.spool import Spool
from models.weights import FOLDER
from tests.ingest.dicom_files import chest_slice, make_ct, transcoded
from tests.ingest.series_files import make_series, make_slice, make_zip, png
from tests.reports.dicom.conftest import KINDS

pytestmark = pytest.mark.skipif(not IS_ISOLATED, reason="decoding has a process of its own on Linux only")
CROP = (1, *draw_phantom("spiculated").shape)
NOISE = np.random.default_rng(0).integers(0, 255, (4000, 4000), np.uint8)


@pytest.fixture(scope="module")
def decoder():
    return Decoder()


def family():
    """The fork server and its children, all of which the system knows by number alone."""
    process = psutil.Process(fork_server_client(FOLDER).process)
    return process, process.children(recursive=True)


def spare(timeout_s=20):
    """The child that waits for the next upload, once there is no other."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        _, children = family()
        if len(children) == 1 and children[0].status() == psutil.STATUS_SLEEPING:
            return children[0]
        time.sleep(0.02)
    raise TimeoutError(f"{len(children)} children")


def refusal(read, *arguments):
    with pytest.raises(UserError) as caught:
        read(*arguments)
    return caught.value.code, caught.value.message


def large_pictures(n=3):
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, "png", compress_level=0)
    return [(f"{i}.png", stream.getvalue()) for i in range(n)]


def uploads():
    crop = png(draw_phantom("spiculated"))
    return {
        **KINDS,
        "crop": lambda: [("crop.png", crop)],
        "zip": lambda: [("a.zip", make_zip(make_series(3)))],
        "large": lambda: [(f"{i}.dcm", make_slice(i, hu=chest_slice())) for i in range(3)],
    }


@pytest.mark.parametrize("kind", uploads())
def test_the_scan_is_the_one_that_is_read_without_a_process(decoder, kind):
    files, told, expected_told = uploads()[kind](), [], []
    expected = read_scan(files, None, Limits(), lambda *done: expected_told.append(done))
    scan = decoder.read(files, NOTHING, lambda *done: told.append(done))
    np.testing.assert_array_equal(scan.slices, expected.slices)
    assert scan.slices.dtype == expected.slices.dtype
    others = {name: value for name, value in vars(scan).items() if name != "slices"}
    assert others == {name: value for name, value in vars(expected).items() if name != "slices"}
    assert told == expected_told


@pytest.mark.parametrize(
    "files",
    [
        [("a.txt", b"no picture")],
        [("a.png", png(NOISE[:64, :64])[:1000])],
        [("a.png", png(NOISE[:64, :64])), ("b.dcm", make_ct(np.zeros((16, 16))))],
        [("a.zip", make_zip([("b.zip", make_zip([("c.png", b"")]))]))],
        [],
    ],
    ids=["text", "cut", "mixed", "nested", "nothing"],
)
def test_a_refusal_is_the_one_that_is_given_without_a_process(decoder, files):
    assert refusal(decoder.read, files) == refusal(read_scan, files)


def test_files_of_one_spool_are_read_where_they_lie(decoder):
    files = make_series(3)
    with Spool() as spool:
        sources = []
        for name, data in files:
            part = spool.part()
            part.write(data)
            sources.append(Source.of_stream(name, part))
        scan = decoder.read(sources)
    np.testing.assert_array_equal(scan.slices, read_scan(files).slices)


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (signal.SIGSEGV, "corrupt_file", "it crashes the decoder"),
        (signal.SIGABRT, "corrupt_file", "it crashes the decoder"),
        (signal.SIGALRM, "corrupt_file", "takes more than 8 s to decode"),
        (signal.SIGKILL, "busy", "try again"),
    ],
)
def test_what_ends_a_process_costs_one_upload(decoder, number, code, words):
    files = uploads()["crop"]()
    decoder.read(files)
    doomed, found = spare(), []
    doomed.suspend()
    thread = threading.Thread(target=lambda: found.append(refusal(decoder.read, files)))
    thread.start()
    time.sleep(0.1)
    assert decoder.read(files).slices.shape == CROP  # another upload meanwhile
    doomed.send_signal(number)
    with suppress(psutil.NoSuchProcess):  # SIGKILL does not wait for it
        doomed.resume()
    thread.join(20)
    assert found[0][0] == code
    assert words in found[0][1]
    assert decoder.read(files).slices.shape == CROP
    assert spare() != doomed


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless], ids=lambda uid: uid.keyword)
def test_a_frame_that_ends_its_decoder_costs_one_upload(decoder, syntax):
    files = [(f"{i}.dcm", transcoded(make_slice(i), syntax)) for i in range(3)]
    data = files[1][1]
    start = data.rindex(b"\xff\xd8\xff")
    assert data[start + 6] == 16  # bits
    broken = data[: start + 6] + b"\x11" + data[start + 7 :]  # GDCM 3.2.6 aborts
    code, message = refusal(decoder.read, [files[0], ("1.dcm", broken), files[2]])
    assert (code, "or one file of the series is: it crashes the decoder" in message) == (
        "corrupt_file",
        True,
    )
    np.testing.assert_array_equal(decoder.read(files).slices, read_scan(files).slices)


def test_what_takes_too_long_is_ended(decoder):
    start = time.monotonic()
    code, message = refusal(Decoder(seconds=1).read, large_pictures())
    assert (code, "takes more than 1 s to decode" in message) == ("corrupt_file", True)
    assert time.monotonic() - start < 5
    spare()


def test_what_takes_too_much_memory_is_refused(decoder):
    decoder.read(uploads()["crop"]())
    room = family()[0].memory_info().vms / 1e6 + 150
    code, message = refusal(Decoder(megabytes=room).read, large_pictures())
    assert (code, "more memory than this server allows" in message) == ("too_large", True)
    assert refusal(decoder.read, large_pictures(1))[0] == "not_ct_image"  # it was decoded


def test_a_fork_server_that_is_gone_is_started_again(decoder):
    decoder.read(uploads()["crop"]())
    gone, children = family()
    gone.kill()
    assert decoder.read(uploads()["crop"]()).slices.shape == CROP
    assert family()[0] != gone
    assert not psutil.wait_procs(children, timeout=5)[1]


def test_nothing_is_left_of_many_uploads(decoder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    good, bad = uploads()["zip"](), [("a.png", png(NOISE[:64, :64])[:1000])]
    decoder.read(good)
    spare()
    before = [process.num_fds() for process in (psutil.Process(), family()[0])]
    for _ in range(10):
        decoder.read(good)
        refusal(decoder.read, bad)
    spare()
    assert [process.num_fds() for process in (psutil.Process(), family()[0])] == before
    assert list(tmp_path.iterdir()) == []


def test_uploads_wait_for_their_turn_and_one_that_waits_too_long_is_refused(decoder):
    decoder.read(uploads()["crop"]())
    narrow, files = Decoder(seconds=4, at_once=1), uploads()["crop"]()
    held, done = spare(), []
    held.suspend()
    first = threading.Thread(target=lambda: done.append(narrow.read(files)))
    first.start()
    time.sleep(0.1)
    assert refusal(narrow.read, files)[0] == "busy"
    held.resume()
    first.join(10)
    assert done[0].slices.shape == CROP


ORPHANS = """
import os
from models.ingest.sandbox.decoder import Decoder
from models.ingest.sandbox.fork_server_client import fork_server_client
from models.weights import FOLDER
from models.imaging.phantom import draw_phantom
from models.imaging.display import to_png
Decoder().read([("a.png", to_png(draw_phantom("smooth")))])
print(fork_server_client(FOLDER).process, flush=True)
os.kill(os.getpid(), 9)
"""


def test_no_process_outlives_a_server_that_is_killed():
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    end, pid = time.monotonic() + 5, int(done.stdout)
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_who_is_waited_for_no_longer_is_ended(decoder, monkeypatch):
    """Also where it switched its own alarm off; what it has taken up is free again."""
    decoder.read(uploads()["crop"]())
    doomed = spare()
    doomed.suspend()  # no alarm reaches it
    monkeypatch.setattr("models.ingest.sandbox.result.GRACE_S", 0)
    start = time.monotonic()
    assert refusal(Decoder(seconds=1).read, uploads()["crop"]())[0] == "corrupt_file"
    assert not psutil.wait_procs([doomed], timeout=5)[1]
    assert time.monotonic() - start < 5
    assert decoder.read(uploads()["crop"]()).slices.shape == CROP


def test_the_environment_of_decoders_has_nothing_of_the_servers(monkeypatch):
    monkeypatch.setenv("NODULE_PASSWORD", "secret")
    monkeypatch.setenv("CLOUD_KEY", "secret")
    own = ForkServerClient()
    own.start()
    environ = psutil.Process(own.process).environ()
    own.close()
    assert set(environ) <= {*PASSED_ON, *ONE_THREAD, "PYTHONPATH", "LC_CTYPE"}


def test_a_program_that_does_not_start_is_told_and_not_started_for_ever(monkeypatch):
    nowhere = "models.ingest.sandbox.nowhere"
    monkeypatch.setattr("models.ingest.sandbox.fork_server_client.FORK_SERVER", nowhere)
    broken = Decoder(weights="nowhere")
    starts = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: starts.append(1) or popen(*a, **k))
    for _ in range(3):
        code, message = refusal(broken.read, uploads()["crop"]())
        assert (code, "does not start" in message) == ("decoder_unavailable", True)
    assert broken.problem() == message
    assert len(starts) <= 1
    assert Decoder().problem() == ""
