"""How often a verdict hangs on the click or on the spacing, and what becomes of large lesions.

    python -m training.evaluation.clicks --data outlines.npz [--at-most 150]

Asks the whole application (snapping, recognition, five networks, verdict) about nodules of test patients: at
the middle of the crop; anywhere in any reader's outline, in any slice; with a spacing that is 20 % too large
or too small; and malignant-rated lesions of 12 mm or more enlarged to 20 to 80 mm. The shipped networks have
learnt from these nodules, so that this measures how steady the answers are, and not how right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from models.imaging.scan import Roi, Scan
from models.inference.classifier import CONSENSUS, ModelRegistry
from models.inference.pipeline import analyse
from training.arguments import parser_of
from training.data.outlines import Outlines, load
from training.data.splits import side_of

SIZES_MM = (20, 30, 45, 60, 80)
LARGE_MM, AT_MOST_LARGE = 12.0, 30
WRONG = (0.8, 1.2)


@dataclass
class Case:
    """A nodule's crops as the application reads them."""

    slices: np.ndarray
    spacing_mm: float
    outlined: np.ndarray

    def verdict(
        self, registry: ModelRegistry, row: float, col: float, index: int, factor: float = 1.0
    ) -> str:
        """The consensus at a location, the spacing multiplied by `factor`."""
        spacing = (self.spacing_mm * factor,) * 2
        scan = Scan(self.slices, spacing, False, True)
        roi = Roi(float(row), float(col), int(index), "given")
        return analyse(scan, roi, CONSENSUS, registry).verdict

    def middle(self) -> tuple[float, float, int]:
        """(row, col, slice) of the middle of the crop."""
        n, rows, cols = self.slices.shape
        return (rows - 1) / 2, (cols - 1) / 2, n // 2

    def anywhere(self, rng: Generator) -> tuple[float, float, int]:
        """A random location in the outline of any reader: (row, col, slice)."""
        index, row, col = rng.permutation(np.argwhere(self.outlined))[0]
        return row, col, index


def case_of(outlines: Outlines, nodule: int) -> Case:
    """The `Case` of a nodule."""
    first, n = outlines.first[nodule], outlines.n_slices[nodule]
    slices = np.stack([outlines.slice_hu(first + i) for i in range(n)])
    outlined = outlines.readers[first : first + n] > 0
    return Case(slices, float(outlines.spacing_mm[nodule]), outlined)


def measure(registry: ModelRegistry, outlines: Outlines, nodules: np.ndarray, rng: Generator) -> np.ndarray:
    """Verdicts of each nodule: at the middle, anywhere, and with wrong spacings."""
    rows = []
    for nodule in nodules:
        case = case_of(outlines, nodule)
        middle = case.middle()
        rows.append(
            (
                case.verdict(registry, *middle),
                case.verdict(registry, *case.anywhere(rng)),
                *(case.verdict(registry, *middle, factor) for factor in WRONG),
            )
        )
    return np.array(rows)


def enlarged(registry: ModelRegistry, outlines: Outlines, nodules: np.ndarray, rng: Generator) -> np.ndarray:
    """Verdicts of lesions shown at each of `SIZES_MM`, asked for anywhere in the outline."""
    verdicts = []
    for nodule in nodules:
        case, size = case_of(outlines, nodule), outlines.diameter_mm[nodule]
        verdicts.append([case.verdict(registry, *case.anywhere(rng), mm / size) for mm in SIZES_MM])
    return np.array(verdicts)


def counts(verdicts: np.ndarray) -> str:
    """How often each verdict is given."""
    return ", ".join(f"{n} {name}" for name, n in zip(*np.unique(verdicts, return_counts=True), strict=True))


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "outlines", "weights")
    parser.add_argument("--at-most", type=int, default=150, help="nodules that are asked for")
    args = parser.parse_args(argv)
    rng, outlines, registry = np.random.default_rng(0), load(args.data), ModelRegistry(args.weights)
    test = side_of(outlines, "test")
    labelled = test[outlines.label[test] >= 0]
    chosen = rng.permutation(labelled)[: args.at_most]
    first, *others = measure(registry, outlines, chosen, rng).T
    print(f"{len(chosen)} nodules; at the middle of the crop: {counts(first)}")
    for name, other in zip(
        ("anywhere in the outline", *(f"spacing x {f}" for f in WRONG)), others, strict=True
    ):
        print(f"{name}: another verdict for {np.sum(other != first)} ({np.mean(other != first):.1%})")
    large = np.flatnonzero((outlines.label == 1) & (outlines.diameter_mm >= LARGE_MM))
    verdicts = enlarged(registry, outlines, rng.permutation(large)[:AT_MOST_LARGE], rng)
    for mm, column in zip(SIZES_MM, verdicts.T, strict=True):
        print(f"malignant-rated, shown at {mm} mm: {counts(column)}")


if __name__ == "__main__":
    main()
