"""A run's final weights -> weights/localiser.weights.h5 (float16) and localiser.json.

python -m training.localiser.export --runs runs [--measured localiser.json]
"""

import json
from pathlib import Path

from models.networks.localiser import build_localiser
from training.arguments import parser_of
from training.publish.export import export_weights


def export(run: Path, weights: Path, measured: str | None = None) -> dict:
    """Write the weights and the report of one run; returns the report.

    Parameters
    ----------
    run, weights : Path
        Folders of the run and of the weights.
    measured : str, optional
        Report of a run of the same recipe that left the test patients out: its results are taken over.
    """
    recipe = json.loads((run / "run.json").read_text())
    model = build_localiser(tuple(recipe["filters"]))
    report = {
        "title": "Localiser",
        "citation": "U-Net; Ronneberger et al., arXiv:1505.04597, 2015",
        "filters": recipe["filters"],
        **export_weights(model, "localiser", run, weights),
    }
    if measured:
        report |= {"measured": json.loads(Path(measured).read_text())["measured"]}
    (weights / "localiser.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "runs", "weights")
    parser.add_argument("--measured", help="localiser.json of the run without test patients, after evaluate")
    args = parser.parse_args(argv)
    weights = args.weights
    weights.mkdir(exist_ok=True)
    report = export(args.runs / "localiser", weights, args.measured)
    print(f"localiser: {report['bytes'] / 1e6:.1f} MB, {report['training']['epochs']} epochs")


if __name__ == "__main__":
    main()
