"""What is kept of the day of a study: differences, and no date."""

import json
from dataclasses import replace
from datetime import date

from models.web.store import new_token
from models.web.store.days import DAYS, days_between, hidden_day
from models.web.store.keys import scan_name
from tests.web.store.scans import OTHER, OWNER, make_scan

DAY = date(2024, 2, 29).toordinal()


def test_two_days_of_one_browser_tell_how_far_apart_they_are():
    for apart in (0, 1, -1, 366, -40_000):
        assert days_between(hidden_day(DAY, OWNER), hidden_day(DAY + apart, OWNER)) == apart
    assert days_between(None, hidden_day(DAY, OWNER)) is None
    assert days_between(hidden_day(DAY, OWNER), None) is None
    assert hidden_day(None, OWNER) is None


def test_an_interval_holds_where_the_numbers_begin_again():
    assert days_between(DAYS - 3, 4) == 7
    assert days_between(4, DAYS - 3) == -7


def test_a_day_lies_anywhere_without_the_browser():
    found = {hidden_day(DAY, new_token()) for _ in range(50)}
    assert len(found) == 50
    assert min(found) < DAYS / 4 < 3 * DAYS / 4 < max(found)
    assert hidden_day(DAY, OWNER) != hidden_day(DAY, OTHER)


def test_no_date_lies_on_disk(store, folder):
    first = store.put(replace(make_scan(), day=DAY), OWNER)
    second = store.put(replace(make_scan(), day=DAY + 100), OWNER)
    assert days_between(store.get(first, OWNER).day, store.get(second, OWNER).day) == 100
    kept = json.loads((folder / scan_name(first, OWNER) / "scan.json").read_text())
    assert kept["day"] == hidden_day(DAY, OWNER)
    written = b"".join(path.read_bytes() for path in folder.rglob("*.json"))
    assert str(DAY).encode() not in written
    assert b"20240229" not in written
