"""In which functions of the project one verdict and one page spend their time.

Requests are sent within one process under the profiler of the standard library. What a function waits for
(networks in threads, a decoder in a process of its own) counts as its time.
"""

import cProfile
import io
import pstats
import tempfile
from pathlib import Path

from tests.bench.server import crop_png
from tests.bench.table import WARM, Row
from tests.servers import ROOT

MOST, LEAST_SHARE = 25, 0.01  # functions in the table, and the share of the whole that one has


def profile(repeats):
    """Rows: milliseconds a request within each function, calls from it included, the longest first."""
    from app import create_app

    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"STORE": f"{folder}/store"})
        return [*_rows(app, "/api/v1/predict", repeats), *_rows(app, "/predict", repeats)]


def _rows(app, path, repeats):
    client, profiler = app.test_client(), cProfile.Profile()
    for turn in range(-WARM, repeats):
        form = {"image": (io.BytesIO(crop_png()), "crop.png")}
        if turn >= 0:
            profiler.enable()
        answer = client.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"})
        profiler.disable()
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status}")
    stats = pstats.Stats(profiler).stats
    taken = {
        f"{Path(file).relative_to(ROOT)}: {name}": 1000 * seconds / repeats
        for (file, _, name), (_, _, _, seconds, _) in stats.items()
        if Path(file).is_relative_to(ROOT / "models") or file == str(ROOT / "app.py")
    }
    ordered = sorted(taken.items(), key=lambda pair: -pair[1])[:MOST]
    whole = max(taken.values())
    return [
        Row(f"profile: {path}", name, ms, detail=f"{ms / whole:5.1%}")
        for name, ms in ordered
        if ms > LEAST_SHARE * whole
    ]
