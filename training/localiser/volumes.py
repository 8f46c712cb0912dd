"""How far long axis and volume of outlined nodules lie from the readers', and how they hang on the click.

    python -m training.localiser.volumes --data nodules.npz [--at-most 300]
        [--measured FOLDER] [--weights weights] [--out weights/volumes.json]

Each nodule of a side of the split is clicked in several of the slices that at least half of its readers
outlined, anywhere in what they agree on, through the code that snaps a click. Axes (in the largest section)
and volume after the first click are held against the mean over the readers; each reader is held against the
mean of the others. A crop's stack ends with the nodule, so that an outline that runs on into further slices
is no error here. The slice distance is taken to be the slice thickness, which cancels in a relative error.

``--measured`` is a folder with a localiser that did not learn from these patients (see
``training/localiser/README.md``); without it the shipped one is measured, which did, and the file says so.
"""

import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from tqdm import tqdm

from models.imaging.scan import Roi, Scan
from models.inference.detection.localiser import Localiser
from models.inference.detection.section import Section, largest_section
from models.inference.measurement.outline import Outline, area, contour
from models.inference.measurement.sizes import Measurement, measure
from models.inference.measurement.volume import volume_mm3
from models.inference.size_errors import SIZES_MM
from training.arguments import parser_of
from training.data.outlines import READERS, Outlines, load, scan_of
from training.data.splits import side_of
from training.intervals import bootstrap_by_patient
from training.localiser.outlining import agreed

TEXTURES = {"ground glass": (0, 2.5), "part-solid": (2.5, 4.5), "solid": (4.5, 5.1)}
CHANGED_MM, CHANGED_SHARE = 1.0, 0.1  # by more than both, another click gives another long axis
CLICKS = 3  # a nodule at most
LENGTHS = ("long_axis_mm", "short_axis_mm", "mean_diameter_mm", "equivalent_diameter_mm")
VOLUME = "volume_mm3"  # its errors are shares


@dataclass(frozen=True)
class Measured:
    """One nodule: its readers' sizes, and the app's by click; None where it was not outlined."""

    patient: str
    diameter_mm: float
    texture: float
    readers: tuple[Measurement, ...]
    clicks: tuple[Measurement | None, ...]


def measure_case(outlines: Outlines, nodule: int, localiser: Localiser) -> Measured | None:
    """One nodule; None where its readers agree on no pixel. Clicks do not hang on the other nodules."""
    scan = scan_of(outlines, nodule)
    rng = np.random.default_rng(zlib.crc32(f"{outlines.patient[nodule]} {outlines.nodule[nodule]}".encode()))
    clicks = list(_clicks(outlines, nodule, rng))
    if not clicks:
        return None
    return Measured(
        str(outlines.patient[nodule]),
        float(outlines.diameter_mm[nodule]),
        float(outlines.texture[nodule]),
        tuple(_readers(outlines, nodule, scan)),
        tuple(sizes_of(largest_section(scan, click, localiser), scan) for click in clicks),
    )


def sizes_of(section: Section | None, scan: Scan) -> Measurement | None:
    """Sizes of an outlined nodule; None without one."""
    return None if section is None else _sizes(section.outlines, section.roi.slice, scan)


def _sizes(outlines: Mapping[int, np.ndarray], largest: int, scan: Scan) -> Measurement:
    """As the app measures, and the volume of thick slices and of a single one, too."""
    areas = {index: area(polygon * scan.spacing_mm) for index, polygon in outlines.items()}
    step = scan.thickness_mm or 1.0
    positions = [step * index for index in range(max(2, len(scan.slices)))]
    found = measure(outlines[largest], replace(scan, is_hu=False), largest)
    return replace(found, volume_mm3=volume_mm3(areas, positions))


def _readers(outlines: Outlines, nodule: int, scan: Scan) -> Iterator[Measurement]:
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    stack = outlines.readers[first : first + n]
    for reader in range(READERS):
        masks = (stack >> reader & 1).astype(np.float32)
        contours = {i: contour(Outline(masks[i], 0, 0, 0.5)) for i in range(n) if masks[i].any()}
        drawn = {i: polygon for i, polygon in contours.items() if polygon is not None}
        if drawn:
            yield _sizes(drawn, max(drawn, key=lambda i: area(drawn[i])), scan)


def _clicks(outlines: Outlines, nodule: int, rng: Generator) -> Iterator[Roi]:
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    truths = [agreed(outlines.masks(first + i), outlines.n_outlines[nodule]) for i in range(n)]
    shown = [i for i in range(n) if truths[i].any()]
    for index in rng.permutation(shown)[:CLICKS].tolist():
        row, col = rng.permutation(np.argwhere(truths[index]))[0]
        yield Roi(float(row), float(col), index, "given")


def summary(rows: list[Measured]) -> dict:
    """Errors over some nodules, by name of the size; those of volume are shares of the readers' mean."""
    patients = np.array([row.patient for row in rows])
    return {
        "nodules": len(rows),
        "patients": len(set(patients.tolist())),
        "not_outlined": float(np.mean([row.clicks[0] is None for row in rows])),
        "errors": _agreements(rows, _own),
        "readers": _agreements(rows, _between),
        "clicks": clicks(rows),
    }


def _agreements(rows: list[Measured], errors: Callable[[Measured, str], Iterator[float]]) -> dict:
    return {
        name: _agreement([(row.patient, error) for row in rows for error in errors(row, name)])
        for name in (*LENGTHS, VOLUME)
    }


def _own(row: Measured, name: str) -> Iterator[float]:
    if row.clicks[0] is not None:
        yield _error(row.clicks[0], row.readers, name)


def _between(row: Measured, name: str) -> Iterator[float]:
    for i, reader in enumerate(row.readers):
        if others := row.readers[:i] + row.readers[i + 1 :]:
            yield _error(reader, others, name)


def _error(size: Measurement, others: tuple[Measurement, ...], name: str) -> float:
    value, mean = getattr(size, name), float(np.mean([getattr(other, name) for other in others]))
    return value / mean - 1 if name == VOLUME else value - mean


def _agreement(errors: list[tuple[str, float]]) -> dict | None:
    """Median absolute error with its interval, its 95th percentile, and the middle 95 % of the errors."""
    if len(errors) < 2:
        return None
    patients, values = np.array([patient for patient, _ in errors]), np.array([error for _, error in errors])
    return {
        "median": float(np.median(np.abs(values))),
        "median_interval": bootstrap_by_patient(np.median, patients, np.abs(values)),
        "p95": float(np.percentile(np.abs(values), 95)),
        "bias": float(np.median(values)),
        "limits": [float(edge) for edge in np.percentile(values, (2.5, 97.5))],
    }


def clicks(rows: list[Measured]) -> dict:
    """Of nodules that several slices show: how many have another long axis when another slice is clicked."""
    several = [row for row in rows if len(row.clicks) > 1]
    changed = [_changes(row) for row in several]
    return {"nodules": len(several), "changed": int(sum(changed))}


def _changes(row: Measured) -> bool:
    lengths = [None if one is None else one.long_axis_mm for one in row.clicks]
    known = [length for length in lengths if length is not None]
    if not known or len(known) < len(lengths):
        return len(known) > 0
    apart = max(known) - min(known)
    return apart > CHANGED_MM and apart > CHANGED_SHARE * max(known)


def groups_of(rows: list[Measured]) -> dict:
    """Summaries of all, by size and by texture."""
    by_size = [
        {"size_mm": [low, high]} | summary(some)
        for low, high in SIZES_MM
        if (some := [row for row in rows if low <= row.diameter_mm < (high or np.inf)])
    ]
    by_texture = [
        {"texture": name} | summary(some)
        for name, (low, high) in TEXTURES.items()
        if (some := [row for row in rows if low <= row.texture < high])
    ]
    return {"all": summary(rows), "sizes": by_size, "textures": by_texture}


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "nodules", "weights")
    parser.add_argument("--measured", type=Path, help="folder of a localiser that left the test patients out")
    parser.add_argument("--side", choices=("validation", "test"), default="test")
    parser.add_argument("--at-most", type=int, default=1000, help="nodules that are measured")
    parser.add_argument("--out", type=Path, help="file to write")
    args = parser.parse_args(argv)
    localiser = Localiser(args.measured or args.weights)
    recipe = localiser.report["training"]
    outlines = load(args.data)
    chosen = side_of(outlines, args.side, recipe["split_seed"])
    chosen = np.random.default_rng(0).permutation(chosen)[: args.at_most]
    rows = [measure_case(outlines, nodule, localiser) for nodule in tqdm(chosen, file=sys.stderr)]
    report = {
        "localiser": localiser.report["sha256"],
        "unseen": not recipe["everyone"],
        "epochs": recipe["epochs"],
        "side": args.side,
        **groups_of([row for row in rows if row is not None]),
    }
    text = json.dumps(report, indent=1)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
