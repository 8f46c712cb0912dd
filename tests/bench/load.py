"""Throughput and latency under 1, 4, 16 and 64 clients at once, and how quickly the surplus is refused.

Each client is a thread with one connection that asks for a verdict as soon as it has the last one (a closed
loop). Who is refused waits `BACK_OFF_S` and asks again: a server's Retry-After of some seconds would leave
places empty that a real crowd fills, and no wait at all would measure the client's own hunger for the
processor.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from urllib3.exceptions import HTTPError

from tests.bench.server import Client, crop_png, form, running
from tests.bench.table import Row

CLIENTS = (1, 4, 16, 64)
BACK_OFF_S = 0.2
AT_16, REFUSED_MS = 0.95, 250  # of the best throughput; a refusal "at once", on cores that are all busy


class Seen(NamedTuple):
    """One answer: its status (0 is a broken connection), seconds, whether it was in time, Retry-After."""

    status: int
    seconds: float
    in_time: bool
    retry_after: str | None


def load(seconds):
    """Rows for each number of clients; `seconds` each."""
    rows, throughput = [], {}
    with running() as (server, _):
        for _ in range(3):
            Client(server.port).must("/api/v1/predict", form(crop_png()))
        for clients in CLIENTS:
            with ThreadPoolExecutor(clients) as crowd:
                asking = [crowd.submit(ask_for, server.port, seconds) for _ in range(clients)]
            seen = [each for asked in asking for each in asked.result()]
            throughput[clients] = sum(each.status == 200 and each.in_time for each in seen) / seconds
            rows += rows_of(f"load: clients {clients}, {seconds:g} s", seen, throughput[clients], seconds)
    best = max(throughput, key=throughput.get)
    share = throughput[16] / throughput[best] if throughput[best] else 0.0
    detail = f"best: {throughput[best]:.2f} /s at {best}"
    return [*rows, Row("load: all", "throughput at 16 / the best", share, "x", at_least=AT_16, detail=detail)]


def ask_for(port, seconds):
    """What one client sees in so many seconds."""
    client, sent, seen, end = Client(port), form(crop_png()), [], time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        try:
            answer = client.ask("/api/v1/predict", sent)
            status, wait = answer.status, answer.headers.get("Retry-After")
        except HTTPError:
            status, wait = 0, None
        now = time.perf_counter()
        seen.append(Seen(status, now - begun, now <= end, wait))
        if status != 200:
            time.sleep(BACK_OFF_S)
    return seen


def rows_of(section, seen, throughput, seconds):
    """Rows of one number of clients."""
    counts = Counter(each.status for each in seen)
    by_status = ", ".join(f"{status}: {n}" for status, n in sorted(counts.items()))
    yield Row(section, "verdicts a second", throughput, "/s", detail=by_status)
    for percent in (50, 95, 99):
        yield Row(section, f"p{percent} of a verdict", percentile_ms(seen, 200, percent))
    errors = sum(counts.values()) - counts[200] - counts[503]
    yield Row(section, "errors but 503", errors, "", at_most=0, detail="0 is a broken connection")
    if counts[503]:
        detail = f"refused clients ask again after {BACK_OFF_S} s"
        yield Row(section, "refusals (503) a second", counts[503] / seconds, "/s", detail=detail)
        yield Row(section, "p50 of a refusal", percentile_ms(seen, 503, 50), at_most=REFUSED_MS)
        yield Row(section, "p99 of a refusal", percentile_ms(seen, 503, 99))
        told = sum(each.status == 503 and each.retry_after is not None for each in seen)
        yield Row(section, "refusals with Retry-After", told / counts[503], "", at_least=1)


def percentile_ms(seen, status, percent):
    """A percentile of the times of answers of a status; nan of none."""
    taken = [1000 * each.seconds for each in seen if each.status == status]
    return float(np.percentile(taken, percent)) if taken else float("nan")
