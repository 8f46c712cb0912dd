"""The run on everyone -> weights/recognition.weights.h5 (float16) and recognition.json.

python -m training.recognition.export --runs runs
"""

import json
from pathlib import Path

from models.imaging.two_fields import SHAPE
from models.inference.detection.recognition import KEY
from models.networks.recognition import build_recognition
from training.arguments import parser_of
from training.publish.export import export_weights

NONE_REFUSED = {"outlined": 0.0, "not_outlined": 0.0}


def export(run: Path, weights: Path) -> dict:
    """Write the weights and the report of one run; returns the report.

    Thresholds and results stay as `training.recognition.evaluate` wrote them; before that every location
    counts as a nodule.
    """
    report = weights / f"{KEY}.json"
    before = json.loads(report.read_text()) if report.exists() else {}
    written = {
        "title": "Recognition",
        "citation": "U-Net of residual blocks, as second stage; Setio et al., IEEE TMI 35, 1160, 2016",
        **export_weights(build_recognition(SHAPE), KEY, run, weights),
        "thresholds": before.get("thresholds", dict.fromkeys(("series", "picture"), NONE_REFUSED)),
        "measured": before.get("measured"),
    }
    report.write_text(json.dumps(written, indent=2) + "\n")
    return written


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "runs", "weights")
    args = parser.parse_args(argv)
    report = export(args.runs / KEY / "everyone", args.weights)
    print(f"{KEY}: {report['bytes'] / 1e6:.1f} MB, {report['training']['epochs']} epochs")


if __name__ == "__main__":
    main()
