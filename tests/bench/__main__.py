"""The command; see `tests.bench`."""

import argparse
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
from tests.bench.memory import LATE, memory, start
from tests.bench.profile import profile
from tests.bench.server import configuration, stoppable
from tests.bench.table import as_json, as_text, from_json
from tests.bench.verdict import plain, verdict

SECTIONS = {  # name: what measures it, and the options that it takes
    "http": (verdict, ["repeats"]),
    "forward": (forward, ["repeats"]),
    "plain": (plain, ["repeats"]),
    "start": (start, ["starts"]),
    "load": (load, ["seconds"]),
    "memory": (memory, ["requests"]),
    "profile": (profile, ["repeats"]),
}
PACKAGES = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "onnxruntime", "gunicorn")


def main(arguments=None):
    """Measure, print the table, and write the file; the exit status."""
    options = _options(arguments)
    if options.table:
        rows, about = from_json(options.table.read_text())
    else:
        rows, about = _measured(options), about_here()
        if options.out:
            options.out.write_text(as_json(rows, about))
    print(as_text(rows), "", "; ".join(f"{name} {value}" for name, value in about.items()), sep="\n")
    missed = [row for row in rows if row.holds is False]
    print(f"{len(missed)} of {sum(row.holds is not None for row in rows)} bounds missed")
    return 1 if missed else 0


def _options(arguments):
    parser = argparse.ArgumentParser(
        "python -m tests.bench",
        description=tests.bench.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=_sections, default=list(SECTIONS), help=", ".join(SECTIONS))
    parser.add_argument("--repeats", type=int, default=30, help="turns that medians are taken of")
    parser.add_argument("--starts", type=int, default=3, help="starts of the server")
    parser.add_argument("--seconds", type=float, default=30, help="of load, for each number of clients")
    parser.add_argument("--requests", type=int, default=LATE, help="mixed requests, for the memory")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--table", type=Path, help="print the table of this file and measure nothing")
    return parser.parse_args(arguments)


def _sections(text):
    names = text.split(",")
    if unknown := set(names) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"no such section: {', '.join(sorted(unknown))}")
    return names


def _measured(options):
    """The rows of all sections that were asked for, each measured in a fresh process."""
    rows = []
    for name in options.only:
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        measure, given = SECTIONS[name]
        with ProcessPoolExecutor(1, get_context("spawn"), initializer=stoppable) as process:
            rows += process.submit(measure, *(getattr(options, option) for option in given)).result()
    return rows


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
        "server": configuration(),
    }


if __name__ == "__main__":
    stoppable()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped")
