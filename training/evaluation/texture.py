"""How well the app's texture (solid, part-solid, ground glass) agrees with the radiologists' ratings.

    python -m training.evaluation.texture --slices DIR_OR_TAR --labels nodules.csv [--weights weights]

Of each nodule of LIDC-IDRI-slices it takes the slice in which it is largest, the pixels that at least half of
its readers outlined, and HU as estimated from the picture. It chooses the two shares of solid voxels on one
half of the patients and reports on the other half how the shares in `models.inference.measurement.texture` do
there. With ``--weights`` the figures of the other half go into ``texture`` of ``evaluation.json``; else it
writes nothing. Takes a minute or two.
"""

import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.imaging.grey import estimate_hu
from models.inference.measurement.outline import Outline, contour
from models.inference.measurement.sizes import axes
from models.inference.measurement.texture import (
    GROUND_GLASS_BELOW,
    LEAST_MM,
    SOLID_FROM,
    name_of,
    solid_share,
)
from models.weights import read_report
from training.arguments import parser_of
from training.data import PrepareError
from training.data.pictures import Slices
from training.data.prepare import read_labels
from training.publish.reports import write_json

NAMES = ("ground glass", "part-solid", "solid")
SHARES = np.arange(1, 20) / 20


@dataclass(frozen=True)
class Case:
    """One nodule: the readers' ratings (1 non-solid to 5 solid), mean diameter, share of solid voxels."""

    patient: str
    ratings: tuple[float, ...]
    diameter_mm: float
    share: float  # NaN where it is not known


def rated(ratings: Sequence[float] | np.ndarray | float) -> str:
    """What the readers' mean rating is called, cut midway between 1, 3 and 5."""
    return NAMES[int(np.digitize(np.mean(ratings), [2, 4]))]


def case_of(row: dict[str, str], stack: np.ndarray, outlines: np.ndarray) -> Case | None:
    """A row of nodules.csv with its slices and outlines, each (n, rows, cols); None where nobody agrees."""
    inside = np.bitwise_count(outlines) * 2 >= int(row["n_readers"])
    largest = int(inside.sum(axis=(1, 2)).argmax())
    inside, pixels = inside[largest], stack[largest]
    polygon = contour(Outline(inside, 0, 0, 0.5))
    if polygon is None:
        return None
    slope, intercept = estimate_hu(pixels)
    spacing = float(row["pixel_spacing_mm"])
    share = solid_share(slope * pixels + intercept, inside, (spacing, spacing))
    share = math.nan if share is None else share
    ratings = tuple(float(rating) for rating in row["texture"].split("|"))
    return Case(row["patient_id"], ratings, float(np.mean(axes(polygon * spacing))), share)


def first_half(case: Case) -> bool:
    """Whether the case's patient is one of those that choose."""
    return zlib.crc32(case.patient.encode()) % 2 == 0


def choose(cases: list[Case]) -> tuple[tuple[float, float], float]:
    """The two shares with the highest balanced accuracy on these cases, and that accuracy."""
    truth = [rated(case.ratings) for case in cases]

    def accuracy(shares: tuple[float, float]) -> float:
        return balanced_accuracy(counts_of(truth, [name_of(case.share, *shares) for case in cases]))

    best = max(combinations(SHARES.tolist(), 2), key=accuracy)
    return best, accuracy(best)


def counts_of(truth: list[str], called: list[str]) -> np.ndarray:
    """Confusion table of shape (3, 3): a row for each name in truth, a column for each name called."""
    counts = np.zeros((3, 3), int)
    np.add.at(counts, ([NAMES.index(name) for name in truth], [NAMES.index(name) for name in called]), 1)
    return counts


def balanced_accuracy(counts: np.ndarray) -> float:
    """Mean over the rows that have cases of the share of them that is called so."""
    n = counts.sum(axis=1)
    return float((counts.diagonal()[n > 0] / n[n > 0]).mean()) if n.any() else float("nan")


def weighted_kappa(counts: np.ndarray) -> float:
    """Agreement beyond chance, a neighbouring name half as wrong (Cohen, Psychol. Bull. 70, 213, 1968)."""
    weights = np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(1, counts.sum())
    chance = (weights * expected).sum()
    return float(1 - (weights * counts).sum() / chance) if chance else float("nan")


def agreement(truth: list[str], called: list[str]) -> dict[str, float]:
    """Number of nodules (or readings), share that agree, balanced accuracy, linearly weighted kappa."""
    counts = counts_of(truth, called)
    return {
        "n": len(truth),
        "agreement": float(counts.trace() / max(1, len(truth))),
        "balanced_accuracy": balanced_accuracy(counts),
        "kappa": weighted_kappa(counts),
    }


def table(truth: list[str], called: list[str]) -> Iterator[str]:
    """Agreement and the confusion table as lines, a row for each rating."""
    counts, found = counts_of(truth, called), agreement(truth, called)
    yield (
        f"{found['n']} nodules: {found['agreement']:.1%} agree, balanced accuracy "
        f"{found['balanced_accuracy']:.3f}, linearly weighted kappa {found['kappa']:.3f}"
    )
    yield "  rated \\ called" + "".join(f"{name:>14}" for name in NAMES)
    for name, row in zip(NAMES, counts, strict=True):
        yield f"  {name:<14}" + "".join(f"{count:>14}" for count in row)


def answers(cases: list[Case]) -> tuple[list[str], list[str]]:
    """What the readers' mean says of each case, and what the app says."""
    return [rated(case.ratings) for case in cases], [name_of(case.share) for case in cases]


def readings(cases: list[Case]) -> tuple[list[str], list[str]]:
    """What the mean of the same nodule's other readers says, and what each reader says."""
    pairs = [
        (rated(np.delete(case.ratings, i)), rated(rating))
        for case in cases
        if len(case.ratings) > 1
        for i, rating in enumerate(case.ratings)
    ]
    return [other for other, _ in pairs], [own for _, own in pairs]


def judged_cases(cases: list[Case]) -> list[Case]:
    """The cases that get an impression."""
    return [case for case in cases if not math.isnan(case.share) and case.diameter_mm >= LEAST_MM]


def measured(cases: list[Case]) -> dict:
    """For ``evaluation.json``: the app's agreement, and one reader's, on patients who chose nothing.

    Of each name how many nodules are ``called`` so (``n``), and how many of these rightly (``right``).
    """
    others = [case for case in judged_cases(cases) if not first_half(case)]
    counts = counts_of(*answers(others)).tolist()
    called = {
        name: {"n": sum(row[i] for row in counts), "right": counts[i][i]} for i, name in enumerate(NAMES)
    }
    return agreement(*answers(others)) | {"called": called, "reader": agreement(*readings(others))}


def report(cases: list[Case]) -> Iterator[str]:
    """All that is printed, as lines."""
    judged = judged_cases(cases)
    small = [case for case in cases if not math.isnan(case.share) and case.diameter_mm < LEAST_MM]
    others = [case for case in judged if not first_half(case)]
    shares, accuracy = choose([case for case in judged if first_half(case)])
    n_large = sum(case.diameter_mm >= LEAST_MM for case in cases)
    yield f"{len(cases)} nodules, {n_large} of {LEAST_MM:g} mm or more, {len(judged)} of them thick enough."
    yield f"Best on half of the patients: {shares} (balanced accuracy {accuracy:.3f})."
    for heading, chosen in (("The other half", others), (f"All below {LEAST_MM:g} mm", small)):
        yield f"{heading}, with {(GROUND_GLASS_BELOW, SOLID_FROM)}:"
        yield from table(*answers(chosen))
    yield "Readers of the other half, each against the mean of the others:"
    yield from table(*readings(others))


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "lidc-slices")
    parser.add_argument("--weights", type=Path, help="folder whose evaluation.json gets the figures")
    args = parser.parse_args(argv)
    try:
        slices = Slices(args.slices)
        rows = [row for row in read_labels(args.labels) if row["masks_match"] == "1"]
        keys = [(row["patient_id"], row["nodule"]) for row in rows]
        found = [
            case_of(row, slices.read(key), slices.read_outlines(key))
            for row, key in zip(tqdm(rows, desc="nodules", file=sys.stderr), keys, strict=True)
        ]
    except PrepareError as error:
        sys.exit(f"error: {error}")
    cases = [case for case in found if case is not None]
    print("\n".join(report(cases)))
    if args.weights:
        texture = {"texture": measured(cases)}
        write_json(args.weights / "evaluation.json", read_report(args.weights, "evaluation") | texture)


if __name__ == "__main__":
    main()
