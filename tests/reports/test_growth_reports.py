"""Growth in reports: sentences, text, calculators' hints, and the files of a finding."""

import io
from dataclasses import replace

import pydicom
import pypdfium2
import pytest

from models.clinical.growth import Growth, Rule, Size, Sizes, growth, length_change, volume_change
from models.imaging.scan import Reference
from models.inference.finding import Earlier
from models.ingest.read import read_scan
from models.reports.as_pdf import finding_as_pdf
from models.reports.as_text import finding_as_text
from models.reports.calculators import calculators_of
from models.reports.comparison.as_text import (
    change_text,
    doubling_text,
    earlier_rows,
    growth_lines,
    interval_text,
    rule_text,
)
from models.reports.comparison.growth import growth_of, sizes_of
from models.reports.dicom.structured_report import structured_report
from tests.ingest.series_files import make_series
from tests.reports.dicom.made_finding import make_finding
from tests.reports.marked import MARKED, unmarked

REPORT = {
    "measured": {
        group: {
            "nodules": 10,
            "long_axis_error_mm": {"median": 1.0, "bias": 0.5, "limits": [-1.5, 2.5]},
            "mean_diameter_error_mm": {"median": 0.8, "bias": 0.5, "limits": [-0.5, 1.5]},
        }
        for group in ("all", "below 6 mm", "6 mm or more")
    }
}
BEFORE = Sizes(Size(8.0, 0.3), Size(7.0, 0.2), Size(200.0, 0.1))
NOW = Sizes(Size(12.0, 0.3), Size(10.5, 0.2), Size(800.0, 0.1))
GROWN = growth(BEFORE, NOW, 100)
EARLIER = Earlier(GROWN, False, "benign", 0.25, Reference("1.2", "1.2.9", "1.2.3", "1.2.9.77"))


@pytest.fixture(scope="module")
def finding():
    """On a small DICOM series."""
    scan = read_scan(make_series(3, StudyInstanceUID="1.2.3"))
    return replace(make_finding(scan, index=1), earlier=EARLIER)


def test_a_change_is_said_with_its_interval():
    change = length_change(Size(8.0, 0.3), Size(8.8, 0.4))
    expected = "+0.8 mm (+10 %), 95 % interval \u22120.2 to +1.8 mm: within measurement error"
    assert str(change_text(change, "mm", 1)) == expected
    beyond = length_change(Size(8.0, 0.03), Size(6.0, 0.04))
    expected = "\u22122.0 mm (\u221225 %), 95 % interval \u22122.1 to \u22121.9 mm: beyond measurement error"
    assert str(change_text(beyond, "mm", 1)) == expected
    unknown = volume_change(Size(100.0), Size(150.0))
    assert str(change_text(unknown, "mm3", 0)) == "+50 mm3 (+50 %); the measurement error is not known"
    same = length_change(Size(8.0), Size(8.0))
    assert str(change_text(same, "mm", 1)) == "0.0 mm (0 %); the measurement error is not known"


def test_a_doubling_time_is_said_with_its_interval():
    found = growth(Sizes(volume=Size(500.0, 0.01)), Sizes(volume=Size(1000.0, 0.01)), 120).doubling_time
    assert str(doubling_text(found)) == "120 days (95 % interval 115 to 125 days)"
    found = growth(Sizes(volume=Size(500.0, 0.3)), Sizes(volume=Size(600.0, 0.3)), 120).doubling_time
    assert str(doubling_text(found)).endswith("to no upper limit: it may not have grown at all)")
    found = growth(Sizes(mean_diameter=Size(10.0)), Sizes(mean_diameter=Size(9.0)), 120).doubling_time
    expected = "none: the nodule has not grown, assuming a sphere of the mean diameter"
    assert str(doubling_text(found)) == expected


@pytest.mark.parametrize(
    ("days", "typed", "said"),
    [
        (1, False, "1 day between the scans, from the two study dates"),
        (1200, True, "1,200 days between the scans, as entered"),
        (None, False, "the interval between the scans is not known"),
    ],
)
def test_the_interval_is_said(days, typed, said):
    assert str(interval_text(days, typed)) == said


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule("fleischner", "growth", 2.4, True), "growth (+2.4 mm)"),
        (
            Rule("fleischner", "no_growth", 1.9, False),
            "no growth (+1.9 mm); the threshold is within measurement error",
        ),
        (Rule("bts_volume", "no_growth", -12.0), "no growth (\u221212 %)"),
        (Rule("bts_doubling", "fast", 120.0), "120 days, at most 400 days: work-up is advised"),
        (Rule("bts_doubling", "no_growth"), "no growth"),
        (
            Rule("lung_rads", "unknown", 2.4, reason="over_12_months"),
            "cannot be assessed (+2.4 mm): the scans are more than 12 months apart",
        ),
        (
            Rule("bts_volume", "unknown", reason="no_volume"),
            "cannot be assessed: there is no volume on both scans",
        ),
    ],
)
def test_a_rule_says_what_it_makes_of_a_change(rule, said):
    assert str(rule_text(rule)) == said


def test_errors_of_sizes_are_those_measured_for_the_size(finding):
    sizes = sizes_of(finding, REPORT)
    assert sizes.long_axis.error == pytest.approx(1 / 0.6745, rel=1e-4)
    assert sizes.mean_diameter.error == pytest.approx(0.8 / 0.6745, rel=1e-4)
    assert sizes_of(finding, {}).long_axis.error is None
    bare = replace(finding, reading=replace(finding.reading, measurement=None))
    assert sizes_of(bare, REPORT) == Sizes()
    assert growth_of(finding, bare, 10, REPORT).long_axis is None
    assert growth_of(finding, finding, 10, REPORT).long_axis.difference == 0


def test_what_was_not_found_earlier_may_be_new():
    assert earlier_rows(None) == []
    ((heading, text),) = earlier_rows(Earlier(None))
    assert (str(heading), str(text)) == (
        "Earlier scan",
        "the nodule was looked for there and not found: it may be new",
    )


def test_what_became_of_it_can_be_said_in_another_language():
    rows = [(MARKED.say(name), MARKED.say(text)) for name, text in earlier_rows(EARLIER)]
    assert unmarked(" ".join(text for row in rows for text in row)) == []
    lines = list(growth_lines(GROWN, MARKED))
    assert unmarked(" ".join(lines)) == []
    assert "+4,0 mm (+50 %)" in lines[0]
    starts = {line.index("«", 3) for line in lines[:3]}
    assert starts == {2 + len("«Mean diameter»   ")}


def test_the_text_of_a_finding_has_the_comparison(finding):
    text = finding_as_text(finding)
    assert "  Earlier scan: 100 days between the scans, from the two study dates\n" in text
    assert "  Volume: 200 to 800 mm3: +600 mm3 (+300 %)" in text
    assert "  Model (information only): benign-looking (0.25) then\n" in text
    assert "Earlier scan" not in finding_as_text(replace(finding, earlier=None))


def test_the_sheet_has_it_on_its_one_page(finding):
    sheet = pypdfium2.PdfDocument(finding_as_pdf(finding, {}))
    assert len(sheet) == 1
    text = " ".join(sheet[0].get_textpage().get_text_range().split())
    assert "Comparison Compared with an earlier scan" in text
    assert "100 days between the scans, from the two study dates" in text
    assert "BTS 2015, doubling time" in text
    without = pypdfium2.PdfDocument(finding_as_pdf(replace(finding, earlier=None), {}))
    assert "Comparison" not in without[0].get_textpage().get_text_range()


def items_of(dataset):
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from items_of(item)


def test_the_structured_report_has_it_as_measurements_and_text(finding):
    report = pydicom.dcmread(io.BytesIO(structured_report(finding)))
    items = list(items_of(report))
    measured = {
        item.ConceptNameCodeSequence[0].get("CodeValue"): (
            float(item.MeasuredValueSequence[0].NumericValue),
            item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue,
        )
        for item in items
        if item.ValueType == "NUM"
    }
    assert measured["INTERVAL"] == (100.0, "d")
    assert measured["LONG_AXIS_CHANGE"] == (4.0, "mm")
    assert measured["DIAMETER_CHANGE"] == (3.5, "mm")
    assert measured["VOLUME_CHANGE"] == (300.0, "%")
    assert measured["DOUBLING_TIME"] == (50.0, "d")
    texts = [item.TextValue for item in items if item.ValueType == "TEXT"]
    assert "Earlier image: SOP Instance UID 1.2.9.77" in texts
    assert "Fleischner 2017, 2 mm: growth (+3.5 mm)" in texts
    plain = pydicom.dcmread(io.BytesIO(structured_report(replace(finding, earlier=None))))
    assert "INTERVAL" not in {
        item.ConceptNameCodeSequence[0].get("CodeValue")
        for item in items_of(plain)
        if item.ValueType == "NUM"
    }


def test_calculators_take_growth_as_a_hint_and_fill_nothing_in(finding):
    found = calculators_of(finding)
    assert {key: str(said) for key, said in found["growth"].items()} == {
        "change": "growing",
        "lung_rads": "growth (+3.5 mm)",
        "fleischner": "growth (+3.5 mm)",
    }
    (form,) = [form for form in found["forms"] if form["key"] == "lung_rads"]
    (change,) = [field for field in form["fields"] if field["name"] == "change"]
    assert change["value"] == ""
    stable = replace(finding, earlier=replace(EARLIER, growth=growth(BEFORE, BEFORE, 100)))
    assert calculators_of(stable)["growth"]["change"] == "stable"
    late = replace(finding, earlier=replace(EARLIER, growth=growth(BEFORE, NOW, 800)))
    assert calculators_of(late)["growth"]["change"] is None
    new = replace(finding, earlier=Earlier(None))
    assert calculators_of(new)["growth"] == {"change": "new", "lung_rads": None, "fleischner": None}
    assert calculators_of(replace(finding, earlier=None))["growth"] is None


def test_growth_has_every_rule():
    assert [rule.key for rule in GROWN.rules] == ["fleischner", "lung_rads", "bts_volume", "bts_doubling"]
    assert isinstance(GROWN, Growth)
