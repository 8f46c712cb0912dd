"""Findings of two scans that are compared: their names, their growth, and their pairs when one is deleted."""

import re

import pytest

from tests.app.conftest import new_visitor
from tests.app.test_comparison import of
from tests.app.test_scan_pages import row_of
from tests.app.two_scans import MOVED, Z_FROM, add, before_scan, before_zip, now_zip, open_now
from tests.inference.comparison.drawn import nodule_in
from tests.web.interrupted import Interrupted

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def uploads():
    """Bytes of the later and of the earlier scan, made once."""
    return now_zip(), before_zip()


@pytest.fixture
def client(finder):
    return new_visitor(finder)


@pytest.fixture
def compared(client, uploads):
    """Address of the later scan with the earlier one added; both go after the test."""
    scan = open_now(client, uploads[0])
    add(client, scan, uploads[1], added="earlier")
    yield scan
    client.post(f"{scan}/comparison/end")
    client.post(f"{scan}/remove")


def earlier(client, compared):
    """Address of the scan that was added."""
    page = client.get(f"{compared}/comparison").text
    return re.search(r'href="(/scan/[\w-]{43})">Open the earlier scan', page)[1]


@pytest.mark.parametrize("which", ["now", "before"])
def test_the_pair_of_a_deleted_finding_vanishes_and_comes_back_with_it(client, compared, which):
    pairs = of(client, compared)["pairs"]
    other = earlier(client, compared)
    scan, left = (compared, "before") if which == "now" else (other, "now")
    client.post(f"{scan}/finding/0/delete")
    assert of(client, compared)["pairs"] == []
    page = client.get(f"{compared}/comparison").text
    assert 'id="pair-1"' not in page
    assert f'id="unpaired-{left}"' in page
    assert f'id="unpaired-{which}"' not in page
    assert client.post(f"{compared}/comparison/pairs", data={"seek": f"{which}-0"}).status_code == 404
    assert 'id="seeking"' not in client.get(f"{compared}/comparison?seek={which}-0").text
    client.post(f"{scan}/finding/0/restore")
    assert of(client, compared)["pairs"] == pairs


def test_names_stand_on_the_comparison_and_growth_in_the_table(client, compared):
    client.post(f"{compared}/finding/0/name", data={"name": "Target"})
    page = client.get(f"{compared}/comparison").text
    assert "F1 on the earlier scan, Target on the later scan" in page
    (pair,) = of(client, compared)["pairs"]
    row = row_of(client.get(compared), 0)
    growth = pair["growth"]
    assert row.startswith("Target ")
    assert f"Volume +{growth['volume_mm3']['percent']:.0f} % beyond measurement error" in row
    assert f"doubling time {growth['doubling_time']['days']:.0f} days" in row
    other = earlier(client, compared)
    assert "Since the earlier scan" not in client.get(other).text
    client.post(f"{compared}/comparison/undo", data={"before": "0", "now": "0"})
    page = client.get(f"{compared}/comparison").text
    assert '<span class="tag">Target</span>' in page
    assert "Finding Target on the later scan" in client.get(f"{compared}/comparison?seek=now-0").text
    assert "Volume +" not in row_of(client.get(compared), 0)


def test_a_new_pair_beside_a_deleted_finding_stays_when_that_comes_back(client, compared):
    row, col, index = nodule_in(before_scan(), MOVED, Z_FROM)
    other = earlier(client, compared)
    client.post(f"{other}/finding/0/delete")
    where = {"seek": "now-0", "row": f"{row:.1f}", "col": f"{col:.1f}", "slice": str(index)}
    client.post(f"{compared}/comparison/pairs", data=where)
    client.post(f"{other}/finding/0/restore")
    (pair,) = of(client, compared)["pairs"]
    assert (pair["before"]["finding"], pair["now"]["finding"]) == (1, 0)


def test_a_finding_whose_earlier_one_is_deleted_meanwhile_is_shown_without_it(
    client, compared, finder, monkeypatch
):
    other, said = earlier(client, compared).rpartition("/")[2], "Compared with the earlier scan:"

    def meanwhile():
        finder.answers.findings.delete(other, client.owner, 0)

    assert said in client.get(f"{compared}/finding/0").text
    monkeypatch.setattr(finder, "comparisons", Interrupted(finder.comparisons, "of", meanwhile))
    page = client.get(f"{compared}/finding/0")
    assert page.status_code == 200
    assert said not in page.text
