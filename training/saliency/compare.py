"""Choose a saliency method and layers for each network, and measure how good its maps are.

    python -m training.saliency.compare --data nodules.npz --runs runs

With the networks of the first fold. Pointing on one half of the patients that they held out, and where it
makes no difference the time, choose among what `models.inference.saliency.saliency` offers; the methods of
the literature are in the table beside it. The other half reports: pointing on all their nodules, deletion and
insertion on some. The time is that of a map over that of the answer's forward pass (eight views). All nodules
are shifted, see `training.saliency.cases`.
"""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from models.imaging.patch import PATCH
from models.inference.classifier import CONSENSUS
from models.inference.saliency.gradients import INPUT
from models.inference.saliency.saliency import METHODS, Explainer, Saliency, joined
from models.networks.registry import ARCHITECTURES
from training.arguments import parser_of
from training.data.outlines import Outlines, load
from training.data.splits import sides_of_fold
from training.evaluation.predict import checked_run
from training.evaluation.robustness import FOLD
from training.saliency.cases import LARGE_MM, Case, shifted_cases
from training.saliency.measure import Answering, mean_curves, pointing, points_at
from training.saliency.methods import LAYERS, Explaining, Published, Served, answering, explaining

REPEATS = 10


def compared(model: keras.Model, key: str, cases: list[Case], n_published: int) -> list[dict]:
    """The table of one network: a row a method and layer, by falling share of hits.

    The literature's methods see the first `n_published` cases only, since some of them take long.
    """
    served, published = Served(model, [INPUT, *LAYERS[key]]), Published(model, LAYERS[key])
    hits: dict[tuple[str, str | None], list[bool]] = {}
    for number, case in enumerate(tqdm(cases, desc=f"{key}, choosing", file=sys.stderr)):
        maps = served(case.patches) | (published(case.patches) if number < n_published else {})
        for name, one in maps.items():
            hits.setdefault(name, []).append(points_at(one, case.inside))
    rows = [
        {"model": key, "method": method, "layer": layer, "pointing": round(float(np.mean(found)), 4)}
        | {"n_nodules": len(found)}
        for (method, layer), found in hits.items()
    ]
    return sorted(rows, key=lambda row: (-row["pointing"], (row["layer"] or "").count("+")))


def chosen_of(rows: list[dict], layers: list[str]) -> dict[str, str]:
    """Method and layer that take the least time of those that point about as well as the best.

    About as well: not worse by more than the best one's standard error (Breiman et al., Classification and
    Regression Trees, 1984, section 3.4.3). Views as they are cost least, since the answer passes them through
    the network anyway; then what needs gradients of the last layers only.

    Parameters
    ----------
    rows : list of dict
        By falling ``pointing``.
    layers : list of str
        The network's, from the first to the last.
    """
    offered = [row for row in rows if row["method"] in METHODS]
    best = offered[0]["pointing"]
    enough = best - (best * (1 - best) / offered[0]["n_nodules"]) ** 0.5

    def cost(row: dict) -> tuple[int, int, int]:
        names = row["layer"].split("+")
        return int(METHODS[row["method"]].shifts.any()), -min(map(layers.index, names)), len(names)

    cheapest = min((row for row in offered if row["pointing"] >= enough), key=cost)
    return {"method": cheapest["method"], "layer": cheapest["layer"]}


def measured(cases: list[Case], maps: list[Saliency], answer: Answering, n_curves: int) -> dict:
    """How good the maps of some cases are.

    Returns
    -------
    dict
        ``pointing`` on nodules of 6 mm or more and ``pointing_below_6_mm``; ``empty``, a number of maps;
        ``deletion`` and ``insertion`` of the first `n_curves` nodules of 6 mm or more, and ``turned``, the
        same of their maps turned by 180 degrees, which should be worse.
    """
    result: dict[str, Any] = {"empty": sum(one.is_empty for one in maps)}
    large = [i for i, case in enumerate(cases) if case.diameter_mm >= LARGE_MM]
    small = [i for i, case in enumerate(cases) if case.diameter_mm < LARGE_MM]
    for name, group in (("pointing", large), ("pointing_below_6_mm", small)):
        if group:
            hits = [points_at(maps[i].map, cases[i].inside) for i in group]
            result[name] = pointing(hits, [cases[i] for i in group])
    some = [cases[i] for i in large[:n_curves]]
    own = [maps[i].map for i in large[:n_curves]]
    turned = mean_curves(answer, some, [one[::-1, ::-1] for one in own])
    return result | mean_curves(answer, some, own) | {"turned": turned, "n_curves": len(some)}


def seconds(explain: Explaining, answer: Answering) -> tuple[float, float]:
    """Least time of several: of a map, and of the forward pass of an answer."""
    views = np.random.default_rng(0).random((8, *PATCH.shape), np.float32)
    return _least(explain, views), _least(answer, views)


def _least(function: Callable[[np.ndarray], object], argument: np.ndarray) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(argument)
        times.append(time.perf_counter() - start)
    return min(times)


class Report:
    """Table and entries of all networks, written anew after each."""

    def __init__(
        self, args: Namespace, outlines: Outlines, choosing: list[Case], reporting: list[Case]
    ) -> None:
        self.args, self.outlines, self.choosing, self.reporting = args, outlines, choosing, reporting
        self.table: list[dict] = []
        self.entries: dict[str, dict] = {}
        self._maps: list[list[Saliency]] = []
        self._answers: list[Answering] = []
        self._seconds: list[tuple[float, float]] = []

    def add(self, key: str) -> None:
        """Choose for one network, measure it, and write."""
        model = ARCHITECTURES[key].build(PATCH.shape)
        run = checked_run(self.args.runs / f"fold-{FOLD}" / key, self.outlines, FOLD)
        model.load_weights(run / "final.weights.h5")
        rows = compared(model, key, self.choosing, self.args.published)
        how = chosen_of(rows, [INPUT, *LAYERS[key]])
        explain, answer = explaining(model, Explainer(**how)), answering(model)
        shown = tqdm(self.reporting, desc=f"{key}, reporting", file=sys.stderr)
        maps = [explain(case.patches) for case in shown]
        took = seconds(explain, answer)
        self._maps.append(maps)
        self._answers.append(answer)
        self._seconds.append(took)
        self.table += rows
        self._write(key, how, maps, answer, took)

    def add_consensus(self) -> None:
        """Measure the mean of the networks' maps against the mean of their answers, and write."""
        maps = [joined(each) for each in zip(*self._maps, strict=True)]

        def answer(patches: np.ndarray) -> np.ndarray:
            return np.mean([each(patches) for each in self._answers], axis=0)

        self._write(CONSENSUS, {"method": None, "layer": None}, maps, answer, np.sum(self._seconds, axis=0))

    def _write(
        self,
        key: str,
        how: Mapping[str, str | None],
        maps: list[Saliency],
        answer: Answering,
        took: tuple[float, float] | np.ndarray,
    ) -> None:
        values = measured(self.reporting, maps, answer, self.args.curves)
        self.entries[key] = {**how, **values} | {"seconds_ratio": round(float(took[0] / took[1]), 2)}
        print(key, json.dumps(self.entries[key]), flush=True)
        head = json.dumps({"models": self.entries}, indent=2)
        rows = ",\n    ".join(json.dumps(row) for row in self.table)  # a line each
        self.args.out.write_text(f'{head[:-2]},\n  "table": [\n    {rows}\n  ]\n}}\n')


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules", "runs")
    parser.add_argument("--out", type=Path, default=Path("weights/saliency.json"))
    parser.add_argument("--choose-on", type=int, help="at most so many nodules choose (default: all)")
    parser.add_argument("--published", type=int, default=60, help="nodules for the literature's methods")
    parser.add_argument("--curves", type=int, default=100, help="nodules for deletion and insertion")
    args = parser.parse_args(argv)
    outlines = load(args.data)
    sides = sides_of_fold(outlines, FOLD)
    choosing, reporting = (shifted_cases(outlines, sides[side]) for side in ("validation", "test"))
    choosing = [case for case in choosing if case.diameter_mm >= LARGE_MM][: args.choose_on]
    report = Report(args, outlines, choosing, reporting)
    for key in ARCHITECTURES:
        report.add(key)
    report.add_consensus()


if __name__ == "__main__":
    main()
