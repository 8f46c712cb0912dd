"""Score a list of nodules, one row each, in the order of the list.

    python -m training.score MANIFEST.csv --out scores.parquet [--workers 4] [--ray [ADDRESS]]

MANIFEST.csv has the columns file, row, col, slice (and, if wanted, series, spacing_mm and slice_spacing_mm).
A file is a picture, a DICOM file, the folder of a series or a ZIP; its path is relative to the list. Empty
locations are found as the app finds them: the centre of a crop, or else the most probable mark. The table is
Parquet, or CSV if its name ends in .csv. Where no nodule is recognised, the verdict is no_nodule, and what
would be said of one is empty.

A run that was stopped goes on where it was when it is started again; what is finished lies in OUT.unfinished
until then. A file that cannot be read gets a row with error_code and error, and the rest go on.

Exit status: 0 all nodules have scores; 3 the table is complete, and some rows have an error instead; 2 the
run could not begin or go on, and says why; 130 it was stopped.

The table repeats the names in the list; nothing else about a patient, no header of a file, goes into it.
"""

import hashlib
import signal
import sys
from argparse import Namespace
from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from models import __version__
from models.errors import UserError
from models.inference.classifier import ModelRegistry
from models.inference.runtime.parallel import CORES
from models.networks.registry import ARCHITECTURES
from models.weights import WeightsError, read_report
from training.arguments import parser_of
from training.score.cluster import ROOT, OnRay, connect
from training.score.journal import Journal, JournalError, forget, refuse_other
from training.score.manifest import Manifest, ManifestError, read_manifest
from training.score.rows import failed_row
from training.score.scorer import Scorer
from training.score.table import check_format, read_state, write_table
from training.score.workers import InProcess, OwnProcess, Reader, Worker, rows_of

COMPLETE, CANNOT, WITH_ERRORS, STOPPED = 0, 2, 3, 130
LOST = UserError("worker_lost", "The process that read the file died, twice.")
CANNOT_GO_ON = (ManifestError, JournalError, WeightsError, RuntimeError, OSError)


def stamp_of(weights: Path, manifest: Manifest) -> dict[str, str]:
    """What makes two runs the same: the weights, the version of the app and the list."""
    reports = {key: read_report(weights, key)["sha256"] for key in (*ARCHITECTURES, "localiser")}
    localiser = reports.pop("localiser")
    recognises = (weights / "recognition.json").exists()
    return {
        "weights": hashlib.sha256("".join(reports.values()).encode()).hexdigest()[:12],
        "localiser": localiser[:12],
        "recognition": read_report(weights, "recognition")["sha256"][:12] if recognises else "none",
        "app": __version__,
        "manifest": manifest.checksum,
    }


def start(args: Namespace, registry: ModelRegistry | None, stack: ExitStack) -> list[Worker]:
    """The workers that the arguments ask for; the stack closes them."""
    n_workers = args.workers
    threads = args.threads or max(1, CORES // n_workers)
    workers: list[Worker]
    make = partial(Reader, args.weights.resolve(), threads)
    if args.ray:
        ray = connect(args.ray, n_workers, threads)
        stack.callback(ray.shutdown)
        workers = [OnRay(ray, make, threads) for _ in range(n_workers)]
    elif n_workers > 1 or args.threads:
        workers = [OwnProcess(make) for _ in range(n_workers)]
    else:
        workers = [InProcess(Scorer(args.weights, registry))]
    for worker in workers:
        stack.callback(worker.close)
    return workers


def fill(journal: Journal, manifest: Manifest, workers: list[Worker]) -> None:
    """Have all rows made that the journal lacks, with progress on stderr."""
    total, done = len(manifest.nodules), len(journal.done)
    with tqdm(total=total, initial=done, unit="nodule", file=sys.stderr, mininterval=1) as progress:
        for group, rows in rows_of(manifest.groups(journal.done), workers):
            if rows is None:
                rows = [failed_row(nodule, LOST) for nodule in group.nodules]
            journal.add(group, rows)
            progress.update(len(rows))


def finish(out: Path, journal: Journal, stamp: dict[str, str]) -> list[str | None]:
    """Write the table; returns the error codes of its rows, None where there is none."""
    write_table(out, ({**row, **stamp} for row in journal.rows()))
    journal.close(remove=True)
    return read_state(out)[1]


def finished(out: Path, stamp: dict[str, str], n_rows: int) -> list[str | None] | None:
    """Error codes of the table that an earlier run wrote; None where there is none."""
    if not out.exists():
        return None
    try:
        found, codes = read_state(out)
    except ValueError:
        raise JournalError(f"{out} is no table of scores; choose another --out.") from None
    refuse_other(found, stamp, out)
    if len(codes) != n_rows:
        raise JournalError(f"{out} has {len(codes)} rows instead of {n_rows}; --restart begins anew.")
    return codes


def summarise(codes: list[str | None], out: Path, begin: str) -> int:
    """Say how it went; returns the exit status."""
    errors = Counter(code for code in codes if code)
    print(f"{begin}{out}: {len(codes)} rows, {errors.total()} with an error", file=sys.stderr)
    for code, count in errors.most_common():
        print(f"  {code}: {count}", file=sys.stderr)
    return WITH_ERRORS if errors else COMPLETE


def run(args: Namespace, registry: ModelRegistry | None = None) -> int:
    """Score the list; returns the exit status."""
    check_format(args.out)
    manifest = read_manifest(args.manifest)
    stamp, n_rows = stamp_of(args.weights, manifest), len(manifest.nodules)
    unfinished = args.out.with_name(args.out.name + ".unfinished")
    if args.restart:
        args.out.unlink(missing_ok=True)
        forget(unfinished)
    if (codes := finished(args.out, stamp, n_rows)) is not None:
        return summarise(codes, args.out, "Nothing to do. ")
    journal = Journal(unfinished, stamp)
    try:
        if len(journal.done) < n_rows:
            with ExitStack() as stack:
                fill(journal, manifest, start(args, registry, stack))
        return summarise(finish(args.out, journal, stamp), args.out, "")
    except KeyboardInterrupt:
        print(
            f"Stopped after {len(journal.done)} of {n_rows}; the same command goes on from there.",
            file=sys.stderr,
        )
        return STOPPED
    finally:
        journal.close()


def arguments(argv: list[str] | None) -> Namespace:
    """The arguments of the command line."""
    parser = parser_of(__doc__)
    parser.prog = "python -m training.score"
    parser.add_argument("manifest", type=Path, metavar="MANIFEST.csv")
    parser.add_argument("--out", type=Path, required=True, help="the table: .parquet or .csv")
    parser.add_argument("--weights", type=Path, default=ROOT / "weights", help="default: the repository's")
    parser.add_argument("--workers", type=int, default=1, help="processes, or actors on Ray (default: 1)")
    parser.add_argument(
        "--threads", type=int, help="cores a worker may use (default: this machine's, shared among workers)"
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="use the Ray cluster at ADDRESS (auto: the one that this machine is part of), or start one here",
    )
    parser.add_argument("--restart", action="store_true", help="forget what an earlier run left at OUT")
    args = parser.parse_args(argv)
    if args.workers < 1 or (args.threads or 1) < 1:
        parser.error("--workers and --threads must be at least 1")
    return args


def main(argv: list[str] | None = None, registry: ModelRegistry | None = None) -> int:
    """Run the command; returns the exit status."""
    args = arguments(argv)
    try:
        return run(args, registry)
    except CANNOT_GO_ON as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT


def stop(*_: object) -> NoReturn:
    """Treat a request to end as Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    sys.exit(main())
