"""The report as readers of PDF see it: its pages, its text, its colours."""

import gettext
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pypdfium2
import pytest

from models import __version__
from models.imaging.phantom import draw_phantom
from models.imaging.scan import Notice
from models.inference.reliability import Reliability, SameVerdict
from models.ingest.read import read_scan
from models.messages import ENGLISH, Language
from models.reports.scan_report.as_pdf import report_as_pdf
from models.reports.scan_report.as_text import LIMITS
from tests.conftest import encode
from tests.reports.dicom.conftest import KINDS, STUDY, WHO
from tests.reports.dicom.made_finding import make_finding
from tests.reports.scan_report.made_report import CATEGORY, findings_of, named, report_of, series_scan
from training.publish.catalogue import LOCALES

MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
DAY = date(2024, 6, 1)
GERMAN = Language("de", gettext.translation("messages", LOCALES, ["de"]), has_comma=True)


@pytest.fixture(scope="module")
def scan():
    return series_scan()


def pages_of(report, study_date=None, language=ENGLISH):
    """The pages, and their texts with single spaces."""
    pdf = report_as_pdf(replace(report, study_date=study_date), MADE, language)
    pages = list(pypdfium2.PdfDocument(pdf))
    texts = (page.get_textpage().get_text_range().replace("\ufffe", "-") for page in pages)
    return pages, [" ".join(text.split()) for text in texts]


def test_each_finding_has_a_row_and_a_block_with_what_was_calculated(scan):
    pages, (text,) = pages_of(report_of(findings_of(scan), {0: (CATEGORY,)}), DAY)
    assert [round(length * 25.4 / 72) for length in pages[0].get_size()] == [210, 297]
    assert f"Study date: 2024-06-01 Study Instance UID: {STUDY} Findings" in text
    assert "F1 right 2 of 3 −88.0 mm solid nodule 12.3 × 9.1 mm (mean 10.7 mm) 640 mm³ volume +20 %" in text
    assert "F1 Right lung, slice 2 of 3 (z −88.0 mm): solid nodule, 12.3 × 9.1 mm" in text
    assert "Compared with the earlier CT 123 days before: long axis +1.2 mm" in text
    assert "Lung-RADS v2022: Category 4A: suspicious. Low-dose CT in 3 months. (Age: 61.)" in text
    assert "F3 Slice 1 of 3 (z −90.0 mm): no nodule recognised here" in text
    assert "Warnings on all findings • The slices are tilted by 5°." in text
    assert text.count("tilted by 5°") == 1
    assert (
        f"{LIMITS} Lung nodule classifier {__version__}, weights 0123abcd. Made 2026-03-04 05:06 UTC." in text
    )
    assert "Page 1 of 1" in text


def test_without_a_date_none_is_printed_and_nobody_is_named(scan):
    _, (text,) = pages_of(report_of(findings_of(scan)))
    assert "Study date" not in text
    assert f"Study Instance UID: {STUDY}" in text
    assert not [value for value in WHO.values() if value in text]


@pytest.mark.parametrize("kind", KINDS)
def test_any_scan_has_a_report(kind):
    scan = read_scan(KINDS[kind]())
    _, texts = pages_of(report_of([named("F1", make_finding(scan)), named("F2", make_finding(scan, 4, 4))]))
    assert "report on 2 findings" in texts[0]


def test_a_picture_has_no_study():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))], 0.7)
    _, (text,) = pages_of(report_of([named("F1", make_finding(scan))]))
    assert "Study Instance UID: unknown, no DICOM images" in text
    assert "report on 1 finding" in text


def test_many_findings_take_as_many_pages_as_they_need_without_colour(scan):
    long = tuple(
        Notice(f"w{i}", "A long warning that says what is unusual about this image. " * 5) for i in range(4)
    )
    findings = [
        named(f"F{i + 1}", make_finding(scan, 4 + i, 5 + i), notices=long[i % 4 :]) for i in range(12)
    ]
    pages, texts = pages_of(report_of(findings))
    assert len(pages) > 2
    for number, (page, text) in enumerate(zip(pages, texts, strict=True), start=1):
        assert f"Page {number} of {len(pages)}" in text
        assert str(LIMITS) in text
        pixels = page.render(scale=1, rev_byteorder=True).to_numpy()[..., :3].astype(int)
        assert np.ptp(pixels, axis=-1).max() == 0
    whole = " ".join(texts)
    assert [i for i in range(1, 13) if f"F{i} Slice 1 of 3" not in whole] == []


def test_a_name_with_characters_that_the_font_does_not_have_is_no_obstacle(scan):
    at_size = Reliability((6, 8), 103, 8, 0, SameVerdict(85, 6, 0.026, 0.147, False))
    finding = named("漢 “Spitze” №2", make_finding(scan, reliability=at_size), is_leading=True)
    _, (text,) = pages_of(report_of([finding]))
    assert "? “Spitze” ?2, leading finding" in text
    assert "Of 103 nodules of 6 to 8 mm, 8 were rated malignant" in text


def test_it_is_said_in_german(scan):
    _, (text,) = pages_of(report_of(findings_of(scan)), DAY, GERMAN)
    assert "Bericht über 4 Befunde Nur für Forschungszwecke – kein Medizinprodukt" in text
    assert "Untersuchungsdatum: 2024-06-01" in text
    assert "Befund Lunge Schicht z Art Größe Volumen Veränderung App F1" in text
    assert "Warnungen zu allen Befunden" in text
    assert "Seite 1 von 1" in text


def test_a_text_may_begin_with_any_letter(scan, monkeypatch):
    monkeypatch.setattr("models.reports.scan_report.as_page.paragraph", lambda finding: "über 30 mm")
    _, (text,) = pages_of(report_of(findings_of(scan)[:1]))
    assert "F1 Über 30 mm" in text
