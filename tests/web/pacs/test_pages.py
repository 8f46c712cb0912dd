"""The pages of the PACS against a real Orthanc: from the search to the results that lie there again."""

import html
import io
import logging
import os
import re
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from pydicom import dcmread

from app import ROOT
from models.web.access.cookies import BROWSER_COOKIE
from models.web.openapi import contract
from models.web.pacs import pacs_of
from models.web.settings import SETTINGS
from models.web.store import new_token
from tests.app.made_series import NODULE_AT, NODULE_SLICE, BrightSpots, WithLocaliser
from tests.app.test_openapi import schema_of
from tests.conftest import make_app, post, served, upload
from tests.ingest.dicom_files import head_slice, make_ct, rewritten
from tests.reports.dicom.made_finding import errors_of
from tests.web.pacs.conftest import (
    N_SLICES,
    SPACE,
    STUDY,
    THICK,
    THIN,
    THIN_TAGS,
    WHO,
    XRAY_STUDY,
    chest_series,
    odd_server,
    says,
    silent,
)
from tests.web.pacs.orthanc import PASSWORD as ARCHIVE_PASSWORD
from tests.web.pacs.orthanc import USER, orthanc

PASSWORD = "a password for tests"
SCRIPT = {"X-Requested-With": "fetch"}
MARKS = ["Müller", "M&#252;ller", "Änne", "MRN-4711", "19510203", "1951-02-03", "Rita", "ACC-12"]


@pytest.fixture(scope="session")
def registry(app):
    """The models, and a rule that finds what is bright."""
    return WithLocaliser(app.registry, BrightSpots())


@pytest.fixture(scope="session")
def make_connected(registry, tmp_path_factory):
    """Make an application that knows a PACS."""

    def make(**settings):
        folder = tmp_path_factory.mktemp("connected") / "store"
        return make_app({"REGISTRY": registry, "STORE": folder, "PASSWORD": PASSWORD, **settings})

    return make


@pytest.fixture(scope="module")
def connected(archive, make_connected):
    """The application with a password, and with Orthanc for its PACS."""
    return make_connected(**archive.settings)


def visitor_of(an_app):
    client = an_app.test_client()
    client.owner = new_token()
    client.set_cookie(BROWSER_COOKIE, client.owner)
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {PASSWORD}"
    return client


@pytest.fixture
def visitor(connected):
    return visitor_of(connected)


def wait(client, address, states=("done", "failed", "cancelled"), seconds=60):
    """The state of a series, once it is one of these."""
    end = time.monotonic() + seconds
    while (found := client.get(address, headers=SCRIPT).json)["state"] not in states:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def fetch(client, study=STUDY, series=THIN):
    """Address of a series on its way."""
    started = client.post("/pacs/fetch", data={"study": study, "series": series})
    assert started.status_code == 303
    return started.headers["Location"]


def found_in(client, scan):
    """Address of the finding on the nodule of a fetched scan."""
    row, col = NODULE_AT
    fields = {"row": row, "col": col, "slice": NODULE_SLICE, "model": "alexnet"}
    page = client.post(f"{scan}/findings", data=fields)
    assert page.status_code == 200
    return page.headers["Content-Location"]


def text_of(answer):
    return html.unescape(answer.get_data(as_text=True))


def error_code(page):
    match = re.search(r'data-code="(\w+)"', page.get_data(as_text=True))
    return match and match[1]


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


def test_nobody_else_sees_or_sends_what_was_fetched(connected, visitor):
    address = fetch(visitor)
    scan = wait(visitor, address)["scan"]
    here = found_in(visitor, scan)
    stranger = visitor_of(connected)
    assert stranger.get(address).status_code == 404
    assert stranger.get(scan).status_code == 404
    assert stranger.post(f"{here}/send").status_code == 404


ROUTES = [
    "/pacs",
    "/pacs/study",
    "/pacs/fetch",
    "/pacs/fetch/x/cancel",
    "/scan/x/finding/0/send",
    "/scan/x/report/send",
    "/api/v1/pacs/read",
]


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


@pytest.fixture
def program(connected):
    client = connected.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {PASSWORD}"
    return client


def test_a_program_has_a_series_read_and_its_results_stored(archive, connected, program):
    before = len(archive.instances(STUDY, "SR"))
    told = program.post("/api/v1/pacs/read", data={"study": STUDY, "series": THIN, "model": "alexnet"})
    assert told.status_code == 200
    assert told.json["finding"]["nodule"]["source"] == "suggested"
    assert [one["outcome"] for one in told.json["stored"]] == ["stored"] * 3
    assert len(archive.instances(STUDY, "SR")) == before + 1
    document = (
        connected.test_client()
        .get("/api/v1/openapi.json", headers={"Authorization": f"Bearer {PASSWORD}"})
        .json
    )
    assert document == contract(connected.config)
    schema_of(document, "/api/v1/pacs/read", "post", 200).validate(told.json)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"study": STUDY}, 400, "bad_field"),
        ({"study": STUDY, "series": THIN, "patient": "x"}, 400, "bad_field"),
        ({"study": STUDY, "series": "1.2.3.99"}, 404, "pacs_not_found"),
        ({"study": STUDY, "series": THIN, "model": "lenet"}, 400, "unknown_model"),
    ],
)
def test_a_program_is_told_what_is_wrong(connected, program, fields, status, code):
    told = program.post("/api/v1/pacs/read", data=fields)
    assert (told.status_code, told.json["error"]["code"]) == (status, code)
    schema_of(contract(connected.config), "/api/v1/pacs/read", "post", status).validate(told.json)


@pytest.mark.slow
def test_the_example_routes_what_arrives_in_orthanc(make_connected, tmp_path):
    """A series that arrives is read, and its results lie in Orthanc, without a person."""
    with orthanc(tmp_path) as server, served(make_connected(**server.settings)) as address:
        settings = {
            "ORTHANC": server.address,
            "ORTHANC_AUTH": f"{USER}:{ARCHIVE_PASSWORD}",
            "NODULE": address,
            "NODULE_PASSWORD": PASSWORD,
            "ROUTE_STATE": str(tmp_path / "last"),
            "ROUTE_FEWEST_SLICES": "5",
        }
        (tmp_path / "last").write_text("0")
        server.put(chest_series())
        server.put(chest_series(4, THICK, SliceThickness="5.0"))
        script = [sys.executable, "-u", str(ROOT / ".deploy" / "orthanc_route.py")]
        route = subprocess.Popen(
            script, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            end = time.monotonic() + 120
            while len(server.instances(STUDY, "SR")) < 1 and time.monotonic() < end:
                time.sleep(0.5)
            time.sleep(8)  # what it stored is stable by now, and is not read again
        finally:
            route.kill()
        said = route.communicate()[0]
        assert "report stored, segmentation stored, picture stored" in said
        assert "not wanted" in said
        assert [mark for mark in MARKS if mark in said] == []
        assert [len(server.instances(STUDY, kind)) for kind in ("SR", "SEG", "OT")] == [1, 1, 1]


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
