"""A verdict through HTTP against the bare forward passes, and against the plain way; the page against both.

The plain way gives five ratings and no more; a verdict of ours also checks, outlines, measures and compares.
Ours is answered by one server process (see `tests.bench.beside`), the plain way by another one (see
`tests.bench.plain`), and they are asked by turns. Bare passes are timed within our process;
everything else is timed by the client, connections kept open.
"""

import json

from tests.bench.client import Client, form, must
from tests.bench.inputs import crop_png
from tests.bench.server import BESIDE, PLAIN_WAY, configuration, running
from tests.bench.table import Row
from tests.bench.timing import medians_ms

SECTION, PLAIN = "a verdict through HTTP", "against the plain way (model.predict a model and request)"
JSON_AT_MOST, PAGE_AT_MOST, PLAIN_AT_LEAST = 1.3, 2.5, 4.0


def verdict(repeats):
    """Rows: JSON against bare passes, page against JSON."""
    with running(BESIDE) as server:
        client, sent = Client(server.port), form(crop_png())
        sides = {
            "bare": lambda: float(json.loads(must(client.get("/beside/bare"))[0])),
            "json": lambda: must(client.post("/api/v1/predict", sent))[1],
            "page": lambda: must(client.post("/predict", sent))[1],
        }
        times = medians_ms(sides, repeats)
        client.close()
    return [
        Row(SECTION, "bare: 8 patches, five models", times["bare"], detail="in the server's process"),
        Row(SECTION, "JSON of a PNG crop", times["json"], detail=configuration()),
        Row(SECTION, "page with saliency maps", times["page"]),
        Row(SECTION, "JSON / bare", times["json"] / times["bare"], "x", at_most=JSON_AT_MOST),
        Row(SECTION, "page / JSON", times["page"] / times["json"], "x", at_most=PAGE_AT_MOST),
    ]


def plain(repeats):
    """Rows: the plain way against ours, for all five models and eight views, and for a patch and a model."""
    from models.networks.registry import ARCHITECTURES

    with running(BESIDE) as ours, running(PLAIN_WAY) as other:
        client, plain_client = Client(ours.port), Client(other.port)

        def ask(path, **fields):
            sent, asked = form(crop_png(), **fields), plain_client if path == "/plain" else client
            return lambda: must(asked.post(path, sent))[1]

        whole = {
            "verdict": ask("/api/v1/predict"),
            "own": ask("/beside/own", views=8),
            "plain": ask("/plain", views=8),
        }
        each = {
            f"{path.rpartition('/')[2]} {key}": ask(path, views=1, model=key)
            for key in ARCHITECTURES
            for path in ("/plain", "/beside/own")
        }
        times = medians_ms(whole, repeats)
        singles = medians_ms(each, repeats)
        client.close()
        plain_client.close()
    rows = [
        _quicker("five models, eight views: the same patches", times["plain"], times["own"]),
        _quicker("five models, eight views: against our whole verdict", times["plain"], times["verdict"]),
    ]
    pairs = {key: (singles[f"plain {key}"], singles[f"own {key}"]) for key in ARCHITECTURES}
    return rows + [_quicker(f"one model, one patch: {key}", *pair) for key, pair in pairs.items()]


def _quicker(name, usual, ours):
    detail = f"{usual:.1f} ms against {ours:.1f} ms"
    return Row(PLAIN, name, usual / ours, "x", at_least=PLAIN_AT_LEAST, detail=detail)
