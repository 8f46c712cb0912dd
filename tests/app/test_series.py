"""An upload of several series: the list, the choice, another one, and that nothing of it stays."""

import html
import json
import re
import time

import pytest

from models.ingest.dicom.sop_classes import HIDDEN, MODALITIES, OTHER_PLANE, REGIONS
from models.web.store.keys import scan_name
from tests import several_series as made
from tests.app.conftest import new_visitor
from tests.conftest import make_app, post, upload
from tests.web.store.scans import grow_old

PLACE = {"row": "127.5", "col": "76.5", "slice": "3"}


def text_of(page):
    """The page's text without tags."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.text)))


def send(client, files, url="/predict", **fields):
    return post(client, [upload(data, name) for name, data in files], url=url, **fields)


def rows(page):
    """By number: whether it is selected, and what is said of it."""
    found = {}
    for row in re.findall(r'<label class="series-row".*?</label>', page.text, re.S):
        number = int(re.search(r'value="(\d+)"', row)[1])
        said = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row))).strip()
        found[number] = (" checked" in row, said, 'src="data:image/png' in row)
    return found


@pytest.fixture(scope="module")
def finder(finder, tmp_path_factory):
    """The application with a store that other tests do not fill."""
    folder = tmp_path_factory.mktemp("series") / "store"
    return make_app({"REGISTRY": finder.registry, "STORE": folder, "STORE_SCANS": 200})


@pytest.fixture
def client(finder):
    return new_visitor(finder)


@pytest.fixture
def listed(client):
    """The list of a CD with several series."""
    return send(client, made.disc())


def address_of(page):
    address = page.headers["Content-Location"]
    assert re.fullmatch(r"/series/[\w-]{43}", address)
    return address


def test_the_list_tells_the_series_apart_and_proposes_one(listed):
    assert listed.status_code == 200
    assert f'data-here="{address_of(listed)}"' in listed.text
    assert listed.headers["Cache-Control"] == "no-store"
    found = rows(listed)
    assert list(found) == [1, 2, 3, 4]
    assert [checked for checked, _, _ in found.values()] == [False, True, False, False]
    assert all(has_picture for _, _, has_picture in found.values())
    facts = "Series 2 · Axial CT · 9 slices · 1 mm thick, 1 mm apart · kernel B31f"
    assert found[1][1] == f"Thorax 1.0 {facts}"
    why = "it shows lung, no other has thinner slices and it has a lung kernel."
    assert found[2][1].endswith(f"B70f Suggested because {why}")
    assert found[3][1].startswith("Series 4 Axial CT · 3 slices · 5")
    assert found[4][1].startswith("Head 0.6 Series 5 · Axial CT · 5 slices")
    assert found[4][1].endswith("no lung visible")
    text = text_of(listed)
    assert "Other contents of the upload, not read: 3" in text
    for what in ("Topogram Series 1 · Localizer · 1 image", "Coronal plane · 3 images", "Magnetic resonance"):
        assert what in text
    assert 'id="mixed"' not in listed.text


def test_no_name_is_shown(listed):
    for part in (*made.NAME.split("^"), made.PATIENT_ID):
        assert part.lower() not in listed.text.lower()


def test_the_page_has_words_for_all_kinds_of_objects_and_regions(finder):
    words = finder.jinja_env.get_template("_series.html").module
    nouns = {str(noun) for noun in (*MODALITIES.values(), *HIDDEN.values(), OTHER_PLANE)}
    assert nouns | {f"{plane} plane" for plane in ("coronal", "sagittal", "oblique")} <= set(words.kinds)
    assert {str(region) for region in REGIONS} == set(words.regions)


def test_a_zip_is_listed_as_its_files_are(client, listed):
    packed = send(client, [("cd.zip", made.disc_zip())])
    assert [said for _, said, _ in rows(packed).values()] == [said for _, said, _ in rows(listed).values()]


def test_the_chosen_series_opens_and_another_one_later_without_a_second_upload(client, listed):
    address = address_of(listed)
    viewer = client.post(address, data={"series": "2"})
    assert viewer.status_code == 200
    scan = viewer.headers["Content-Location"]
    assert re.fullmatch(r"/scan/[\w-]{43}", scan)
    assert "Slice 5 of 9" in text_of(viewer)
    assert "kernel B70f" in text_of(viewer)
    client.post(f"{scan}/findings", data=PLACE)
    back = re.search(r'id="other-series" href="([^"]*)"', viewer.text)[1]
    again = client.get(back)
    assert [checked for checked, _, _ in rows(again).values()] == [False, True, False, False]
    assert "Opened Its findings are still available." in rows(again)[2][1]
    other = client.post(address, data={"series": "3"})
    assert "Slice 2 of 3" in text_of(other)
    assert other.headers["Content-Location"] != scan
    first = client.post(address, data={"series": "2"})
    assert (first.status_code, first.location) == (303, scan)
    assert 'id="findings"' in client.get(scan).text


def test_what_was_asked_with_the_upload_is_asked_of_the_chosen_series(client):
    page = send(client, made.disc(), model="vgg16", **PLACE)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert fields == {"form_token": fields["form_token"], "model": "vgg16", **PLACE}
    result = client.post(address_of(page), data=fields | {"series": "1"})
    assert result.status_code == 200
    assert re.fullmatch(r"/scan/[\w-]{43}/finding/0", result.headers["Content-Location"])
    assert 'id="verdict"' in result.text


def test_a_script_is_told_where_the_list_is(client):
    files = [upload(data, name) for name, data in made.disc()]
    answer = client.post(
        "/predict",
        data={"image": files, "model": "resnet", "row": ""},
        headers={"X-Requested-With": "upload"},
    )
    assert re.fullmatch(r"/series/[\w-]{43}\?model=resnet", answer.json["location"])
    page = client.get(answer.json["location"])
    assert '<input type="hidden" name="model" value="resnet">' in page.text
    assert rows(page)[2][0]


@pytest.mark.parametrize("series", ["", "0", "5", "x", "1.2.3.1", "-1", "２"])
def test_a_choice_that_there_is_not_is_told_on_the_list(client, listed, series):
    page = client.post(address_of(listed), data={"series": series})
    assert page.status_code == 400
    assert "Choose one of the series." in page.text
    assert list(rows(page)) == [1, 2, 3, 4]


def test_a_mistake_in_what_was_asked_is_told_on_the_list(client, listed):
    page = client.post(address_of(listed), data={"series": "1", "slice": "40"})
    assert page.status_code == 400
    assert "Slice 40 is outside the scan" in page.text
    assert list(rows(page)) == [1, 2, 3, 4]


def test_a_series_that_cannot_be_decoded_leaves_the_others(client):
    cut = [(name, data[:-500]) for name, data in made.lung()]
    listed = send(client, [*made.soft(), *cut])
    address = address_of(listed)
    page = client.post(address, data={"series": "2"})
    assert page.status_code == 422
    assert 'data-code="corrupt_file"' in page.text
    assert list(rows(page)) == [1, 2]
    assert "Slice 5 of 9" in text_of(client.post(address, data={"series": "1"}))


def test_a_series_without_lung_can_be_opened_all_the_same(client, listed):
    address = address_of(listed)
    refused = client.post(address, data={"series": "4"})
    assert refused.status_code == 422
    assert 'data-code="not_chest"' in refused.text
    go_on = re.search(r'<form action="(/scan/[\w-]{43})/go-on"', refused.text)[1]
    viewer = client.post(f"{go_on}/go-on")
    assert "of 5" in text_of(viewer)
    assert "Head 0.6" in viewer.text
    assert client.post(f"{go_on}/remove").status_code == 303
    assert client.get(address).status_code == 404


def test_two_patients_are_told_apart_without_their_names(client):
    page = send(client, [*made.soft(), *made.other_patient(made.lung())])
    text = text_of(page)
    assert "The files belong to 2 patients" in text
    assert "Patient 1, study 1 of 2020-01-31" in text
    assert "Patient 2, study 2 of 2021-03-01" in text
    for name in ("qxjv", "wrtz", "zzyk"):
        assert name not in page.text.lower()


def test_two_studies_of_one_patient_are_told_apart(client):
    page = send(client, [*made.soft(), *made.lung(StudyInstanceUID="1.2.9.3", StudyDate="20190101")])
    text = text_of(page)
    assert "The files belong to 2 studies." in text
    assert text.index("Study 1 of 2019-01-01") < text.index("Study 2 of 2020-01-31")


def test_one_series_that_can_be_read_opens_at_once(client):
    page = send(client, [*made.scout(), *made.lung(), *made.coronal(), *made.mr()])
    assert re.fullmatch(r"/scan/[\w-]{43}", page.headers["Content-Location"])
    assert 'id="other-series"' not in page.text


def test_nobody_else_sees_or_opens_an_upload(finder, listed):
    address = address_of(listed)
    other = new_visitor(finder)
    assert other.get(address).status_code == 404
    assert other.post(address, data={"series": "1"}).status_code == 404
    assert other.post(f"{address}/remove").status_code == 404


@pytest.mark.parametrize("what", ["list", "scan"])
def test_with_the_upload_or_any_of_its_scans_all_is_removed(client, listed, what):
    address = address_of(listed)
    scans = [client.post(address, data={"series": n}).headers["Content-Location"] for n in ("1", "3")]
    gone = client.post(f"{address if what == 'list' else scans[0]}/remove")
    assert (gone.status_code, gone.location) == (303, "/?removed=1")
    assert [client.get(each).status_code for each in (address, *scans)] == [404, 404, 404]


@pytest.fixture
def own(finder, tmp_path):
    """An application with a store of its own; its folder."""

    def make(**settings):
        folder = tmp_path / "store"
        return new_visitor(make_app({"REGISTRY": finder.registry, "STORE": folder, **settings})), folder

    return make


def test_what_lies_on_disk_names_nobody_and_nothing(own):
    client, folder = own()
    address = address_of(send(client, made.disc()))
    client.post(address, data={"series": "2"})
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    sealed = next(path for path in folder.rglob("upload.sealed"))
    assert sealed.stat().st_size > 1_000_000
    assert sealed.stat().st_mode & 0o777 == 0o600
    for mark in (*made.NAME.split("^"), made.PATIENT_ID, "Thorax 1.0", "Topogram", "README", "1.2.3.4"):
        assert not any(mark.lower().encode() in data.lower() for data in kept), mark


def test_an_upload_beyond_the_store_is_refused(own):
    client, _ = own(STORE_MB=1)
    page = send(client, made.disc())
    assert page.status_code == 413
    assert "this server keeps at most 1 MB" in page.text


def test_where_there_is_no_room_beside_the_scan_the_upload_goes(own):
    client, _ = own(STORE_SCANS=1)
    address = address_of(send(client, made.disc()))
    viewer = client.post(address, data={"series": "2"})
    assert "Slice 5 of 9" in text_of(viewer)
    assert 'id="other-series"' not in viewer.text
    assert client.get(address).status_code == 404


def test_an_upload_stays_as_long_as_a_scan_of_it_is_used(own):
    client, folder = own()
    address = address_of(send(client, made.disc()))
    scan = client.post(address, data={"series": "2"}).headers["Content-Location"]
    owner = client.owner
    for token, seconds in ((address[8:], 29 * 60), (scan[6:], 60)):
        grow_old(folder / scan_name(token, owner), seconds)
    assert client.get(f"{scan}/slice/0.png").status_code == 200
    upload_of = folder / scan_name(address[8:], owner)
    assert time.time() - upload_of.stat().st_mtime < 60


# Programs


def test_a_program_is_given_the_list_and_names_one(client):
    refused = send(client, made.disc(), "/api/v1/predict", **PLACE)
    assert refused.status_code == 400
    error = refused.json["error"]
    assert (set(error), error["code"]) == ({"code", "message", "series"}, "mixed_series")
    assert error["series"] == [
        {
            "number": 1,
            "uid": "1.2.3.1",
            "slices": 9,
            "thickness_mm": 1.0,
            "kernel": "B31f",
            "description": "Thorax 1.0",
        },
        {
            "number": 2,
            "uid": "1.2.3.2",
            "slices": 9,
            "thickness_mm": 1.0,
            "kernel": "B70f",
            "description": "Thorax 1.0",
        },
        {
            "number": 3,
            "uid": "1.2.3.3",
            "slices": 3,
            "thickness_mm": 5.0,
            "kernel": "B31f",
            "description": None,
        },
        {
            "number": 4,
            "uid": "1.2.3.4",
            "slices": 5,
            "thickness_mm": 0.6,
            "kernel": None,
            "description": "Head 0.6",
        },
    ]
    for series in ("2", "1.2.3.2", " 2 "):
        answer = send(client, made.disc(), "/api/v1/predict", series=series, **PLACE)
        assert answer.status_code == 200
        assert answer.json["image"]["slices"] == 9
    place = PLACE | {"slice": "2"}
    answer = send(client, made.disc(), "/api/v1/predict", series="3", **place)
    assert answer.json["image"]["slices"] == 3


def test_the_list_does_not_hang_on_the_order_of_the_files(client):
    first = send(client, made.disc(), "/api/v1/predict").json
    assert send(client, made.disc()[::-1], "/api/v1/predict").json == first
    assert send(client, [("a.zip", made.disc_zip())], "/api/v1/predict").json == first


@pytest.mark.parametrize("series", ["5", "0", "1.2.3", "x", "２", "9" * 64])
def test_a_series_that_there_is_not_is_refused_and_those_that_there_are_are_told(client, series):
    answer = send(client, made.disc(), "/api/v1/predict", series=series)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_field")
    assert (
        "The upload contains 4 series: series 2 with 9 slices of 1 mm, kernel B31f;"
        in answer.json["error"]["message"]
    )


def test_a_text_that_is_no_series_is_refused(client):
    answer = send(client, made.soft(), "/api/v1/predict", series="1" * 65)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_field")


def test_the_only_series_may_be_named(client, crop_png):
    for series, status in (("1", 200), ("1.2.3.1", 200), ("2", 400), ("1.2.3.2", 400)):
        assert send(client, made.soft(), "/api/v1/predict", series=series, **PLACE).status_code == status
    answer = send(client, [("a.png", crop_png)], "/api/v1/predict", series="1")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_field")
    assert "leave the field out" in answer.json["error"]["message"]


def test_what_mixes_something_else_lists_no_series(client, crop_png):
    answer = send(client, [*made.soft(), ("a.png", crop_png)], "/api/v1/predict")
    assert answer.json["error"]["code"] == "mixed_series"
    assert answer.json["error"]["series"] == []


def test_the_form_takes_the_field_too(client):
    page = send(client, made.disc(), series="2")
    assert "Slice 5 of 9" in text_of(page)


def test_the_terminal_lists_them_and_reads_one(finder, tmp_path):
    for name, data in [*made.soft(), *made.thick()]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    run = finder.test_cli_runner().invoke
    listed = run(args=["predict", str(tmp_path)])
    assert listed.exit_code == 1
    assert listed.output.splitlines()[-2:] == [
        "   1  9 slices, 1 mm, kernel B31f, Thorax 1.0, 1.2.3.1",
        "   2  3 slices, 5 mm, kernel B31f, 1.2.3.3",
    ]
    for series in ("1", "1.2.3.1"):
        place = ["--row", "127.5", "--col", "76.5", "--slice", "3", "--json"]
        read = run(args=["predict", str(tmp_path), "--series", series, *place])
        assert json.loads(read.output)["image"]["slices"] == 9
