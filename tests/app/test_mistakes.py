"""What a mistake gets: one status and one sentence on both faces."""

import html
import zlib

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from werkzeug.exceptions import default_exceptions

from models.web.errors import STATUS
from tests.conftest import encode, post, upload

MISTAKES = [
    ({}, 400, "no_file"),
    ({"image": upload(b"", "")}, 400, "no_file"),
    ({"image": "crop", "model": "vgg11"}, 400, "unknown_model"),
    ({"image": "crop", "row": "ten", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "nan", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "1,000", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "1_0", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "\u0661\u0660", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "0x10", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "1e400", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "slice": "0_0"}, 400, "bad_number"),
    ({"image": "crop", "slice": "9" * 5000}, 400, "bad_number"),
    ({"image": "crop", "slice": "0.5"}, 400, "bad_number"),
    ({"image": "crop", "spacing_mm": "0"}, 400, "bad_number"),
    ({"image": "crop", "spacing_mm": "-1"}, 400, "bad_number"),
    ({"image": "crop", "row": "128", "col": "10"}, 400, "roi_outside"),
    ({"image": "crop", "row": "-5", "col": "10"}, 400, "roi_outside"),
    ({"image": "crop", "slice": "1"}, 400, "roi_outside"),
    ({"image": "text"}, 415, "unsupported_file"),
    ({"image": "cut"}, 422, "corrupt_file"),
    ({"image": "empty"}, 422, "corrupt_file"),
    ({"image": "colour"}, 422, "not_ct_image"),
    ({"image": "mask"}, 422, "not_ct_image"),
    ({"image": "mr"}, 422, "not_ct"),
    ({"image": "bomb"}, 413, "too_large"),
]


@pytest.fixture(scope="module")
def bad_files(crop_png):
    rng = np.random.default_rng(0)
    colour = np.zeros((100, 100, 3), np.uint8)
    colour[..., 0] = rng.integers(150, 255, (100, 100))
    bomb = bytearray(encode(np.zeros((8, 8), np.uint8)))
    bomb[16:24] = (100_000).to_bytes(4, "big") * 2  # a header that claims 100,000 x 100,000 pixels
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    with open(get_testdata_file("MR_small.dcm"), "rb") as file:
        mr = file.read()
    return {
        "crop": crop_png,
        "text": b"Dear colleague, ...",
        "cut": crop_png[: len(crop_png) // 2],
        "empty": b"",
        "colour": encode(colour),
        "mask": encode((np.indices((100, 100)).sum(0) > 90).astype(np.uint8) * 255),
        "mr": mr,
        "bomb": bytes(bomb),
    }


@pytest.mark.parametrize(("fields", "status", "code"), MISTAKES)
def test_a_mistake_gets_its_status_and_one_sentence_on_both_faces(client, bad_files, fields, status, code):
    sentences = []
    for url in ("/api/v1/predict", "/predict"):
        data = dict(fields)
        if isinstance(data.get("image"), str):
            data["image"] = upload(bad_files[data["image"]], "file")
        elif "image" in data:
            data["image"] = upload(b"", "")
        answer = client.post(url, data=data)
        assert answer.status_code == status
        sentences.append(answer.json["error"] if answer.is_json else answer.text)
    assert sentences[0]["code"] == code
    assert STATUS[code] == status
    assert sentences[0]["message"] in html.unescape(sentences[1])


ODD = {  # address, and what is sent besides the image
    "in the address": ("?row=60&col=60", {}),
    "in the address without a value": ("?x", {}),
    "unknown": ("", {"colour": "red"}),
    "of another case": ("", {"Row": "60", "col": "60"}),
    "of the pages": ("", {"job": "a-job-of-the-browser"}),
    "twice": ("", {"row": ["60", "61"], "col": "60"}),
    "the model twice": ("", {"model": ["vgg16", "vgg16"]}),
    "another file": ("", {"picture": (b"x", "b.png")}),
    "a number as file": ("", {"row": (b"60", "row"), "col": "60"}),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_program_cannot_send_what_would_be_passed_over(client, crop_png, kind):
    query, fields = ODD[kind]
    data = {name: upload(*field) if isinstance(field, tuple) else field for name, field in fields.items()}
    answer = client.post(f"/api/v1/predict{query}", data={"image": upload(crop_png), **data})
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_field")
    for word in ("colour", "picture", "job"):
        assert word not in answer.json["error"]["message"]


def test_decimal_commas_are_for_people(client, crop_png):
    fields = {"spacing_mm": "0,7", "model": "alexnet"}
    told = post(client, upload(crop_png), **fields)
    assert (told.status_code, told.json["error"]["code"]) == (400, "bad_number")
    page = post(client, upload(crop_png), url="/predict", **fields)
    assert page.status_code == 200


@pytest.mark.parametrize("path", ["//x", "//evil.example/models", "/models//", "///static/x", ""])
def test_no_address_leads_to_another_host(client, path):
    answer = client.get("/", environ_overrides={"PATH_INFO": path, "HTTP_HOST": "127.0.0.1:81"})
    assert answer.status_code == (404 if path else 308)
    assert answer.headers.get("Location") == (None if path else "/")


def test_programs_are_told_when_the_nodule_is_not_given(blind, slice_png):
    answer = post(blind.test_client(), upload(slice_png))
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "nodule_not_found")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nowhere", 404), ("get", "/predict", 405), ("get", "/api/v1/x", 404)],
)
def test_other_errors_keep_the_style_of_their_face(client, method, path, status):
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert answer.is_json == path.startswith("/api/")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("get", "/static/style.css", {"Range": "bytes=999999999-"}, 416),
        ("get", "/nowhere", {}, 404),
        ("get", "/predict", {}, 405),
    ],
)
def test_what_http_says_of_errors_is_not_shown_in_other_languages(client, method, path, headers, status):
    def answer(language, **more):
        sent = getattr(client, method)(path, headers={"Accept-Language": language, **headers, **more})
        assert sent.status_code == status
        return sent

    script = {"X-Requested-With": "fetch"}
    of_http = answer("en", **script).json["error"]["message"]
    assert of_http == default_exceptions[status].description
    assert of_http not in html.unescape(answer("de").text)
    assert answer("de", **script).json["error"]["message"] not in ("", of_http)
    assert answer("de", **script).json["error"]["code"] == answer("en", **script).json["error"]["code"]
