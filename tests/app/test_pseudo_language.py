"""All that people read can be translated: in a language with every text «in marks», nothing is without."""

import re
from html.parser import HTMLParser

import pypdfium2
import pytest

from models.imaging.phantom import KINDS
from tests.app.conftest import new_visitor
from tests.app.made_series import NODULE_AT, NODULE_SLICE, series_files
from tests.app.two_scans import add, before_zip, now_zip, open_now
from tests.conftest import make_app, post, upload
from tests.reports import marked
from tests.several_series import disc_zip
from training.publish.catalogue import as_mo, words

SPOKEN = ("alt", "title", "aria-label", "placeholder", "aria-description", "label", "content")
NAMES = {  # the same in all languages: names, units, codes
    *("VGG16", "VGG19", "VGG", "ResNet", "AlexNet", "EfficientNet", "Brock", "Mayo", "PanCan", "Fleischner"),
    *("Lung", "RADS", "BTS", "LIDC", "IDRI", "DICOM", "PACS", "UID", "ASCII", "Esc", "HU", "AUC", "MIP"),
    *("CT", "mm", "mm³", "mm3", "kB", "MB", "PDF", "JSON", "SR", "SEG", "SC", "PNG", "ZIP", "CSV"),
    *("Deutsch", "English", "Lite"),
}
SCRIPTED = re.compile(r"\{\w+\}")  # what a script puts in
CITATION = re.compile(
    r"(?:Simonyan|Tan|Krizhevsky)[\w, ]* and \w+|NeurIPS|arXiv|Schwartz, Cancer"
    r"|[\w .,’:&()-]*\bet al\.[\w .,:&()-]*|American College of Radiology, Lung-RADS v2022"
)


class Texts(HTMLParser):
    """The texts of a page in their order, and what it says beside them."""

    def __init__(self):
        super().__init__()
        self.said, self.spoken, self._unread = [], [], 0

    def handle_starttag(self, tag, attrs):
        self._unread += tag in ("script", "style", "code")
        self.spoken += [value for name, value in attrs if name in SPOKEN and value and tag != "meta"]

    def handle_endtag(self, tag):
        self._unread -= tag in ("script", "style", "code")

    def handle_data(self, data):
        if not self._unread:
            self.said.append(data)


def unmarked(text):
    """The words of a text that are in no marks, but for names, citations and what a script puts in."""
    return marked.unmarked(SCRIPTED.sub(" ", CITATION.sub(" ", text)), NAMES)


def unmarked_on(page):
    """Those of a page, and of what it has read out."""
    found = Texts()
    found.feed(page[page.index("<body") :])
    spoken = [word for text in found.spoken for word in unmarked(text)]
    return " ".join(unmarked(" ".join(found.said)) + spoken)


@pytest.fixture(scope="module")
def reader(finder, tmp_path_factory):
    """A visitor of the application in a language that has every text in marks."""
    catalogue, folder = words(), tmp_path_factory.mktemp("pseudo")
    for message in catalogue:
        if message.id:
            forms = (message.id,) if isinstance(message.id, str) else message.id
            in_marks = tuple(f"«{text}»" for text in forms)
            message.string = in_marks if len(in_marks) > 1 else in_marks[0]
    path = folder / "locale" / "de" / "LC_MESSAGES" / "messages.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(as_mo(catalogue))
    settings = {"REGISTRY": finder.registry, "STORE": folder / "store", "STORE_SCANS": 100}
    client = new_visitor(make_app(settings | {"BABEL_TRANSLATION_DIRECTORIES": str(folder / "locale")}))
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    return client


@pytest.fixture(scope="module")
def scan(reader):
    """Address of a scan with two findings, of which one has an answer of each calculator."""
    files = [upload(data, name) for name, data in series_files(StudyDate="20240601")]
    row, col = NODULE_AT
    page = post(reader, files, "/predict", row=row, col=col, slice=NODULE_SLICE, model="consensus")
    address = page.headers["Content-Location"].partition("/finding")[0]
    place = {"row": row - 40, "col": col + 5, "slice": NODULE_SLICE, "model": "vgg16"}
    assert reader.post(f"{address}/findings", data=place).status_code == 200
    return address


def test_words_without_marks_are_found():
    page = '<html><body><p>«Two <b>words</b>» and 3 mm «or «x» y»<img alt="a cat"><code>code</code></p>'
    assert unmarked_on(page) == "and cat"


@pytest.mark.parametrize("address", ["/", "/models", "/nowhere"])
def test_pages_about_no_scan(reader, address):
    assert unmarked_on(reader.get(address).text) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample(reader, kind):
    assert unmarked_on(reader.post("/sample", data={"kind": kind}).text) == ""


@pytest.mark.parametrize("part", ["", "/finding/0", "/finding/1", "/report", "/study"])
def test_pages_about_a_scan(reader, scan, part):
    assert unmarked_on(reader.get(f"{scan}{part}").text) == ""


@pytest.mark.parametrize("key", ["brock", "mayo", "fleischner", "lung_rads"])
def test_calculators(reader, scan, key):
    assert unmarked_on(reader.get(f"{scan}/finding/0?calculator={key}").text) == ""


def test_an_upload_of_several_series(reader):
    page = post(reader, upload(disc_zip(), "disc.zip"), "/predict").text
    assert unmarked_on(page) == "Thorax Thorax Head Topogram"  # descriptions in the files


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", b"no"),
        ("a.dcm", b"\0" * 128 + b"DICM"),
        ("a.zip", b"PK\3\4"),
        ("a.txt", b"text"),
        ("a.tif", b""),
    ],
)
def test_mistakes(reader, name, data):
    assert unmarked_on(post(reader, upload(data, name), "/predict").text) == ""


def test_the_text_of_a_report(reader, scan):
    assert unmarked(reader.get(f"{scan}/report/report.txt").text) == []


@pytest.mark.parametrize("part", ["/finding/0/download/report.pdf", "/report/report.pdf"])
def test_sheets(reader, scan, part):
    sheet = pypdfium2.PdfDocument(reader.get(f"{scan}{part}").data)
    text = " ".join(page.get_textpage().get_text_range() for page in sheet)
    assert unmarked(text) == []


@pytest.mark.slow
def test_a_comparison(reader):
    scan = open_now(reader, now_zip())
    add(reader, scan, before_zip(), added="earlier")
    assert unmarked_on(reader.get(f"{scan}/comparison").text) == ""
    assert unmarked_on(reader.get(f"{scan}/finding/0").text) == ""
    assert unmarked(reader.get(f"{scan}/comparison.txt").text) == []
