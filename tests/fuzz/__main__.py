"""``python -m tests.fuzz``: send broken uploads to a server of one's own."""

import argparse
import contextlib
import http.client
import itertools
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from tests.fuzz.checks import SECONDS, Answer, error_of, faults
from tests.fuzz.inputs import BOUNDARY, HTML, JSON, Upload, multipart, uploads
from tests.fuzz.seeds import seeds
from tests.servers import HOST, ask, python_app, wait_until

TIMEOUT = 60  # seconds until a request is given up
GROWTH, GROWTH_BYTES = 0.1, 40_000_000  # of memory, whichever is more; a start takes some time to settle
FEW_FILES = 8  # that may be open at one moment and not at another; a leak of thousands of inputs is more
WARMING = ("grey.png", "pages.tif", "volume.nii", "enhanced.dcm")  # a warm server has seen such


def main(arguments=None):
    """Send them, print what came of it; 1 where something was wrong."""
    options = parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, python_app(Path(folder)) as server:
        found = watched(server, options)
    for sentence in found:
        print("FAULT", sentence)
    return int(bool(found))


def watched(server, options):
    """Send a quarter of the uploads, then the others; what was wrong with the server afterwards: sentences.

    Its memory, open files and the files that it leaves are compared, warm and afterwards.
    """
    port, keep, outcomes, states = server.port, options.keep, Counter(), []
    before = good_answer(port)
    for url, name in itertools.product((JSON, HTML), WARMING):
        send(port, Upload(url, multipart(seeds()[name], []), name))
    try:
        for part in (0.25, 0.75):
            inputs, seed = int(part * options.inputs), options.seed + len(states)
            verdicts = max(1, inputs // options.every)
            fuzz(port, verdicts, seed, True, keep, outcomes)
            fuzz(port, inputs - verdicts, seed, False, keep, outcomes)
            states.append(State.of(server))
    finally:
        print("\n".join(f"{count:7} {outcome}" for outcome, count in outcomes.most_common()))
    found = compared(states[0], server)
    if good_answer(port) != before:
        found.append("A good picture has another answer than before.")
    if "Traceback" in server.log:
        found.append(f"The log has a traceback: …{server.log.partition('Traceback')[2][:3000]}")
    return found


def fuzz(port, inputs, seed, wants_verdict, keep, outcomes):
    """Send so many uploads one by one and count what is answered.

    Raises
    ------
    AssertionError
        One of them had a wrong answer: Hypothesis names the smallest that it finds, and `keep` holds it.
    """

    @seeded(seed)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(uploads(wants_verdict))
    def is_answered(upload):
        answer = send(port, upload)
        if answer.seconds > SECONDS:  # other work on the machine slows the one or the other, not both
            answer = send(port, upload)
        code = error_of(upload.url, answer)[0] if answer.status != 200 else "answered"
        outcomes[f"{answer.status} {code}"] += 1
        found = faults(upload.url, answer)
        if found and keep:
            keep.write_bytes(upload.body)
        assert not found, f"{' '.join(found)} {answer.text[:2000]}"

    is_answered()


def send(port, upload):
    """The `Answer` to one request on a connection of its own."""
    origin = f"http://{HOST}:{port}"
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Origin": origin}
    start = time.perf_counter()
    try:
        answer = ask(port, upload.url, upload.body, headers, TIMEOUT)
        status, text = answer.status, answer.text
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        status, text = 0, repr(error)
    return Answer(status, text, time.perf_counter() - start)


def good_answer(port):
    """The text of the answer to a crop that is whole; of any other status it fails."""
    answer = send(port, Upload(JSON, multipart(seeds()["grey.png"], [("model", "consensus")]), "whole"))
    if answer.status != 200:
        raise RuntimeError(f"The server does not answer a good picture: {answer}")
    return answer.text


class State(NamedTuple):
    """A server's memory in bytes, open files, and names of files that are no scan of its store."""

    memory: int
    open_files: int
    files: list

    @classmethod
    def of(cls, server):
        """What it has at this moment."""
        names = server.files()
        extra = [
            name for name in names if not name.startswith("store/") or ".new/" in name or ".gone/" in name
        ]
        return cls(server.memory(), server.open_files(), extra)


def compared(before, server, patience=20):
    """What the server has more of than before, once it had time to come to rest: sentences."""

    def is_back():
        now = State.of(server)
        return now.open_files <= before.open_files + FEW_FILES and now.files == before.files

    with contextlib.suppress(TimeoutError):
        wait_until(is_back, patience)
    now, found = State.of(server), []
    print(f"memory {before.memory / 1e6:.0f} MB warm, {now.memory / 1e6:.0f} MB afterwards")
    if now.memory - before.memory > max(GROWTH * before.memory, GROWTH_BYTES):
        found.append(f"Memory grew from {before.memory / 1e6:.0f} to {now.memory / 1e6:.0f} MB.")
    if now.open_files > before.open_files + FEW_FILES:
        found.append(f"Open files grew from {before.open_files} to {now.open_files}.")
    if now.files != before.files:
        found.append(f"Files were left behind: {sorted(set(now.files) - set(before.files))[:5]}")
    return found


def parser():
    """The command's options."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--inputs", type=int, default=2000, help="how many")
    options.add_argument("--seed", type=int, default=0, help="of chance; the same seed gives the same inputs")
    options.add_argument("--every", type=int, default=20, help="one of so many asks for a verdict")
    options.add_argument("--keep", type=Path, help="file for the body of an upload with a wrong answer")
    return options


if __name__ == "__main__":
    sys.exit(main())
