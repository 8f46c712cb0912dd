"""What the check of uploads refuses for what it shows can be read all the same, with a warning that stays."""

import html
import json
import re

import numpy as np
import pytest

from models.ingest.read import DOUBTED
from tests.app.conftest import new_visitor
from tests.conftest import encode, make_app, post, upload
from tests.ingest import body
from tests.ingest.dicom_files import make_ct


@pytest.fixture(scope="module")
def noise():
    """A picture that is no CT, as small as a nodule crop."""
    return encode(np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8))


@pytest.fixture(scope="module")
def large_noise():
    """One as large as a whole slice."""
    return encode(np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8))


@pytest.fixture(scope="module")
def head():
    """A DICOM slice that shows no lung."""
    return make_ct(np.maximum(body.head_with_cells(), -1024))


def forms(page):
    """The forms of the offer: for each its address and its hidden fields."""
    offer = page.text.split('id="going-on"')[1].split("</div>")[0]
    found = {}
    for action, inner in re.findall(r'<form action="([^"]*)".*?>(.*?)</form>', offer, re.S):
        fields = re.findall(r'name="(\w+)" value="([^"]*)"', inner)
        found[action.rsplit("/", 1)[1]] = action, {name: html.unescape(value) for name, value in fields}
    return found


def is_offered(page):
    return 'id="going-on"' in page.text.split('id="words"')[0]


@pytest.mark.parametrize(("kind", "code"), [("noise", "not_ct_image"), ("head", "not_chest")])
def test_a_refused_upload_is_read_after_all_and_the_warning_is_on_every_paper(finder, request, kind, code):
    client = new_visitor(finder)
    data = request.getfixturevalue(kind)
    refused = post(client, [upload(data, "a.dcm")], url="/predict", model="vgg16", row="60", col="64.5")
    assert refused.status_code == 422
    assert f'data-code="{code}"' in refused.text
    address, fields = forms(refused)["go-on"]
    assert {name: fields[name] for name in ("model", "row", "col", "slice")} == {
        "model": "vgg16",
        "row": "60",
        "col": "64.5",
        "slice": "",
    }
    page = client.post(address, data=fields)
    assert page.status_code == 200
    here = page.headers["Content-Location"]
    assert here == f"{address.removesuffix('/go-on')}/finding/0"
    assert html.escape(str(DOUBTED[code]), quote=False) in page.text.replace("&#39;", "'")
    answer = json.loads(client.get(f"{here}/download/finding.json").text)
    assert {"code": "content_doubted", "message": str(DOUBTED[code])} == answer["warnings"][0]
    assert (answer["model"], answer["nodule"]["row"], answer["nodule"]["col"]) == ("vgg16", 60.0, 64.5)
    assert client.get(f"{here}/download/report.pdf").status_code == 200


def test_a_whole_slice_goes_on_in_the_viewer(finder, large_noise):
    client = new_visitor(finder)
    refused = post(client, [upload(large_noise)], url="/predict")
    address, fields = forms(refused)["go-on"]
    page = client.post(address, data=fields)
    assert page.status_code == 200
    assert page.headers["Content-Location"] == address.removesuffix("/go-on")
    assert "Choose the nodule" in page.text


def test_a_script_is_told_where_to_go_on(finder, noise):
    client = new_visitor(finder)
    answer = client.post("/predict", data={"image": [upload(noise)]}, headers={"X-Requested-With": "upload"})
    assert answer.status_code == 422
    assert answer.json["error"]["code"] == "not_ct_image"
    assert re.fullmatch(r"/scan/[\w-]{43}", answer.json["kept"])
    assert client.post(f"{answer.json['kept']}/go-on", data={"model": "vgg16"}).status_code == 200


def test_nobody_else_can_go_on_and_it_can_be_removed(finder, noise):
    client, other = new_visitor(finder), new_visitor(finder)
    offered = forms(post(client, [upload(noise)], url="/predict"))
    address, fields = offered["go-on"]
    assert other.post(address, data=fields).status_code == 404
    removal, _ = offered["remove"]
    assert client.post(removal).status_code == 303
    assert client.post(address, data=fields).status_code == 404


def test_programs_get_the_refusal_alone_and_nothing_is_kept(finder, noise):
    client = finder.test_client()
    answer = post(client, [upload(noise)])
    assert answer.status_code == 422
    assert list(answer.json) == ["error"]
    assert answer.json["error"]["code"] == "not_ct_image"
    assert "Set-Cookie" not in answer.headers


def test_what_is_refused_for_another_reason_is_not_offered(finder, crop_png):
    client = new_visitor(finder)
    colour = np.zeros((64, 64, 3), np.uint8)
    colour[..., 0] = np.arange(64) * 4
    for data in (encode(colour), b"no picture", crop_png[:200]):
        refused = post(client, [upload(data)], url="/predict")
        assert refused.status_code in (415, 422)
        assert not is_offered(refused)


def test_what_cannot_be_kept_has_to_be_sent_again(app, tmp_path, noise):
    small = make_app({"REGISTRY": app.registry, "STORE": tmp_path / "store", "STORE_MB": 0.01})
    refused = post(new_visitor(small), [upload(noise)], url="/predict")
    assert (refused.status_code, is_offered(refused)) == (422, False)
    assert 'data-code="not_ct_image"' in refused.text


def test_an_ordinary_picture_has_no_such_warning(finder, crop_png):
    client = new_visitor(finder)
    page = post(client, [upload(crop_png)], url="/predict")
    answer = json.loads(client.get(f"{page.headers['Content-Location']}/download/finding.json").text)
    assert "content_doubted" not in [warning["code"] for warning in answer["warnings"]]
