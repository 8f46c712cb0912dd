"""The pages of the PACS against a real Orthanc: the whole way, the search, and a series that is fetched."""

import io
import re
import time

import numpy as np
import pytest
from pydicom import dcmread

from tests.ingest.dicom_files import head_slice, make_ct, rewritten
from tests.reports.dicom.made_finding import errors_of
from tests.web.pacs.conftest import (
    N_SLICES,
    SPACE,
    STUDY,
    THIN,
    THIN_TAGS,
    WHO,
    XRAY_STUDY,
    chest_series,
    odd_server,
    says,
    silent,
    visitor_of,
)
from tests.web.pacs.orthanc import orthanc
from tests.web.pacs.visiting import error_code, fetch, found_in, text_of, wait


def test_from_the_search_to_the_results_in_the_archive(archive, visitor, tmp_path):
    studies = text_of(visitor.post("/pacs", data={"patient_id": "MRN-4711"}))
    assert "2 studies" in studies
    assert "Müller, Änne" in studies
    series = visitor.post("/pacs/study", data={"study": STUDY, "patient_id": "MRN-4711"}).text
    proposed = re.search(r'<tr class="proposed">.*?</tr>', series, re.S)[0]
    assert THIN in proposed
    assert "Thorax 1.0" in proposed
    address = fetch(visitor)
    scan = wait(visitor, address)["scan"]
    assert visitor.get(address).headers["Location"] == scan
    viewer = visitor.get(scan)
    assert f"of {N_SLICES}" in viewer.text
    here = found_in(visitor, scan)
    assert 'id="send-to-pacs"' in visitor.get(here).text
    sent = visitor.post(f"{here}/send", data={"model": "alexnet"})
    assert sent.status_code == 200
    told = re.findall(r'data-kind="(\w+)" data-outcome="(\w+)"', sent.text)
    assert told == [("report", "stored"), ("segmentation", "stored"), ("picture", "stored")]
    image = images_in(archive)[0]
    for modality in ("SR", "SEG", "OT"):
        (data,) = archive.instances(STUDY, modality)
        (tmp_path / "x.dcm").write_bytes(data)
        assert errors_of(tmp_path / "x.dcm") == []
        stored = dcmread(io.BytesIO(data))
        named = {keyword: str(stored.get(keyword)) for keyword in WHO if keyword in stored}
        assert named == {keyword: value for keyword, value in WHO.items() if keyword in named}
        assert {"PatientName", "PatientID", "AccessionNumber", "StudyDate"} <= set(named)
        assert stored.StudyInstanceUID == STUDY
        assert image.SOPInstanceUID[:20] in str(stored)
    assert dcmread(io.BytesIO(archive.instances(STUDY, "SEG")[0])).FrameOfReferenceUID == SPACE
    patients = archive.ask("GET", "/patients").json()
    assert len(patients) == 1  # none was made beside the patient's own


def images_in(archive):
    """Headers of the thin series in the archive."""
    found = archive.instances(STUDY, "CT")
    headers = [dcmread(io.BytesIO(data), stop_before_pixels=True) for data in found]
    return [header for header in headers if header.SeriesInstanceUID == THIN]


def test_one_study_shows_its_series_at_once(visitor):
    page = visitor.post("/pacs", data={"accession": "ACC-12"}).text
    assert 'id="series-table"' in page
    assert 'value="ACC-12"' in page


@pytest.mark.parametrize(
    ("path", "fields", "status", "sentence"),
    [
        ("/pacs", {"patient_id": "nobody"}, 200, "No study in the PACS matches"),
        ("/pacs", {}, 400, "at least one field"),
        ("/pacs", {"date_from": "31.1.2024"}, 400, "2024-01-31"),
        ("/pacs", {"accession": "ACC-13"}, 404, "This study has no CT series."),
        ("/pacs/study", {"study": XRAY_STUDY}, 404, "This study has no CT series."),
        ("/pacs/study", {"study": "1.2.3.99"}, 404, "does not have this study"),
        ("/pacs/study", {"study": "x"}, 400, "identifier (UID) of a study"),
        ("/pacs/fetch", {"study": STUDY, "series": "../1"}, 400, "identifier (UID) of a series"),
    ],
)
def test_what_goes_wrong_is_said_on_the_page_of_the_search(visitor, path, fields, status, sentence):
    page = visitor.post(path, data=fields)
    assert page.status_code == status
    assert sentence in text_of(page)
    assert 'id="pacs-search"' in page.text


def test_a_series_that_is_not_there_is_told_where_it_was_waited_for(visitor):
    address = fetch(visitor, series="1.2.3.99")
    told = wait(visitor, address)
    assert (told["code"], told["message"]) == (
        "pacs_not_found",
        "The PACS does not have this CT series, or no longer has it.",
    )
    page = visitor.get(address)
    assert "does not have this CT series" in text_of(page)
    assert 'href="/pacs"' in page.text


def test_what_is_no_chest_is_kept_for_somebody_who_knows_better(archive, visitor):
    head = chest_series(3, "1.2.826.0.1.41", StudyInstanceUID="1.2.826.0.1.40", AccessionNumber="HEAD")
    pixels = (head_slice((256, 256)) + 1024).astype("<u2").tobytes()
    archive.put([(name, rewritten(data, PixelData=pixels)) for name, data in head])
    try:
        address = fetch(visitor, "1.2.826.0.1.40", "1.2.826.0.1.41")
        found = wait(visitor, address)
        assert found["code"] == "not_chest"
        page = visitor.get(address).text
        assert f'action="{found["scan"]}/go-on"' in page
        assert visitor.post(f"{found['scan']}/go-on").status_code == 200
    finally:
        (study,) = archive.ask(
            "POST", "/tools/find", json={"Level": "Study", "Query": {"AccessionNumber": "HEAD"}}
        ).json()
        archive.ask("DELETE", f"/studies/{study}")


def test_cancelling_leaves_nothing(make_connected, archive):
    with odd_server(series_that_never_comes) as address:
        an_app = make_connected(**(archive.settings | {"DICOMWEB": address}))
        client = visitor_of(an_app)
        here = fetch(client)
        wait(client, here, ("waiting", "fetching"))
        time.sleep(0.5)
        assert client.post(f"{here}/cancel").status_code == 303
        assert wait(client, here)["state"] == "cancelled"
        assert "Nothing was kept" in client.get(here).text
    assert scans_in(an_app) == []


def series_that_never_comes(connection, request):
    """Describes a series, and sends its beginning."""
    if b"?" in request.split(b"\r\n")[0]:
        entry = b'{"0020000E": {"vr": "UI", "Value": ["%s"]}, "00080060": {"vr": "CS", "Value": ["CT"]}, '
        body = b"[" + entry % THIN.encode() + b'"00201209": {"vr": "IS", "Value": [3]}}]'
        headers = "Content-Type: application/dicom+json\r\nConnection: close\r\n"
        says("200 OK", body, headers)(connection, request)
    else:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; boundary=x\r\n\r\n"
        connection.sendall(head + b"--x\r\nContent-Type: application/dicom\r\n\r\n" + bytes(1000))
        silent(connection, request)


def scans_in(an_app):
    """Names of the scans that the store of an application has."""
    folder = an_app.store._lifetime.lock().folder
    return [path.name for path in folder.iterdir() if len(path.name) >= 64]


def test_a_pacs_that_goes_in_the_middle_leaves_nothing(make_connected, archive, tmp_path):
    with orthanc(tmp_path) as server:
        server.put(chest_series(60))
        an_app = make_connected(**(server.settings | {"DICOMWEB_SECONDS": 5}))
        client = visitor_of(an_app)
        server.process.kill()
        server.process.wait()
        page = client.post("/pacs", data={"patient_id": "MRN-4711"})
        assert (page.status_code, error_code(page)) == (502, "pacs_unavailable")
        assert wait(client, fetch(client))["code"] == "pacs_unavailable"
    assert scans_in(an_app) == []


def test_a_slow_pacs_is_told_so(make_connected):
    with odd_server(silent) as address:
        client = visitor_of(make_connected(DICOMWEB=address, DICOMWEB_SECONDS=1))
        page = client.post("/pacs", data={"patient_id": "MRN-4711"})
    assert (page.status_code, error_code(page)) == (504, "pacs_slow")
    assert 'value="MRN-4711"' in page.text  # what was typed is still there


def test_a_wrong_password_of_the_server_is_told_so(make_connected, archive):
    client = visitor_of(make_connected(**(archive.settings | {"DICOMWEB_PASSWORD": "a guess"})))
    page = client.post("/pacs", data={"patient_id": "MRN-4711"})
    assert (page.status_code, error_code(page)) == (502, "pacs_denied")
    assert "a guess" not in page.text


@pytest.mark.slow
def test_two_thousand_slices_come_and_one_more_is_refused(make_connected, tmp_path):
    files = tiny_slices(2001)
    with orthanc(tmp_path) as server:
        server.put(files[:2000])
        client = visitor_of(make_connected(**server.settings, DECODE_SECONDS=300))
        address = fetch(client)
        found = wait(client, address, seconds=400)
        assert found["state"] == "done" or found["code"] == "not_chest", found
        assert visitor_reads(client, found["scan"]) == 2000
        server.put(files[2000:])
        address = fetch(client)
        assert wait(client, address)["code"] == "too_large"
        page = client.get(address).text
        assert "The series has 2,001 images; at most 2,000 are read at once." in page


def tiny_slices(n_slices):
    """Files of 96 x 96 pixels (larger ones have more time); one is made, others differ where they must."""
    uid, z = "1.2.826.0.1.51.10000", "1000.0"
    named = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": THIN, "SOPInstanceUID": uid, **WHO, **THIN_TAGS}
    first = make_ct(np.full((96, 96), -800, np.int16), ImagePositionPatient=["0", "0", z], **named)
    assert first.count(z.encode()) == 1
    return [
        (
            f"{i}.dcm",
            first.replace(uid.encode(), uid.replace("10000", str(10000 + i)).encode()).replace(
                z.encode(), f"{1000 + 0.5 * i:.1f}".encode()
            ),
        )
        for i in range(n_slices)
    ]


def visitor_reads(client, scan):
    """Number of slices that the viewer of a scan has."""
    return int(re.search(r'id="slider" min="1" max="(\d+)"', client.get(scan).text)[1])
