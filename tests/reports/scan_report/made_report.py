"""Findings of one drawn series, of every kind, and a report of them."""

from dataclasses import replace

from models.clinical.growth import Size, Sizes, growth
from models.inference.finding import Earlier
from models.inference.measurement.sizes import Measurement
from models.ingest.read import read_scan
from models.reports.scan_report.contents import CalculatedText, ReportedFinding, ScanReport, in_order
from tests.ingest.series_files import make_series
from tests.reports.dicom.conftest import NAMED
from tests.reports.dicom.made_finding import make_finding, make_mass, make_nothing

BEFORE = Sizes(Size(11.1, 0.6), Size(9.5, 0.6), Size(533.0, 0.1))
NOW = Sizes(Size(12.3, 0.6), Size(10.7, 0.6), Size(640.0, 0.1))
GROWN = Earlier(growth(BEFORE, NOW, 123))
SOLID = Measurement(12.34, 9.08, 10.71, 10.5, -20.0, "solid", volume_mm3=640.2, volume_diameter_mm=10.7)
CATEGORY = CalculatedText("Lung-RADS v2022", "Category 4A: suspicious. Low-dose CT in 3 months.", "Age: 61.")


def series_scan(n=3, **tags):
    """A scan of DICOM files that say where they lie."""
    return read_scan(make_series(n, **(NAMED | {"FrameOfReferenceUID": "1.2.826.0.1.77"} | tags)))


def named(name, finding, **changes):
    """A finding as it is called among those of a kept scan."""
    return replace(finding, name=name, **changes)


def findings_of(scan):
    """A measured one that has grown, one of the other lung, a place without a nodule, and a mass."""
    first = make_finding(scan, index=1, measurement=SOLID, side="right")
    return [
        named("F1", first, earlier=GROWN),
        named("F2", make_finding(scan, 20.0, 8.0, index=2, radii=(2.0, 2.0), side="left")),
        named("F3", make_nothing(scan, row=5.0, col=6.0)),
        named("F4", make_mass(scan, row=6.0, col=20.0, radii=None)),
    ]


def report_of(findings, calculated=None):
    """A report; `calculated`: texts by the position of a finding."""
    given = calculated or {}
    return ScanReport(in_order(ReportedFinding(f, i, given.get(i, ())) for i, f in enumerate(findings)))
