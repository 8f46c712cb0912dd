"""The manifest of weights/, without which the application uses nothing of it: the last step of any training.

    python -m training.publish.manifest --weights weights            # list all files with their checksums
    python -m training.publish.manifest --weights weights --check    # say what is not as listed

To be run, and its result looked at and committed, whenever anything in the folder was made anew.
"""

import hashlib
import json
import sys
from pathlib import Path

from models.weights import MANIFEST, WeightsError, listed, read_file
from training.arguments import parser_of


def write_manifest(folder: Path) -> dict[str, str]:
    """Write ``manifest.json``: the SHA-256 of all other files of a folder, by name.

    Returns
    -------
    dict of str to str
        What was written.
    """
    checksums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(folder)}
    (folder / MANIFEST).write_text(json.dumps({"sha256": checksums}, indent=1) + "\n")
    return checksums


def problems(folder: Path) -> list[str]:
    """A sentence for each file that is not as the manifest says, or that only the manifest knows."""
    try:
        known = listed(folder)
    except WeightsError:
        return [f"{MANIFEST} is missing or damaged."]
    found = []
    for name in sorted({path.name for path in _files(folder)} | set(known)):
        try:
            read_file(folder, name)
        except WeightsError as error:
            found.append(str(error))
    return found


def _files(folder: Path) -> list[Path]:
    own = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in own if path.name != MANIFEST)


def main(argv: list[str] | None = None) -> None:
    parser = parser_of(__doc__, "weights")
    parser.add_argument("--check", action="store_true", help="change nothing")
    args = parser.parse_args(argv)
    if not args.check:
        print(f"{len(write_manifest(args.weights))} files")
    elif found := problems(args.weights):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
