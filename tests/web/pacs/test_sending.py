"""What is sent to the PACS: the files of a finding or a report, and what is said of what became of them."""

import io
import re
import sys
from functools import partial

import pytest
from pydicom import dcmread

from models.errors import UserError
from models.reports.dicom import segmentation
from models.web.access.cookies import BROWSER_COOKIE
from models.web.pacs.sending import send_report
from tests.app.made_series import NODULE_AT, NODULE_SLICE
from tests.conftest import make_app, post, upload
from tests.reports.dicom.made_finding import errors_of, make_finding
from tests.reports.scan_report.made_report import named, report_of, series_scan
from tests.web.pacs.conftest import PASSWORD, STUDY, WHO, chest_series, odd_server, says, visitor_of
from tests.web.pacs.orthanc import orthanc
from tests.web.pacs.visiting import error_code, fetch, found_in, wait


def test_a_segmentation_that_cannot_be_written_is_not_left_out_in_silence(monkeypatch):
    scan = series_scan()
    report = report_of([named(f"F{i}", make_finding(scan, index=1)) for i in (1, 2)])
    monkeypatch.setattr(sys.modules[segmentation.__module__], "MOST_BYTES", 0)
    with pytest.raises(UserError) as refused:
        send_report(None, report, ["", ""])
    assert refused.value.code == "too_large"


def test_a_study_that_is_gone_takes_no_results(make_connected, tmp_path):
    with orthanc(tmp_path) as server:
        server.put(chest_series())
        client = visitor_of(make_connected(**server.settings))
        here = found_in(client, wait(client, fetch(client))["scan"])
        server.empty()
        sent = client.post(f"{here}/send")
        assert (sent.status_code, error_code(sent)) == (404, "pacs_not_found")
        assert f'href="{here}?model=alexnet"' in sent.text
        assert server.ask("GET", "/instances").json() == []


def test_the_report_of_all_findings_is_sent_at_once(make_connected, tmp_path):
    with orthanc(tmp_path) as server:
        server.put(chest_series())
        client = visitor_of(make_connected(**server.settings))
        scan = wait(client, fetch(client))["scan"]
        assert client.post(f"{scan}/report/send").status_code == 404  # there are no findings yet
        found_in(client, scan)
        row, col = NODULE_AT
        client.post(f"{scan}/findings", data={"row": row, "col": col + 3, "slice": 4, "model": "vgg16"})
        assert 'id="send-to-pacs">Send to the PACS<' in client.get(f"{scan}/report").text
        sent = client.post(f"{scan}/report/send")
        told = re.findall(r'data-kind="(\w+)" data-outcome="(\w+)">([^:]+):', sent.text)
        assert told == [
            ("report", "stored", "Structured Report"),
            ("segmentation", "stored", "Segmentation of the outline"),
            ("picture", "stored", "Image of F1"),
            ("picture", "stored", "Image of F2"),
        ]
        assert f'href="{scan}/report">Back to the report<' in sent.text
        assert 'id="send-to-pacs">Send to the PACS again<' in client.get(f"{scan}/report").text
        stored = {modality: server.instances(STUDY, modality) for modality in ("SR", "SEG", "OT")}
        assert {modality: len(files) for modality, files in stored.items()} == {"SR": 1, "SEG": 1, "OT": 2}
        for files in stored.values():
            for data in files:
                (tmp_path / "x.dcm").write_bytes(data)
                assert errors_of(tmp_path / "x.dcm") == []
                assert dcmread(io.BytesIO(data)).PatientName == WHO["PatientName"]
        tracked = {s.TrackingUID for s in dcmread(io.BytesIO(stored["SEG"][0])).SegmentSequence}
        assert all(uid in str(dcmread(io.BytesIO(stored["SR"][0]))) for uid in tracked)


def test_what_the_pacs_refuses_is_told_one_by_one(make_connected, archive, registry, connected, visitor):
    here = found_in(visitor, wait(visitor, fetch(visitor))["scan"])
    with odd_server(partial(storing, answer=refusing)) as address:
        an_app = make_app(
            {
                "REGISTRY": registry,
                "STORE": connected.config["STORE"],
                "PASSWORD": PASSWORD,
                "DICOMWEB": address,
            }
        )
        client = visitor_of(an_app)
        client.set_cookie(BROWSER_COOKIE, visitor.owner)
        sent = client.post(f"{here}/send", data={"model": "alexnet"})
    told = re.findall(r'data-kind="(\w+)" data-outcome="(\w+)"', sent.text)
    assert [outcome for _, outcome in told] == ["refused", "changed", "untold"]
    assert "the PACS has no room for it, or is overloaded (code A700)" in re.sub(r"\s+", " ", sent.text)
    assert sent.status_code == 200


def storing(connection, request, answer):
    """Knows the study, and says `answer(files)` of the files that are sent."""
    headers = "Content-Type: application/dicom+json\r\nConnection: close\r\n"
    if request.startswith(b"GET"):
        body = b'[{"0020000D": {"vr": "UI", "Value": ["%s"]}}]' % STUDY.encode()
        says("200 OK", body, headers)(connection, request)
        return
    while b"--\r\n" not in request[-80:] and not request.rstrip().endswith(b"--"):
        request += connection.recv(1 << 20)
    says("202 Accepted", answer(parts_of(request)), headers)(connection, request)


def refusing(files):
    """Of three files, one is refused, one is changed, and nothing is said of the third."""
    uids = [dcmread(io.BytesIO(part)).SOPInstanceUID for part in files]
    return (
        b'[{"00081198": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["%s"]}, '
        b'"00081197": {"vr": "US", "Value": [42752]}}]}, '
        b'"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["%s"]}, '
        b'"00081196": {"vr": "US", "Value": [45056]}}]}}]'
    ) % (uids[0].encode(), uids[1].encode())


def test_what_is_in_the_pacs_stays_there_when_it_is_sent_again_in_vain(
    make_connected, archive, registry, connected, visitor
):
    here = found_in(visitor, wait(visitor, fetch(visitor))["scan"])
    visitor.post(f"{here}/send")
    assert 'id="send-to-pacs">Send to the PACS again<' in visitor.get(here).text
    with odd_server(partial(storing, answer=untelling)) as address:
        settings = {"STORE": connected.config["STORE"], "PASSWORD": PASSWORD, "DICOMWEB": address}
        client = visitor_of(make_app({"REGISTRY": registry} | settings))
        client.set_cookie(BROWSER_COOKIE, visitor.owner)
        assert client.post(f"{here}/send").status_code == 502
    assert 'id="send-to-pacs">Send to the PACS again<' in visitor.get(here).text


def untelling(files):
    """Does not say what it stored."""
    return b"[{}]"


def parts_of(request):
    """The files in a multipart request."""
    boundary = re.search(rb'boundary="(\w+)"', request)[1]
    parts = request.split(b"\r\n\r\n", 1)[1].split(b"\r\n--" + boundary)
    return [part.split(b"\r\n\r\n", 1)[1] for part in parts if b"\r\n\r\n" in part]


def test_an_upload_is_not_sent(visitor):
    row, col = NODULE_AT
    files = [upload(data, name) for name, data in chest_series()]
    page = post(visitor, files, "/predict", row=row, col=col, slice=NODULE_SLICE, model="alexnet")
    here = page.headers["Content-Location"]
    assert 'id="download-seg"' in page.text
    assert 'id="send-to-pacs"' not in page.text
    assert visitor.post(f"{here}/send").status_code == 404
