"""A run's final weights -> weights/localiser.weights.h5 (float16) and localiser.json.

python -m training.localiser.export --runs runs [--part 0.2 --whole 0.75] [--measured localiser.json]
"""

import argparse
import json
from pathlib import Path

from models.networks.localiser import build_localiser
from training.classifier.export import recipe_of, save_float16

PART, WHOLE = 0.05, 0.6  # least score of a candidate, see training/README.md


def export(run, weights, thresholds, measured=None):
    """Write the weights and the report of one run; returns the report.

    Parameters
    ----------
    run, weights : Path
        Folders of the run and of the weights.
    thresholds : dict of str to float
        See `models.inference.detection.localiser.Localiser`.
    measured : str, optional
        Report of a run of the same recipe that left the test patients out: its results are taken over.
    """
    recipe = json.loads((run / "run.json").read_text())
    model = build_localiser(tuple(recipe["filters"]))
    model.load_weights(run / "final.weights.h5")
    path = weights / "localiser.weights.h5"
    report = {
        "title": "Localiser",
        "citation": "U-Net; Ronneberger et al., arXiv:1505.04597, 2015",
        "sha256": save_float16(model, path),
        "filters": recipe["filters"],
        "thresholds": thresholds,
        "bytes": path.stat().st_size,
        "parameters": model.count_params(),
        "training": recipe_of(run),
    }
    if measured:
        report |= {"measured": json.loads(Path(measured).read_text())["measured"]}
    (weights / "localiser.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", default="runs", help="folder of the runs (default: runs)")
    parser.add_argument("--weights", default="weights", help="folder to write (default: weights)")
    parser.add_argument("--part", type=float, default=PART, help="least score in a part of a slice")
    parser.add_argument("--whole", type=float, default=WHOLE, help="least score in a whole slice or series")
    parser.add_argument("--measured", help="localiser.json of the run without test patients, after evaluate")
    args = parser.parse_args(argv)
    weights = Path(args.weights)
    weights.mkdir(exist_ok=True)
    thresholds = {"part": args.part, "whole": args.whole}
    report = export(Path(args.runs) / "localiser", weights, thresholds, args.measured)
    print(f"localiser: {report['bytes'] / 1e6:.1f} MB, {report['training']['epochs']} epochs")


if __name__ == "__main__":
    main()
