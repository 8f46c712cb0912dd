"""``python -m tests.fuzz``: send broken uploads to a server of one's own, or to one that runs."""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.fuzz.campaign import Report, compared, good_answer, run, send, state_of
from tests.fuzz.inputs import JSON, multipart
from tests.fuzz.seeds import seeds
from tests.servers import HOST, python_app

SEVERAL_SLICES = ("pages.tif", "volume.nii", "enhanced.dcm")  # a warm server has seen such


def main(arguments=None):
    """Run a campaign, print what came of it; 1 where something was wrong."""
    options = parser().parse_args(arguments)
    numbers = range(options.first, options.first + options.inputs)
    report, start = Report(), time.perf_counter()
    if options.url:
        found = against(urlsplit(options.url), numbers, options, report)
    else:
        with tempfile.TemporaryDirectory() as folder, python_app(Path(folder)) as server:
            found = watched(server, numbers, options, report)
    for outcome, count in report.outcomes.most_common():
        print(f"{count:7} {outcome}")
    seconds, slowest = time.perf_counter() - start, report.slowest
    print(f"{len(numbers)} inputs of seed {options.seed} in {seconds:.0f} s, the slowest in {slowest:.1f} s")
    for failure in [*report.failures, *found]:
        print("FAULT", failure)
    return int(bool(report.failures or found))


def against(url, numbers, options, report):
    """A campaign against a server that runs on this machine; what was wrong with the server afterwards."""
    if url.hostname not in (HOST, "localhost"):
        sys.exit("Broken uploads go to a server on this machine only.")
    before = good_answer(url.port)
    run(url.port, options.seed, numbers, options.every, report, options.keep)
    return [] if good_answer(url.port) == before else ["A good picture has another answer than before."]


def watched(server, numbers, options, report):
    """The same against a server whose memory, files and descriptors are compared, warm and afterwards."""
    warm = numbers[: max(len(numbers) // 4, 1)]
    before = good_answer(server.port)
    for name in SEVERAL_SLICES:
        send(server.port, JSON, multipart(seeds()[name], []))
    run(server.port, options.seed, warm, options.every, report, options.keep)
    state = compared(state_of(server), server)[0]
    run(server.port, options.seed, numbers[len(warm) :], options.every, report, options.keep)
    now, found = compared(state, server)
    print(f"memory {state.memory / 1e6:.0f} MB warm, {now.memory / 1e6:.0f} MB afterwards")
    print(f"open files {state.open_files} warm, {now.open_files} afterwards")
    if good_answer(server.port) != before:
        found.append("A good picture has another answer than before.")
    if "Traceback" in server.log:
        found.append(f"The log has a traceback: …{server.log.partition('Traceback')[2][:3000]}")
    return found


def parser():
    """The command's options."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--inputs", type=int, default=2000, help="how many")
    options.add_argument("--seed", type=int, default=0, help="of chance; the same seed gives the same inputs")
    options.add_argument("--first", type=int, default=0, help="number of the first input")
    options.add_argument("--every", type=int, default=8, help="each so-many-th input asks for a verdict")
    options.add_argument("--url", help="of a server that runs already; else one is started")
    options.add_argument("--keep", type=Path, help="folder for the inputs that failed")
    return options


if __name__ == "__main__":
    sys.exit(main())
