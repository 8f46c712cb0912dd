"""How long a series takes to read, and how much memory.

Writes a series of chest phantoms to a temporary folder, uncompressed and compressed, and reads it as files
and as one ZIP, each in a process of its own. Memory is the highest resident set above that of the same
process with everything imported and one slice read, as a multiple of the pixel data.
"""

import io
import resource
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.bench.table import Row

DISTINCT = 12  # slices drawn; the others repeat their pixels at other positions
SYNTAXES = ("ExplicitVRLittleEndian", "RLELossless", "JPEG2000Lossless")  # those that pydicom can write
SECONDS, MEMORY = 4, 2.2  # of 300 slices that are not compressed; of the pixel data


def series(n_slices):
    """Rows: seconds and memory for each syntax, of files and of a ZIP."""
    rows = []
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as process:
        for syntax in SYNTAXES:
            with tempfile.TemporaryDirectory() as folder:
                process.submit(write_series, Path(folder), syntax, n_slices).result()
                for pattern in ("*.dcm", "series.zip"):
                    seconds, cpu, memory = process.submit(read_series, Path(folder), pattern).result()
                    section, detail = f"series of {n_slices}: {syntax}, {pattern}", f"processor {cpu:.2f} s"
                    bounds = (SECONDS * n_slices / 300, MEMORY) if syntax == SYNTAXES[0] else (None, None)
                    rows.append(Row(section, "read", seconds, "s", at_most=bounds[0], detail=detail))
                    rows.append(Row(section, "memory / pixel data", memory, "x", at_most=bounds[1]))
    return rows


def write_series(folder, syntax, n_slices):
    """Write n_slices files and series.zip."""
    import pydicom.uid

    from tests.ingest.dicom_files import chest_slice
    from tests.ingest.series_files import make_slice

    kept, uid = [], getattr(pydicom.uid, syntax)
    for number in range(n_slices):
        if len(kept) < DISTINCT:
            hu = chest_slice()
            hu[:: number + 2] += 1
            kept.append(pydicom.dcmread(io.BytesIO(make_slice(0, hu=hu))))
            if uid.is_compressed:
                kept[-1].compress(uid)
        dataset = kept[number % DISTINCT]
        dataset.ImagePositionPatient = [-180, -180, number]
        dataset.SOPInstanceUID = pydicom.uid.generate_uid()
        dataset.save_as(folder / f"{number * 7 % n_slices:04}.dcm")
    with zipfile.ZipFile(folder / "series.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(folder.glob("*.dcm")):
            archive.write(path, f"CT/{path.name}")


def read_series(folder, pattern):
    """Read the series once: seconds, of the processor, too, and memory."""
    from models.ingest.read import read_scan
    from models.ingest.source import Source

    first, *_ = sorted(folder.glob("*.dcm"))
    read_scan([Source.of_stream(first.name, first.open("rb"))])
    sources = [Source.of_stream(path.name, path.open("rb")) for path in sorted(folder.glob(pattern))]
    before, start, cpu = _peak(), time.perf_counter(), time.process_time()
    scan = read_scan(sources)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return seconds, cpu, (_peak() - before) / (scan.slices.size * 2)


def _peak():
    """Highest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
