"""How long a series takes to read, and how much memory: ``python -m tests.bench.series``.

Writes a series of chest phantoms to a temporary folder, uncompressed and compressed, and reads it as
files and as one ZIP, each in a process of its own. Memory is the highest resident set above that of the
same process with everything imported and one slice read, as a multiple of the pixel data.

Aim: 300 slices of 512 x 512 in 4 s on two cores, below 2.2 times their pixel data.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

SIZE = 512
DISTINCT = 12  # slices drawn; the others repeat their pixels at other positions
SYNTAXES = ("ExplicitVRLittleEndian", "RLELossless", "JPEG2000Lossless")  # those that pydicom can write


def write_series(folder, syntax, n_slices):
    """Write n_slices files and series.zip."""
    import pydicom.uid

    from tests.ingest.dicom_files import chest_slice
    from tests.ingest.series_files import make_slice

    kept, uid = [], getattr(pydicom.uid, syntax)
    for number in range(n_slices):
        if len(kept) < DISTINCT:
            hu = chest_slice((SIZE, SIZE))
            hu[:: number + 2] += 1
            kept.append(pydicom.dcmread(_stream(make_slice(0, hu=hu))))
            if uid.is_compressed:
                kept[-1].compress(uid)
        dataset = kept[number % DISTINCT]
        dataset.ImagePositionPatient = [-180, -180, number]
        dataset.SOPInstanceUID = pydicom.uid.generate_uid()
        dataset.save_as(folder / f"{number * 7 % n_slices:04}.dcm")
    with zipfile.ZipFile(folder / "series.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(folder.glob("*.dcm")):
            archive.write(path, f"CT/{path.name}")


def _stream(data):
    import io

    return io.BytesIO(data)


def read_series(folder, packed):
    """Read the series once; what it took, as a dictionary."""
    from models.ingest.read import read_scan
    from models.ingest.source import Source

    paths = [folder / "series.zip"] if packed else sorted(folder.glob("*.dcm"))
    sources = [Source.of_stream(path.name, path.open("rb")) for path in paths]
    first = next(iter(sorted(folder.glob("*.dcm"))))
    read_scan([Source.of_stream(first.name, first.open("rb"))])
    before, start, cpu = _peak(), time.perf_counter(), time.process_time()
    scan = read_scan(sources)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    ratio = (_peak() - before) / (scan.slices.size * 2)
    return {"slices": len(scan.slices), "seconds": seconds, "cpu": cpu, "memory": ratio}


def _peak():
    """Highest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _child(*arguments):
    command = [sys.executable, "-m", "tests.bench.series", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main():
    """Print the table, or, in a child process, do one of its parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        return write_series(Path(options.write[0]), options.write[1], options.slices)
    if options.read:
        return print(json.dumps(read_series(Path(options.read[0]), options.read[1] == "zip")))
    print("syntax                   sent as  slices  seconds  CPU s  memory / pixel data")
    for syntax in SYNTAXES:
        with tempfile.TemporaryDirectory() as folder:
            _child("--slices", options.slices, "--write", folder, syntax)
            for form in ("files", "zip"):
                row = json.loads(_child("--read", folder, form))
                print(
                    f"{syntax:<24} {form:<7} {row['slices']:>7} {row['seconds']:>8.2f} {row['cpu']:>6.2f} "
                    f"{row['memory']:>20.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
