"""The run on everyone -> weights/recognition.weights.h5 (float16) and recognition.json.

python -m training.recognition.export --runs runs
"""

import argparse
import json
from pathlib import Path

from models.imaging.two_fields import SHAPE
from models.inference.detection.recognition import KEY
from models.networks.recognition import build_recognition
from training.classifier.export import recipe_of, save_float16


def export(run: Path, weights: Path) -> dict:
    """Write the weights and the report of one run; returns the report.

    Thresholds and results stay as `training.recognition.evaluate` wrote them; before that every location
    counts as a nodule.
    """
    model = build_recognition(SHAPE)
    model.load_weights(run / "final.weights.h5")
    path, report = weights / f"{KEY}.weights.h5", weights / f"{KEY}.json"
    before = json.loads(report.read_text()) if report.exists() else {}
    recipe = recipe_of(run)
    written = {
        "title": "Recognition",
        "citation": "U-Net of residual blocks, as second stage; Setio et al., IEEE TMI 35, 1160, 2016",
        "sha256": save_float16(model, path),
        "bytes": path.stat().st_size,
        "parameters": model.count_params(),
        "training": recipe,
        "thresholds": before.get("thresholds", {"outlined": 0.0, "not_outlined": 0.0}),
        "measured": before.get("measured"),
    }
    report.write_text(json.dumps(written, indent=2) + "\n")
    return written


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", default="runs", help="folder of the runs (default: runs)")
    parser.add_argument("--weights", default="weights", help="folder to write (default: weights)")
    args = parser.parse_args(argv)
    report = export(Path(args.runs) / KEY / "everyone", Path(args.weights))
    print(f"{KEY}: {report['bytes'] / 1e6:.1f} MB, {report['training']['epochs']} epochs")


if __name__ == "__main__":
    main()
