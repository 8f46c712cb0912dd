"""What the command lines of training have in common."""

import argparse
from pathlib import Path
from typing import Any

SHARED: dict[str, dict[str, dict[str, Any]]] = {  # arguments that several commands take, by kind
    "nodules": {"--data": {"required": True, "help": "nodules.npz from training.data.prepare"}},
    "lidc-slices": {
        "--slices": {"required": True, "help": "folder or tar file of LIDC-IDRI-slices"},
        "--labels": {"required": True, "help": "nodules.csv"},
    },
    "runs": {"--runs": {"type": Path, "default": Path("runs"), "help": "folder of the runs (default: runs)"}},
    "weights": {
        "--weights": {
            "type": Path,
            "default": Path("weights"),
            "help": "folder of the weights and reports (default: weights)",
        }
    },
}


def parser_of(description: str | None, *shared: str) -> argparse.ArgumentParser:
    """A parser that shows a module's docstring as its help and takes the `SHARED` arguments of some kinds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    for kind in shared:
        for name, options in SHARED[kind].items():
            parser.add_argument(name, **options)
    return parser
