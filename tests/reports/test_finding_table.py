"""What a row of the table of findings is made of."""

from dataclasses import replace

from models.reports.finding_table import row_of
from tests.reports.dicom.made_finding import make_finding
from tests.reports.scan_report.made_report import series_scan


def test_a_row_says_where_a_nodule_is_largest_if_it_was_marked_on_another_slice():
    finding = make_finding(series_scan(), index=1)
    assert row_of(0, finding).largest_slice is None
    marked = replace(finding.reading, given=replace(finding.reading.roi, slice=2))
    row = row_of(0, replace(finding, reading=marked))
    assert (row.roi.slice, row.largest_slice) == (2, 1)


def test_what_was_not_outlined_is_largest_nowhere():
    finding = make_finding(series_scan(), index=1, radii=None)
    marked = replace(finding.reading, given=replace(finding.reading.roi, slice=2))
    assert row_of(0, replace(finding, reading=marked)).largest_slice is None
