"""From an upload to its finding, for both faces and the command line."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from flask import request

from models.imaging.scan import Scan
from models.inference.classifier import CONSENSUS
from models.inference.detection.search import find_location
from models.inference.finding import Finding
from models.inference.pipeline import check_model
from models.ingest.asked import Asked
from models.ingest.fields import asked_location, number
from models.ingest.limits import Limits
from models.ingest.sandbox.decoder import Decoder
from models.ingest.source import Source
from models.web.application import current_app
from models.web.fields import Location, asked_anyway, asked_series
from models.web.telemetry import annotate, stage
from models.web.visitor import visitor

Progress = Callable[[int, int], None]  # told how many files are read, and of how many


class Upload(NamedTuple):
    """What was sent: a scan, and what is asked of it."""

    scan: Scan
    location: Location
    model: str
    anyway: bool

    @property
    def is_whole_scan(self) -> bool:
        """Whether nothing says where the nodule is, so that the scan is searched."""
        return is_whole_scan(self.scan, self.location)


def is_whole_scan(scan: Scan, location: Location) -> bool:
    """Whether a scan is to be searched: it is no crop around a nodule, and no location is given."""
    return location[:2] == (None, None) and not scan.is_crop


def read_upload(progress: Progress | None = None, is_kept: bool = False) -> Upload:
    """Decode the upload of the request that is being answered; `UserError` for what is wrong with it.

    What is kept for a browser is refused with the scan, or with pictures of its series.
    """
    return read(sent_files(), asked_series(request.form), progress, is_kept)


def read(
    files: list[Source],
    series: str | None = None,
    progress: Progress | None = None,
    is_kept: bool = False,
    only: tuple[int, ...] | None = None,
) -> Upload:
    """Decode files, and take the rest of what is asked of them from the request that is being answered."""
    model, location, anyway = asked_model(), asked_location(request.form), asked_anyway(request.form)
    asked = Asked(
        spacing_mm=number(request.form, "spacing_mm"),
        slice_spacing_mm=number(request.form, "slice_spacing_mm"),
        series=series,
        only=only,
        pictures=is_kept,
        keep_doubted=is_kept,
    )
    return Upload(decode(files, asked, progress, visitor()), location, model, anyway)


def sent_files() -> list[Source]:
    """The files of the request that is being answered, each opened in its turn."""
    files = [(file.filename, cast(BinaryIO, file.stream)) for file in request.files.getlist("image")]
    return [Source.of_stream(name, stream) for name, stream in files if name]


def decode(
    files: list[Source], asked: Asked, progress: Progress | None = None, visitor: tuple[str, ...] = ()
) -> Scan:
    """The scan in the files, decoded in a process of its own; see `Decoder.read`."""
    with stage("decode"):
        return current_app.decoder.read(files, asked, progress, visitor)


def asked_model() -> str:
    """The model of the request, if it exists and can answer; `UserError` where not."""
    model = request.values.get("model") or CONSENSUS
    annotate(model=model)
    check_model(model, current_app.registry)
    return model


def answer(upload: Upload) -> Finding:
    """The finding of a scan that is not kept; where no location is given, at the most suspicious one."""
    roi, candidates = find_location(upload.scan, current_app.registry.finder, *upload.location)
    finding = current_app.answers.once(upload.scan, roi, upload.model, upload.anyway)
    return replace(finding, candidates=candidates)


def decoder_of(settings: Mapping[str, Any], weights: Path) -> Decoder:
    """What decodes uploads within the bounds of `SETTINGS`, with the folder of the weights."""
    limits = Limits(
        pixels=int(settings["MAX_MEGAPIXELS"] * 1_000_000),
        image_pixels=int(settings["MAX_IMAGE_MEGAPIXELS"] * 1_000_000),
        picture_pixels=int(settings["MAX_PICTURE_MEGAPIXELS"] * 1_000_000),
        frames=settings["MAX_FRAMES"],
        zip_files=settings["MAX_ZIP_FILES"],
        zip_bytes=int(settings["MAX_ZIP_MB"] * 1_000_000),
        zip_ratio=settings["MAX_ZIP_RATIO"],
    )
    seconds, megabytes, at_once = (settings[f"DECODE{name}"] for name in ("_SECONDS", "_MB", "RS"))
    return Decoder(limits, seconds, megabytes, at_once, weights)
