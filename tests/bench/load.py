"""Throughput and latency under 1, 4, 16 and 64 clients at once, and how quickly the surplus is refused."""

import json
import subprocess
import sys
from collections import Counter

from tests.bench.client import Client, form, must
from tests.bench.inputs import crop_png
from tests.bench.load_client import BACK_OFF_S
from tests.bench.server import ROOT, configuration, running
from tests.bench.table import Row
from tests.bench.timing import percentile

CLIENTS = (1, 4, 16, 64)
AT_16, REFUSED_MS = 0.95, 250  # of the best throughput; a refusal "at once", on cores that are all busy
EXPECTED = {200, 503}


def load(seconds, clients=CLIENTS):
    """Rows for each number of clients; `seconds` each."""
    with running() as server:
        client, sent = Client(server.port), form(crop_png())
        for _ in range(3):
            must(client.post("/api/v1/predict", sent))
        client.close()
        seen = {n: _ask(server.port, n, seconds) for n in clients}
    return rows_of(seen, seconds)


def rows_of(seen, seconds):
    """Rows for what numbers of clients saw: begin, status, duration and Retry-After of each answer."""
    rows = [row for n in seen for row in _rows(n, seen[n], seconds)]
    return rows + _best({n: _throughput(answers, seconds) for n, answers in seen.items()})


def _ask(port, n_clients, seconds):
    command = [sys.executable, "-m", "tests.bench.load_client", *map(str, (port, n_clients, seconds))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=seconds + 300)
    return json.loads(done.stdout)


def _throughput(seen, seconds):
    """Verdicts a second, of those that came before the time was up."""
    return sum(status == 200 and begun + taken <= seconds for begun, status, taken, _ in seen) / seconds


def _rows(n_clients, seen, seconds):
    section = f"load: {n_clients} client{'s' * (n_clients > 1)} for {seconds:g} s"
    taken = {code: [1000 * t for _, status, t, _ in seen if status == code] for code in EXPECTED}
    counts = Counter(status for _, status, *_ in seen)
    by_status = ", ".join(f"{status}: {n}" for status, n in sorted(counts.items()))
    yield Row(section, "verdicts a second", _throughput(seen, seconds), "/s", detail=by_status)
    for percent in (50, 95, 99):
        yield Row(section, f"p{percent} of a verdict", percentile(taken[200], percent))
    errors = sum(n for status, n in counts.items() if status not in EXPECTED)
    detail = f"{configuration()}; 0 is a broken connection"
    yield Row(section, "errors but 503", errors, "", at_most=0, detail=detail)
    if not taken[503]:
        return
    detail = f"refused clients ask again after {BACK_OFF_S} s"
    yield Row(section, "refusals (503) a second", len(taken[503]) / seconds, "/s", detail=detail)
    yield Row(section, "p50 of a refusal", percentile(taken[503], 50), at_most=REFUSED_MS)
    yield Row(section, "p99 of a refusal", percentile(taken[503], 99))
    told = sum(wait is not None for _, status, _, wait in seen if status == 503)
    yield Row(section, "refusals with Retry-After", told / len(taken[503]), "", at_least=1)


def _best(throughput):
    section, best = "load: all", max(throughput, key=throughput.get)
    if 16 not in throughput:
        return []
    share = throughput[16] / throughput[best] if throughput[best] else 0.0
    detail = f"best: {throughput[best]:.2f} /s at {best}"
    return [Row(section, "throughput at 16 / the best", share, "x", at_least=AT_16, detail=detail)]
