"""How many processes? ``python -m tests.deploy.processes [seconds a round] [rounds]`` measures it; no test.

Starts all set-ups, then drives one after the other with 16 clients that send a nodule crop for a JSON answer,
round by round, so that what else the machine does falls on all of them.
"""

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from models.imaging.phantom import draw_phantom
from tests.conftest import encode
from tests.deploy.servers import Gunicorn

CLIENTS = 16
SETUPS = {"1 process": {"workers": 1}, "2 processes": {"workers": 2}}


def drive(server, png, seconds):
    """Seconds of each answer; how many were no 200."""
    taken, refused, until = [], [], time.monotonic() + seconds

    def client():
        while time.monotonic() < until:
            start = time.monotonic()
            status = server.ask("/api/v1/predict", {}, [("a.png", png)])[0]
            (taken if status == 200 else refused).append(time.monotonic() - start)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, len(refused)


def main(seconds=10, rounds=3):
    png = encode(draw_phantom("spiculated"))
    with tempfile.TemporaryDirectory() as folder:
        servers = {}
        for i, (name, setup) in enumerate(SETUPS.items()):
            (Path(folder) / str(i)).mkdir()
            servers[name] = Gunicorn(Path(folder) / str(i), few=False, NODULE_QUEUE=str(CLIENTS), **setup)
        results = {name: [] for name in servers}
        for round_ in range(rounds + 1):  # the first one warms
            for name, server in servers.items():
                result = drive(server, png, seconds if round_ else 2)
                if round_:
                    results[name].append(result)
        print("| | answers a second | p50 s | p95 s | not answered | resident MB |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name, server in servers.items():
            rate = statistics.median(len(taken) / seconds for taken, _ in results[name])
            taken = sorted(second for one, _ in results[name] for second in one)
            lost = sum(refused for _, refused in results[name])
            memory = sum(value for _, value in server.metric("nodule_process_resident_bytes")) / 1e6
            spread = f"{statistics.median(taken):.2f} | {taken[int(0.95 * len(taken))]:.2f}"
            print(f"| {name} | {rate:.1f} | {spread} | {lost} | {memory:.0f} |")
            server.stop()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
