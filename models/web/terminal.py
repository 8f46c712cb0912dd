"""The terminal: the command ``predict``, which gives the answer of the pages, and how the start shows."""

import json
import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from models.errors import SeveralSeries, UserError
from models.inference.classifier import CONSENSUS
from models.inference.pipeline import MODEL_KEYS
from models.ingest.asked import Asked
from models.ingest.series.listing import ListedSeries
from models.ingest.source import sources_at
from models.reports.as_json import finding_as_json
from models.reports.as_text import finding_as_text
from models.web.predict import Upload, answer, decode


class StartLines:
    """Writes a line for each step of loading the models, and on a terminal how far it is.

    The progress of `models.inference.classifier.ModelRegistry`.
    """

    WIDTH = 20

    def __init__(self) -> None:
        self._done = 0

    def __call__(self, step: str, seconds: float | None, steps: int) -> None:
        if seconds is not None:
            self._done += 1
            start = "\r\x1b[K" if sys.stdout.isatty() else ""
            print(f"{start}  {step:<16}{seconds:5.1f} s", flush=True)
        elif sys.stdout.isatty():
            filled = self.WIDTH * self._done // steps
            print(f"  [{'#' * filled:-<{self.WIDTH}}] {step} ...", end="", flush=True)


def listed_line(series: ListedSeries) -> str:
    """A series in the list of several: its number and what tells it from others."""
    told = [f"{series.slices} {'slice' if series.slices == 1 else 'slices'}"]
    told += [f"{series.thickness_mm:g} mm"] * bool(series.thickness_mm)
    told += [f"kernel {series.kernel}"] * bool(series.kernel)
    told += filter(None, [series.description, series.uid])
    return f"{series.number:>4}  {', '.join(told)}"


def is_command() -> bool:
    """Whether a command of ``flask`` asks, other than ``run``: it may end before it needs a model."""
    context = click.get_current_context(silent=True)
    return context is not None and context.info_name != "run"


@click.command("predict")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--model", default=CONSENSUS, help=f"One of {', '.join(MODEL_KEYS)}.")
@click.option("--row", type=float, help="Row of the nodule's centre, in pixels from 0.")
@click.option("--col", type=float, help="Column of the nodule's centre, in pixels from 0.")
@click.option("--slice", "index", type=int, help="Slice of the nodule, from 0.")
@click.option("--spacing-mm", type=float, help="mm per pixel, for an image that does not give it.")
@click.option("--slice-spacing-mm", type=float, help="mm between adjacent slices, for several pictures.")
@click.option("--series", help="Which of several series: its number in the list, or its SeriesInstanceUID.")
@click.option("--anyway", is_flag=True, help="Give the scores although no nodule is recognised.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer of the JSON interface.")
@with_appcontext
def predict_command(
    files: tuple[Path, ...],
    model: str,
    row: float | None,
    col: float | None,
    index: int | None,
    spacing_mm: float | None,
    slice_spacing_mm: float | None,
    series: str | None,
    anyway: bool,
    as_json: bool,
) -> None:
    """Say whether the nodule in FILES (image, folder or ZIP of a series) looks benign or malignant."""
    try:
        asked = Asked(spacing_mm=spacing_mm, slice_spacing_mm=slice_spacing_mm, series=series)
        scan = decode(sources_at(files), asked)
        finding = answer(Upload(scan, (row, col, index), model, anyway))
    except SeveralSeries as several:
        listed = "\n".join(map(listed_line, several.listing.series))
        message = f"{several.message} ({several.code})\n\nWith --series, one of these is read:\n{listed}"
        raise click.ClickException(message) from several
    except UserError as error:
        raise click.ClickException(f"{error.message} ({error.code})") from error
    click.echo(json.dumps(finding_as_json(finding), indent=2) if as_json else finding_as_text(finding))
