"""The report as text: what a radiologist would write, and the same in ASCII."""

from dataclasses import replace

import pytest

from models import __version__
from models.clinical.growth import Size, Sizes, growth
from models.imaging.phantom import draw_phantom
from models.imaging.scan import Notice
from models.inference.finding import Earlier
from models.inference.measurement.sizes import Measurement
from models.inference.reading import Correction
from models.ingest.read import read_scan
from models.messages import Message
from models.reports.scan_report.as_page import report_page
from models.reports.scan_report.as_text import LIMITS, paragraph, plain_ascii, report_as_text, table_row
from tests.conftest import encode
from tests.reports.changed import changed
from tests.reports.dicom.made_finding import make_finding
from tests.reports.marked import MARKED, unmarked
from tests.reports.scan_report.made_report import CATEGORY, SOLID, findings_of, named, report_of, series_scan


@pytest.fixture(scope="module")
def scan():
    return series_scan()


def test_the_text_is_a_paragraph_a_finding_and_one_sentence_of_limits(scan):
    text = report_as_text(report_of(findings_of(scan), {0: (CATEGORY,)}))
    assert text.splitlines() == [
        f"Lung nodules, read with Lung nodule classifier {__version__}. Slices are counted from the feet.",
        "",
        "F1: right lung, slice 2 of 3 (z −88.0 mm): solid nodule, 12.3 × 9.1 mm (mean 10.7 mm), volume "
        "640 mm³. Compared with the earlier CT 123 days before: long axis +1.2 mm (within measurement "
        "error), volume +20 % (within measurement error), VDT 466 days (95 % interval 185 to no upper "
        "limit). App: malignant-looking, probability 0.75 (consensus).",
        "Lung-RADS v2022: Category 4A: suspicious. Low-dose CT in 3 months.",
        "",
        "F2: left lung, slice 3 of 3 (z −86.0 mm): nodule, 2.8 × 2.8 mm (mean 2.8 mm). "
        "App: malignant-looking, probability 0.75 (consensus).",
        "",
        "F3: slice 1 of 3 (z −90.0 mm): no nodule recognised here, probability that there is a nodule 0.03.",
        "",
        "F4: slice 1 of 3 (z −90.0 mm): mass, 50.0 × 40.0 mm (mean 45.0 mm). App: a mass: suspicious by size "
        "alone, whatever the models say, probability 0.25 (consensus).",
        "",
        str(LIMITS),
    ]
    assert str(LIMITS).count(".") == 1


def test_the_leading_finding_comes_first(scan):
    first, second, *_ = findings_of(scan)
    text = report_as_text(report_of([first, replace(second, is_leading=True)]))
    assert text.index("F2 (leading finding):") < text.index("F1:")


def test_plain_ascii_is_ascii_and_says_the_same(scan):
    findings = findings_of(scan)
    report = report_of([named("Größe · ½ “漢”…", findings[0]), *findings[1:]], {0: (CATEGORY,)})
    text = plain_ascii(report_as_text(report))
    assert text.isascii()
    assert 'Groesse - 1?2 "?"...: right lung' in text
    assert "solid nodule, 12.3 x 9.1 mm (mean 10.7 mm), volume 640 mm3" in text
    assert len(text.splitlines()) == len(report_as_text(report).splitlines())
    assert plain_ascii("z −123.5 mm ±2 °C é ł ≥ –") == "z -123.5 mm +/-2  degC e l >= -"
    assert plain_ascii("„größer“, ‚kleiner‘") == "\"groesser\", 'kleiner'"


def test_all_of_it_can_be_said_in_another_language(scan):
    text = report_as_text(report_of(findings_of(scan)), MARKED)
    assert unmarked(text) == []
    assert [said for said in ("12,3 × 9,1 mm", "z −88,0 mm", "0,75") if said not in text] == []
    for finding in findings_of(scan):
        cells = {name: MARKED.say(cell) for name, cell in vars(table_row(finding)).items() if name != "name"}
        assert {name: unmarked(cell) for name, cell in cells.items() if unmarked(cell)} == {}


def test_what_is_not_known_is_left_out_and_no_side_is_made_up():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    finding = named("F1", make_finding(scan, 60.4, 64.0, model="vgg16", title="VGG16"))
    assert report_as_text(report_of([finding])).splitlines()[:3] == [
        f"Lung nodules, read with Lung nodule classifier {__version__}.",
        "",
        "F1: row 60, column 64: nodule, size not known, because the pixel size is not. "
        "App: malignant-looking, probability 0.75 (VGG16).",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"radii": None}, "nodule, not outlined and so not measured."),
        ({"measurement": replace(SOLID, texture="ground glass")}, "ground-glass nodule, 12.3"),
        (
            {
                "measurement": Measurement(
                    14.0, 11.0, 12.5, 12.0, -200.0, "part-solid", solid_long_axis_mm=6.2
                )
            },
            "part-solid nodule, 14.0 × 11.0 mm (mean 12.5 mm), solid part 6.2 mm long.",
        ),
        (
            {"measurement": SOLID, "corrected": Correction()},
            "volume 640 mm³, outline corrected by the reader.",
        ),
        (
            {"measurement": SOLID, "characteristics": {"texture": 1.2}},
            "nodule (solid by density, ground glass by",
        ),
        ({"measurement": SOLID, "characteristics": {"texture": 5.0}}, ": solid nodule, 12.3"),
    ],
)
def test_what_it_is_is_said_as_far_as_it_is_known(scan, changes, said):
    found = paragraph(make_finding(scan, **changes))
    assert said in str(found)
    assert unmarked(MARKED.say(found)) == []


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        (Earlier(None), "Not found on the earlier CT: it may be new. App:"),
        (
            Earlier(
                growth(Sizes(Size(10.0, 0.1), Size(9.0, 0.1)), Sizes(Size(8.0, 0.1), Size(7.0, 0.1)), None)
            ),
            "Compared with the earlier CT: long axis −2.0 mm (beyond measurement error). App:",
        ),
        (
            Earlier(growth(Sizes(Size(10.0), Size(9.0)), Sizes(Size(12.0), Size(10.8)), 100)),
            "Compared with the earlier CT 100 days before: long axis +2.0 mm (measurement error not known), "
            "VDT 127 days by the diameter. App:",
        ),
        (
            Earlier(growth(Sizes(), Sizes(), 1)),
            "Compared with the earlier CT 1 day before: the change of size is not known. App:",
        ),
    ],
)
def test_what_became_of_it_is_one_sentence(scan, earlier, said):
    found = paragraph(replace(make_finding(scan), earlier=earlier))
    assert said in str(found)
    assert unmarked(MARKED.say(found)) == []


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        (Earlier(None), "not found before"),
        (Earlier(growth(Sizes(Size(9), Size(8)), Sizes(Size(9), Size(8)), 9)), "mean diameter 0.0 mm"),
        (Earlier(growth(Sizes(), Sizes(), 1)), "–"),
    ],
)
def test_the_table_says_in_short_what_became_of_it(scan, earlier, said):
    assert str(table_row(replace(make_finding(scan), earlier=earlier)).growth) == said


def test_a_row_of_the_table(scan):
    grown, left, nothing, mass = map(table_row, findings_of(scan))
    assert {name: str(value) for name, value in vars(grown).items()} == {
        "name": "F1",
        "side": "right",
        "slice": "2 of 3",
        "z": "−88.0 mm",
        "kind": "solid nodule",
        "size": "12.3 × 9.1 mm (mean 10.7 mm)",
        "volume": "640 mm³",
        "growth": "volume +20 %",
        "app": "malignant-looking, 0.75",
    }
    assert [str(each) for each in (left.side, left.volume, left.growth)] == ["left", "–", ""]
    assert [str(each) for each in (nothing.kind, nothing.size)] == ["–", "–"]
    assert str(nothing.app) == "no nodule recognised here"
    assert (str(mass.kind), str(mass.app)) == ("mass", "mass, 0.25")
    assert str(table_row(changed(findings_of(scan)[0], side=None)).side) == "–"


def test_warnings_that_read_alike_are_said_once_of_all_findings(scan):
    def warned(finding, percent):
        text = Message("{percent:.0f} % of it", percent=percent)
        return replace(finding, notices=(Notice("a", text), Notice("b", f"of {finding.name}")))

    page = report_page(report_of([warned(each, 45 + 0.1 * i) for i, each in enumerate(findings_of(scan))]))
    assert [str(text) for text in page["warnings"]] == ["45 % of it"]
    assert [[str(text) for text in block["warnings"]] for block in page["blocks"]] == [
        [f"of F{number}"] for number in (1, 2, 3, 4)
    ]
