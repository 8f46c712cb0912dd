"""Search, fetch and store against a real Orthanc, and what is said where the PACS fails."""

import io
import re
import shutil
import ssl
import subprocess
import time

import pytest
from pydicom import dcmread

from models.errors import UserError
from models.inference.detection.search import Cancelled
from models.ingest.read import read_scan
from models.ingest.spool import Spool
from models.web.pacs.dicom_json import person_name, text
from models.web.pacs.queries import Query, query_of
from tests.web.pacs.conftest import (
    N_SLICES,
    STUDY,
    THICK,
    THIN,
    WHO,
    XRAY_STUDY,
    chest_series,
    link_local,
    odd_server,
    pacs_at,
    relayed,
    says,
    silent,
    trickling,
    trickling_headers,
)
from tests.web.pacs.orthanc import orthanc

ASKED = Query(patient_id="MRN-4711")


def refused(work):
    """Code and sentence of a refusal, and how long it took."""
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        work()
    return caught.value.code, caught.value.message, time.monotonic() - start


def fetched(pacs, study=STUDY, series=THIN, **options):
    """The files of a series, as bytes."""
    with Spool() as spool:
        return [source.open().read() for source in pacs.fetch(study, series, spool, **options)]


@pytest.mark.parametrize(
    "fields",
    [
        {"patient_id": "MRN-4711"},
        {"patient_name": "Müller, Änne"},
        {"patient_name": "Müll"},
        {"patient_name": "M*ler*"},
        {"accession": "ACC-12"},
        {"date_from": "2024-01-31", "date_to": "2024-01-31"},
        {"date_from": "2024-01-01", "patient_id": "MRN-4711"},
    ],
)
def test_a_study_is_found_by_each_field(pacs, fields):
    studies, has_more = pacs.studies(query_of(fields))
    study = next(study for study in studies if study.uid == STUDY)
    assert (study.patient_name, study.patient_id, study.birth_date) == (
        "Müller, Änne",
        "MRN-4711",
        "1951-02-03",
    )
    assert (study.date, study.description, study.accession) == ("2024-01-31", "CT chest", "ACC-12")
    assert (study.modalities, has_more) == (("CT",), False)


@pytest.mark.parametrize(
    "fields",
    [
        {"patient_id": "MRN-4712"},
        {"patient_name": "Doe"},
        {"accession": "ACC"},
        {"date_from": "2024-02-01"},
        {"date_to": "2022-12-31", "patient_id": "MRN-4711"},
    ],
)
def test_what_does_not_fit_is_not_found(pacs, fields):
    assert pacs.studies(query_of(fields)) == ([], False)


def test_newer_studies_come_first(pacs):
    studies, _ = pacs.studies(ASKED)
    assert [study.uid for study in studies] == [STUDY, XRAY_STUDY]


def test_the_ct_series_of_a_study_are_told_and_the_thin_one_for_lung_is_proposed(pacs):
    study, series = pacs.series(STUDY)
    assert study.patient_name == "Müller, Änne"
    told = [(s.description, s.kernel, s.thickness_mm, s.slices, s.plane, s.is_proposed) for s in series]
    assert told == [
        ("Thorax 1.0", "B70f", 1.0, N_SLICES, "axial", True),
        ("Scout", "B70f", 1.0, 1, "localizer", False),
        ("Thorax 5.0", "B31f", 5.0, 4, "axial", False),
    ]


def test_a_study_without_ct_is_told_so(pacs):
    assert refused(lambda: pacs.series(XRAY_STUDY))[:2] == ("pacs_not_found", "This study has no CT series.")
    assert refused(lambda: fetched(pacs, XRAY_STUDY, "1.2.826.0.1.32"))[0] == "pacs_not_found"


def test_a_series_comes_as_it_was_stored(pacs):
    told = []
    files = fetched(pacs, progress=lambda done, total: told.append((done, total)))
    assert told == [(i + 1, N_SLICES) for i in range(N_SLICES)]
    positions = sorted(float(dcmread(io.BytesIO(data)).ImagePositionPatient[2]) for data in files)
    assert positions == [-90.0 + i for i in range(N_SLICES)]
    scan = read_scan([(f"{i}.dcm", data) for i, data in enumerate(files)])
    assert len(scan.slices) == N_SLICES
    assert {reference.series_uid for reference in scan.references} == {THIN}


def test_what_is_not_there_is_told_so(pacs):
    for work in (lambda: pacs.series("1.2.3.99"), lambda: pacs.patient("1.2.3.99")):
        assert refused(work)[:2] == (
            "pacs_not_found",
            "The PACS does not have this study, or no longer has it.",
        )
    assert refused(lambda: fetched(pacs, series="1.2.3.99"))[0] == "pacs_not_found"


def test_whose_a_study_is_comes_from_the_pacs(pacs):
    patient = pacs.patient(STUDY)
    for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate"):
        assert text(patient, keyword) == WHO[keyword]
    assert person_name(patient, "PatientName") == "Müller^Änne"
    assert person_name(patient, "ReferringPhysicianName") == "Referrer^Rita"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", link_local()], ids=["IPv4", "IPv6", "link-local"])
def test_any_address_leads_to_it_and_is_named_in_each_request(archive, host):
    seen = []
    with odd_server(relayed(archive.port, seen), host=host) as address:
        pacs = pacs_at(f"{address}/dicom-web")
        studies, _ = pacs.studies(ASKED)
        _, series = pacs.series(STUDY)
        files = fetched(pacs)
        pacs.store(STUDY, files[:1])
    assert [study.uid for study in studies] == [STUDY, XRAY_STUDY]
    assert (len(series), len(files)) == (3, N_SLICES)
    named = re.findall(rb"\r\nHost: (.*?)\r\n", b"".join(seen))
    assert len(named) >= 6
    assert {name.decode() for name in named} == {re.sub("%25.*]", "]", address.removeprefix("http://"))}


def test_bounds_on_files_and_bytes(archive):
    few = pacs_at(archive.dicomweb, most_files=N_SLICES - 1)
    assert refused(lambda: fetched(few))[:2] == (
        "too_large",
        f"The series has {N_SLICES} images; at most {N_SLICES - 1} are read at once.",
    )
    little = pacs_at(archive.dicomweb, most_bytes=300_000)
    assert refused(lambda: fetched(little))[:2] == (
        "too_large",
        "The PACS sent more than this server accepts at once.",
    )


def test_a_wrong_password_is_told_so(archive):
    for wrong in ({"password": "a guess"}, {"user": ""}, {"user": "", "token": "a token"}):
        code, message, _ = refused(lambda wrong=wrong: pacs_at(archive.dicomweb, **wrong).studies(ASKED))
        assert (code, "refused" in message) == ("pacs_denied", True)


def test_cancelling_ends_it(pacs):
    with pytest.raises(Cancelled), odd_server(silent_series) as address:
        fetched(pacs_at(address, seconds=30), cancelled=lambda: True)


def silent_series(connection, request):
    """Knows the series, and then says nothing."""
    if b"?" in request.split(b"\r\n")[0]:
        entry = b'{"0020000E": {"vr": "UI", "Value": ["%s"]}, "00080060": {"vr": "CS", "Value": ["CT"]}, '
        entry += b'"00201209": {"vr": "IS", "Value": [3]}}'
        body = b"[" + entry % THIN.encode() + b"]"
        says("200 OK", body, "Content-Type: application/dicom+json\r\nConnection: close\r\n")(
            connection, request
        )
    else:
        silent(connection, request)


@pytest.mark.parametrize("behave", [silent, trickling, trickling_headers])
def test_a_slow_pacs_is_waited_for_no_longer_than_the_setting_says(behave):
    with odd_server(behave) as address:
        code, message, seconds = refused(lambda: pacs_at(address, seconds=1).studies(ASKED))
    assert code == "pacs_slow"
    assert "1 s" in message
    assert seconds < 4


@pytest.mark.parametrize(
    ("behave", "sentence"),
    [
        (says("200 OK", b"<html>", "Content-Type: text/html\r\n"), "not DICOMweb"),
        (says("200 OK", b'{"a": [1]}', "Content-Type: application/json\r\n"), None),
        (says("500 Internal Server Error"), "HTTP 500"),
        (says("503 Service Unavailable"), "busy"),
        (says("302 Found", headers="Location: http://127.0.0.1:1/\r\n"), "another address"),
        (lambda connection, request: None, "cannot be reached"),
        (
            lambda connection, request: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n["),
            "was lost",
        ),
        (lambda connection, request: connection.sendall(b"SSH-2.0-OpenSSH\r\n"), "cannot be reached"),
    ],
)
def test_what_is_no_dicomweb_is_told_so(behave, sentence):
    with odd_server(behave) as address:
        if sentence is None:
            assert pacs_at(address).studies(ASKED)[0][0].uid == ""
            return
        code, message, _ = refused(lambda: pacs_at(address).studies(ASKED))
    assert code == "pacs_unavailable"
    assert sentence in message


def test_where_nothing_listens_that_is_told():
    code, message, _ = refused(lambda: pacs_at("http://127.0.0.1:1/dicom-web").studies(ASKED))
    assert (code, message) == (
        "pacs_unavailable",
        "The PACS cannot be reached. Try again, or ask the administrator of this server.",
    )


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_certificate_that_nobody_vouches_for_is_refused_unless_its_file_is_given(tmp_path, host):
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=pacs"
    command += f" -addext subjectAltName=IP:{host} -keyout key.pem -out certificate.pem"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")

    def behave(connection, request):
        try:
            with tls.wrap_socket(connection, server_side=True) as secure:
                says("200 OK", b"[{}]", "Content-Type: application/dicom+json\r\n")(secure, secure.recv(9999))
        except ssl.SSLError:  # the client hangs up
            return

    with odd_server(behave, reads=False, host=host) as address:
        address = address.replace("http:", "https:")
        code, message, _ = refused(lambda: pacs_at(address).studies(ASKED))
        assert (code, "certificate" in message) == ("pacs_unavailable", True)
        known = pacs_at(address, ca_file=str(tmp_path / "certificate.pem"))
        assert len(known.studies(ASKED)[0]) == 1


@pytest.mark.usefixtures("archive")
def test_a_pacs_that_goes_in_the_middle_is_told_so(tmp_path):
    with orthanc(tmp_path) as server:
        server.put(chest_series(60))

        def kill(done, total):
            if done == 5:
                server.process.kill()

        with Spool() as spool:
            code, message, _ = refused(
                lambda: pacs_at(server.dicomweb, seconds=5).fetch(STUDY, THIN, spool, progress=kill)
            )
    assert code == "pacs_unavailable"
    assert "arrived incomplete" in message or "was lost" in message


def test_a_thick_series_comes_too(pacs):
    assert len(fetched(pacs, series=THICK)) == 4
