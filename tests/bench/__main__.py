"""The command; see `tests.bench`."""

import argparse
import json
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

import tests.bench
from tests.bench.forward import forward
from tests.bench.load import load
from tests.bench.memory import memory, start
from tests.bench.profile import profile
from tests.bench.series import series
from tests.bench.server import stoppable
from tests.bench.table import as_text, is_missed
from tests.bench.verdict import plain, verdict

SECTIONS = {  # name: what measures it, and the option that it takes
    "http": (verdict, "repeats"),
    "forward": (forward, "repeats"),
    "plain": (plain, "repeats"),
    "start": (start, "starts"),
    "load": (load, "seconds"),
    "memory": (memory, "requests"),
    "profile": (profile, "repeats"),
    "series": (series, "slices"),
}
PACKAGES = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "onnxruntime", "gunicorn")


def main():
    """Measure, print the table, and write the file; the exit status."""
    options = parser().parse_args()
    rows, about = [], about_here()
    for name in options.only.split(","):
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        measure, option = SECTIONS[name]
        with ProcessPoolExecutor(1, get_context("spawn"), initializer=stoppable) as process:
            rows += process.submit(measure, getattr(options, option)).result()
    if options.out:
        noted = [row._asdict() | {"missed": is_missed(row)} for row in rows]
        options.out.write_text(json.dumps({"about": about, "rows": noted}, indent=1) + "\n")
    print(as_text(rows), "", "; ".join(f"{name} {value}" for name, value in about.items()), sep="\n")
    missed = sum(is_missed(row) for row in rows)
    print(f"{missed} of {sum(bool(row.at_most or row.at_least) for row in rows)} bounds missed")
    return int(missed > 0)


def parser():
    """The command's options."""
    options = argparse.ArgumentParser(
        "python -m tests.bench",
        description=tests.bench.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas between them")
    options.add_argument("--repeats", type=int, default=30, help="turns that medians are taken of")
    options.add_argument("--starts", type=int, default=3, help="starts of the server")
    options.add_argument("--seconds", type=float, default=30, help="of load, for each number of clients")
    options.add_argument("--requests", type=int, default=2000, help="mixed requests, for the memory")
    options.add_argument("--slices", type=int, default=300, help="of the series")
    options.add_argument("--out", type=Path, help="JSON file to write")
    return options


def about_here():
    """What the figures were measured on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **found,
    }


if __name__ == "__main__":
    stoppable()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped")
