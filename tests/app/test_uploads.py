"""Uploads: by a script with progress, as a folder or ZIP, from other sites; and what the log says of them."""

import io
import logging
import re

import pytest

from tests.app.made_series import NODULE_SLICE, as_zip, series_files
from tests.conftest import post, upload

SCRIPT = {"X-Requested-With": "upload"}
JOB = "0123456789abcdef0123456789abcdef"


def by_script(client, files, **fields):
    return client.post("/predict", data={"job": JOB, **fields, "image": files}, headers=SCRIPT)


def test_a_script_is_told_where_the_viewer_is(finder):
    client = finder.test_client()
    client.get("/")
    answer = by_script(client, upload(as_zip(series_files()), "series.zip"), model="vgg16", slice="1", row="")
    assert answer.status_code == 200
    address, query = answer.json["location"].split("?")
    assert re.fullmatch(r"/scan/[\w-]{43}", address)
    assert query == "slice=1&model=vgg16"
    page = client.get(answer.json["location"]).text
    assert "Slice 2 of 5" in page
    assert '<option value="vgg16" selected' in page


def test_a_script_is_told_where_the_result_of_a_crop_is(finder, crop_png):
    client = finder.test_client()
    client.get("/")
    location = by_script(client, upload(crop_png), model="alexnet").json["location"]
    assert location.endswith("/finding/0")
    page = client.get(location)
    assert 'id="verdict"' in page.text
    assert "the centre of the image" in page.text


def test_a_script_is_told_what_is_wrong(client):
    answer = by_script(client, upload(b"Dear colleague", "letter.txt"))
    assert answer.status_code == 415
    assert answer.json["error"]["code"] == "unsupported_file"


def test_reading_tells_how_far_it_is_to_the_browser_that_sends(finder):
    client = finder.test_client()
    client.get("/")
    assert client.get(f"/progress/{JOB}").json == {}
    by_script(client, [upload(data, name) for name, data in series_files()])
    told = client.get(f"/progress/{JOB}").json
    assert told["done"] == told["total"] == 10
    assert finder.test_client().get(f"/progress/{JOB}").json == {}
    assert (
        client.get("/progress/..%2f..%2fx").json == {}
        or client.get("/progress/..%2f..%2fx").status_code == 404
    )


def test_a_folder_and_a_zip_of_a_series_are_the_same_scan(finder):
    files = [upload(data, f"study/series/{name}") for name, data in series_files()]
    files.append((io.BytesIO(b"Windows"), "study/Thumbs.db"))
    place = {"row": 127, "col": 76, "slice": NODULE_SLICE, "model": "alexnet"}
    client = finder.test_client()
    folder = post(client, files, **place).json
    packed = post(client, upload(as_zip(series_files()), "series.zip"), **place).json
    assert folder["image"]["slices"] == 5
    assert folder == packed


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_forms_of_other_sites_are_refused(client, site, crop_png):
    answer = client.post("/predict", data={"image": upload(crop_png)}, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    assert (
        client.post("/sample", data={"kind": "smooth"}, headers={"Sec-Fetch-Site": "same-origin"}).status_code
        == 200
    )


def test_the_log_says_neither_token_nor_job(finder, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("werkzeug", finder.logger.name):
        logging.getLogger(name).info(
            '127.0.0.1 "%s" 200', f"GET /scan/{'A' * 43}/slice/3.png?level=1 HTTP/1.1"
        )
        logging.getLogger(name).error(f"Exception on /progress/{JOB} [GET]")
    assert "A" * 10 not in caplog.text
    assert JOB not in caplog.text
    assert caplog.text.count("GET /scan/…/slice/3.png") == 2
