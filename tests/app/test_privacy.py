"""Where marks go that were planted in all that identifies a patient: nowhere.

The identifiers (UIDs) of study, series and image are kept with the scan by design, and written into the DICOM
files that refer to it; here they are no marks.
"""

import base64
import io
import json
import re
import zlib

import pypdfium2
import pytest
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless

from tests.app.planting import (
    DATE,
    FORM_MARK,
    KEPT_UIDS,
    MARK,
    PIXELS,
    PLANTED,
    as_zip,
    bright_at,
    marked_ct,
    marked_picture,
    marked_series,
    odd_dicom,
    row_in_hu,
    with_broken_metadata,
)
from tests.app.watched import watched
from tests.ingest.dicom_files import transcoded

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Unknown encoding")]  # of the planted files
SCRIPT = {"X-Requested-With": "upload"}
PLACE = {"row": "127.5", "col": "76.5"}
EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)
CRASHED = (422, 503)


class Session:
    """A day with the server, and what was seen of it: statuses by what was done, files by name, leftovers."""

    def __init__(self, server):
        self.server, self.statuses, self.downloads = server, {}, {}
        self._good()
        self._pictures()
        self._bad()
        self._by_form()
        self._remove()

    def _note(self, name, answer):
        self.statuses[name] = answer[0]
        return answer

    def _upload(self, name, data, file_name, job="", **fields):
        """To both faces; only pages have jobs."""
        files = [(file_name, data)]
        api = self._note(f"{name}, JSON", self.server.post("/api/v1/predict", files, **fields))
        own = fields | ({"job": job} if job else {})
        self._note(f"{name}, page", self.server.post("/predict", files, **own))
        return api

    def _good(self):
        server = self.server
        server.get("/")
        self._upload("series", marked_series(), f"{MARK}ARCHIVE.zip", **PLACE, slice="1", job="0" * 32)
        files = [(f"{MARK}FOLDER/{MARK}{i}.dcm", marked_ct(i)) for i in range(3)]
        _, _, body = self._note("script", server.post("/predict", files, SCRIPT, job="a" * 32))
        self._note("progress", server.get("/progress/" + "a" * 32))
        self.scan = json.loads(body)["location"].partition("?")[0]
        self._note("viewer", server.get(self.scan))
        self._note("slice", server.get(f"{self.scan}/slice/1.png?level=-600&width=1500"))
        self._note("search", server.get(f"{self.scan}/search"))
        self._note("finding", server.post(f"{self.scan}/findings", **PLACE, slice="1"))
        self.whose = self._note("study", server.get(f"{self.scan}/study"))[2]
        self._note("map", server.get(f"{self.scan}/finding/0/saliency/consensus.png"))
        for name in ("report.pdf", "report.sr.dcm", "overlay.sc.dcm", "finding.json"):
            here = f"{self.scan}/finding/0/download/{name}"
            self.downloads[name] = self._note(name, server.get(here))[2]

    def _pictures(self):
        for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
            files = [(f"{MARK}.{kind.lower()}", marked_picture(kind))]
            self._note(kind, self.server.post("/api/v1/predict", files, model="alexnet"))

    def _bad(self):
        png = marked_picture("PNG")
        files = {
            "cut PNG": png[: len(png) // 2],
            "broken TIFF": with_broken_metadata(),
            "text": f"Dear colleague, {MARK} ...".encode(),
            "nested": as_zip([(f"{MARK}.zip", as_zip([(f"{MARK}.png", png)]))]),
            "climbing": as_zip([(f"../../{MARK}.dcm", marked_ct()[:5000])]),
        }
        for name, data in files.items():
            self._upload(name, data, f"{MARK}.bin")
        for name, data in odd_dicom().items():
            api = self.server.post("/api/v1/predict", [(f"{MARK}.dcm", data)], **PLACE, model="alexnet")
            self._note(f"odd {name}", api)
        packed = transcoded(marked_ct(), JPEG2000Lossless)
        self._note("packed", self.server.post("/api/v1/predict", [(f"{MARK}.dcm", packed)], **PLACE))
        with self.server.crashing():
            self._note("crash", self.server.post("/api/v1/predict", [(f"{MARK}.dcm", packed)], **PLACE))

    def _by_form(self):
        server, crop = self.server, [("a.png", marked_picture("PNG"))]
        for name in ("model", "row", "spacing_mm"):
            self._note(f"typed {name}", server.post("/predict", crop, **{name: FORM_MARK, "col": "5"}))
        self._note("typed job", server.post("/predict", crop, job=FORM_MARK, model="alexnet"))
        self._note("typed kind", server.post("/sample", kind=FORM_MARK))
        self._note("nowhere", server.get("/scan/nowhere"))
        asked = {"calculator": "brock", "age": FORM_MARK, "sex": FORM_MARK}
        self.echo = self._note("calculator", server.post(f"{self.scan}/finding/0", **asked))[2]

    def _remove(self):
        self.store = [(path.name, path.read_bytes()) for path in self.server.files()]
        self._note("removal", self.server.post(f"{self.scan}/remove"))
        self._note("gone", self.server.get(self.scan))
        self._note("metrics", self.server.get("/metrics"))
        self.server.stop()
        self.left = self.server.files()


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder, log = tmp_path_factory.mktemp("visited"), tmp_path_factory.mktemp("log") / "log"
    with watched(folder, log) as server:
        seen = Session(server)
    seen.log = log.read_bytes()
    return seen


def marks_in(data, marks=(*PLANTED, FORM_MARK)):
    """The marks in some bytes, and in what is packed in them: as base64 or by deflate, as PNG and PDF do."""
    packed = [base64.b64decode(found) for found in re.findall(rb"base64,([A-Za-z0-9+/=]+)", data)]
    for found in re.finditer(rb"stream\r?\n(.*?)endstream|IDAT(.*?)IEND", data, re.S):
        opened = zlib.decompressobj()
        try:
            packed.append(opened.decompress(found[1] or found[2]))
        except zlib.error:
            continue
    texts = [data, *packed]
    return {mark for mark in marks if any(form in text for text in texts for form in forms_of(mark))}


def forms_of(mark):
    """A text as bytes in the ways in which it may be written."""
    spaced = mark.encode("utf-16-be"), mark.encode("utf-16-le")
    return mark.encode(), mark.lower().encode(), mark.encode().hex().encode(), *spaced


def test_marks_are_found_wherever_they_are():
    assert marks_in(marked_ct()) == set(PLANTED)
    assert marks_in(marked_picture("TIFF")) == {MARK}
    assert marks_in(b'src="data:image/png;base64,' + base64.b64encode(marked_picture("PNG"))) == {MARK}
    packed = zlib.compress(DATE.encode())
    assert marks_in(b"%PDF stream\n" + packed + b"endstream") == {DATE}
    assert marks_in(b"a qxjv b") == {MARK}
    assert marks_in(b"nothing") == set()
    assert bright_at(127, 76)


def test_each_step_of_the_session_went_as_it_should(session):
    fine = "series, JSON|series, page|PNG|JPEG|TIFF|WEBP|script|progress|viewer|slice|search|finding|map"
    odd = ["date", "number", "name", "charset", "age", "study", "region", "scale", "spacing", "position"]
    odd += ["class"]  # the file meta information has the right one
    damaged = ["kind", "slope", "frames", "photometric", "short", "header"]
    bad = {"cut PNG": 422, "broken TIFF": 200, "text": 415, "nested": 415, "climbing": 422}
    expected = dict.fromkeys(
        [*fine.split("|"), *session.downloads, "packed", "study", "calculator", "typed job"], 200
    )
    expected |= {f"{name}, {face}": status for name, status in bad.items() for face in ("JSON", "page")}
    expected |= {f"odd {name}": 200 for name in odd} | {f"odd {name}": 422 for name in damaged}
    expected |= {f"typed {name}": 400 for name in ("model", "row", "spacing_mm", "kind")}
    expected |= {"odd bits": 413}  # its header claims an image of many gigabytes
    expected |= {"odd syntax": 415, "removal": 303, "gone": 404, "nowhere": 404}
    statuses = dict(session.statuses)
    assert statuses.pop("crash") in CRASHED
    assert statuses.pop("metrics") in (200, 404)
    assert statuses == expected


def test_no_answer_carries_a_mark(session):
    shown = session.echo, session.whose
    answers = [each for each in session.server.answers if not any(page in each[1] for page in shown)]
    assert [(asked, marks) for asked, data in answers if (marks := marks_in(data))] == []
    assert marks_in(session.echo, PLANTED) == set()
    assert marks_in(session.whose)  # to the browser that sent the scan, on wish, and nobody else
    assert len(answers) > 50


def test_the_log_carries_none(session):
    assert marks_in(session.log) == set()
    assert session.scan.rpartition("/")[2].encode() not in session.log
    assert len(session.log.splitlines()) > 20


def test_no_file_and_no_command_is_named_by_one(session):
    names = "\n".join(session.server.names)
    assert marks_in(names.encode()) == set()
    assert "slices.npy" in names
    assert "python" in names


def test_the_store_holds_pixels_and_identifiers_and_no_mark(session):
    assert {name for name, data in session.store if marks_in(data)} == set()
    assert "slices.npy" in dict(session.store)
    kept = [data for name, data in session.store if name == "scan.json" and b"1.2.392.7.2" in data]
    assert kept
    outside = [data for name, data in session.store if name != "slices.npy"] + [session.log]
    for data in (*outside, *(data for _, data in session.server.answers)):
        assert PIXELS[:24] not in data
        assert row_in_hu()[:24] not in data


def test_nothing_outlives_the_server(session):
    assert {path.name: path.stat().st_size for path in session.left if path.stat().st_size} in (
        {},
        {"lock": 32},
    )
    assert {path.name for path in session.left} <= {"lock"}


def test_the_dicom_files_refer_to_the_images_and_name_nobody(session):
    for name in ("report.sr.dcm", "overlay.sc.dcm"):
        dataset = dcmread(io.BytesIO(session.downloads[name]))
        assert {keyword: str(dataset.get(keyword) or "") for keyword in EMPTY} == dict.fromkeys(EMPTY, "")
        assert dataset.StudyInstanceUID == KEPT_UIDS["StudyInstanceUID"]
        assert dataset.preamble == bytes(128)
        assert "1.2.392.7.3.2" in str(dataset)


def test_the_printed_sheet_names_nobody(session):
    document = pypdfium2.PdfDocument(session.downloads["report.pdf"])
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    assert marks_in((text + str(document.get_metadata_dict())).encode()) == set()
    assert "-looking" in text


def test_whoever_uploads_is_warned_of_text_in_the_image(session):
    finding = json.loads(session.downloads["finding.json"])
    assert "burned_in_text" in [warning["code"] for warning in finding["warnings"]]
