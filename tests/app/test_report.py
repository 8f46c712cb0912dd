"""The report of a scan over HTTP: its page, its files, its text in ASCII, and to whom it is shown."""

import io
import re
import zipfile

import pypdfium2
import pytest
from highdicom.sr import srread
from pydicom import dcmread

from models.reports.scan_report.exports import REPORT_EXPORTS
from models.web.access.cookies import BROWSER_COOKIE
from models.web.store import new_token
from tests.app.conftest import new_visitor
from tests.app.made_series import NODULE_AT, NODULE_SLICE, series_files
from tests.app.two_scans import add, before_zip, now_zip, open_now
from tests.conftest import post, upload
from tests.reports.calculators.forms import BROCK_FORM, LUNG_RADS, MAYO

WHO = {"PatientName": "Doe^Marked", "PatientID": "MRN-4711", "StudyDate": "20240601"}
PLACED = WHO | {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.3.9"}
MEDIA_TYPES = {
    "report.txt": "text/plain",
    "report.pdf": "application/pdf",
    "report.sr.dcm": "application/dicom",
    "outlines.seg.dcm": "application/dicom",
    "pictures.sc.zip": "application/zip",
}


@pytest.fixture(scope="module")
def visitor(finder):
    """One client for all tests: they only look at its findings."""
    return new_visitor(finder)


def found_on(client, files, *places):
    """Address of a scan on which these locations (row, col, model) were read."""
    (row, col, model), *more = places
    fields = {"slice": NODULE_SLICE, "model": model}
    page = post(client, files, "/predict", row=row, col=col, **fields)
    assert page.status_code == 200, page.text[:2000]
    scan = page.headers["Content-Location"].partition("/finding")[0]
    for row, col, model in more:
        found = client.post(f"{scan}/findings", data={"row": row, "col": col} | fields | {"model": model})
        assert found.status_code == 200
    return scan


@pytest.fixture(scope="module")
def dicom(visitor):
    """Address of a scan with two findings, of which one is outlined; its files name a patient and a date."""
    files = [upload(data, name) for name, data in series_files(**PLACED)]
    row, col = NODULE_AT
    return found_on(visitor, files, (row, col, "alexnet"), (row - 40, col + 5, "vgg16"))


@pytest.fixture(scope="module")
def crop(visitor, crop_png):
    """Address of a picture with one finding."""
    page = post(visitor, upload(crop_png), "/predict", spacing_mm="0.7")
    return page.headers["Content-Location"].partition("/finding")[0]


def text_of(page):
    """What stands in the page's field."""
    return re.search(r'<textarea id="text"[^>]*>(.*?)</textarea>', page.text, re.S)[1]


@pytest.mark.parametrize(("name", "media_type"), MEDIA_TYPES.items())
def test_each_file_has_its_media_type_and_names_nobody(visitor, dicom, name, media_type):
    saved = visitor.get(f"{dicom}/report/{name}")
    assert (saved.status_code, saved.mimetype) == (200, media_type)
    assert saved.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert saved.headers["Cache-Control"] == "no-store"
    assert not [mark for mark in WHO.values() if mark.encode() in saved.data]


def test_these_are_all_files():
    assert list(REPORT_EXPORTS) == list(MEDIA_TYPES)


def test_the_page_shows_the_text_that_is_saved(visitor, dicom):
    page = visitor.get(f"{dicom}/report")
    saved = visitor.get(f"{dicom}/report/report.txt").text
    assert page.status_code == 200
    assert text_of(page) == saved
    first, second = [line for line in saved.splitlines() if line.startswith("F")][:2]
    assert first.startswith("F1: ")
    assert "(AlexNet)" in first
    assert "slice 4 of" in first
    assert second.startswith("F2: ")
    assert "1.2.3</strong>" in page.text


def test_plain_ascii_is_one_link_away(visitor, dicom):
    plain = visitor.get(f"{dicom}/report")
    assert f'href="{dicom}/report?ascii=1"' in plain.text
    assert not text_of(plain).isascii()
    page = visitor.get(f"{dicom}/report?ascii=1")
    saved = visitor.get(f"{dicom}/report/report.txt?ascii=1").data
    assert saved.isascii()
    assert text_of(page) == saved.decode()
    assert " x " in saved.decode()
    assert f'href="{dicom}/report/report.txt?ascii=1"' in page.text


def test_a_date_is_printed_on_the_sheets_and_in_no_address(visitor, dicom):
    dated = visitor.post(f"{dicom}/report/report.pdf", data={"study_date": "2024-06-01"})
    assert (dated.status_code, dated.mimetype) == (200, "application/pdf")
    assert "Study date: 2024-06-01" in sheet_text(dated.data)
    undated = visitor.post(f"{dicom}/report/report.pdf", data={"study_date": ""})
    assert "Study date" not in sheet_text(undated.data)


def sheet_text(data):
    return " ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(data))


def test_the_date_that_the_files_give_is_offered_and_printed(finder):
    client, (row, col) = new_visitor(finder), NODULE_AT
    for given, offered in (("20240601", "2024-06-01"), ("2024", "")):
        files = [upload(data, name) for name, data in series_files(**(PLACED | {"StudyDate": given}))]
        scan = found_on(client, files, (row, col, "alexnet"))
        field = re.search(r'name="study_date" value="([^"]*)"', client.get(f"{scan}/report").text)
        assert field[1] == offered
        sheets = sheet_text(client.get(f"{scan}/report/report.pdf").data)
        assert ("Study date: 2024-06-01" in sheets) == bool(offered)


def test_what_was_calculated_and_is_kept_is_part_of_the_report(finder):
    client, (row, col) = new_visitor(finder), NODULE_AT
    files = [upload(data, name) for name, data in series_files(**PLACED)]
    scan = found_on(client, files, (row, col, "alexnet"), (row, col + 2, "vgg16"))
    client.post(f"{scan}/finding/1", data=BROCK_FORM)
    client.post(f"{scan}/finding/1", data=LUNG_RADS)
    client.post(f"{scan}/finding/1", data=MAYO | {"age": "62", "cancer": "recent"})
    paragraphs = client.get(f"{scan}/report/report.txt").text.split("\n\n")
    assert len(paragraphs[1].splitlines()) == 1
    assert paragraphs[2].splitlines()[1:] == [
        "Brock (PanCan) model: 3.09 % estimated risk of cancer",
        "Mayo model: The Mayo model does not apply: it was developed in people without cancer in the last "
        "five years.",
        "Lung-RADS v2022: Category 4A: suspicious. Low-dose CT in 3 months. PET/CT may be considered.",
    ]
    page = client.get(f"{scan}/report").text
    assert "Age (years): 62; Sex: Woman; Family history of lung cancer: No;" in page
    sheets = " ".join(sheet_text(client.get(f"{scan}/report/report.pdf").data).split())
    assert "Brock (PanCan) model: 3.09 % estimated risk of cancer (Age (years): 62; Sex: Woman;" in sheets
    client.post(f"{scan}/finding/1", data={"take_back": "brock"})
    assert "Brock" not in client.get(f"{scan}/report/report.txt").text


def test_where_the_kind_is_unsure_the_report_says_what_follows_for_each(finder):
    client, (row, col) = new_visitor(finder), NODULE_AT
    files = [upload(data, name) for name, data in series_files(**PLACED)]
    scan = found_on(client, files, (row, col, "alexnet"))
    asked = client.post(f"{scan}/finding/0", data=LUNG_RADS | {"nodule_type": "unsure", "diameter_mm": "9"})
    assert asked.status_code == 303
    text = client.get(f"{scan}/report/report.txt").text
    (line,) = [line for line in text.splitlines() if line.startswith("Lung-RADS")]
    assert line == (
        "Lung-RADS v2022: If solid: Category 4A: suspicious. Low-dose CT in 3 months. PET/CT may be "
        "considered. If part-solid: Category 3: probably benign. Low-dose CT in 6 months; or, with a larger "
        "solid part, Category 4A: suspicious. Low-dose CT in 3 months; or, with a larger solid part, "
        "Category 4B: very suspicious. Referral for further clinical evaluation: diagnostic chest CT with or "
        "without contrast, tissue sampling, or both. PET/CT may be considered. "
        "If ground glass: Category 2: benign. Screening low-dose CT in 12 months."
    )


@pytest.mark.parametrize(
    ("method", "path", "fields", "sentence"),
    [
        ("POST", "/report/report.pdf", {"study_date": "1.6.2024"}, "Give the study date as in 2024-01-31."),
        ("GET", "/report?ascii=yes", {}, "The field ascii must be 1, or left out."),
        ("GET", "/report/report.txt?ascii=0", {}, "The field ascii must be 1, or left out."),
    ],
)
def test_a_mistake_is_said_above_the_report(visitor, dicom, method, path, fields, sentence):
    page = visitor.open(dicom + path, method=method, data=fields)
    assert page.status_code == 400
    assert sentence in page.text
    assert text_of(page) == visitor.get(f"{dicom}/report/report.txt").text


def test_what_is_not_outlined_is_left_out_of_the_segmentation_and_said(visitor, dicom):
    page = visitor.get(f"{dicom}/report").text
    segments = dcmread(io.BytesIO(visitor.get(f"{dicom}/report/outlines.seg.dcm").data)).SegmentSequence
    names = {segment.TrackingID for segment in segments}
    said = re.search(r'<span id="without-outline">(.*?)</span>', page)
    left_out = set(said[1].split(", ")) if said else set()
    assert names | left_out == {"F1", "F2"}
    assert names & left_out == set()


def test_report_and_segmentation_track_the_same_nodules(visitor, dicom):
    report = visitor.get(f"{dicom}/report/report.sr.dcm").data
    segments = dcmread(io.BytesIO(visitor.get(f"{dicom}/report/outlines.seg.dcm").data)).SegmentSequence
    written = str(dcmread(io.BytesIO(report)))
    assert [segment.TrackingUID in written for segment in segments] == [True] * len(segments)
    single = str(dcmread(io.BytesIO(visitor.get(f"{dicom}/finding/0/download/report.sr.dcm").data)))
    assert segments[0].TrackingUID in single


def test_two_findings_at_one_location_are_tracked_alike_whichever_leads(finder):
    client, (row, col) = new_visitor(finder), NODULE_AT
    files = [upload(data, name) for name, data in series_files(**PLACED)]
    scan = found_on(client, files, (row, col, "alexnet"), (row, col, "vgg16"))
    first, second = before = tracked_in(client, scan)
    assert first["F1"] != first["F2"]
    assert second == first
    for leading in (1, 0):
        client.post(f"{scan}/finding/{leading}/leading", data={"leading": "1"})
        assert tracked_in(client, scan) == before
    for index, name in enumerate(first):
        report = client.get(f"{scan}/finding/{index}/download/report.sr.dcm").data
        assert groups_of(report) == {name: first[name]}
    client.post(f"{scan}/finding/0/delete")
    assert tracked_in(client, scan) == [{"F2": first["F2"]}] * 2


def tracked_in(client, scan):
    """Tracking UIDs by names, in the Structured Report and in the Segmentation."""
    report = client.get(f"{scan}/report/report.sr.dcm").data
    segments = dcmread(io.BytesIO(client.get(f"{scan}/report/outlines.seg.dcm").data)).SegmentSequence
    return [groups_of(report), {segment.TrackingID: segment.TrackingUID for segment in segments}]


def groups_of(report):
    groups = srread(io.BytesIO(report)).content.get_planar_roi_measurement_groups()
    return {group.tracking_identifier: group.tracking_uid for group in groups}


def test_each_finding_has_its_picture(visitor, dicom):
    with zipfile.ZipFile(io.BytesIO(visitor.get(f"{dicom}/report/pictures.sc.zip").data)) as archive:
        assert archive.namelist() == ["finding-1.sc.dcm", "finding-2.sc.dcm"]


def test_the_caption_says_where_it_is(finder, visitor, dicom):
    from models.web.captions import caption_of

    with finder.test_request_context("/"):
        owner = visitor.owner
        finding = finder.answers.again(dicom.rpartition("/")[2], owner, 0)
        first, second = caption_of(finding).splitlines()
    assert re.fullmatch(r"F1: ((right|left) lung, )?slice 4 of \d+ \(z -?[\d.]+ mm\)\.", first)
    assert second.startswith("Research use only, not a medical device. AlexNet: ")


def test_a_picture_has_text_and_sheets_only(visitor, crop):
    page = visitor.get(f"{crop}/report").text
    offered = re.findall(r'href="[^"]*/report/([\w.]+)"', page)
    assert offered == ["report.txt"]
    assert visitor.get(f"{crop}/report/report.pdf").mimetype == "application/pdf"
    for name in ("report.sr.dcm", "outlines.seg.dcm", "pictures.sc.zip"):
        refused = visitor.get(f"{crop}/report/{name}")
        assert refused.status_code == 409
        assert 'data-code="not_dicom"' in refused.text


def test_without_findings_there_is_nothing_to_report_yet(visitor, slice_png):
    address = post(visitor, upload(slice_png), "/predict").headers["Content-Location"]
    page = visitor.get(f"{address}/report")
    assert page.status_code == 200
    assert 'id="no-findings"' in page.text
    assert "<textarea" not in page.text
    assert {visitor.get(f"{address}/report/{name}").status_code for name in REPORT_EXPORTS} == {404}
    assert visitor.post(f"{address}/report/report.pdf", data={"study_date": "2024-06-01"}).status_code == 404


@pytest.mark.parametrize("rest", ["", *(f"/{name}" for name in REPORT_EXPORTS)])
def test_nobody_else_sees_a_report(finder, dicom, rest):
    stranger = finder.test_client()
    stranger.set_cookie(BROWSER_COOKIE, new_token())
    assert stranger.get(f"{dicom}/report{rest}").status_code == 404


def test_there_are_no_other_files(visitor, dicom):
    assert visitor.get(f"{dicom}/report/notes.txt").status_code == 404
    assert visitor.post(f"{dicom}/report/report.txt").status_code == 405
    assert visitor.post(f"{dicom}/report/send").status_code in (404, 405)  # there is no PACS


def test_viewer_and_result_lead_to_it(visitor, dicom):
    for page in (dicom, f"{dicom}/finding/0"):
        assert f'id="to-report" href="{dicom}/report"' in visitor.get(page).text


def test_the_leading_finding_comes_first_and_a_deleted_one_is_gone(finder, visitor):
    files = [upload(data, name) for name, data in series_files(**PLACED)]
    row, col = NODULE_AT
    scan = found_on(visitor, files, (row, col, "alexnet"), (row, col + 2, "vgg16"), (row, col, "vgg19"))
    token, owner = scan.rpartition("/")[2], visitor.owner
    finder.answers.findings.lead(token, owner, 1, True)
    finder.answers.findings.rename(token, owner, 2, "Größe")
    lines = visitor.get(f"{scan}/report/report.txt").text.splitlines()
    names = [line.partition(":")[0] for line in lines if ": " in line][:3]
    assert names == ["F2 (leading finding)", "F1", "Größe"]
    page = visitor.get(f"{scan}/report").text
    assert page.count('<span class="hint">leading finding</span>') == 1
    finder.answers.findings.delete(token, owner, 0)
    with zipfile.ZipFile(io.BytesIO(visitor.get(f"{scan}/report/pictures.sc.zip").data)) as archive:
        assert archive.namelist() == ["finding-2.sc.dcm", "finding-3.sc.dcm"]


@pytest.mark.slow
def test_a_comparison_is_part_of_the_text(finder):
    client = new_visitor(finder)
    scan = open_now(client, now_zip())
    assert add(client, scan, before_zip()).status_code == 303
    text = client.get(f"{scan}/report/report.txt").text
    found = re.search(
        r"Compared with the earlier CT 92 days before: long axis \+([\d.]+) mm \(beyond measurement error\), "
        r"volume \+(\d+) % \(beyond measurement error\), VDT \d+ days \(95 % interval \d+ to \d+\)\.",
        text,
    )
    assert 3 < float(found[1]) < 6
    assert 80 < float(found[2]) < 200
    assert "volume +" in client.get(f"{scan}/report").text
