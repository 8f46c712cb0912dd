import base64
import html
import io
import logging
import re
import zlib

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from app import SETTINGS, STATUS, create_app, read_settings
from models.imaging.phantom import draw_phantom
from models.inference.pipeline import MODEL_KEYS
from models.networks.registry import ARCHITECTURES
from tests.conftest import encode
from tests.imaging.dicom_files import make_ct


def upload(data, name="image.png"):
    return io.BytesIO(data), name


def post(client, files, url="/api/v1/predict", **fields):
    return client.post(url, data={"image": files, **fields})


@pytest.mark.parametrize("path", ["/", "/models"])
def test_pages_answer_without_any_other_host(client, path):
    page = client.get(path)
    assert page.status_code == 200
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page.text)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_the_form_offers_the_consensus_first_and_then_the_five(client):
    options = re.findall(r'<option[^>]*value="(\w+)"', client.get("/").text)
    assert options == list(MODEL_KEYS)


def test_each_option_states_the_measured_auc(app, client):
    text = client.get("/").text
    for key in MODEL_KEYS:
        assert f"AUC {app.bank.reports[key]['results']['auc']:.2f}" in text


def test_json_answer_has_every_field_of_the_contract(client, crop_png):
    body = post(client, upload(crop_png), spacing_mm="0.7").json
    assert set(body) == {
        "verdict",
        "model",
        "probability",
        "threshold",
        "models",
        "nodule",
        "characteristics",
        "image",
        "warnings",
        "disclaimer",
        "version",
    }
    assert body["model"] == "consensus"
    assert [row["key"] for row in body["models"]] == list(ARCHITECTURES)
    assert body["nodule"] == {
        "row": 63.5,
        "col": 63.5,
        "slice": 0,
        "source": "centre",
        "long_axis_mm": None,
        "short_axis_mm": None,
    }
    assert body["image"] == {
        "rows": 128,
        "cols": 128,
        "slices": 1,
        "spacing_mm": 0.7,
        "is_hu": False,
        "spacing_assumed": False,
    }
    assert body["warnings"] == []


def test_without_a_spacing_the_answer_says_that_it_was_assumed(client, crop_png):
    body = post(client, upload(crop_png)).json
    assert body["image"]["spacing_assumed"] is True
    assert [warning["code"] for warning in body["warnings"]] == ["spacing_assumed"]


@pytest.mark.parametrize("model", MODEL_KEYS)
def test_page_and_json_give_the_same_answer(client, crop_png, model):
    body = post(client, upload(crop_png), model=model).json
    page = post(client, upload(crop_png), url="/predict", model=model).text
    assert f"{body['probability']:.2f}" in re.search(r'id="probability"[^>]*>(.*?)<', page, re.S)[1]
    assert body["verdict"] in re.search(r'id="verdict"[^>]*>(.*?)</h1>', page, re.S)[1].lower()
    rows = re.search(r'id="models-table".*?</table>', page, re.S)[0]
    for answer in body["models"]:
        assert f"{answer['probability']:.2f}" in rows


def test_a_given_place_is_used_and_reported(client, slice_png):
    body = post(client, upload(slice_png), row="127.5", col="127,5").json
    assert (body["nodule"]["row"], body["nodule"]["col"]) == (127.5, 127.5)
    assert body["nodule"]["source"] == "given"
    assert body["verdict"] == "malignant"


def test_the_place_matters(client, slice_png):
    at_nodule = post(client, upload(slice_png), row="127.5", col="127.5").json["probability"]
    beside = post(client, upload(slice_png), row="127.5", col="60").json["probability"]
    assert at_nodule - beside > 0.3


def test_a_stack_is_read_in_natural_order_around_the_chosen_slice(client):
    smooth, spiculated = (encode(draw_phantom(kind)) for kind in ("smooth", "spiculated"))
    files = [
        upload(spiculated if i < 6 else smooth, f"slice-{i}.png")
        for i in (10, 11, 2, 1, 9, 0, 8, 7, 6, 5, 4, 3)
    ]
    first, last = (
        post(client, [(io.BytesIO(f[0].getvalue()), f[1]) for f in files], slice=i).json for i in (0, 11)
    )
    assert first["image"]["slices"] == 12
    assert (first["verdict"], last["verdict"]) == ("malignant", "benign")


def test_a_dicom_slice_is_read_in_hu_with_its_own_spacing(client, chest_hu):
    body = post(client, upload(make_ct(chest_hu, PixelSpacing=[0.8, 0.8]), "a.dcm"), row=200, col=160).json
    assert body["image"]["is_hu"] is True
    assert body["image"]["spacing_mm"] == 0.8
    assert body["image"]["spacing_assumed"] is False


def test_a_dicom_crop_and_its_png_give_the_same_answer(client):
    grey = draw_phantom("spiculated").astype(np.int16)
    hu = post(client, upload(make_ct(grey * 5 - 1000, PixelSpacing=[0.7, 0.7]), "x")).json
    picture = post(client, upload(encode(grey.astype(np.uint8))), spacing_mm=0.7).json
    assert hu["probability"] == pytest.approx(picture["probability"], abs=0.01)


MISTAKES = [
    ({}, 400, "no_file"),
    ({"image": upload(b"", "")}, 400, "no_file"),
    ({"image": "crop", "model": "vgg11"}, 400, "unknown_model"),
    ({"image": "crop", "row": "ten", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "nan", "col": "10"}, 400, "bad_number"),
    ({"image": "crop", "row": "10"}, 400, "bad_number"),
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


def test_programs_are_told_when_the_nodule_is_not_given(client, slice_png):
    answer = post(client, upload(slice_png))
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "nodule_not_found")


def carried_fields(page):
    """The hidden fields of a page, as a browser would send them back."""
    fields = {}
    form = re.search(r'<form[^>]*action="/predict".*?</form>', page, re.S)[0]
    for tag in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", form):
        name, value = (re.search(rf'\b{key}="([^"]*)"', tag)[1] for key in ("name", "value"))
        fields.setdefault(name, []).append(html.unescape(value))
    return fields


def test_a_click_on_a_whole_slice_leads_to_the_same_answer_as_its_coordinates(client):
    picture = encode(np.kron(draw_phantom("spiculated"), np.ones((12, 12), np.uint8)))
    page = post(client, upload(picture), url="/predict", model="resnet", spacing_mm="0.1")
    assert page.status_code == 200
    assert 'name="click"' in page.text
    fields = carried_fields(page.text)
    assert fields["kept_name"] == ["0"]
    assert base64.b64decode(fields["kept_data"][0]) == picture
    width, height = (int(fields[name][0]) for name in ("shown_width", "shown_height"))
    assert (width, height) == (1024, 1024)
    clicked = client.post("/predict", data={**fields, "click.x": "511", "click.y": "512"})
    row, col = 512.5 * 1536 / 1024 - 0.5, 511.5 * 1536 / 1024 - 0.5
    told = post(client, upload(picture), model="resnet", spacing_mm="0.1", row=row, col=col).json
    assert f"{told['probability']:.2f}" in re.search(r'id="probability"[^>]*>(.*?)<', clicked.text, re.S)[1]


def test_another_model_is_asked_without_another_upload(client, crop_png):
    page = post(client, upload(crop_png), url="/predict", model="vgg16").text
    fields = carried_fields(page) | {"model": "alexnet"}
    again = client.post("/predict", data=fields)
    told = post(client, upload(crop_png), model="alexnet").json
    assert f"{told['probability']:.2f}" in re.search(r'id="probability"[^>]*>(.*?)<', again.text, re.S)[1]


def test_a_changed_carried_upload_is_refused(client):
    answer = client.post("/predict", data={"kept_name": "0", "kept_data": "no base64!"})
    assert answer.status_code == 422


@pytest.mark.parametrize(("kind", "verdict"), [("smooth", "benign"), ("spiculated", "malignant")])
def test_the_samples_show_a_result_and_say_that_they_are_drawn(client, kind, verdict):
    page = client.post("/sample", data={"kind": kind})
    assert page.status_code == 200
    assert verdict in re.search(r'id="verdict"[^>]*>(.*?)</h1>', page.text, re.S)[1].lower()
    assert "drawn" in page.text.lower()


def test_results_are_not_cached(client, crop_png):
    assert post(client, upload(crop_png), url="/predict").headers["Cache-Control"] == "no-store"


def test_every_answer_carries_the_disclaimer(client, crop_png):
    body = post(client, upload(crop_png)).json
    assert "Research use only" in body["disclaimer"]
    assert body["disclaimer"] in html.unescape(post(client, upload(crop_png), url="/predict").text)


@pytest.fixture(scope="module")
def small_app(app):
    """The application with tight limits."""
    return create_app({"BANK": app.bank, "MAX_UPLOAD_MB": 0.02, "MAX_FILES": 3, "QUEUE": 1})


@pytest.mark.parametrize("size", [25_000, 200_000])
@pytest.mark.parametrize("url", ["/api/v1/predict", "/predict"])
def test_an_upload_over_the_limit_gets_413(small_app, url, size):
    answer = post(small_app.test_client(), upload(b"\x89PNG" + bytes(size)), url=url)
    assert answer.status_code == 413
    assert "larger than 0.02 MB" in answer.text


def test_more_files_than_allowed_get_413(small_app):
    tiny = encode(np.arange(100, dtype=np.uint8).reshape(10, 10))
    answer = post(small_app.test_client(), [upload(tiny, f"{i}.png") for i in range(4)])
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")


def test_a_full_queue_answers_busy_with_retry_after(small_app):
    tiny = encode(np.arange(100, dtype=np.uint8).reshape(10, 10))
    with small_app.queue:
        answer = post(small_app.test_client(), upload(tiny))
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "5"
    assert post(small_app.test_client(), upload(tiny)).status_code == 200


class OneMissing:
    """A bank whose VGG16 did not load; all else is the real one."""

    def __init__(self, bank):
        self._bank = bank
        self.problems = {"vgg16": "vgg16.weights.h5 is missing."}

    def __getattr__(self, name):
        return getattr(self._bank, name)

    def available(self, key):
        return key != "vgg16"


def test_health_and_answers_when_one_model_is_missing(app, crop_png):
    client = create_app({"BANK": OneMissing(app.bank)}).test_client()
    health = client.get("/healthz")
    assert health.status_code == 503
    assert health.json["unavailable"] == {"vgg16": "vgg16.weights.h5 is missing."}
    refused = post(client, upload(crop_png), model="vgg16")
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "model_unavailable")
    consensus = post(client, upload(crop_png)).json
    others = [row["probability"] for row in consensus["models"][1:]]
    assert consensus["models"][0]["probability"] is None
    assert consensus["probability"] == pytest.approx(np.mean(others))
    assert [w["code"] for w in consensus["warnings"]] == ["spacing_assumed", "model_unavailable"]
    assert post(client, upload(crop_png), url="/predict").status_code == 200
    assert client.get("/").status_code == 200
    assert client.get("/models").status_code == 200


def test_health_is_good_when_all_five_answer(client):
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz").json == {"status": "ok", "unavailable": {}}


def test_models_as_json(app, client):
    rows = client.get("/api/v1/models").json["models"]
    assert [row["key"] for row in rows] == [*ARCHITECTURES, "consensus"]
    assert rows[0]["auc"] == app.bank.reports["vgg16"]["results"]["auc"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nowhere", 404), ("get", "/predict", 405), ("get", "/api/v1/x", 404)],
)
def test_other_errors_keep_the_style_of_their_face(client, method, path, status):
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert answer.is_json == path.startswith("/api/")


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


def test_settings_come_from_the_environment_by_one_table():
    assert read_settings({})["PORT"] == 5000
    assert read_settings({"NODULE_PORT": "8080"})["PORT"] == 8080
    with pytest.raises(ValueError, match="NODULE_PORT must be a whole number. Received: 'http'"):
        read_settings({"NODULE_PORT": "http"})


def test_the_readme_lists_exactly_the_settings(app):
    with open(f"{app.root_path}/README.md") as file:
        rows = re.findall(r"^\| `NODULE_(\w+)` \| `(.*?)` \| (.*?) \|$", file.read(), re.M)
    assert rows == [(s.name, str(s.default), s.help) for s in SETTINGS]


def test_the_command_line_gives_the_same_answer(app, client, crop_png, tmp_path):
    path = tmp_path / "crop.png"
    path.write_bytes(crop_png)
    runner = app.test_cli_runner()
    told = post(client, upload(crop_png), model="vgg19").json
    result = runner.invoke(args=["predict", str(path), "--model", "vgg19", "--json"])
    assert result.exit_code == 0
    assert re.sub(r"\s", "", result.output).endswith("}")
    assert f'"probability": {told["probability"]}' in result.output
    plain = runner.invoke(args=["predict", str(path), "--model", "vgg19"])
    assert f"VGG19: {told['verdict']}-looking, probability {told['probability']:.2f}" in plain.output


def test_the_command_line_says_what_is_wrong(app, tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear colleague")
    result = app.test_cli_runner().invoke(args=["predict", str(path)])
    assert result.exit_code == 1
    assert "(unsupported_file)" in result.output
