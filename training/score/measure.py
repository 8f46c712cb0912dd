"""How many nodules a second each way of scoring a list reads, measured in turns on one machine.

    python -m training.score.measure [--nodules 40] [--rounds 5]

The pictures are drawn crops, so that reading files takes next to nothing and what is measured are the models
and the way there and back. All workers have their models in memory before the clock starts. Ray's workers,
which otherwise give way to other processes (niceness 15), run as the others do.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType

from PIL import Image

from models.imaging.phantom import KINDS, draw_phantom
from training.score.cluster import ROOT, OnRay, connect
from training.score.manifest import Group, Nodule
from training.score.workers import InProcess, OwnProcess, Reader, Worker, rows_of

WEIGHTS = ROOT / "weights"


def draw(folder: Path, n: int) -> list[Group]:
    """Groups of one nodule each, of pictures that are drawn into a folder."""
    groups = []
    for index in range(n):
        path = folder / f"{index}.png"
        Image.fromarray(draw_phantom(tuple(KINDS)[index % len(KINDS)], seed=index)).save(path)
        fields = {"file": path.name, "row": "", "col": "", "slice": "", "series": ""}
        groups.append(Group(path, {"spacing_mm": "0.7"}, (Nodule(index, fields),)))
    return groups


def ways(ray: ModuleType) -> dict[str, Sequence[Worker]]:
    """Workers by the name of the way; all that run beside others have one core each."""
    from training.score.scorer import Scorer  # not above: a process imports this too, and shares cores first

    make = partial(Reader, WEIGHTS, 1)
    return {
        "the loop in one process": [InProcess(Scorer(WEIGHTS))],
        "1 process, 1 thread": [OwnProcess(make)],
        "2 processes, 1 thread each": [OwnProcess(make) for _ in range(2)],
        "Ray, 1 worker, 1 thread": [OnRay(ray, make, 1)],
        "Ray, 2 workers, 1 thread each": [OnRay(ray, make, 1) for _ in range(2)],
    }


def rate(workers: Sequence[Worker], groups: list[Group]) -> float:
    """Nodules a second; RuntimeError where one could not be read."""
    start = time.perf_counter()
    for group, rows in rows_of(groups, workers):
        if rows is None or rows[0].get("error_code"):
            raise RuntimeError(f"{group.path.name} could not be read.")
    return len(groups) / (time.perf_counter() - start)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m training.score.measure")
    parser.add_argument("--nodules", type=int, default=40, help="a round and way")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (Ray's own spelling)
    with ExitStack() as stack:
        groups = draw(Path(stack.enter_context(tempfile.TemporaryDirectory())), args.nodules)
        ray = connect("local", 3, 1)
        stack.callback(ray.shutdown)
        measured = ways(ray)
        for workers in measured.values():
            for worker in workers:
                stack.callback(worker.close)
                rate([worker], groups[:5])
        rates = [
            {way: rate(workers, groups) for way, workers in measured.items()} for _ in range(args.rounds)
        ]
    loop = statistics.median(row["the loop in one process"] for row in rates)
    print(f"| way | nodules a second, median of {args.rounds} (all) | of the loop |\n| --- | --- | --- |")
    for way in measured:
        found = [row[way] for row in rates]
        middle = statistics.median(found)
        print(f"| {way} | {middle:.1f} ({min(found):.1f} to {max(found):.1f}) | {middle / loop:.2f} |")


if __name__ == "__main__":
    main()
