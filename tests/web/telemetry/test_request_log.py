"""Request IDs, counts whose labels no visitor can choose, and the honest answer to an unexpected failure."""

import logging
import re

import pytest

from models.web.telemetry import Metrics
from models.web.telemetry.request_log import RequestContext, begin
from tests.conftest import make_app, post, upload
from tests.ingest.dicom_files import make_ct

GIVEN = "0123456789abcdef0123456789abcdef"
UUID = "0123abcd-0123-4567-89ab-0123456789ab"


@pytest.fixture
def fresh(app, tmp_path):
    """The application, its counts at zero."""
    return make_app({"REGISTRY": app.registry, "STORE": tmp_path / "store"})


def series(app, name):
    """Samples of a metric by their labels' values."""
    found = [sample for metric in app.metrics.registry.collect() for sample in metric.samples]
    return {tuple(one.labels.values()): one.value for one in found if one.name == name}


@pytest.mark.parametrize("given", [GIVEN, UUID, UUID.upper(), "0123456789abcdef"])
@pytest.mark.parametrize("sender", ["127.0.0.1", "127.3.2.1", "::1", ""])
def test_a_proxy_on_this_machine_gives_the_id(given, sender):
    assert begin({"HTTP_X_REQUEST_ID": given, "REMOTE_ADDR": sender}).request_id == given


@pytest.mark.parametrize(
    ("given", "sender"),
    [
        (GIVEN, "10.0.0.7"),
        (GIVEN, "127evil"),
        ("Hans Meier", "127.0.0.1"),
        (GIVEN + "\n", "127.0.0.1"),
        (GIVEN + "0", "127.0.0.1"),
        ("x" * 32, "127.0.0.1"),
        ("٠" * 16, "127.0.0.1"),
        ("", ""),
    ],
)
def test_any_other_id_is_made_anew(given, sender):
    made = begin({"HTTP_X_REQUEST_ID": given, "REMOTE_ADDR": sender}).request_id
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert made != given


def test_every_answer_has_an_id_of_its_own(client, crop_png):
    answers = [client.get("/"), client.get("/nowhere"), post(client, upload(b"no image"))]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 3


def test_an_answer_is_counted_by_page_model_and_outcome(fresh, crop_png):
    client = fresh.test_client()
    post(client, upload(crop_png), model="vgg19")
    post(client, upload(crop_png))
    post(client, upload(b"no image"), model="vgg19")
    assert series(fresh, "nodule_answers_total") == {
        ("vgg19", "ok"): 1,
        ("consensus", "ok"): 1,
        ("vgg19", "unsupported_file"): 1,
    }
    page = ("/api/v1/predict", "POST")
    assert series(fresh, "nodule_requests_total") == {
        (*page, "200", ""): 2,
        (*page, "415", "unsupported_file"): 1,
    }
    assert series(fresh, "nodule_answer_seconds_count") == {("vgg19",): 2, ("consensus",): 1}
    assert series(fresh, "nodule_stage_seconds_count") == {("decode",): 3, ("predict",): 2}
    decoding, predicting = series(fresh, "nodule_stage_seconds_sum").values()
    assert 0 < decoding + predicting < series(fresh, "nodule_request_seconds_sum")[("/api/v1/predict",)]


def test_what_is_sent_makes_no_labels(fresh, crop_png):
    client = fresh.test_client()
    for i in range(20):
        client.get(f"/Meier-{i}")
        client.get(f"/scan/{'m' * 42}{i % 10}")
        client.get(f"/scan/x/finding/{i}/download/Meier-{i}")
        client.open("/", method=f"MEIER{i}")
        post(client, upload(b"x", f"Meier-{i}.dcm"), model=f"meier-{i}")
    shown = client.get("/metrics").text
    assert "eier" not in shown
    assert "EIER" not in shown
    assert series(fresh, "nodule_requests_total") == {
        ("none", "GET", "404", ""): 20,
        ("/scan/<token>", "GET", "404", "scan_gone"): 20,
        ("/scan/<token>/finding/<int:index>/download/<name>", "GET", "404", ""): 20,
        ("none", "other", "405", ""): 20,
        ("/api/v1/predict", "POST", "400", "unknown_model"): 20,
        ("/metrics", "GET", "200", ""): 1,
    }
    assert series(fresh, "nodule_answers_total") == {("other", "unknown_model"): 20}


def test_all_requests_of_a_busy_server_are_told(app):
    metrics = Metrics(["vgg16"])
    metrics.count(RequestContext("1", "POST", "/api/v1/predict", "vgg16", "busy"), 503, 0.001)
    assert 'nodule_answers_total{model="vgg16",outcome="busy"} 1.0' in metrics.text().decode()


def test_places_and_models_are_told(fresh):
    with fresh.queue.place():
        taken = fresh.test_client().get("/metrics")
    assert taken.content_type.startswith("text/plain; version=")
    lines = taken.text.splitlines()
    assert {"nodule_queue_taken 1.0", "nodule_queue_places 16.0", "nodule_searches_running 0.0"} <= set(lines)
    assert 'nodule_model_available{model="vgg16"} 1.0' in lines
    assert f'weights="{fresh.registry.checksum}"' in taken.text
    (resident,) = [line.split()[1] for line in lines if line.startswith("nodule_process_resident_bytes ")]
    assert 3e8 < float(resident) < 1e10


def failing(app, tmp_path):
    """The application, whose models fail with a text out of the upload."""

    class Failing:
        def __getattr__(self, name):
            return getattr(app.registry, name)

        def similar(self, features):
            raise KeyError("MEIER^HANS")

    return make_app({"REGISTRY": Failing(), "STORE": tmp_path / "store"}).test_client()


@pytest.mark.parametrize("url", ["/api/v1/predict", "/predict"])
def test_an_unexpected_failure_tells_the_id_that_the_log_tells(app, tmp_path, caplog, crop_png, url):
    with caplog.at_level(logging.INFO):
        answer = post(failing(app, tmp_path), upload(crop_png), url=url)
    assert answer.status_code == 500
    request_id = answer.headers["X-Request-Id"]
    assert request_id in answer.text
    if url.startswith("/api"):
        assert answer.json["error"]["code"] == "internal_server_error"
        assert answer.json["error"]["request_id"] == request_id
    else:
        assert "Something went wrong on the server" in answer.text
    lines = [record for record in caplog.records if record.name in ("app", "models.access")]
    assert [record.levelname for record in lines] == ["ERROR", "INFO"]
    assert "in similar" in lines[0].exc_text
    assert lines[1].request_id == request_id
    assert "'MEIER^HANS'" not in answer.text
    assert "KeyError: " not in caplog.text


def test_what_fails_while_dicom_is_read_names_no_patient(client, caplog, chest_hu):
    with caplog.at_level(logging.DEBUG):
        post(client, upload(make_ct(chest_hu, PatientName="Meier^Hans")[:-1000], "Meier.dcm"), row=1, col=1)
    assert caplog.records
    assert not [record for record in caplog.records if "Meier" in str(vars(record))]
