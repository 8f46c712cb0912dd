"""The OpenAPI document: true to what the app answers, and held against it by schemathesis."""

import copy
from collections import Counter
from types import SimpleNamespace

import hypothesis
import msgspec
import numpy as np
import pytest
import schemathesis
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from models.imaging.phantom import draw_phantom
from models.web.errors import STATUS
from models.web.openapi import EXAMPLE, PAGES_ONLY, contract
from models.web.settings import SETTINGS, read_settings
from tests import several_series
from tests.conftest import encode, make_app, post, upload
from tests.ingest.dicom_files import make_ct

ANSWER = msgspec.to_builtins(EXAMPLE)
PASSWORD = "correct horse"
POST = ("/api/v1/predict", "post")


def schema_of(document, path, method, status):
    """What checks an answer in JSON; references are resolved within the document."""
    content = document["paths"][path][method]["responses"][str(status)]["content"]
    return Draft202012Validator(
        content["application/json"]["schema"] | {"components": document["components"]}
    )


@pytest.fixture(scope="module")
def document(app):
    answer = app.test_client().get("/api/v1/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return answer.json


def test_the_document_is_openapi_and_names_each_address_for_programs(app, document):
    assert document["openapi"] == "3.1.0"
    api = schemathesis.openapi.from_dict(document)
    assert isinstance(
        api, OpenApiSchema
    )  # imported above: CPython 3.11 fails to while a thread traces models
    api.validate()
    rules = [
        rule for rule in app.url_map.iter_rules() if rule.rule.startswith(("/api/", "/healthz", "/metrics"))
    ]
    told = {(rule.rule, method.lower()) for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"}}
    assert {(path, method) for path, item in document["paths"].items() for method in item} == told
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_limits_and_the_password_are_those_of_the_settings():
    settings = read_settings(SETTINGS, {"NODULE_MAX_FILES": "7", "NODULE_MAX_UPLOAD_MB": "11"})
    predict = contract(settings)["paths"]["/api/v1/predict"]["post"]
    form = predict["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["image"]["maxItems"] == 7
    assert "At most 11 MB, 7 files and 300 million pixels" in predict["description"]
    ways = [{"bearer": []}, {"basic": []}]
    assert contract(settings)["security"] == [{}, *ways]
    assert contract(settings | {"PASSWORD": "x"})["security"] == ways


def test_each_code_of_an_error_is_told_under_its_status(document):
    told = {}
    for status, answer in document["paths"]["/api/v1/predict"]["post"]["responses"].items():
        if status != "200":
            error = answer["content"]["application/json"]["schema"]["properties"]["error"]
            told |= dict.fromkeys(error["properties"]["code"]["enum"], int(status))
    ours = {code: status for code, status in STATUS.items() if code not in PAGES_ONLY}
    assert told == ours | {"bad_request": 400, "internal_server_error": 500}


def ask(client, kind, crop_png):
    """The answer of one kind, as the app gives it."""
    stack = [upload(encode(draw_phantom("smooth", seed=n)), f"{n}.png") for n in range(3)]
    grey = draw_phantom("smooth").astype(np.int16)
    dicom = make_ct(grey * 5 - 1000, PixelSpacing=[0.7, 0.7])
    return {
        "malignant crop": lambda: post(client, upload(crop_png), spacing_mm="0.7"),
        "no size": lambda: post(client, upload(crop_png), model="vgg16"),
        "stack": lambda: post(client, stack, slice="1", spacing_mm="0.7"),
        "dicom": lambda: post(client, upload(dicom, "a"), row="63", col="63"),
    }[kind]()


KINDS = {  # what each kind is there for
    "malignant crop": lambda body: (body["verdict"], body["nodule"]["mean_hu"]) == ("malignant", None),
    "no size": lambda body: body["nodule"]["long_axis_mm"] is None and len(body["warnings"]) == 2,
    "stack": lambda body: (body["verdict"], body["image"]["slices"]) == ("benign", 3),
    "dicom": lambda body: body["nodule"]["mean_hu"] is not None and body["image"]["is_hu"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_finding_is_as_the_document_says(client, document, crop_png, kind):
    body = ask(client, kind, crop_png).json
    assert KINDS[kind](body)
    schema_of(document, *POST, 200).validate(body)


def test_a_finding_without_a_model_and_an_outline_is_as_the_document_says(app, document, crop_png):
    """All that may be null is null."""
    body = copy.deepcopy(ANSWER)
    body["models"][0] |= dict.fromkeys(("verdict", "probability", "threshold"))
    place = ("row", "col", "slice", "source", "corrected")
    body["nodule"] = {name: body["nodule"][name] if name in place else None for name in body["nodule"]}
    body["characteristics"] = dict.fromkeys(body["characteristics"])
    body["image"] |= {"thickness_mm": None, "slice_spacing_mm": None}
    body["similar"] = None
    schema_of(document, *POST, 200).validate(body)


def places(value, path=()):
    """Paths of all objects in an answer."""
    if isinstance(value, dict):
        yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(part, dict | list):
            yield from places(part, (*path, key))


@pytest.mark.parametrize("path", list(places(ANSWER)), ids=str)
def test_nothing_unknown_or_missing_passes(document, path):
    validator = schema_of(document, *POST, 200)
    validator.validate(ANSWER)
    for change in (lambda part: part.update(patient="x"), lambda part: part.popitem()):
        body = copy.deepcopy(ANSWER)
        part = body
        for key in path:
            part = part[key]
        change(part)
        with pytest.raises(ValidationError):
            validator.validate(body)


def test_the_other_answers_are_as_the_document_says(client, document):
    for path in ("/api/v1/models", "/healthz"):
        schema_of(document, path, "get", 200).validate(client.get(path).json)
    problems = {"vgg16": "It is not as its checksum says."}
    registry = SimpleNamespace(
        reports={},
        evaluation={},
        problems=problems,
        lost={"saliency": "saliency.json is missing."},
        available=lambda key: key not in problems,
        localiser=None,
        finder=None,
        finder_report={},
        localiser_report={},
        size_report={},
        recognition_report={},
        cases=None,
        checksum="0" * 12,
        prepare_to_explain=lambda: None,
    )
    bare = make_app({"REGISTRY": registry}).test_client()
    assert bare.get("/healthz").status_code == 503
    schema_of(document, "/healthz", "get", 503).validate(bare.get("/healthz").json)
    schema_of(document, "/api/v1/models", "get", 200).validate(bare.get("/api/v1/models").json)


def test_the_list_of_several_series_is_as_the_document_says(client, document):
    files = [upload(data, name) for name, data in [*several_series.soft(), *several_series.head()]]
    body = post(client, files).json
    schema = schema_of(document, *POST, 400)
    schema.validate(body)
    first = body["error"]["series"][0]
    for wrong in (first | {"patient": "x"}, {**first, "number": 0}, {"number": 1}):
        with pytest.raises(ValidationError):
            schema.validate({"error": body["error"] | {"series": [wrong]}})


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "password_needed"),
        ({"Authorization": "Bearer wrong"}, 401, "wrong_password"),
        ({"Authorization": f"Bearer {PASSWORD}", "Sec-Fetch-Site": "cross-site"}, 403, "other_origin"),
        ({"Authorization": f"Bearer {PASSWORD}"}, 400, "no_file"),
    ],
)
def test_who_is_not_let_in_is_told_as_the_document_says(locked, headers, status, code):
    client = locked.test_client()
    answer = client.post("/api/v1/predict", headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    schema_of(contract(locked.config), *POST, status).validate(answer.json)


@pytest.fixture(scope="module")
def locked(app, tmp_path_factory):
    """The application with a password."""
    folder = tmp_path_factory.mktemp("locked") / "store"
    return make_app({"REGISTRY": app.registry, "PASSWORD": PASSWORD, "STORE": folder})


PICTURES = [encode(draw_phantom(kind, seed=3)) for kind in ("smooth", "spiculated")]
DICOM = make_ct(draw_phantom("smooth").astype(np.int16) * 5 - 1000, PixelSpacing=[0.7, 0.7])
UPLOADS = {  # schemathesis by itself would send nothing but random bytes
    "image/png": st.lists(st.sampled_from(PICTURES), min_size=1, max_size=2),
    "application/dicom": st.just([DICOM]),
    "application/octet-stream": st.lists(st.binary(max_size=64), max_size=2),
}
for media_type, files in UPLOADS.items():
    schemathesis.openapi.media_type(media_type, files)
# A file may be no CT, and a place outside of it, which no schema can tell.
UNDECIDED = [positive_data_acceptance, negative_data_rejection]


def answers(app, path, method, examples, **headers):
    """Have schemathesis ask for one thing in many ways, right and wrong; how often each status came."""
    api = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, headers=headers)
    cases = [api[path][method].as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]
    seen = Counter()

    @hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.one_of(cases))
    def ask_and_check(case):
        answer = case.call_and_validate(headers=headers, excluded_checks=UNDECIDED)
        seen[answer.status_code] += 1

    ask_and_check()
    return seen


@pytest.mark.slow
def test_schemathesis_finds_nothing_that_the_document_does_not_say(app):
    # enough for any draw: which examples come also depends on the constants in this repository's code
    seen = answers(app, *POST, examples=100)
    assert seen[200] >= 5
    assert {400} <= set(seen) <= {200, 400, 413, 415, 422}


@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/openapi.json", "/healthz", "/metrics"])
def test_schemathesis_is_answered_at_the_other_addresses(app, path):
    assert set(answers(app, path, "get", examples=5)) == {200}


def test_schemathesis_is_not_let_in_without_the_password(locked):
    seen = answers(locked, *POST, examples=30, Authorization=f"Bearer {PASSWORD}")
    assert seen[200] >= 2
    assert 401 not in seen
