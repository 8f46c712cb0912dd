"""Start until ready, and the memory of the server and all its children as it works."""

import random
from statistics import median

from tests.app.made_series import NODULE_AT, NODULE_SLICE, as_zip, series_files
from tests.bench.server import Client, crop_png, form, running
from tests.bench.table import Row
from tests.ingest.dicom_files import chest_slice, make_ct

READY_S, MEMORY_MB, GROWTH = 10, 1300, 0.05
EARLY = 100  # requests; memory is compared between these and all
SEED = 6


def start(repeats):
    """Rows: seconds from the start of the process until ``/healthz`` is 200."""
    seconds = []
    for _ in range(repeats):
        with running() as (_, ready_s):
            seconds.append(ready_s)
    detail = f"of {repeats}: {', '.join(f'{one:.1f}' for one in seconds)}"
    return [Row("start", "start to ready, median", median(seconds), "s", at_most=READY_S, detail=detail)]


def memory(requests):
    """Rows: megabytes after the start, after some and after all of the mixed requests, and the growth."""
    early, acts = min(EARLY, requests // 2), []
    with running() as (server, _):
        twenty, rng, taken = a_mixture(Client(server.port)), random.Random(SEED), {0: megabytes(server)}
        for n in range(1, requests + 1):
            acts = acts or rng.sample(twenty, len(twenty))
            acts.pop()()
            if n in (early, requests):
                taken[n] = megabytes(server)
    rows = [
        Row("memory", f"{name} after {n} requests", mb, "MB", at_most=MEMORY_MB)
        for n, found in taken.items()
        for name, mb in found.items()
    ]
    for name in taken[0]:
        growth = 100 * (taken[requests][name] / taken[early][name] - 1)
        title = f"{name}: growth from {early} to {requests}"
        rows.append(Row("memory", title, growth, "%", at_most=100 * GROWTH))
    return rows


def megabytes(server):
    """Of the server and all below it, which pages they share counted once each, and counted once in all."""
    resident = sum(process.memory_info().rss for process in server.family())
    return {"resident (RSS)": resident / 1e6, "proportional (PSS)": server.memory() / 1e6}


def a_mixture(client):
    """Twenty requests of all kinds, as functions; they raise where an answer is not as expected."""
    picture, dicom, series = crop_png(), make_ct(chest_slice()), as_zip(series_files())
    row, col = NODULE_AT
    forms = {
        "crop": form(picture),
        "slice": form(dicom, "slice.dcm", row=255.5, col=153.3),
        "series": form(series, "series.zip", row=row, col=col, slice=NODULE_SLICE),
    }
    bad = {"cut.png": picture[: len(picture) // 2], "text.txt": b"not an image " * 50, "empty.png": b""}
    bad |= {"cut.dcm": dicom[:3000], "cut.zip": series[:5000]}

    def answer(what):
        return lambda: client.must("/api/v1/predict", forms[what])

    def refusal(name):
        return lambda: client.must("/api/v1/predict", form(bad[name], name), (400, 415, 422))

    def page():
        return client.must("/predict", forms["crop"]).headers["Content-Location"]

    def report():
        client.must(f"{page()}/download/report.pdf")

    models = [lambda: client.must("/models")] * 4
    return (
        [answer("crop")] * 6
        + [answer("slice"), answer("series"), page, report, report]
        + models
        + [refusal(name) for name in bad]
    )
