"""The day of a study, as a number of which only differences are ever kept; see `models.web.store.days`."""

import re
from datetime import date

from pydicom import Dataset

DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")  # PS3.5 6.2; with points in files of before 1993


def study_day(dataset: Dataset) -> int | None:
    """The proleptic Gregorian ordinal of Study Date; None where there is none, or no such day."""
    match = DATE.fullmatch(str(dataset.get("StudyDate") or "").strip())
    try:
        return date(*map(int, match.groups())).toordinal() if match else None
    except ValueError:
        return None
