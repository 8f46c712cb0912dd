"""To whom the pages of the PACS are open, with which settings, and that they leave nothing of a patient."""

import logging

import pytest

from models.web.pacs import pacs_of
from models.web.settings import SETTINGS
from tests.web.pacs.conftest import MARKS, STUDY, THIN, visitor_of
from tests.web.pacs.orthanc import PASSWORD as ARCHIVE_PASSWORD
from tests.web.pacs.visiting import fetch, found_in, text_of, wait

ROUTES = [
    "/pacs",
    "/pacs/study",
    "/pacs/fetch",
    "/pacs/fetch/x/cancel",
    "/scan/x/finding/0/send",
    "/scan/x/report/send",
    "/api/v1/pacs/read",
]


def test_nobody_else_sees_or_sends_what_was_fetched(connected, visitor):
    address = fetch(visitor)
    scan = wait(visitor, address)["scan"]
    here = found_in(visitor, scan)
    stranger = visitor_of(connected)
    assert stranger.get(address).status_code == 404
    assert stranger.get(scan).status_code == 404
    assert stranger.post(f"{here}/send").status_code == 404


@pytest.mark.parametrize("path", ROUTES)
def test_without_a_password_it_is_closed_unless_a_setting_opens_it(make_connected, archive, path):
    bare = make_connected(**archive.settings, PASSWORD="").test_client()
    closed = bare.post(path)
    assert closed.status_code == 403
    assert "NODULE_PASSWORD" in text_of(closed)
    assert "/pacs" not in bare.get("/").text
    opened = make_connected(**archive.settings, PASSWORD="", DICOMWEB_OPEN=1).test_client()
    assert opened.post(path).status_code in (303, 400, 404)
    assert 'href="/pacs"' in opened.get("/").text


@pytest.mark.parametrize("path", ROUTES)
def test_who_does_not_give_the_password_is_asked_for_it(connected, path):
    assert connected.test_client().post(path).status_code == 401


def test_without_a_pacs_there_are_no_such_pages(client):
    assert client.get("/pacs").status_code == 404
    assert client.post("/api/v1/pacs/read").status_code == 404
    assert "/pacs" not in client.get("/").text


@pytest.mark.parametrize(
    "address",
    [
        *("pacs", "ftp://pacs/x", "http://pacs/x?y=1", "http://pacs/x#y", "http://pacs:port/x"),
        *("http://user:s3cret@pacs/x", "http://:s3cret@pacs/x", "http://pacs:70000/x", "http://pacs:0/x"),
        *("http://[::1/x", "http://[pacs]/x", "http://[::1]8042/x", "http://::1:8042/x", "http://fd00::1/x"),
    ],
)
def test_an_address_that_is_none_is_refused_at_the_start(make_connected, address):
    with pytest.raises(ValueError, match="NODULE_DICOMWEB must be an address") as refused:
        make_connected(DICOMWEB=address)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "host", ["[::1]", "[fd00::1]:8042", "[fe80::1%25eth0]:8042", "10.0.0.1:8042", "pacs"]
)
def test_an_address_may_have_any_host(host):
    settings = {setting.name: setting.default for setting in SETTINGS}
    address = f"http://{host}/dicom-web"
    assert pacs_of(settings | {"DICOMWEB": f"{address}/"}).address == address


def test_a_file_of_certificates_that_is_not_there_is_refused_at_the_start(make_connected):
    with pytest.raises(ValueError, match="NODULE_DICOMWEB_CA_FILE must name a file"):
        make_connected(DICOMWEB="https://pacs/dicom-web", DICOMWEB_CA_FILE="/nowhere.pem")


def test_names_and_searches_go_to_no_log_no_address_and_no_file(connected, visitor, caplog):
    caplog.set_level(logging.DEBUG)
    asked = visitor.post("/pacs", data={"patient_name": "Müller, Änne", "patient_id": "MRN-4711"})
    assert asked.headers["Cache-Control"] == "no-store"
    visitor.post("/pacs/study", data={"study": STUDY})
    address = fetch(visitor)
    scan = wait(visitor, address)["scan"]
    here = found_in(visitor, scan)
    sent = visitor.post(f"{here}/send", data={"model": "alexnet"})
    pages = [visitor.get(path).text for path in (scan, here)]
    for text in (*pages, sent.text, caplog.text, address, scan):
        assert [mark for mark in MARKS if mark in text] == []
    for name in (STUDY, THIN, ARCHIVE_PASSWORD):
        assert name not in caplog.text
    folder = connected.store._lifetime.lock().folder
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert [mark for mark in MARKS if mark.encode() in data] == [], path.name
