"""Whose study a scan is: said on wish to the browser that sent it, and nowhere else."""

import html
import logging
import re

import pytest

from models.imaging.phantom import draw_phantom
from models.web.study import header_of
from tests.app.conftest import new_visitor
from tests.app.made_series import NODULE_AT, NODULE_SLICE, series_files
from tests.conftest import encode, post, upload

PLACE = {"row": NODULE_AT[0], "col": NODULE_AT[1], "slice": NODULE_SLICE}
MARK = "Qxjvname"
TAGS = {
    "PatientName": f"{MARK}^<i>Jane</i>&",
    "PatientID": "Qxjvid",
    "StudyInstanceUID": "1.2.3",
    "PatientBirthDate": "19570912",
    "PatientSex": "F",
    "StudyDate": "20240229",
    "StudyDescription": "Qxjvstudy",
    "AccessionNumber": "Qxjvaccess",
    "SeriesDescription": "Qxjvseries",
}
SECRETS = ("Qxjv", "QXJV", "qxjv", "1957-09-12", "19570912", "2024-02-29", "20240229")
EXPECTED = {
    "Patient": f"{MARK}, <i>Jane</i>&",
    "Patient ID": "Qxjvid",
    "Born": "1957-09-12",
    "Sex": "female",
    "Study date": "2024-02-29",
    "Study": "Qxjvstudy",
    "Series": "Qxjvseries",
    "Accession number": "Qxjvaccess",
}


@pytest.fixture
def files():
    return [upload(data, f"Qxjv{name}") for name, data in series_files(**TAGS)]


@pytest.fixture
def found(visitor, files):
    """Address of the finding of a series with names in it."""
    return post(visitor, files, "/predict", **PLACE).headers["Content-Location"]


def scan_of(found):
    return found.partition("/finding")[0]


def shown(page):
    rows = re.findall(r"<dt>(.*?)</dt><dd><bdi>(.*?)</bdi></dd>", page.text)
    return {title: html.unescape(text) for title, text in rows}


def test_it_is_said_on_wish(visitor, found):
    page = visitor.get(f"{scan_of(found)}/study")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert shown(page) == EXPECTED
    assert "<i>Jane" not in page.text


def test_no_other_page_says_it_but_viewer_and_finding_offer_it(visitor, found):
    scan = scan_of(found)
    paths = [
        found,
        scan,
        f"{found}/download/finding.json",
        f"{found}/download/report.sr.dcm",
        f"{scan}/search",
    ]
    for path in paths:
        page = visitor.get(path)
        assert page.status_code == 200
        assert not [secret for secret in SECRETS if secret.encode() in page.data]
    for path in (found, scan):
        assert f'href="{scan}/study"' in visitor.get(path).text


def test_another_browser_is_told_that_there_is_no_such_scan(finder, found):
    page = new_visitor(finder).get(f"{scan_of(found)}/study")
    assert page.status_code == 404
    assert "no longer available" in page.text
    assert "Qxjv" not in page.text


def test_it_goes_with_the_scan(visitor, found):
    visitor.post(f"{scan_of(found)}/remove")
    page = visitor.get(f"{scan_of(found)}/study")
    assert page.status_code == 404
    assert "Qxjv" not in page.text


def test_nothing_of_it_is_stored_or_logged(finder, visitor, files, caplog):
    with caplog.at_level(logging.DEBUG):
        found = post(visitor, files, "/predict", **PLACE).headers["Content-Location"]
        visitor.get(f"{scan_of(found)}/study")
        visitor.get(found)
    folder = finder.store._lifetime.lock().folder
    stored = b"".join(path.read_bytes() for path in folder.rglob("*.json") if path.is_file())
    assert b'"references"' in stored
    for said in (stored.decode(), caplog.text, str([path for path in folder.rglob("*")])):
        assert not [secret for secret in SECRETS if secret in said]


def test_pictures_offer_nothing(visitor):
    files = [upload(encode(draw_phantom("smooth")))]
    found = post(visitor, files, "/predict", spacing_mm="0.7").headers["Content-Location"]
    assert "Show whose study this is" not in visitor.get(found).text
    assert visitor.get(f"{scan_of(found)}/study").status_code == 404


def test_other_code_may_ask_for_it(finder, visitor, found):
    with finder.test_request_context():
        assert header_of(found.split("/")[2], visitor.owner).study_date == "2024-02-29"
