"""A verdict through HTTP against bare forward passes, the page against it, the plain way against ours.

The plain way gives five ratings and no more; a verdict of ours also checks, outlines, measures and compares.
Bare passes are timed within the server's process; all else is timed by the client, connections kept open.
"""

import json

from tests.bench.server import BESIDE, PLAIN_WAY, Client, crop_png, form, running
from tests.bench.table import Row, medians_ms

SECTION, PLAIN = "a verdict through HTTP", "against the plain way (model.predict a model and request)"
JSON_AT_MOST, PAGE_AT_MOST, PLAIN_AT_LEAST = 1.3, 1.2, 4.0


def verdict(repeats):
    """Rows: JSON against bare passes, page against JSON."""
    with running(BESIDE) as (server, _):
        client, sent = Client(server.port), form(crop_png())
        sides = {
            "bare": lambda: float(json.loads(client.must("/beside/bare").data)),
            "json": lambda: client.must("/api/v1/predict", sent).seconds,
            "page": lambda: client.must("/predict", sent).seconds,
        }
        times = medians_ms(sides, repeats)
    return [
        Row(SECTION, "bare: 8 patches, five models", times["bare"], detail="in the server's process"),
        Row(SECTION, "JSON of a PNG crop", times["json"]),
        Row(SECTION, "page of a PNG crop", times["page"]),
        Row(SECTION, "JSON / bare", times["json"] / times["bare"], "x", at_most=JSON_AT_MOST),
        Row(SECTION, "page / JSON", times["page"] / times["json"], "x", at_most=PAGE_AT_MOST),
    ]


def plain(repeats):
    """Rows: the plain way against ours, for all five models and eight views, and for a patch and a model."""
    from models.networks.registry import ARCHITECTURES

    with running(PLAIN_WAY) as (other, _), running(BESIDE) as (ours, _):
        clients = {"/plain": Client(other.port), "/beside/own": Client(ours.port)}

        def ask(path, **fields):
            return lambda: clients[path].must(path, form(crop_png(), **fields)).seconds

        cases = {"five models, eight views": {"views": 8}}
        cases |= {f"one model, one patch: {key}": {"views": 1, "model": key} for key in ARCHITECTURES}
        rows = []
        for name, fields in cases.items():
            times = medians_ms({path: ask(path, **fields) for path in clients}, repeats)
            detail = f"{times['/plain']:.1f} ms against {times['/beside/own']:.1f} ms"
            ratio = times["/plain"] / times["/beside/own"]
            rows.append(Row(PLAIN, name, ratio, "x", at_least=PLAIN_AT_LEAST, detail=detail))
    return rows
