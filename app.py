"""The web application: settings, routes, errors, headers and commands; all else is in models/."""

import base64
import binascii
import json
import logging
import math
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import click
from flask import Flask, current_app, jsonify, render_template, request
from flask.cli import with_appcontext
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from models import __version__
from models.errors import ScanError
from models.imaging.display import data_uri, shown_size, to_grey, to_png
from models.imaging.patch import PATCH
from models.imaging.phantom import KINDS, draw_phantom
from models.imaging.read import natural_key, read_scan
from models.imaging.scan import locate
from models.inference.bank import CONSENSUS, ModelBank
from models.inference.finding import DISCLAIMER
from models.inference.pipeline import MODEL_KEYS, analyse, check_model
from models.networks.scales import DESCRIPTOR_SCALES
from models.reports.as_json import finding_as_json
from models.reports.as_text import finding_as_text
from models.reports.overview import model_rows, models_as_json, models_for_page
from models.reports.sentences import against_diagnoses

ROOT = Path(__file__).parent
KEPT_AT_MOST = 8_000_000  # bytes of an upload that a result page carries for "ask another model"
PATCH_SHOWN = 192  # pixels
STATUS = {
    "no_file": 400,
    "unknown_model": 400,
    "bad_number": 400,
    "roi_outside": 400,
    "mixed_series": 400,
    "too_large": 413,
    "unsupported_file": 415,
    "missing_decoder": 415,
    "corrupt_file": 422,
    "no_pixels": 422,
    "not_ct": 422,
    "not_axial": 422,
    "not_chest": 422,
    "not_ct_image": 422,
    "nodule_not_found": 422,
    "busy": 503,
    "model_unavailable": 503,
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Setting:
    """One row of the settings table: read from the environment variable ``NODULE_<name>``."""

    name: str
    default: object
    help: str


SETTINGS = (
    Setting("HOST", "127.0.0.1", "Address that `python app.py` listens on."),
    Setting("PORT", 5000, "Port that `python app.py` listens on."),
    Setting("WEIGHTS", "weights", "Folder of the five models' weights; relative to app.py."),
    Setting("MAX_UPLOAD_MB", 50, "Largest upload, in megabytes (all files of a request together)."),
    Setting("MAX_MEGAPIXELS", 64, "Most pixels of all images of an upload, in millions, after unpacking."),
    Setting("MAX_FILES", 500, "Most files of an upload."),
    Setting("QUEUE", 8, "Predictions under way or waiting at once; one more is answered `busy`."),
)


def read_settings(environ):
    """The settings table filled from the environment; ValueError names a variable that does not fit."""
    values = {}
    for setting in SETTINGS:
        text = environ.get(f"NODULE_{setting.name}")
        try:
            values[setting.name] = setting.default if text is None else type(setting.default)(text)
        except ValueError:
            raise ValueError(f"NODULE_{setting.name} must be a whole number. Received: {text!r}") from None
    return values


def create_app(config=None):
    """Build the application and load the models.

    Parameters
    ----------
    config : dict, optional
        Settings by name (see `SETTINGS`), over those of the environment; ``BANK`` passes a loaded
        `ModelBank`.
    """
    app = Flask(__name__)
    app.json.sort_keys = False  # answers keep the order of the contract
    app.config.update(read_settings(os.environ))
    app.config.update(config or {})
    limit = int(app.config["MAX_UPLOAD_MB"] * 1_000_000)
    # a page that carries the upload does so in base64
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = limit * 3 // 2
    app.config["MAX_FORM_PARTS"] = 2 * app.config["MAX_FILES"] + 20
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("models").setLevel(logging.INFO)
    app.bank = app.config.get("BANK") or ModelBank(ROOT / app.config["WEIGHTS"])
    app.queue = threading.BoundedSemaphore(app.config["QUEUE"])
    add_pages(app)
    add_api(app)
    add_errors(app)
    app.after_request(add_headers)
    app.context_processor(
        lambda: {"disclaimer": DISCLAIMER, "version": __version__, "models_list": model_rows(app.bank)}
    )
    app.cli.add_command(predict_command)
    return app


def add_pages(app):
    """The pages for people."""

    @app.get("/")
    def index():
        return render_template("index.html", chosen_model=CONSENSUS)

    @app.post("/predict")
    def predict():
        files = uploaded_files()
        scan, place, model = read_request(files, clicked=True)
        unplaced = place[0] is None and place[1] is None
        if "choose" in request.form or (unplaced and not scan.is_crop):
            return choose_page(scan, place[2], model, files)
        return result_page(answer(scan, place, model), files)

    @app.post("/sample")
    def sample():
        kind = request.form.get("kind")
        if kind not in KINDS:
            raise ScanError("no_file", "There is no such sample.")
        files = [("phantom.png", to_png(draw_phantom(kind)))]
        finding = answer(decode(files, spacing_mm=0.7), (None, None, None), CONSENSUS)
        return result_page(finding, files, is_sample=True)

    @app.get("/models")
    def models():
        return render_template("models.html", **models_for_page(app.bank))


def add_api(app):
    """The JSON twin for programs."""

    @app.post("/api/v1/predict")
    def api_predict():
        scan, place, model = read_request(uploaded_files())
        return jsonify(finding_as_json(answer(scan, place, model)))

    @app.get("/api/v1/models")
    def api_models():
        return jsonify(models_as_json(app.bank))

    @app.get("/healthz")
    def healthz():
        body = {"status": "unavailable" if app.bank.problems else "ok", "unavailable": app.bank.problems}
        return jsonify(body), 503 if app.bank.problems else 200


def uploaded_files():
    """Names and contents of the uploaded files, or of those that the last page carried along."""
    if "kept_data" in request.form:
        names, contents = request.form.getlist("kept_name"), request.form.getlist("kept_data")
        try:
            files = [(n, base64.b64decode(c, validate=True)) for n, c in zip(names, contents, strict=True)]
        except (binascii.Error, ValueError):
            message = "The page was changed on its way; upload the image again."
            raise ScanError("corrupt_file", message) from None
    else:
        files = [(file.filename or "", file.read()) for file in request.files.getlist("image")]
    limit = current_app.config["MAX_UPLOAD_MB"]
    if sum(len(data) for _, data in files) > limit * 1_000_000:
        raise ScanError("too_large", f"The upload is larger than {limit} MB.")
    if len(files) > current_app.config["MAX_FILES"]:
        raise ScanError("too_large", f"At most {current_app.config['MAX_FILES']} files are read at once.")
    return files


def read_request(files, clicked=False):
    """The scan, the place (row, col, slice; None where not given) and the model of a request."""
    model = request.form.get("model") or CONSENSUS
    check_model(model, current_app.bank)
    spacing, index = number("spacing_mm"), number("slice", whole=True)
    row, col = number("row"), number("col")
    scan = decode(files, spacing)
    if clicked and row is None and col is None and "click.x" in request.form:
        row, col = clicked_place(scan)
    return scan, (row, col, index), model


def decode(files, spacing_mm):
    """The scan in the files, within the bound on pixels."""
    return read_scan(files, spacing_mm, current_app.config["MAX_MEGAPIXELS"] * 1_000_000)


def number(name, whole=False):
    """A number field of the form, None where empty; decimal commas are welcome."""
    text = request.form.get(name, "").strip()
    if not text:
        return None
    try:
        value = int(text) if whole else float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ScanError("bad_number", f"The field {name} must be a {'whole ' if whole else ''}number.")
    return value


def clicked_place(scan):
    """Row and column under a click on the shown picture."""
    x, y = number("click.x"), number("click.y")
    width, height = number("shown_width"), number("shown_height")
    if None in (x, y, width, height) or min(width, height) <= 0:
        raise ScanError("bad_number", "The click did not arrive whole; click on the nodule again.")
    return (y + 0.5) * scan.rows / height - 0.5, (x + 0.5) * scan.cols / width - 0.5


def answer(scan, place, model):
    """The finding, or `busy` where too many are under way."""
    roi = locate(scan, *place)
    if not current_app.queue.acquire(blocking=False):
        raise ScanError("busy", "The server is busy with other images; try again in a few seconds.")
    try:
        return analyse(scan, roi, model, current_app.bank)
    finally:
        current_app.queue.release()


def choose_page(scan, index, model, files):
    """The page on which a click says where the nodule is."""
    index = locate(scan, 0, 0, index).slice
    width, height = shown_size(scan.rows, scan.cols)
    return render_template(
        "choose.html",
        image_uri=data_uri(to_grey(scan.slices[index], scan.is_hu), (width, height)),
        width=width,
        height=height,
        rows=scan.rows,
        cols=scan.cols,
        n_slices=len(scan.slices),
        slice=index,
        model=model,
        spacing_mm=request.form.get("spacing_mm", ""),
        files=carried(files),
    )


def result_page(finding, files, is_sample=False):
    """The page with the finding."""
    scan, roi = finding.scan, finding.roi
    width, height = shown_size(scan.rows, scan.cols)
    scale, small = width / scan.cols, sum(len(data) for _, data in files) <= KEPT_AT_MOST
    return render_template(
        "result.html",
        finding=finding,
        image_uri=data_uri(to_grey(scan.slices[roi.slice], scan.is_hu), (width, height)),
        width=width,
        height=height,
        mark={
            "cx": (roi.col + 0.5) * scale,
            "cy": (roi.row + 0.5) * scale,
            "r": min(PATCH.field_mm / 2 / scan.spacing_mm[0] * scale, 0.48 * min(width, height)),
        },
        patch_uri=data_uri(to_grey(finding.patch[..., 1], False), (PATCH_SHOWN, PATCH_SHOWN)),
        patch_mm=PATCH.field_mm,
        sample=is_sample,
        scales=DESCRIPTOR_SCALES,
        again=again(finding, files) if small and not is_sample else None,
        diagnoses=against_diagnoses(current_app.bank.evaluation, finding.model),
    )


def again(finding, files):
    """What a second question about the same upload has to carry."""
    given = finding.roi.source == "given"
    return {
        "files": carried(files),
        "model": finding.model,
        "slice": finding.roi.slice,
        "spacing_mm": "" if finding.scan.spacing_assumed else request.form.get("spacing_mm", ""),
        "row": finding.roi.row if given else "",
        "col": finding.roi.col if given else "",
        "whole_slice": not finding.scan.is_crop,
    }


def carried(files):
    """The upload for hidden fields, so that nothing stays on the server; of names, only their order."""
    ordered = sorted(files, key=lambda file: natural_key(file[0]))
    return [(str(i), base64.b64encode(data).decode()) for i, (_, data) in enumerate(ordered)]


def add_errors(app):
    """One sentence a mistake: the page and the JSON twin say the same."""

    @app.errorhandler(ScanError)
    def scan_error(error):
        model = request.form.get("model")
        return error_answer(error, model if model in MODEL_KEYS else CONSENSUS)

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_):
        message = f"The upload is larger than {app.config['MAX_UPLOAD_MB']} MB or has too many parts."
        return error_answer(ScanError("too_large", message), CONSENSUS)

    @app.errorhandler(HTTPException)
    def http_error(error):
        if is_api():
            code = error.name.lower().replace(" ", "_")
            return jsonify({"error": {"code": code, "message": error.description}}), error.code
        return render_template("error.html", status=error.code, message=error.description), error.code


def error_answer(error, model):
    """JSON for programs; for people the form again, with the sentence above it."""
    headers = {"Retry-After": "5"} if error.code == "busy" else {}
    body = {"code": error.code, "message": error.message}
    if is_api():
        return jsonify({"error": body}), STATUS[error.code], headers
    return render_template("index.html", error=body, chosen_model=model), STATUS[error.code], headers


def is_api():
    """Whether a program asks."""
    return request.path.startswith("/api/")


def add_headers(response):
    """Security headers; no cache keeps an answer about a patient."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.method == "POST":
        response.headers["Cache-Control"] = "no-store"
    return response


@click.command("predict")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--model", default=CONSENSUS, help=f"One of {', '.join(MODEL_KEYS)}.")
@click.option("--row", type=float, help="Row of the nodule's centre, in pixels from 0.")
@click.option("--col", type=float, help="Column of the nodule's centre, in pixels from 0.")
@click.option("--slice", "index", type=int, help="Slice of the nodule, from 0.")
@click.option("--spacing-mm", type=float, help="mm per pixel, for an image that does not carry it.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer of the JSON interface.")
@with_appcontext
def predict_command(files, model, row, col, index, spacing_mm, as_json):
    """Say whether the nodule in FILES (one image, or the slices of one stack) looks benign or malignant."""
    try:
        scan = decode([(file.name, file.read_bytes()) for file in files], spacing_mm)
        finding = answer(scan, (row, col, index), model)
    except ScanError as error:
        raise click.ClickException(f"{error.message} ({error.code})") from error
    click.echo(json.dumps(finding_as_json(finding), indent=2) if as_json else finding_as_text(finding))


if __name__ == "__main__":
    application = create_app()
    application.run(application.config["HOST"], application.config["PORT"], debug=False)
