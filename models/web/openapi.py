"""The contract with programs as an OpenAPI 3.1.0 document (https://spec.openapis.org/oas/v3.1.0).

Answers are those of `models.reports.json_types`, errors those of `models.errors`.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from models import __version__
from models.imaging.scan import ASSUMED_SPACING_MM, CROP_AT_MOST, SPACING_BOUNDS_MM, STEP_BOUNDS_MM
from models.inference.classifier import CONSENSUS
from models.inference.finding import DISCLAIMER
from models.networks.registry import ARCHITECTURES
from models.reports import json_types
from models.web.errors import STATUS
from models.web.fields import UID_AT_MOST

Schema = dict[str, Any]
FILES = "image/png, image/jpeg, image/tiff, image/bmp, image/webp, application/dicom, application/zip"
PACS = ("pacs_denied", "pacs_not_found", "pacs_slow", "pacs_unavailable")
PAGES_ONLY = (  # of kept scans, of public addresses, and of the PACS
    *("scan_gone", "not_dicom", "not_outlined", "not_comparable", "too_late", "method_not_allowed"),
    *PACS,
)
ACCESS = (
    "unknown_host",
    "password_needed",
    "wrong_password",
    "not_open",
    "other_origin",
    "too_many_tries",
)
READ = [code for code in ACCESS if code != "other_origin"]  # nobody is refused who only asks
UNFORESEEN = {400: "bad_request", 500: "internal_server_error"}  # of HTTP itself, in no table of ours
PASSWORD = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The server's password."},
    "basic": {"type": "http", "scheme": "basic", "description": "The server's password; any name."},
}
HEADERS = {
    "X-Request-Id": {
        "description": "Names this request in the server's log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F-]{16,36}$"},
    },
    "Retry-After": {
        "description": "Seconds after which to try again; missing where waiting would not help.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "The ways to give the password.",
        "required": True,
        "schema": {"type": "string"},
    },
}
OF_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
EXAMPLE = json_types.Finding(  # made up
    verdict="malignant",
    model=CONSENSUS,
    probability=0.88,
    nodule_probability=0.98,
    threshold=0.21,
    models=[
        json_types.ModelAnswer(key, "malignant", probability, 0.22)
        for key, probability in zip(ARCHITECTURES, (0.87, 0.9, 0.82, 0.91, 0.85), strict=True)
    ],
    nodule=json_types.Nodule(
        row=281.0,
        col=299.0,
        slice=21,
        source="given",
        long_axis_mm=14.2,
        short_axis_mm=11.0,
        mean_diameter_mm=12.6,
        equivalent_diameter_mm=12.4,
        largest_slice=22,
        first_slice=19,
        last_slice=25,
        volume_mm3=1310.0,
        volume_diameter_mm=13.6,
        solid_long_axis_mm=None,
        side="right",
        mean_hu=-21.3,
        texture="solid",
        corrected=False,
        outline=[[272.1, 299.0], [281.0, 307.9], [290.2, 299.0], [281.0, 290.4]],
    ),
    characteristics=json_types.Characteristics(2.1, 1.8, 4.9, 4.2, 3.9, 5.8, 4.6),
    image=json_types.Image(512, 512, 133, 0.78, True, False, "file", thickness_mm=2.5, slice_spacing_mm=2.5),
    warnings=[json_types.Warning("contrast", "A sentence for people.")],
    disclaimer=str(DISCLAIMER),
    version=json_types.Version(__version__, "0123456789ab"),
    similar=json_types.Similar([0, 1, 2, 4, 3], [13.1, 15.8, 11.2], 0.94, 0.41, is_unlike=False),
    reliability=json_types.Reliability(
        adds=True,
        nodules=62,
        malignant=35,
        recognised=29,
        size_mm=[10, 15],
        same_verdict=json_types.SameVerdict(38, 29, 0.6, 0.89),
    ),
    candidates=[],
)


def contract(settings: Mapping[str, Any]) -> Schema:
    """The contract with programs.

    Parameters
    ----------
    settings : mapping
        PASSWORD, empty where none is asked for; DICOMWEB, empty where there is no PACS; MAX_UPLOAD_MB,
        MAX_MEGAPIXELS and MAX_FILES.
    """
    ways: list[dict[str, list[str]]] = [{name: []} for name in PASSWORD]
    answers: tuple[type[msgspec.Struct], ...]
    answers = (json_types.Finding, json_types.Models, json_types.Health, json_types.Series)
    has_pacs = bool(settings["DICOMWEB"])
    answers += (json_types.PacsReading,) if has_pacs else ()
    _, schemas = msgspec.json.schema_components(answers, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lung nodule classifier",
            "version": __version__,
            "summary": "Whether a lung nodule on CT looks benign or malignant, by five models.",
            "description": str(DISCLAIMER),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": ways if settings["PASSWORD"] else [{}, *ways],
        "paths": {
            "/api/v1/predict": {"post": _predict(settings)},
            **({"/api/v1/pacs/read": {"post": _read_from_pacs()}} if has_pacs else {}),
            "/api/v1/models": {"get": _models()},
            "/api/v1/openapi.json": {"get": _openapi()},
            "/healthz": {"get": _healthz()},
            "/metrics": {"get": _metrics()},
        },
        "components": {"schemas": schemas, "headers": HEADERS, "securitySchemes": PASSWORD},
    }


def _predict(settings: Mapping[str, Any]) -> Schema:
    bounds = "{MAX_UPLOAD_MB} MB, {MAX_FILES} files and {MAX_MEGAPIXELS} million pixels".format_map(settings)
    form = {
        "schema": _form(settings["MAX_FILES"]),
        "encoding": {"image": {"contentType": f"{FILES}, application/octet-stream"}},
    }
    content = _json_of(json_types.Finding) | {"example": msgspec.to_builtins(EXAMPLE)}
    return {
        "operationId": "predict",
        "summary": "Read one nodule.",
        "description": f"Nothing of the upload is kept. At most {bounds} are read at once.",
        "requestBody": {"required": True, "content": {"multipart/form-data": form}},
        "responses": {"200": _answer(200, "The answer on the nodule.", {"application/json": content})}
        | _refusals(code for code in STATUS if code not in PAGES_ONLY),
    }


def _form(most_files: int) -> Schema:
    low, high = SPACING_BOUNDS_MM
    where = (
        "of the nodule's centre, in pixels of the uploaded image from the top left, 0-based. Without row "
        f"and col: the centre of an image of at most {CROP_AT_MOST} x {CROP_AT_MOST} pixels, or else the "
        "most suspicious location."
    )
    spacing = (
        "mm per pixel, for files that do not give it; without it, it is estimated from the width of the "
        f"lungs in a whole slice, or else {ASSUMED_SPACING_MM} is assumed."
    )
    images = (
        "One file, or the files of one series: pictures (several are adjacent slices, in the natural "
        "order of their names), DICOM (ordered by position), or a ZIP of either. Each part has a file "
        "name."
    )
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    return {
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": {
                "type": "array",
                "description": images,
                "items": file,
                "minItems": 1,
                "maxItems": most_files,
            },
            "model": {
                "type": "string",
                "description": "Whose answer comes first.",
                "enum": list(json_types.MODEL_KEYS),
                "default": CONSENSUS,
            },
            "row": {"type": "number", "description": f"Row {where}"},
            "col": {"type": "number", "description": f"Column {where}"},
            "slice": {
                "type": "integer",
                "description": "0-based, feet to head; without it, a stack of crops is read around its "
                "middle.",
                "minimum": 0,
            },
            "spacing_mm": {"type": "number", "description": spacing, "minimum": low, "maximum": high},
            "slice_spacing_mm": {
                "type": "number",
                "description": "mm between adjacent slices of a stack of pictures; needed for a volume.",
                "minimum": STEP_BOUNDS_MM[0],
                "maximum": STEP_BOUNDS_MM[1],
            },
            "series": {
                "type": "string",
                "description": "Which of several DICOM series: its number in the list that mixed_series "
                "gives, or its SeriesInstanceUID.",
                "minLength": 1,
                "maxLength": UID_AT_MOST,
            },
            "anyway": {
                "type": "string",
                "description": "Give the scores although no nodule is recognised at the location.",
                "enum": ["1"],
            },
        },
        "dependentRequired": {"row": ["col"], "col": ["row"]},
        "additionalProperties": False,
    }


def _read_from_pacs() -> Schema:
    uid = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*$", "maxLength": 64}
    form = {
        "type": "object",
        "required": ["study", "series"],
        "properties": {
            "study": uid | {"description": "Study Instance UID."},
            "series": uid | {"description": "Series Instance UID of a CT series in it."},
            "model": {"type": "string", "enum": list(json_types.MODEL_KEYS), "default": CONSENSUS},
        },
        "additionalProperties": False,
    }
    codes = [code for code in STATUS if code not in PAGES_ONLY or code in PACS or code == "not_dicom"]
    content = {"application/json": _json_of(json_types.PacsReading)}
    return {
        "operationId": "read_from_pacs",
        "summary": "Read the most suspicious nodule of a series in the PACS, and store the results there.",
        "description": "Report, segmentation and image go into the study, under its own patient. Where no "
        "nodule is found (nodule_not_found) or recognised, nothing is stored.",
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {"200": _answer(200, "What was found and stored.", content)} | _refusals(codes),
    }


def _models() -> Schema:
    about = "What each model is, what it was trained on, and its measured results."
    found = {"200": _answer(200, about, {"application/json": _json_of(json_types.Models)})}
    return {"operationId": "models", "summary": "The models.", "responses": found | _refusals(READ)}


def _openapi() -> Schema:
    document = {"application/json": {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}
    found = {"200": _answer(200, "An OpenAPI document.", document)}
    return {"operationId": "openapi", "summary": "This document.", "responses": found | _refusals(READ)}


def _healthz() -> Schema:
    health = {"application/json": _json_of(json_types.Health)}
    return {
        "operationId": "healthz",
        "summary": "Whether all models answer, and uploads can be decoded. Needs no password.",
        "security": [],
        "responses": {
            "200": _answer(200, "They do.", health),
            "503": _answer(503, "Not all of that; the rest still answers.", health),
        },
    }


def _metrics() -> Schema:
    found = {"200": _answer(200, "Prometheus' text format.", {"text/plain": {"schema": {"type": "string"}}})}
    page = {"text/html": {"schema": {"type": "string", "description": "A page with the sentence."}}}
    return {
        "operationId": "metrics",
        "summary": "Counts and times for Prometheus, without patient data.",
        "responses": found | _refusals(READ, page),
    }


def _json_of(answer: type[msgspec.Struct]) -> Schema:
    return {"schema": {"$ref": f"#/components/schemas/{answer.__name__}"}}


def _answer(status: int, about: str, content: Schema) -> Schema:
    headers = {
        name: {"$ref": f"#/components/headers/{name}"}
        for name in ("X-Request-Id", *OF_STATUS.get(status, ()))
    }
    return {"description": about, "headers": headers, "content": content}


def _refusals(codes: Iterable[str], page: Schema | None = None) -> Schema:
    """Answers by status to what is wrong in a request, for these codes; as JSON, or else as a page."""
    by_status = {status: [code] for status, code in UNFORESEEN.items()}
    for code in codes:
        by_status.setdefault(STATUS[code], []).append(code)
    return {
        str(status): _answer(
            status, f"{HTTPStatus(status).phrase}.", page or _error(sorted(by_status[status]))
        )
        for status in sorted(by_status)
    }


def _error(codes: list[str]) -> Schema:
    """An error in JSON: one of these codes, and a sentence."""
    told = {
        "code": {"type": "string", "description": "For programs.", "enum": codes},
        "message": {
            "type": "string",
            "description": "One or two sentences for the person who sent the request.",
        },
    }
    request_id = {
        "request_id": {"type": "string", "description": "To find it in the server's log; as X-Request-Id."}
    }
    series = {
        "series": {
            "type": "array",
            "description": "With mixed_series: those that can be read, to choose one by the field series; "
            "empty where something else is mixed.",
            "items": {"$ref": "#/components/schemas/Series"},
        }
    }
    more = series if "mixed_series" in codes else {}
    error = _closed(told, told | more | (request_id if UNFORESEEN[500] in codes else {}))
    example = {"error": {"code": codes[0], "message": "What is wrong, and what to do about it."}}
    return {"application/json": {"schema": _closed(["error"], {"error": error}), "example": example}}


def _closed(required: Iterable[str], properties: Schema) -> Schema:
    """An object with these properties and no other."""
    closed = {"required": list(required), "additionalProperties": False}
    return {"type": "object", "properties": properties, **closed}
