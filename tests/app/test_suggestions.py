"""Suggestions: what the app finds without a click, how far a search is, and where there is nothing."""

import html
import re
import time

import numpy as np
import pytest

from models.web import progress
from models.web.access.cookies import BROWSER_COOKIE
from models.web.store import new_token
from tests.app.made_series import (
    NODULE_AT,
    NODULE_SLICE,
    BrightSpots,
    WithLocaliser,
    as_zip,
    chest_scan,
    healthy_slice,
    series_files,
    sick_slice,
)
from tests.conftest import make_app, post, upload
from tests.ingest.dicom_files import make_ct

SPACING = {"PixelSpacing": [1.4, 1.4]}


class Slow(BrightSpots):
    """Takes its time, so that a test can look on."""

    def maps(self, fields):
        time.sleep(0.25)
        return super().maps(fields)


class Broken(BrightSpots):
    """Fails."""

    def maps(self, fields):
        raise RuntimeError("out of memory")


@pytest.fixture
def searching(app, tmp_path, monkeypatch):
    """An application with a localiser of that kind, a client and the address of a kept scan."""
    made = []

    def make(localiser, n_slices=12):
        registry = WithLocaliser(app.registry, localiser)
        made.append(make_app({"REGISTRY": registry, "STORE": tmp_path / "store"}))
        client = made[0].test_client()
        client.set_cookie(BROWSER_COOKIE, owner := new_token())
        client.owner, client.store = owner, made[0].store
        return client, "/scan/" + made[0].store.put(chest_scan(n_slices), owner)

    monkeypatch.setattr(progress, "BEAT_SECONDS", 0.02)
    yield make
    for application in made:
        application.store.close()


def state_of(client, address):
    return client.get(f"{address}/search").json


def wait_for(client, address, *states, seconds=30):
    end = time.monotonic() + seconds
    while (now := state_of(client, address))["state"] not in states:
        assert time.monotonic() < end, now
        time.sleep(0.02)
    return now


def test_one_slice_is_answered_with_its_suggestion_which_is_not_chosen_yet(finder):
    client = finder.test_client()
    page = post(client, upload(make_ct(sick_slice(), **SPACING), "a"), url="/predict")
    assert page.status_code == 200
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.text))
    assert "Suggestion S1 selected" not in text
    assert "100 % of such marks are nodules" in text
    assert page.text.count('class="ring ring-suggested"') == 1
    row, col = (float(re.search(rf'data-{name}="([\d.]+)"', page.text)[1]) for name in ("row", "col"))
    assert (row, col) == pytest.approx(NODULE_AT, abs=1.5)
    address = page.headers["Content-Location"]
    found = client.post(f"{address}/findings", data={"row": row, "col": col, "slice": 0, "model": "alexnet"})
    assert "suggested by the app, not by a person" in found.text
    moved = client.post(
        f"{address}/findings", data={"row": row + 1, "col": col, "slice": 0, "model": "alexnet"}
    )
    assert "as given" in moved.text


def test_in_a_healthy_slice_the_app_says_that_it_found_none(finder):
    data = make_ct(healthy_slice(), **SPACING)
    page = post(finder.test_client(), upload(data, "a"), url="/predict")
    assert page.status_code == 200
    assert "The app found no nodule. That does not mean that there is none" in page.text
    assert 'class="ring' not in page.text
    told = post(finder.test_client(), upload(data, "a"))
    assert (told.status_code, told.json["error"]["code"]) == (422, "nodule_not_found")


def test_programs_get_the_best_candidate_of_a_series_or_of_one_of_its_slices(finder):
    client, files = finder.test_client(), series_files()
    body = post(client, upload(as_zip(files), "series.zip"), model="alexnet").json
    assert body["nodule"]["source"] == "suggested"
    assert body["nodule"]["slice"] == NODULE_SLICE
    assert (body["nodule"]["row"], body["nodule"]["col"]) == pytest.approx(NODULE_AT, abs=1.5)
    (first,) = body["candidates"]
    assert first["slice"] == NODULE_SLICE
    assert first["score"] == 1
    same = post(client, upload(as_zip(files), "series.zip"), model="alexnet", slice=NODULE_SLICE).json
    assert (same["nodule"]["slice"], same["nodule"]["source"]) == (NODULE_SLICE, "suggested")
    assert (same["nodule"]["row"], same["nodule"]["col"]) == pytest.approx(NODULE_AT, abs=1.5)
    other = post(client, upload(as_zip(files), "series.zip"), slice=0)
    assert (other.status_code, other.json["error"]["code"]) == (422, "nodule_not_found")


def test_the_command_line_looks_for_the_nodule_in_a_folder(finder, tmp_path):
    for name, data in series_files():
        (tmp_path / name).write_bytes(data)
    result = finder.test_cli_runner().invoke(args=["predict", str(tmp_path), "--model", "alexnet", "--json"])
    assert result.exit_code == 0
    assert '"source": "suggested"' in result.output


def test_without_weights_the_viewer_says_so_and_programs_get_422(blind):
    client, data = blind.test_client(), make_ct(sick_slice(), **SPACING)
    page = post(client, upload(data, "a"), url="/predict")
    assert page.status_code == 200
    assert "Suggestions are unavailable" in page.text
    address = page.headers["Content-Location"]
    assert state_of(client, address)["state"] == "unavailable"
    assert client.post(f"{address}/search").status_code == 303
    assert state_of(client, address)["state"] == "unavailable"
    told = post(client, upload(data, "a"))
    assert (told.status_code, told.json["error"]["code"]) == (422, "nodule_not_found")


def test_a_search_tells_how_far_it_is_and_then_what_it_found(searching):
    client, address = searching(Slow())
    assert state_of(client, address) == {"state": "none", "done": 0, "total": 0, "candidates": []}
    started = client.post(f"{address}/search", headers={"X-Requested-With": "fetch"}).json
    assert started["state"] in ("queued", "running")
    seen = wait_for(client, address, "running")
    assert seen["total"] == 12
    assert 'id="search-cancel"' in client.get(address).text
    done = wait_for(client, address, "done")
    assert [candidate["slice"] for candidate in done["candidates"]] == [NODULE_SLICE]
    assert set(done["candidates"][0]) == {"row", "col", "slice", "probability", "diameter_mm"}
    assert client.post(f"{address}/search", headers={"X-Requested-With": "fetch"}).json == done


def test_a_search_is_cancelled_and_started_again(searching):
    client, address = searching(Slow())
    client.post(f"{address}/search")
    wait_for(client, address, "running")
    assert client.post(f"{address}/search/cancel").headers["Location"] == address
    assert state_of(client, address)["state"] == "cancelled"
    assert "The search was cancelled" in client.get(address).text
    client.post(f"{address}/search")
    assert state_of(client, address)["state"] in ("queued", "running")
    assert wait_for(client, address, "done")["candidates"]


def test_a_search_that_breaks_off_can_be_started_again(searching):
    client, address = searching(Broken())
    client.post(f"{address}/search")
    assert wait_for(client, address, "failed")["candidates"] == []
    assert "Search again" in client.get(address).text
    client.post(f"{address}/search")
    wait_for(client, address, "failed")


def test_a_search_whose_process_died_counts_as_failed(searching):
    client, address = searching(BrightSpots())
    note = {"run": "x", "search": {"state": "running", "done": 3, "total": 12, "candidates": []}}
    client.store.write(address[6:], client.owner, "search", note | {"at": time.time() - 61})
    assert state_of(client, address)["state"] == "failed"
    client.store.write(address[6:], client.owner, "search", note | {"at": time.time()})
    assert state_of(client, address)["state"] == "running"


def test_a_third_search_waits_for_one_of_two(searching):
    client, address = searching(Slow(), n_slices=16)
    addresses = [address] + ["/scan/" + client.store.put(chest_scan(16), client.owner) for _ in range(2)]
    for one in addresses:
        client.post(f"{one}/search")
    wait_for(client, addresses[0], "running")
    wait_for(client, addresses[1], "running")
    assert state_of(client, addresses[2])["state"] == "queued"
    client.post(f"{addresses[0]}/search/cancel")
    wait_for(client, addresses[2], "running")
    for one in addresses:
        client.post(f"{one}/remove")


def test_candidates_are_ranked_and_one_click_away(visitor, finder, kept):
    volume = np.stack([healthy_slice(), sick_slice(), sick_slice()])
    address = kept(chest_scan(3, slices=volume))
    finder.searches.start(address[6:], visitor.owner).join(30)
    page = visitor.get(f"{address}?slice=0&model=vgg16").text
    link = re.search(
        r'<a href="([^"]+)"\s+data-row="([\d.]+)" data-col="([\d.]+)" data-slice="(\d)">Slice', page
    )
    marked = visitor.get(html.unescape(link[1])).text
    assert f'name="row" min="0" max="255" step="any" inputmode="decimal" value="{link[2]}"' in marked
    assert 'class="ring ring-marked"' in marked
    assert '<option value="vgg16" selected' in marked
