"""Many clients at once, in a process of their own: ``-m tests.bench.load_client PORT CLIENTS SECONDS``.

Each is a thread with one connection that asks for a verdict as soon as it has the last one (a closed loop).
Who is refused waits `BACK_OFF_S` and asks again: a server's Retry-After of some seconds would leave places
empty that a real crowd fills, and no wait at all would measure the client's own hunger for the processor.
"""

import argparse
import http.client
import json
import threading
import time

from tests.bench.client import Client, form
from tests.bench.inputs import crop_png

BACK_OFF_S = 0.2


def main():
    """Print one JSON list: (seconds since the start, status, seconds taken, Retry-After) of each request."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("clients", type=int)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    print(json.dumps(ask_for(options.port, options.clients, options.seconds)))


def ask_for(port, n_clients, seconds):
    """What `n_clients` saw in so many seconds; see `main`. Status 0: the connection broke."""
    sent, seen = form(crop_png()), []
    start = time.perf_counter()
    asking = [
        threading.Thread(target=_ask, args=(port, sent, start, seconds, seen), daemon=True)
        for _ in range(n_clients)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    return seen


def _ask(port, sent, start, seconds, seen):
    client = Client(port)
    while (begun := time.perf_counter() - start) < seconds:
        try:
            status, headers, _, taken = client.post("/api/v1/predict", sent)
            wait = headers.get("Retry-After")
        except (OSError, http.client.HTTPException):
            status, wait, taken = 0, None, time.perf_counter() - start - begun
        seen.append((begun, status, taken, wait))
        if status != 200:
            time.sleep(BACK_OFF_S)
    client.close()


if __name__ == "__main__":
    main()
