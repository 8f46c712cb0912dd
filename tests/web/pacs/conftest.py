"""An Orthanc with studies in it, an application that asks it, and what else may stand where a PACS should."""

import ipaddress
import socket
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from models.web.access.cookies import BROWSER_COOKIE
from models.web.pacs import Pacs
from models.web.store import new_token
from tests.app.made_series import BrightSpots, WithLocaliser, chest_volume, series_files
from tests.conftest import make_app
from tests.ingest.dicom_files import rewritten
from tests.web.pacs.orthanc import PASSWORD as ARCHIVE_PASSWORD
from tests.web.pacs.orthanc import USER, orthanc

PASSWORD = "a password for tests"
STUDY, THIN, THICK, SCOUT = "1.2.826.0.1.21", "1.2.826.0.1.22", "1.2.826.0.1.23", "1.2.826.0.1.24"
XRAY_STUDY = "1.2.826.0.1.31"
SPACE = "1.2.826.0.1.29"
WHO = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": "Müller^Änne",
    "PatientID": "MRN-4711",
    "PatientBirthDate": "19510203",
    "PatientSex": "F",
    "AccessionNumber": "ACC-12",
    "StudyID": "ST-9",
    "StudyDate": "20240131",
    "StudyTime": "101112",
    "StudyDescription": "CT chest",
    "ReferringPhysicianName": "Referrer^Rita",
}
MARKS = ["Müller", "M&#252;ller", "Änne", "MRN-4711", "19510203", "1951-02-03", "Rita", "ACC-12"]
N_SLICES = 12
THIN_TAGS = {
    "SeriesDescription": "Thorax 1.0",
    "ConvolutionKernel": "B70f",
    "SliceThickness": "1.0",
    "SeriesNumber": 4,
    "FrameOfReferenceUID": SPACE,
}


def chest_series(n_slices=N_SLICES, uid=THIN, **tags):
    """A CT series of the patient; the nodule is in slice 3."""
    named = {"StudyInstanceUID": STUDY, **WHO, **THIN_TAGS, **tags}
    files = series_files(chest_volume(n_slices), step_mm=1.0, **named)
    return [(name, with_series(data, uid)) for name, data in files]


def with_series(data, uid):
    """A file as one of another series."""
    return rewritten(data, SeriesInstanceUID=uid)


def other_series():
    """A thick series, a localizer, and a study of another kind."""
    thick = {"SeriesDescription": "Thorax 5.0", "ConvolutionKernel": "B31f", "SliceThickness": "5.0"}
    scout = {
        "SeriesDescription": "Scout",
        "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
        "ImageOrientationPatient": [1, 0, 0, 0, 0, -1],
        "SeriesNumber": 1,
    }
    xray = {
        "StudyInstanceUID": XRAY_STUDY,
        "Modality": "DX",
        "AccessionNumber": "ACC-13",
        "StudyDate": "20230102",
    }
    return [
        *chest_series(4, THICK, **thick, SeriesNumber=2),
        *chest_series(1, SCOUT, **scout),
        *chest_series(1, "1.2.826.0.1.32", **xray),
    ]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An Orthanc with one patient's studies; each file of tests has its own, since some store results."""
    with orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        server.put([*chest_series(), *other_series()])
        yield server


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


@pytest.fixture
def pacs(archive):
    """The client of the application."""
    return pacs_at(archive.dicomweb)


def pacs_at(address, **settings):
    return Pacs(address, **({"user": USER, "password": ARCHIVE_PASSWORD, "seconds": 10} | settings))


@contextmanager
def odd_server(behave, reads=True, host="127.0.0.1"):
    """A server that does to each connection what a function says, after it `reads` a request; its address."""
    with listener_at(host) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_answer, args=(connection, behave, reads), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        name = f"[{host.replace('%', '%25')}]" if ":" in host else host
        yield f"http://{name}:{listener.getsockname()[1]}"


def listener_at(host):
    """A socket that listens at an address; where the machine does not have it, the test is skipped."""
    try:
        family, *_, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        pytest.skip(f"{host}: {error}")


def link_local():
    """An IPv6 address that holds on one of the machine's links, with the name of that; or none."""
    try:
        rows = [row.split() for row in Path("/proc/net/if_inet6").read_text().splitlines()]
    except OSError:
        rows = []
    found = [f"{ipaddress.IPv6Address(int(row[0], 16))}%{row[5]}" for row in rows if row[3] == "20"]
    return found[0] if found else "fe80::1%none"


def _answer(connection, behave, reads):
    with connection:
        request = connection.recv(65536) if reads else b""
        try:
            behave(connection, request)
        except OSError:
            return


def relayed(port, seen):
    """Hands everything on to a port of this machine; what was asked goes into a list, too."""

    def behave(connection, request):
        with socket.create_connection(("127.0.0.1", port)) as other:
            seen.append(request)
            other.sendall(request)
            threading.Thread(target=_pump, args=(connection, other, seen), daemon=True).start()
            _pump(other, connection, [])

    return behave


def _pump(source, target, seen):
    with suppress(OSError):
        while data := source.recv(65536):
            seen.append(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def silent(connection, request):
    """Says nothing."""
    time.sleep(60)


def trickling(connection, request):
    """Sends a byte now and then, for as long as somebody listens."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\n\r\n[")
    while True:
        connection.sendall(b" ")
        time.sleep(0.2)


def trickling_headers(connection, request):
    """Never ends its headers."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.2)


def says(status, body=b"", headers=""):
    """Sends one answer."""

    def behave(connection, request):
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)

    return behave
