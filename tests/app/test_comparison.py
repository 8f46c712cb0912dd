"""Two scans of one patient over HTTP: added, aligned, paired, undone, and what cannot be compared."""

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from models.web.access.cookies import BROWSER_COOKIE
from models.web.store import new_token
from tests.app.conftest import new_visitor
from tests.app.made_series import as_zip
from tests.app.two_scans import (
    BEFORE,
    DAYS,
    GROWTH,
    MOVED,
    Z_FROM,
    add,
    before_scan,
    before_zip,
    now_scan,
    now_zip,
    open_now,
    series_files,
)
from tests.conftest import upload
from tests.inference.comparison.drawn import drawn_scan, nodule_in
from tests.ingest.dicom_files import head_slice, make_ct

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def uploads():
    """Bytes of the later and of the earlier scan, made once."""
    return now_zip(), before_zip()


@pytest.fixture(scope="module")
def reader(finder):
    """A client for all tests that change nothing."""
    return new_visitor(finder)


@pytest.fixture(scope="module")
def alone(reader, uploads):
    """Address of the later scan, whose nodule was read, and to which nothing can be added in these tests."""
    return open_now(reader, uploads[0])


@pytest.fixture(scope="module")
def ready(reader, uploads):
    """Address of the later scan with the earlier one added."""
    scan = open_now(reader, uploads[0])
    answer = add(reader, scan, uploads[1], added="earlier")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{scan}/comparison")
    return scan


@pytest.fixture
def client(finder):
    """A client for one test, which changes something."""
    return new_visitor(finder)


@pytest.fixture
def scan(client, uploads):
    return open_now(client, uploads[0])


@pytest.fixture
def compared(client, scan, uploads):
    add(client, scan, uploads[1], added="earlier")
    return scan


def of(client, scan):
    return client.get(f"{scan}/comparison.json").json


def codes(body):
    return [warning["code"] for warning in body["warnings"]]


def test_an_earlier_scan_is_aligned_and_the_nodule_found_in_it(reader, ready):
    body = of(reader, ready)
    assert (body["days"], body["days_source"], codes(body)) == (DAYS, "dates", [])
    assert body["alignment"]["fits"]
    (pair,) = body["pairs"]
    assert pair["source"] == "found"
    assert pair["distance_mm"] < 3
    row, col, index = nodule_in(before_scan(), MOVED, Z_FROM)
    assert (pair["before"]["row"], pair["before"]["col"]) == pytest.approx((row, col), abs=1)
    assert abs(pair["before"]["slice"] - index) <= 1


def test_the_growth_is_that_of_the_drawn_nodule(reader, ready):
    (pair,) = of(reader, ready)["pairs"]
    growth = pair["growth"]
    assert growth["mean_diameter_mm"]["difference"] == pytest.approx(4, abs=0.7)
    assert growth["long_axis_mm"]["percent"] == pytest.approx(100 / 3, abs=7)
    assert growth["volume_mm3"]["now"] / growth["volume_mm3"]["before"] == pytest.approx(GROWTH, rel=0.15)
    assert growth["doubling_time"]["basis"] == "volume"
    assert growth["doubling_time"]["days"] == pytest.approx(DAYS * 0.693 / 0.863, rel=0.2)
    outcomes = {rule["key"]: rule["outcome"] for rule in growth["rules"]}
    expected = {"fleischner": "growth", "lung_rads": "growth", "bts_volume": "growth", "bts_doubling": "fast"}
    assert outcomes == expected


def test_the_page_shows_both_scans_without_a_script(reader, ready):
    page = reader.get(f"{ready}/comparison")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert f"{DAYS} days between the scans, from the two study dates" in page.text
    assert 'data-rule="fleischner" data-outcome="growth"' in page.text
    pictures = re.findall(r'src="(/scan/[\w-]{43}/slice/\d+\.png[^"]*)"', page.text)
    assert len(pictures) == 2
    assert {reader.get(at.replace("&amp;", "&")).mimetype for at in pictures} == {"image/png"}
    onward = re.search(r'id="next"[^>]*href="([^"]+)"', page.text)[1].replace("&amp;", "&")
    shown = parse_qs(urlsplit(onward).query)
    now, before = int(shown["now"][0]), int(shown["before"][0])
    moved = reader.get(onward)
    assert f"slice {now + 1} of" in moved.text
    assert f"slice {before + 1} of" in moved.text


def test_the_other_scan_leads_to_the_same_page(reader, ready):
    page = reader.get(f"{ready}/comparison").text
    other = re.search(r'href="(/scan/[\w-]{43})">Open the earlier scan', page)[1]
    assert other != ready
    answer = reader.get(f"{other}/comparison")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{ready}/comparison")
    assert f'href="{ready}/comparison"' in reader.get(ready).text
    assert of(reader, other) == of(reader, ready)


def test_a_pair_is_undone_and_found_again(client, compared):
    client.post(f"{compared}/comparison/undo", data={"before": "0", "now": "0"})
    assert of(client, compared)["pairs"] == []
    page = client.get(f"{compared}/comparison").text
    assert 'id="find-now-0"' in page
    assert 'id="find-before-0"' in page
    answer = client.post(f"{compared}/comparison/pairs", data={"seek": "before-0"})
    assert answer.status_code == 303
    (pair,) = of(client, compared)["pairs"]
    assert (pair["before"]["finding"], pair["now"]["finding"]) == (0, 0)  # what was read is not read twice


def test_a_nodule_is_clicked_in_the_other_scan(client, compared):
    page = client.get(f"{compared}/comparison?seek=now-0").text
    form = re.search(r'<form class="clicking".*?</form>', page, re.S)[0]
    width, height = (
        int(re.search(rf'name="shown_{side}" value="(\d+)"', form)[1]) for side in ("width", "height")
    )
    assert 'type="image" class="slice" name="click"' in form
    row, col, index = nodule_in(before_scan(), MOVED, Z_FROM)
    n = int(360 / BEFORE["spacing_mm"])
    click = {"click.x": f"{(col + 0.5) * width / n:.0f}", "click.y": f"{(row + 0.5) * height / n:.0f}"}
    size = {"shown_width": width, "shown_height": height, "slice": index, "seek": "now-0"}
    assert client.post(f"{compared}/comparison/pairs", data=click | size).status_code == 303
    (pair,) = of(client, compared)["pairs"]
    assert pair["source"] == "clicked"
    assert (pair["before"]["row"], pair["before"]["col"]) == pytest.approx((row, col), abs=1)
    assert pair["before"]["finding"] == 1


def test_a_nodule_that_was_not_there_is_said_to_be_new(client, scan):
    add(client, scan, before_zip(before_scan(radius_mm=0)))
    (pair,) = of(client, scan)["pairs"]
    assert (pair["before"], pair["growth"]) == (None, None)
    page = client.get(f"{scan}/comparison").text
    assert "No nodule was found on the earlier scan" in page
    assert "It may be new" in page


def test_the_dates_decide_which_scan_is_the_earlier_one(client, scan, uploads):
    add(client, scan, uploads[1], added="later")
    body = of(client, scan)
    assert (body["days"], codes(body)) == (DAYS, ["order_by_dates"])
    assert body["pairs"][0]["growth"]["long_axis_mm"]["difference"] > 0


def test_without_dates_the_interval_is_asked_for_and_dates_are_not_kept(finder, client):
    address = open_now(client, now_zip(StudyDate=""))
    add(client, address, before_zip(StudyDate=""))
    body = of(client, address)
    assert (body["days"], body["days_source"], body["pairs"][0]["growth"]["doubling_time"]) == (
        None,
        None,
        None,
    )
    assert "The files do not give both dates" in client.get(f"{address}/comparison").text
    dates = {"before_date": "2024-01-31", "now_date": "2024-03-01"}
    client.post(f"{address}/comparison/interval", data=dates)
    assert (of(client, address)["days"], of(client, address)["days_source"]) == (30, "given")
    client.post(f"{address}/comparison/interval", data={"days": "200"})
    assert of(client, address)["days"] == 200
    notes = finder.store.read(address[6:], client.owner, "comparison")
    assert "2024" not in str(notes)


@pytest.mark.parametrize(
    "fields",
    [{}, {"days": "-3"}, {"days": "0"}, {"days": "x"}, {"days": "40000"}]
    + [{"before_date": "2024-03-01", "now_date": "2024-01-31"}, {"before_date": "2024-03-01"}],
)
def test_what_is_no_interval_is_refused_on_the_page(reader, ready, fields):
    answer = reader.post(f"{ready}/comparison/interval", data=fields)
    assert answer.status_code == 400
    assert 'data-code="bad_number"' in answer.text
    assert "<h1>Comparison</h1>" in answer.text
    assert of(reader, ready)["days"] == DAYS


def test_removing_the_added_scan_leaves_the_first_with_its_findings(client, compared):
    page = client.get(f"{compared}/comparison").text
    other = re.search(r'href="(/scan/[\w-]{43})">Open the earlier scan', page)[1]
    answer = client.post(f"{compared}/comparison/end")
    assert (answer.status_code, answer.headers["Location"]) == (303, compared)
    assert client.get(other).status_code == 404
    assert client.get(f"{compared}/finding/0").status_code == 200
    assert client.get(f"{compared}/comparison").headers["Location"] == f"{compared}#before-and-now"
    assert 'id="add-now"' in client.get(compared).text


@pytest.mark.parametrize("which", ["first", "second"])
def test_removing_either_scan_unlinks_both(client, compared, uploads, which):
    page = client.get(f"{compared}/comparison").text
    other = re.search(r'href="(/scan/[\w-]{43})">Open the earlier scan', page)[1]
    gone, left = (compared, other) if which == "first" else (other, compared)
    client.post(f"{gone}/remove")
    assert client.get(left).status_code == 200
    assert 'id="add-now"' in client.get(left).text
    assert client.get(f"{left}/comparison.json").status_code == 409
    assert add(client, left, uploads[1] if which == "second" else uploads[0]).status_code == 303


def test_nobody_else_sees_a_comparison(finder, ready):
    stranger = finder.test_client()
    stranger.set_cookie(BROWSER_COOKIE, new_token())
    for rest in ("comparison", "comparison.json", "comparison.txt"):
        assert stranger.get(f"{ready}/{rest}").status_code == 404
    for rest in ("", "/pairs", "/undo", "/interval", "/end"):
        assert stranger.post(f"{ready}/comparison{rest}").status_code == 404


def refused(client, scan, data, code, status, **fields):
    """Nothing is lost by a scan that cannot be added."""
    answer = add(client, scan, data, **fields)
    assert answer.status_code == status
    assert f'data-code="{code}"' in answer.text
    assert client.get(f"{scan}/finding/0").status_code == 200
    assert client.get(f"{scan}/comparison.json").status_code == 409
    return answer


def test_the_same_scan_is_refused(reader, alone, uploads):
    answer = refused(reader, alone, uploads[0], "not_comparable", 409)
    assert "the images of the scan that is already open" in answer.text


def test_the_same_images_under_other_names_are_refused(reader, alone):
    refused(reader, alone, now_zip(StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1"), "not_comparable", 409)


def test_a_head_is_refused(reader, alone):
    slices = [(f"{i}.dcm", make_ct(head_slice(), ImagePositionPatient=[0, 0, 3 * i])) for i in range(6)]
    refused(reader, alone, as_zip(slices), "not_chest", 422)


@pytest.mark.parametrize(
    ("data", "code", "status"), [(b"", "no_file", 400), (b"no image at all", "unsupported_file", 415)]
)
def test_what_is_no_scan_is_refused(reader, alone, data, code, status):
    answer = reader.post(f"{alone}/comparison", data={"image": upload(data, "" if not data else "a.txt")})
    assert answer.status_code == status
    assert f'data-code="{code}"' in answer.text


def test_neither_earlier_nor_later_is_refused(reader, alone, uploads):
    refused(reader, alone, uploads[1], "bad_field", 400, added="other")


def test_a_third_scan_is_refused_while_two_are_compared(reader, ready, uploads):
    answer = add(reader, ready, uploads[1])
    assert (answer.status_code, of(reader, ready)["days"]) == (409, DAYS)


def test_another_patient_is_compared_with_a_warning_and_nothing_is_paired(client, scan):
    other = drawn_scan(seed=2, spacing_mm=1.2, step_mm=3.0)
    assert add(client, scan, before_zip(other)).status_code == 303
    body = of(client, scan)
    assert (codes(body), body["alignment"]["fits"], body["pairs"]) == (["other_patient"], False, [])
    assert "Make sure that both are of the same patient" in client.get(f"{scan}/comparison").text


def test_thick_slices_are_said(client, scan):
    add(client, scan, before_zip(before_scan(step_mm=6.0)))
    assert codes(of(client, scan)) == ["other_spacing"]


def test_a_picture_without_spacing_is_compared_by_clicks(client, scan, slice_png):
    answer = client.post(f"{scan}/comparison", data={"image": upload(slice_png)})
    assert answer.status_code == 303
    body = of(client, scan)
    assert (body["alignment"], codes(body)) == (None, ["not_aligned", "not_hu"])
    page = client.get(f"{scan}/comparison").text
    assert 'id="find-now-0"' not in page
    assert 'id="seek-now-0"' in page
    answer = client.post(f"{scan}/comparison/pairs", data={"seek": "now-0"})
    assert answer.status_code == 409
    where = {"seek": "now-0", "row": "127.5", "col": "127.5", "slice": "0"}
    assert client.post(f"{scan}/comparison/pairs", data=where).status_code == 303
    (pair,) = of(client, scan)["pairs"]
    assert (pair["source"], pair["growth"]["long_axis_mm"]) == ("clicked", None)
    assert {rule["reason"] for rule in pair["growth"]["rules"]} == {"no_size", "no_volume"}


@pytest.mark.parametrize("seek", ["", "x", "now", "now-x", "later-1", "now--1", "now-1234567"])
def test_an_unknown_nodule_is_refused(reader, ready, seek):
    answer = reader.post(f"{ready}/comparison/pairs", data={"seek": seek})
    assert (answer.status_code, 'data-code="bad_field"' in answer.text) == (400, True)


def test_a_finding_that_there_is_not_is_not_found(reader, ready):
    assert reader.post(f"{ready}/comparison/pairs", data={"seek": "now-7"}).status_code == 404


def test_the_text_says_what_the_page_says(reader, ready):
    answer = reader.get(f"{ready}/comparison.txt")
    assert answer.mimetype == "text/plain"
    assert f"Comparison: {DAYS} days between the scans, from the two study dates" in answer.text
    assert re.search(r"Mean diameter +1[12]\.\d to 1[56]\.\d mm: \+[34]\.\d mm", answer.text)
    assert "Fleischner Society 2017 (2 mm or more in mean diameter): growth" in answer.text
    assert "Research use only" in answer.text


def test_no_date_of_either_scan_lies_in_the_store(finder, reader, ready):
    folder = finder.store._lifetime.lock().folder
    written = b"".join(path.read_bytes() for path in folder.rglob("*.json"))
    for text in (b"20240601", b"20240301", b"2024-06-01", b"738918", b"739038"):
        assert text not in written


def test_of_several_series_the_one_that_serves_best_is_added(client, scan):
    drawn = drawn_scan(**BEFORE)
    whole = series_files(drawn, 2)
    few = series_files(
        replace(drawn, slices=drawn.slices[:4]), 2, SeriesInstanceUID="1.2.2.2", SeriesNumber=9
    )
    add(client, scan, as_zip([*whole, *((f"few-{name}", data) for name, data in few)]), added="earlier")
    body = of(client, scan)
    assert body["alignment"]["fits"]
    assert len(body["pairs"]) == 1


def test_another_pixel_size_aligns_the_scans_again_and_keeps_the_pair(client, uploads):
    scan = open_now(client, now_zip(PixelSpacing=None))
    size = {"spacing_mm": str(now_scan().spacing_mm[0])}
    add(client, scan, uploads[1], added="earlier")
    before = of(client, scan)
    assert before["alignment"] is None
    place = {"row": "100", "col": "100", "slice": "5"}
    client.post(f"{scan}/comparison/pairs", data={"seek": "now-0"} | place)
    assert client.post(f"{scan}/spacing", data=size).status_code == 303
    after = of(client, scan)
    assert after["alignment"]["fits"]
    assert after["days"] == DAYS
    assert [pair["source"] for pair in after["pairs"]] == ["clicked"]
