"""The runs of both networks -> weights/finder.weights.h5, finder-judge.weights.h5 (float16) and finder.json.

    python -m training.finder.export --runs runs

Calibration, thresholds and results stay as `training.finder.calibrate` and `training.finder.evaluate` wrote
them.
"""

import json
from pathlib import Path

from models.imaging.candidate_fields import SHAPE
from models.inference.detection.finder import FEATURES, JUDGE, KEY
from models.networks.finder import build_finder
from models.networks.recognition import build_recognition
from training.arguments import parser_of
from training.publish.export import export_weights

UNFITTED = {"intercept": 0.0} | dict.fromkeys(FEATURES, 0.0) | {"judge": 1.0}


def export(runs: Path, weights: Path) -> dict:
    """Write the weights and the report of two runs; returns the report."""
    path = weights / f"{KEY}.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    judge = export_weights(build_recognition(SHAPE), JUDGE, runs / JUDGE, weights)
    report = {
        "title": "Finder",
        "citation": "U-Net of residual blocks (Ronneberger et al., arXiv:1505.04597, 2015), and a second "
        "network that judges what it proposes (Setio et al., IEEE TMI 35, 1160, 2016)",
        **export_weights(build_finder(), KEY, runs / KEY, weights),
        **{f"judge_{name}": value for name, value in judge.items()},
        "thresholds": before.get("thresholds", {"series": 0.5, "picture": 0.5}),
        "calibration": before.get("calibration", {"series": UNFITTED, "picture": UNFITTED}),
    }
    if "measured" in before:
        report["measured"] = before["measured"]
    path.write_text(json.dumps(report, indent=2) + "\n")
    return report


def main(argv: list[str] | None = None) -> None:
    args = parser_of(__doc__, "runs", "weights").parse_args(argv)
    report = export(args.runs, args.weights)
    print(f"{KEY}: {(report['bytes'] + report['judge_bytes']) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
