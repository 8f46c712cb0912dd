"""The page of a finding over HTTP: other models, calculators, and files to take along."""

import io
import json
import re

import pydicom
import pypdfium2
import pytest

from models.inference.pipeline import MODEL_KEYS
from models.reports.exports import EXPORTS
from models.web.access.cookies import BROWSER_COOKIE
from models.web.store import new_token
from tests.app.conftest import new_visitor
from tests.app.made_series import NODULE_AT, NODULE_SLICE, series_files
from tests.conftest import post, upload

NAME, NUMBER = "Doe^Marked", "MRN-4711"


@pytest.fixture(scope="module")
def visitor(finder):
    """One client for all tests: they only look at its findings."""
    return new_visitor(finder)


@pytest.fixture(scope="module")
def crop(visitor, crop_png):
    """Address of the finding on a nodule crop."""
    return post(visitor, upload(crop_png), "/predict", spacing_mm="0.7").headers["Content-Location"]


@pytest.fixture(scope="module")
def series():
    return series_files(StudyInstanceUID="1.2.3", PatientName=NAME, PatientID=NUMBER)


@pytest.fixture(scope="module")
def dicom(visitor, series):
    """Address of the finding on the nodule of a DICOM series."""
    row, col = NODULE_AT
    files = [upload(data, name) for name, data in series]
    page = post(visitor, files, "/predict", row=row, col=col, slice=NODULE_SLICE, model="alexnet")
    return page.headers["Content-Location"]


def shown(page):
    """Verdict and probability that a page shows."""
    text = page.get_data(as_text=True)
    verdict = re.search(r'data-verdict="(\w+)"', text)[1]
    return verdict, re.search(r'id="probability">([\d.]+)<', text)[1]


def test_each_model_is_one_address_away_and_says_what_the_json_interface_says(visitor, crop, crop_png):
    seen = set()
    for key in MODEL_KEYS:
        answer = post(visitor, upload(crop_png), model=key, spacing_mm="0.7").json
        page = visitor.get(crop, query_string={"model": key})
        assert shown(page) == (answer["verdict"], f"{answer['probability']:.2f}")
        seen.add(answer["probability"])
    assert len(seen) == len(MODEL_KEYS)


def test_without_a_model_the_one_asked_for_first_is_in_front(visitor, dicom):
    assert shown(visitor.get(dicom)) == shown(visitor.get(dicom, query_string={"model": "alexnet"}))
    assert shown(visitor.get(dicom)) != shown(visitor.get(dicom, query_string={"model": "vgg19"}))


def test_an_unknown_model_is_refused_on_the_page_of_the_scan(visitor, crop):
    page = visitor.get(crop, query_string={"model": "lenet"})
    assert page.status_code == 400
    assert 'data-code="unknown_model"' in page.get_data(as_text=True)


@pytest.mark.parametrize("rest", ["", *(f"/download/{name}" for name in EXPORTS)])
def test_nobody_else_sees_a_finding(finder, crop, dicom, rest):
    stranger = finder.test_client()
    stranger.set_cookie(BROWSER_COOKIE, new_token())
    assert {stranger.get(address + rest).status_code for address in (crop, dicom)} == {404}


@pytest.mark.parametrize("rest", ["/download/notes.txt", "/download/..%2fapp.py"])
def test_there_are_no_other_files(visitor, crop, rest):
    assert visitor.get(crop + rest).status_code == 404
    assert visitor.get(crop.replace("/finding/0", "/finding/1")).status_code == 404
    assert visitor.get(crop.replace("/finding/0", "/finding/1") + "/download/report.pdf").status_code == 404


def test_the_saved_json_is_the_answer_of_the_json_interface(visitor, crop, crop_png):
    saved = visitor.get(crop + "/download/finding.json", query_string={"model": "resnet"})
    assert saved.mimetype == "application/json"
    assert saved.headers["Content-Disposition"] == 'attachment; filename="finding-1-finding.json"'
    assert saved.headers["Cache-Control"] == "no-store"
    answer = post(visitor, upload(crop_png), model="resnet", spacing_mm="0.7").json
    assert json.loads(saved.data) == answer


def test_the_saved_sheet_is_one_page_that_gives_the_verdict(visitor, crop):
    saved = visitor.get(crop + "/download/report.pdf")
    assert saved.mimetype == "application/pdf"
    sheet = pypdfium2.PdfDocument(saved.data)
    assert len(sheet) == 1
    assert shown(visitor.get(crop))[1] in sheet[0].get_textpage().get_text_range()


@pytest.mark.parametrize(("name", "modality"), [("report.sr.dcm", "SR"), ("overlay.sc.dcm", "OT")])
def test_saved_dicom_refers_to_the_slice_and_names_no_patient(visitor, dicom, series, name, modality):
    saved = visitor.get(f"{dicom}/download/{name}")
    assert saved.mimetype == "application/dicom"
    written = pydicom.dcmread(io.BytesIO(saved.data))
    assert (written.Modality, written.PatientName, written.PatientID) == (modality, "", "")
    assert NAME.encode() not in saved.data
    assert NUMBER.encode() not in saved.data
    sources = {pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID: data for _, data in series}
    referred = {e.value for e in written.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    (source,) = referred & set(sources)
    heights = sorted(pydicom.dcmread(io.BytesIO(d)).ImagePositionPatient[2] for d in sources.values())
    assert pydicom.dcmread(io.BytesIO(sources[source])).ImagePositionPatient[2] == heights[NODULE_SLICE]


@pytest.mark.parametrize("name", ["report.sr.dcm", "overlay.sc.dcm"])
def test_a_picture_gives_no_dicom_and_the_page_does_not_offer_it(visitor, crop, name):
    page = visitor.get(f"{crop}/download/{name}")
    assert page.status_code == 409
    assert 'data-code="not_dicom"' in page.get_data(as_text=True)
    assert name not in visitor.get(crop).get_data(as_text=True)


def test_a_sample_can_be_saved_and_says_that_it_is_drawn(visitor):
    address = visitor.post("/sample", data={"kind": "smooth"}).headers["Content-Location"]
    warnings = visitor.get(address + "/download/finding.json").json["warnings"]
    assert "sample" in {warning["code"] for warning in warnings}
