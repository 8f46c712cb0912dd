"""Pages for people: forms, clicks, samples, headers."""

import html
import logging
import re

import numpy as np
import pytest
from flask import render_template
from werkzeug.exceptions import default_exceptions

from models.imaging.phantom import draw_phantom
from models.inference.pipeline import MODEL_KEYS
from tests.conftest import encode, post, upload
from tests.ingest.dicom_files import make_ct

UIDS = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4"}


@pytest.mark.parametrize("path", ["/", "/models"])
def test_pages_answer_without_any_other_host(client, path):
    page = client.get(path)
    assert page.status_code == 200
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page.text)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_the_form_offers_the_consensus_first_and_then_the_five(client):
    options = re.findall(r'<option[^>]*value="(\w+)"', client.get("/").text)
    assert options == list(MODEL_KEYS)


def test_each_option_states_the_measured_auc(app, client):
    text = client.get("/").text
    for key in MODEL_KEYS:
        assert f"AUC {app.registry.evaluation['models'][key]['auc']:.2f}" in text


@pytest.mark.parametrize("model", MODEL_KEYS)
def test_page_and_json_give_the_same_answer(client, crop_png, model):
    body = post(client, upload(crop_png), model=model).json
    page = post(client, upload(crop_png), url="/predict", model=model).text
    assert f"{body['probability']:.2f}" in re.search(r'id="probability"[^>]*>(.*?)<', page, re.S)[1]
    assert body["verdict"] in re.search(r'id="verdict"[^>]*>(.*?)</h1>', page, re.S)[1].lower()
    rows = re.search(r'id="models-table".*?</table>', page, re.S)[0]
    for answer in body["models"]:
        assert f"{answer['probability']:.2f}" in rows


def form_of(page, name):
    """Address and hidden fields of a form, as a browser would send them back."""
    form = re.search(rf'<form[^>]*id="{name}".*?</form>', page, re.S)[0]
    fields = {}
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form):
        field, value = (re.search(rf'\b{key}="([^"]*)"', tag)[1] for key in ("name", "value"))
        fields[field] = html.unescape(value)
    return re.search(r'action="([^"]*)"', form)[1], fields


def probability_of(page):
    return re.search(r'id="probability"[^>]*>(.*?)<', page.text, re.S)[1]


def test_a_click_on_a_whole_slice_leads_to_the_same_answer_as_its_coordinates(client):
    picture = encode(np.kron(draw_phantom("spiculated"), np.ones((12, 12), np.uint8)))
    page = post(client, upload(picture), url="/predict", model="resnet", spacing_mm="0.1")
    assert page.status_code == 200
    assert '<input type="image" name="click"' in page.text
    address, fields = form_of(page.text, "choose")
    width, height = (int(fields[name]) for name in ("shown_width", "shown_height"))
    assert (width, height) == (1024, 1024)
    clicked = client.post(address, data={**fields, "model": "resnet", "click.x": "511", "click.y": "512"})
    row, col = 512.5 * 1536 / 1024 - 0.5, 511.5 * 1536 / 1024 - 0.5
    told = post(client, upload(picture), model="resnet", spacing_mm="0.1", row=row, col=col).json
    assert probability_of(clicked) == f"{told['probability']:.2f}"


def link_of(page, name):
    """Where a link leads, by its id."""
    tag = re.search(rf'<a\b[^>]*\bid="{name}"[^>]*>', page)[0]
    return html.unescape(re.search(r'href="([^"]*)"', tag)[1])


def test_another_model_is_put_in_front_without_another_upload(client, crop_png):
    page = post(client, upload(crop_png), url="/predict", model="vgg16").text
    again = client.get(link_of(page, "show-alexnet"))
    told = post(client, upload(crop_png), model="alexnet").json
    assert probability_of(again) == f"{told['probability']:.2f}"
    assert re.search(r'id="model-title">([^<]*)', again.text)[1] == "AlexNet"
    assert "the centre of the image" in again.text


def test_the_place_is_kept_whichever_model_is_in_front(client, crop_png):
    page = post(client, upload(crop_png), url="/predict", row="20", col="30", anyway="1").text
    for key in MODEL_KEYS:
        assert 'data-row="20.0" data-col="30.0"' in client.get(link_of(page, f"show-{key}")).text


def test_each_term_opens_its_explanation_on_the_page_and_is_in_the_glossary(client, crop_png):
    page = post(client, upload(crop_png), url="/predict").text
    used = set(re.findall(r'<button type="button" class="term" popovertarget="explain-([\w-]+)">', page))
    assert {"probability", "auc", "spiculation"} <= used
    explained = re.findall(r'<div class="explained" id="explain-([\w-]+)" popover ', page)
    assert sorted(explained) == sorted(used), "each once, and no other"
    assert used <= set(re.findall(r'id="term-([\w-]+)"', client.get("/models").text))
    assert not re.search(r'class="term"[^>]*href', page), "a press does not leave the page"


def test_what_can_be_taken_along_depends_on_what_was_uploaded(client, crop_png, chest_hu):
    picture = post(client, upload(crop_png), url="/predict", model="vgg16").text
    assert link_of(picture, "download-pdf").endswith("/finding/0/download/report.pdf?model=vgg16")
    assert link_of(picture, "download-json").endswith("/finding/0/download/finding.json?model=vgg16")
    assert "download-sr" not in picture
    dicom = post(client, upload(make_ct(chest_hu, **UIDS), "a.dcm"), url="/predict", row=200, col=160).text
    assert link_of(dicom, "download-sr").endswith("/download/report.sr.dcm?model=consensus")
    assert link_of(dicom, "download-sc").endswith("/download/overlay.sc.dcm?model=consensus")


def test_another_place_of_a_crop_is_chosen_without_another_upload(client, crop_png):
    page = post(client, upload(crop_png), url="/predict", model="vgg16").text
    viewer = client.get(html.unescape(re.search(r'id="choose-again" href="([^"]*)"', page)[1]))
    assert viewer.status_code == 200
    assert "Benign-looking" in viewer.text or "Malignant-looking" in viewer.text
    address, fields = form_of(viewer.text, "choose")
    moved = client.post(address, data=fields | {"row": "20", "col": "30", "model": "vgg16"})
    assert 'data-row="20.0" data-col="30.0"' in moved.text


@pytest.mark.parametrize(("kind", "verdict"), [("smooth", "benign"), ("spiculated", "malignant")])
def test_the_samples_show_a_result_and_say_that_they_are_drawn(client, kind, verdict):
    page = client.post("/sample", data={"kind": kind})
    assert page.status_code == 200
    assert verdict in re.search(r'id="verdict"[^>]*>(.*?)</h1>', page.text, re.S)[1].lower()
    assert "Computer-generated, not from a patient." in page.text


def test_results_are_not_cached(client, crop_png):
    assert post(client, upload(crop_png), url="/predict").headers["Cache-Control"] == "no-store"


def test_every_answer_carries_the_disclaimer(client, crop_png):
    body = post(client, upload(crop_png)).json
    assert "Research use only" in body["disclaimer"]
    assert body["disclaimer"] in html.unescape(post(client, upload(crop_png), url="/predict").text)


def test_no_header_of_a_patient_reaches_page_log_or_answer(client, caplog, chest_hu):
    caplog.set_level(logging.DEBUG)
    data = make_ct(
        chest_hu, PatientName="Secretperson^Ada", PatientID="SECRET-4711", StudyDescription="SECRET"
    )
    pages = [
        post(client, upload(data, "Secretperson.dcm"), row=200, col=160).text,
        post(client, upload(data, "Secretperson.dcm"), url="/predict", row=200, col=160).text,
        post(client, upload(data[:-1000], "Secretperson.dcm"), url="/predict", row=200, col=160).text,
        caplog.text,
    ]
    for text in pages:
        assert "secret" not in text.lower()


@pytest.mark.parametrize("status", default_exceptions)
def test_an_error_is_told_in_the_language_of_the_page(app, status):
    for language in ("de", "en"):
        with app.test_request_context("/", headers={"Accept-Language": language}):
            page = render_template("error.html", status=status, message="English of HTTP")
        told = re.search(r'id="message">(.*?)</p>', page, re.S)[1]
        assert told
        assert language == "en" or told != "English of HTTP"
