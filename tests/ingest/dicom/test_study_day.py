"""The day of a study, from one header and from a series."""

from datetime import date

import pytest
from pydicom import Dataset

from models.ingest.dicom.study_day import study_day
from models.ingest.read import read_scan
from tests.ingest.series_files import make_series, make_slice


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20240229", date(2024, 2, 29)),
        ("2024.02.29", date(2024, 2, 29)),
        (" 20240229 ", date(2024, 2, 29)),
        ("20230229", None),
        ("", None),
        ("unknown", None),
        ("2024022", None),
    ],
)
def test_a_date_is_a_day_or_nothing(text, day):
    dataset = Dataset()
    dataset.add_new("StudyDate", "LO", text)
    assert study_day(dataset) == (day and day.toordinal())


def test_no_date_is_no_day():
    assert study_day(Dataset()) is None


def test_a_series_has_the_day_that_all_its_slices_give():
    assert read_scan(make_series(3, StudyDate="20240105")).day == date(2024, 1, 5).toordinal()
    assert read_scan(make_series(3)).day is None
    mixed = [("0.dcm", make_slice(0, StudyDate="20240105")), ("1.dcm", make_slice(1, StudyDate="20240106"))]
    assert read_scan(mixed).day is None
