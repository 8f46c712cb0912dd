"""The pages about a kept scan: whose they are, what they show, how long they last."""

import html
import io
import os
import re
import time

import numpy as np
import pytest
from PIL import Image

from models.imaging.scan import Notice
from models.web.access.cookies import BROWSER_COOKIE
from models.web.store import new_token
from tests.app.made_series import NODULE_AT, NODULE_SLICE, chest_scan, series_files
from tests.conftest import make_app, post, upload

PLACE = {"row": NODULE_AT[0], "col": NODULE_AT[1], "slice": NODULE_SLICE}


def text_of(page):
    """The page's text without tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.text)))


def row_of(page, index):
    """The text of a finding's row in the table, without tags."""
    (row,) = re.findall(rf'<tr[^>]* id="finding-{index}".*?</tr>', page.text, re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", row))).strip()


def grey(answer):
    return np.asarray(Image.open(io.BytesIO(answer.data)), dtype=int)


def send_series(client, **fields):
    return post(client, [upload(data, name) for name, data in series_files()], url="/predict", **fields)


def test_a_series_without_a_place_is_answered_with_the_viewer_itself(finder):
    client = finder.test_client()
    page = send_series(client, slice="2", model="resnet")
    assert page.status_code == 200
    address = page.headers["Content-Location"]
    assert re.fullmatch(r"/scan/[\w-]{43}", address)
    assert f'data-here="{address}"' in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert "Slice 3 of 5" in text_of(page)
    assert "z = −80.0 mm" in text_of(page)
    assert '<option value="resnet" selected' in page.text
    again = client.get(address)
    assert again.status_code == 200
    assert again.headers["Cache-Control"] == "no-store"


def test_the_cookie_is_for_this_browser_and_session_alone(finder):
    client = finder.test_client()
    cookie = client.get("/").headers["Set-Cookie"]
    assert re.fullmatch(rf"{BROWSER_COOKIE}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=Strict", cookie)
    assert "Set-Cookie" not in client.get("/").headers
    assert "; Secure;" in finder.test_client().get("/", base_url="https://localhost").headers["Set-Cookie"]
    client.set_cookie(BROWSER_COOKIE, "made-up")
    assert "Set-Cookie" in client.get("/").headers


def test_the_interface_for_programs_sets_no_cookie_and_keeps_nothing(finder):
    client = finder.test_client()
    answer = post(client, [upload(data, name) for name, data in series_files()], **PLACE)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_nobody_else_gets_anything_of_a_scan(finder, visitor, kept):
    address = kept()
    visitor.post(f"{address}/findings", data=PLACE | {"model": "alexnet"})
    pages = [("get", path) for path in ("", "/slice/0.png", "/search", "/finding/0")]
    pages += [("post", path) for path in ("/findings", "/search", "/search/cancel", "/remove")]
    other = finder.test_client()
    for owner in (None, new_token(), "", visitor.owner[:-1], "../" * 20):
        if owner is not None:
            other.set_cookie(BROWSER_COOKIE, owner)
        for method, path in pages:
            answer = getattr(other, method)(address + path, data=PLACE if method == "post" else None)
            assert answer.status_code == 404, path
            assert "Upload it again" in answer.text
            assert answer.headers["Cache-Control"] == "no-store"
    assert visitor.get(address).status_code == 200


@pytest.mark.parametrize("token", ["x", "A" * 43, "..%2f..%2fetc%2fpasswd", "%00" * 43])
def test_made_up_tokens_are_gone_scans(visitor, token):
    page = visitor.get(f"/scan/{token}")
    assert page.status_code == 404
    assert 'href="/"' in page.text


def test_a_slice_is_a_picture_that_this_browser_may_keep(visitor, kept):
    address = kept()
    answer = visitor.get(f"{address}/slice/3.png?level=-600&width=1500")
    assert answer.mimetype == "image/png"
    assert answer.headers["Cache-Control"] == "private, max-age=1800, immutable"
    assert grey(answer).shape == (512, 512)


def test_the_window_maps_level_and_width_to_grey(visitor, kept):
    hu = np.array([-1000, -350, -100, 0, 100, 350, 1000], np.int16)
    address = kept(chest_scan(1, slices=np.broadcast_to(hu[:, None], (1, 7, 400)).repeat(58, axis=1)))
    shown = grey(visitor.get(f"{address}/slice/0.png?level=0&width=700"))[29::58, 200]
    assert shown.tolist() == pytest.approx([0, 0, 91, 128, 164, 255, 255], abs=1)


@pytest.mark.parametrize(
    "query",
    ["level=x&width=1", "level=0&width=0", "level=0&width=1e9", "level=nan&width=7", "level=9e4&width=9"],
)
def test_senseless_windows_are_refused(visitor, kept, query):
    assert visitor.get(f"{kept()}/slice/0.png?{query}").status_code == 400


def test_slices_beyond_the_scan_are_refused(visitor, kept):
    address = kept()
    assert visitor.get(f"{address}/slice/5.png").status_code == 400
    assert visitor.get(f"{address}/slice/-1.png").status_code == 404
    page = visitor.get(f"{address}?slice=5")
    assert page.status_code == 400
    assert "Slice 5 is outside the scan" in text_of(page)
    assert 'id="viewer"' in page.text


def test_links_step_through_the_slices_and_keep_the_rest(visitor, kept):
    page = visitor.get(f"{kept()}?slice=2&level=40&width=400&model=vgg16&row=10&col=20&on=1").text
    links = dict(re.findall(r'data-step="(-1|1|first|last|10)" href="[^"?]*\?([^"]*)"', page))
    assert html.unescape(links["1"]) == "slice=3&level=40&width=400&model=vgg16&row=10.0&col=20.0&on=1"
    targets = {name: re.match(r"slice=(\d)", query)[1] for name, query in links.items()}
    assert targets == {"first": "0", "-1": "1", "1": "3", "10": "4", "last": "4"}
    bone = re.search(r'data-window="bone" href="[^"?]*\?([^"]*)"', page)[1]
    assert html.unescape(bone).startswith("slice=2&level=400&width=1800&")
    assert re.search(r'data-window="mediastinum"[^>]*aria-current="true"', page)


def test_the_number_form_counts_from_one(visitor, kept):
    address = kept()
    assert "Slice 4 of 5" in text_of(visitor.get(f"{address}?nth=4"))
    assert visitor.get(f"{address}?nth=0").status_code == 400


def test_several_nodules_of_one_scan_are_listed_with_their_results(visitor, kept):
    address = kept()
    first = visitor.post(f"{address}/findings", data=PLACE | {"model": "vgg16"})
    other = PLACE | {"col": "190", "slice": "1", "model": "alexnet"}
    second = visitor.post(f"{address}/findings", data=other)
    for k, answer in enumerate((first, second)):
        assert answer.status_code == 200
        assert answer.headers["Content-Location"] == f"{address}/finding/{k}"
        found = re.search(r'id="probability">([\d.]+)<', answer.text)[1]
        again = visitor.get(f"{address}/finding/{k}")
        assert re.search(r'id="probability">([\d.]+)<', again.text)[1] == found
        assert f'href="{address}/finding/{k}"' in visitor.get(address).text
    for index, (title, nth) in enumerate((("VGG16", 4), ("AlexNet", 2))):
        row = row_of(visitor.get(address), index)
        assert row.startswith(f"F{index + 1} ")
        assert f"Slice {nth} " in row
        assert title in row
    assert visitor.get(f"{address}/finding/2").status_code == 404


def test_what_is_noted_of_a_finding_is_no_image(finder, visitor, kept):
    address = kept()
    visitor.post(f"{address}/findings", data=PLACE | {"model": "alexnet"})
    (note,) = finder.store.read(address[6:], visitor.owner, "findings")
    place, said = ("row", "col", "slice", "source"), ("model", "title", "verdict", "headline", "probability")
    listed = ("name", "is_leading", "duplicate", "index", "deleted_at")
    assert (set(note), set(note["roi"])) == ({"roi", *said, *listed}, set(place))


def test_the_result_shows_outline_and_measurements(visitor, kept):
    page = visitor.post(f"{kept()}/findings", data=PLACE | {"model": "alexnet"})
    assert re.search(r'<polygon class="outline" points="[\d., ]+"', page.text)
    drawn = 2 * 0.02 * 256 * 1.4
    assert float(re.search(r'id="long-axis">([\d.]+) mm', page.text)[1]) == pytest.approx(drawn, abs=0.8)
    assert re.search(r'id="mean-hu">\d\d HU', page.text)
    assert "an impression" in page.text


def test_unknown_sizes_are_said_to_be_unknown(visitor, kept):
    address = kept(chest_scan(spacing_assumed=True))
    page = visitor.post(f"{address}/findings", data=PLACE | {"model": "alexnet"}).text
    said = re.search(r'id="long-axis"[^>]*>([^<]*)', page)[1]
    assert said == "unknown: the file does not give the pixel size: "


def test_warnings_of_the_series_are_shown(visitor, kept):
    notice = Notice("missing_slices", "A slice is missing at z = 3 mm.")
    page = visitor.get(kept(chest_scan(notices=(notice,))))
    assert "A slice is missing at z = 3 mm." in text_of(page)


def test_a_removed_scan_is_gone_at_once(visitor, kept):
    address = kept()
    answer = visitor.post(f"{address}/remove")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?removed=1")
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert "removed from this server" in text_of(visitor.get("/?removed=1"))
    for path in ("", "/slice/0.png", "/finding/0", "/search"):
        assert visitor.get(address + path).status_code == 404


def test_an_expired_scan_is_gone(app, tmp_path):
    small = make_app({"REGISTRY": app.registry, "STORE": tmp_path / "store", "STORE_MINUTES": 30})
    client = small.test_client()
    client.set_cookie(BROWSER_COOKIE, owner := new_token())
    address = "/scan/" + small.store.put(chest_scan(), owner)
    assert client.get(address).status_code == 200
    past = time.time() - 31 * 60
    for folder, _, names in os.walk(tmp_path / "store"):
        for name in (*names, "."):
            os.utime(os.path.join(folder, name), (past, past))
    page = client.get(address)
    assert page.status_code == 404
    assert "This scan is no longer available" in page.text
    small.store.close()


def test_a_scan_without_room_is_refused(app, tmp_path, crop_png):
    small = make_app({"REGISTRY": app.registry, "STORE": tmp_path / "store", "STORE_MB": 0.001})
    answer = post(small.test_client(), upload(crop_png), url="/predict")
    assert answer.status_code == 413
    small.store.close()
