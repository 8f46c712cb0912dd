"""What is sent to the PACS: the files of a report, before the PACS is asked for anything."""

import sys

import pytest

from models.errors import UserError
from models.reports.dicom import segmentation
from models.web.pacs.sending import send_report
from tests.reports.dicom.made_finding import make_finding
from tests.reports.scan_report.made_report import named, report_of, series_scan


def test_a_segmentation_that_cannot_be_written_is_not_left_out_in_silence(monkeypatch):
    scan = series_scan()
    report = report_of([named(f"F{i}", make_finding(scan, index=1)) for i in (1, 2)])
    monkeypatch.setattr(sys.modules[segmentation.__module__], "MOST_BYTES", 0)
    with pytest.raises(UserError) as refused:
        send_report(None, report, ["", ""])
    assert refused.value.code == "too_large"
