"""The whole document, as OpenAPI 3.1.0 says (https://spec.openapis.org/oas/v3.1.0)."""

from models import __version__
from models.errors import STATUS
from models.imaging.scan import ASSUMED_SPACING_MM, CROP_AT_MOST, SPACING_BOUNDS_MM
from models.inference.classifier import CONSENSUS
from models.inference.finding import DISCLAIMER
from models.inference.pipeline import MODEL_KEYS
from models.reports.openapi.answers import DOOR, HEADERS, PAGES_ONLY, answer, found, refusals
from models.reports.openapi.example import FINDING
from models.reports.openapi.finding import finding_schemas
from models.reports.openapi.others import other_schemas
from models.reports.openapi.shapes import array, integer, number, ref, text

FILES = "image/png, image/jpeg, image/tiff, image/bmp, image/webp, application/dicom, application/zip"
READ = [code for code in DOOR if code != "other_origin"]  # nobody is refused who only asks
PASSWORD = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The server's password."},
    "basic": {"type": "http", "scheme": "basic", "description": "The server's password; any name."},
}


def contract(settings):
    """The contract with programs.

    Parameters
    ----------
    settings : mapping
        PASSWORD, empty where none is asked for; MAX_UPLOAD_MB, MAX_MEGAPIXELS and MAX_FILES.

    Returns
    -------
    dict
        An OpenAPI document.
    """
    ways = [{name: []} for name in PASSWORD]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lung nodule classifier",
            "version": __version__,
            "summary": "Whether a lung nodule on CT looks benign or malignant, by five models.",
            "description": DISCLAIMER,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": ways if settings["PASSWORD"] else [{}, *ways],
        "paths": {
            "/api/v1/predict": {"post": _predict(settings)},
            "/api/v1/models": {"get": _models()},
            "/api/v1/openapi.json": {"get": _openapi()},
            "/healthz": {"get": _healthz()},
            "/metrics": {"get": _metrics()},
        },
        "components": {
            "schemas": finding_schemas() | other_schemas(),
            "headers": HEADERS,
            "securitySchemes": PASSWORD,
        },
    }


def _predict(settings):
    bounds = "{MAX_UPLOAD_MB} MB, {MAX_FILES} files and {MAX_MEGAPIXELS} million pixels".format_map(settings)
    form = {
        "schema": _form(settings["MAX_FILES"]),
        "encoding": {"image": {"contentType": f"{FILES}, application/octet-stream"}},
    }
    return {
        "operationId": "predict",
        "summary": "Read one nodule.",
        "description": f"Nothing of the upload is kept. At most {bounds} are read at once.",
        "requestBody": {"required": True, "content": {"multipart/form-data": form}},
        "responses": found("Finding", "The answer on the nodule.", FINDING)
        | refusals(code for code in STATUS if code not in PAGES_ONLY),
    }


def _form(most_files):
    low, high = SPACING_BOUNDS_MM
    where = (
        "of the nodule's centre, in pixels of the uploaded image from the top left, 0-based. Without row and "
        f"col: the centre of an image of at most {CROP_AT_MOST} x {CROP_AT_MOST} pixels, or else the most "
        "suspicious place."
    )
    spacing = f"mm per pixel, for files that do not carry it; without it, {ASSUMED_SPACING_MM} is assumed."
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    images = (
        "One file, or the files of one series: pictures (several are neighbouring slices, in the natural "
        "order of their names), DICOM (ordered by position), or a ZIP of either. Each part has a file name."
    )
    return {
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": array(file, images, minItems=1, maxItems=most_files),
            "model": text("Whose answer comes first.", MODEL_KEYS) | {"default": CONSENSUS},
            "row": number(f"Row {where}"),
            "col": number(f"Column {where}"),
            "slice": integer(
                "0-based, feet to head; without it, a stack of crops is read around its middle."
            ),
            "spacing_mm": number(spacing, low, high),
            "anyway": text("Give the scores although no nodule is recognised at the location.", ("1",)),
        },
        "dependentRequired": {"row": ["col"], "col": ["row"]},
        "additionalProperties": False,
    }


def _models():
    about = "What each model is, what it was trained on, and its measured results."
    responses = found("Models", about) | refusals(READ)
    return {"operationId": "models", "summary": "The models.", "responses": responses}


def _openapi():
    document = {"application/json": {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}
    responses = {"200": answer(200, "An OpenAPI document.", document)} | refusals(READ)
    return {"operationId": "openapi", "summary": "This document.", "responses": responses}


def _healthz():
    health = {"application/json": {"schema": ref("Health")}}
    return {
        "operationId": "healthz",
        "summary": "Whether all models answer, and uploads can be decoded. Needs no password.",
        "security": [],
        "responses": {
            "200": answer(200, "They do.", health),
            "503": answer(503, "Not all of that; the rest goes on answering.", health),
        },
    }


def _metrics():
    prometheus = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": "metrics",
        "summary": "Counts and times for Prometheus, without patient data.",
        "responses": {"200": answer(200, "Prometheus' text format.", prometheus)}
        | refusals(READ, is_page=True),
    }
