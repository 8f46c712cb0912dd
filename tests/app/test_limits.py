"""Limits, a full queue, and a model that is missing."""

import io
import json
import shutil
import threading

import numpy as np
import pytest

from app import ROOT
from tests.conftest import encode, make_app, post, upload
from tests.web.test_queue import in_another_thread
from training.publish.manifest import write_manifest


@pytest.fixture(scope="module")
def small_app(app, tmp_path_factory):
    """The application with tight limits."""
    limits = {"MAX_UPLOAD_MB": 0.02, "MAX_FILES": 3, "QUEUE": 1}
    return make_app({"REGISTRY": app.registry, "STORE": tmp_path_factory.mktemp("small") / "store", **limits})


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
    with in_another_thread(small_app.queue):
        answer = post(small_app.test_client(), upload(tiny))
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "5"
    assert post(small_app.test_client(), upload(tiny)).status_code == 200


@pytest.mark.parametrize("url", ["/api/v1/predict", "/predict", "/sample"])
def test_a_full_queue_refuses_before_it_reads_what_is_sent(small_app, url):
    with in_another_thread(small_app.queue):
        answer = sent(small_app, Unreadable(), url, headers={"X-Requested-With": "script"})
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "busy")


def test_whoever_still_sends_takes_no_place(small_app, crop_png):
    """While a client sends its upload slowly, the only place is free for others."""
    body = Halting(small_app, crop_png)
    assert sent(small_app, body).status_code == 400  # it never came whole
    assert body.others == [200]


def test_a_mistake_gives_its_place_back(small_app):
    for _ in range(3):
        assert post(small_app.test_client(), upload(b"Dear colleague")).status_code == 415


def sent(app, body, url="/api/v1/predict", **options):
    """The answer to an upload whose body comes from a stream."""
    stream = {"wsgi.input": body, "CONTENT_LENGTH": "100"}
    kind = "multipart/form-data; boundary=x"
    return app.test_client().post(url, content_type=kind, environ_overrides=stream, **options)


class Unreadable(io.RawIOBase):
    """A body that must not be read."""

    def readinto(self, _):
        raise RuntimeError("The body was read.")


class Halting(io.RawIOBase):
    """An empty body; while it is being read, another client is served."""

    def __init__(self, app, png):
        self.app, self.png, self.others = app, png, []

    def readinto(self, _):
        if not self.others:
            self.others.append(None)
            worker = threading.Thread(target=self.serve_another)
            worker.start()
            worker.join()
        return 0

    def serve_another(self):
        self.others[:] = [post(self.app.test_client(), upload(self.png)).status_code]


class Poorer:
    """A registry that lost its evaluation; all else is the real one."""

    evaluation, lost = {}, {"evaluation": "evaluation.json is missing."}

    def __init__(self, registry):
        self._registry = registry

    def __getattr__(self, name):
        return getattr(self._registry, name)


def test_what_answers_without_is_told_and_no_outage(finder, tmp_path):
    client = make_app({"REGISTRY": Poorer(finder.registry), "STORE": tmp_path / "store"}).test_client()
    health = client.get("/healthz")
    assert (health.status_code, health.json) == (200, {"status": "ok", "unavailable": Poorer.lost})
    assert client.get("/models").status_code == 200


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "content.json is missing."),
        ("{", "content.json is damaged."),
        ("{}", "content.json is not as this version needs it: Object missing required field `numbers`."),
        ("changed", "content.json is damaged: its checksum is not the one in manifest.json."),
        ("unfit", "content.json does not fit this version."),
    ],
)
def test_uploads_that_never_can_be_read_are_told_so(app, crop_png, tmp_path, content, problem):
    weights = tmp_path / "weights"
    shutil.copytree(ROOT / "weights", weights, ignore=shutil.ignore_patterns("*.h5", "*.md"))
    path = weights / "content.json"
    whole = json.loads(path.read_text())
    if content is None:
        path.unlink()
    elif content == "unfit":
        path.write_text(json.dumps(whole | {"numbers": [*whole["numbers"][1:], "unknown"]}))
    else:
        path.write_text(json.dumps(whole | {"limit": 100.0}) if content == "changed" else content)
    if content != "changed":
        write_manifest(weights)
    client = make_app(
        {"REGISTRY": app.registry, "STORE": tmp_path / "store", "WEIGHTS": weights}
    ).test_client()
    sentence = f"This server cannot read images: {problem}"
    health = client.get("/healthz")
    assert health.status_code == 503
    assert health.json == {"status": "unavailable", "unavailable": {"decoder": sentence}}
    answer = post(client, upload(crop_png))
    assert (answer.status_code, answer.json["error"]) == (
        503,
        {"code": "decoder_unavailable", "message": sentence},
    )
    assert "Retry-After" not in answer.headers


class OneMissing:
    """A registry whose VGG16 did not load; all else is the real one."""

    def __init__(self, registry):
        self._registry = registry
        self.problems = {"vgg16": "vgg16.weights.h5 is missing."}

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def available(self, key):
        return key != "vgg16"

    def begin(self, *arguments):
        begun = self._registry.begin(*arguments)

        def answers():
            return {key: answer for key, answer in begun().items() if key != "vgg16"}

        return answers


def test_health_and_answers_when_one_model_is_missing(finder, crop_png, tmp_path):
    client = make_app({"REGISTRY": OneMissing(finder.registry), "STORE": tmp_path / "store"}).test_client()
    health = client.get("/healthz")
    assert health.status_code == 503
    assert health.json == {
        "status": "unavailable",
        "unavailable": {"vgg16": "vgg16.weights.h5 is missing."},
    }
    refused = post(client, upload(crop_png), model="vgg16")
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "model_unavailable")
    consensus = post(client, upload(crop_png)).json
    assert consensus["models"][0]["probability"] is None
    assert 0 < consensus["probability"] < 1
    codes = [warning["code"] for warning in consensus["warnings"]]
    known = ["spacing_assumed", "model_unavailable", "size_unknown"]
    assert [code for code in codes if code in known] == known
    assert post(client, upload(crop_png), url="/predict").status_code == 200
    assert client.get("/").status_code == 200
    assert client.get("/models").status_code == 200


def test_health_is_good_when_all_five_answer(client):
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz").json == {"status": "ok", "unavailable": {}}
