"""The command line: the answer of the pages, in a terminal."""

import json
from functools import partial
from pathlib import Path

import click

from models.errors import UserError
from models.inference.pipeline import CONSENSUS, MODEL_KEYS
from models.ingest.source import Source
from models.reports.as_json import finding_as_json
from models.reports.as_text import finding_as_text


def predict_command(decode, answer):
    """The function behind the command ``predict``, with its options.

    Parameters
    ----------
    decode : callable
        ``decode(sources, spacing_mm)`` gives a `Scan`.
    answer : callable
        ``answer(scan, (row, col, slice), model, anyway)`` gives a `Finding`.

    Returns
    -------
    callable
    """

    @click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
    @click.option("--model", default=CONSENSUS, help=f"One of {', '.join(MODEL_KEYS)}.")
    @click.option("--row", type=float, help="Row of the nodule's centre, in pixels from 0.")
    @click.option("--col", type=float, help="Column of the nodule's centre, in pixels from 0.")
    @click.option("--slice", "index", type=int, help="Slice of the nodule, from 0.")
    @click.option("--spacing-mm", type=float, help="mm per pixel, for an image that does not carry it.")
    @click.option("--anyway", is_flag=True, help="Give the scores although no nodule is recognised.")
    @click.option("--json", "as_json", is_flag=True, help="Print the answer of the JSON interface.")
    def predict(files, model, row, col, index, spacing_mm, anyway, as_json):
        """Say whether the nodule in FILES (image, folder or ZIP of a series) looks benign or malignant."""
        try:
            finding = answer(decode(sources(files), spacing_mm), (row, col, index), model, anyway)
        except UserError as error:
            raise click.ClickException(f"{error.message} ({error.code})") from error
        click.echo(json.dumps(finding_as_json(finding), indent=2) if as_json else finding_as_text(finding))

    return predict


def sources(paths):
    """The files among paths, and those in folders among them, as `Source`."""
    found = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
    return [Source(str(file), partial(file.open, "rb")) for file in found if file.is_file()]
