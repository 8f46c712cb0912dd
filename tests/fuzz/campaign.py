"""Send inputs to a server, look at each answer, and at the server afterwards."""

import collections
import contextlib
import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.fuzz.checks import Answer, error_of, faults
from tests.fuzz.inputs import BOUNDARY, JSON, make_input, multipart
from tests.fuzz.seeds import seeds
from tests.servers import HOST, ask, wait_until

TIMEOUT = 60  # seconds until a request is given up
CLIENTS = 3
GROWTH, GROWTH_BYTES = 0.1, 40_000_000  # of memory, whichever is more; a start takes some time to settle
FEW_FILES = 8  # that may be open at one moment and not at another; a leak of thousands of inputs is more
one_whole = (
    threading.Lock()
)  # answers with a verdict are asked for one by one, so that their time is their own


@dataclass
class Report:
    """What became of a campaign: outcomes counted, the longest time in seconds, and what was wrong."""

    outcomes: collections.Counter = field(default_factory=collections.Counter)
    slowest: float = 0.0
    failures: list = field(default_factory=list)

    def add(self, asked, answer, found):
        """Count one answer."""
        code = error_of(asked.url, answer)[0] if answer.status != 200 else "answered"
        self.outcomes[f"{answer.status} {code}"] += 1
        self.slowest = max(self.slowest, answer.seconds)
        if found:
            self.failures.append(f"{asked.seed}-{asked.number} ({asked.story}): {' '.join(found)}")


@dataclass(frozen=True)
class State:
    """A server's memory in bytes, open files, and names of files that are no scan of its store."""

    memory: int
    open_files: int
    files: list


def send(port, url, body):
    """The `Answer` to one request on a connection of its own."""
    origin = f"http://{HOST}:{port}"
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Origin": origin}
    start = time.perf_counter()
    try:
        answer = ask(port, url, body, headers, TIMEOUT)
        status, text = answer.status, answer.text
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        status, text = 0, repr(error)
    return Answer(status, text, time.perf_counter() - start)


def run(port, seed, numbers, every, report, keep=None):
    """Send the inputs of these numbers, a few at once, and add what comes to the report."""
    lock = threading.Lock()

    def one(number):
        asked = make_input(seed, number, every)
        if asked.whole:
            with one_whole:
                answer = send(port, asked.url, asked.body)
        else:
            answer = send(port, asked.url, asked.body)
        found = faults(asked, answer)
        with lock:
            report.add(asked, answer, found)
        if found and keep:
            save(keep, asked, answer, found)

    with ThreadPoolExecutor(CLIENTS) as clients:
        collections.deque(clients.map(one, numbers), maxlen=0)


def save(folder, asked, answer, found):
    """Keep an input that failed: the request's body, and what it was and met."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{asked.seed}-{asked.number}"
    (folder / f"{name}.body").write_bytes(asked.body)
    about = {"url": asked.url, "story": asked.story, "faults": found, "status": answer.status}
    (folder / f"{name}.json").write_text(json.dumps(about | {"text": answer.text[:2000]}, indent=1))


def good_answer(port):
    """The text of the answer to a crop that is whole; of any other status it fails."""
    body = multipart(seeds()["grey.png"], [("model", "consensus")])
    answer = send(port, JSON, body)
    if answer.status != 200:
        raise RuntimeError(f"The server does not answer a good picture: {answer}")
    return answer.text


def state_of(server):
    """The `State` of a server that has come to rest."""
    outside = [name for name in server.files() if not name.startswith("store/")]
    half_done = [name for name in server.files() if ".new/" in name or ".gone/" in name]
    return State(server.memory(), server.open_files(), outside + half_done)


def compared(before, server, patience=20):
    """What the server has more of than before, once it had time to come to rest: sentences."""

    def is_back():
        now = state_of(server)
        return now.open_files <= before.open_files + FEW_FILES and now.files == before.files

    with contextlib.suppress(TimeoutError):
        wait_until(is_back, patience)
    now, found = state_of(server), []
    if now.memory - before.memory > max(GROWTH * before.memory, GROWTH_BYTES):
        found.append(f"Memory grew from {before.memory / 1e6:.0f} to {now.memory / 1e6:.0f} MB.")
    if now.open_files > before.open_files + FEW_FILES:
        found.append(f"Open files grew from {before.open_files} to {now.open_files}.")
    if now.files != before.files:
        found.append(f"Files were left behind: {sorted(set(now.files) - set(before.files))[:5]}")
    return now, found
