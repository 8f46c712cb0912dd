"""Two real scans of one patient (LIDC-IDRI-0132): nodules that readers found in both are paired."""

import csv

import pytest

from models.inference.comparison.alignment import align, point_of
from models.inference.comparison.pairing import REACH_MM
from models.ingest.read import read_scan
from models.ingest.source import Source
from tests.app.conftest import new_visitor
from tests.conftest import make_app, upload
from tests.remembering import Remembering

pytestmark = pytest.mark.slow
SAME = {"0": "0", "1": "3", "2": "5"}  # numbers in nodules.csv of the first, and of the second scan


@pytest.fixture(scope="module")
def folder(shared):
    if not (shared / "whole" / "nodules.csv").exists():
        pytest.skip("the whole scans are not beside the repository")
    return shared / "whole"


@pytest.fixture(scope="module")
def nodules(folder):
    """Row, column and slice of each nodule by scan and number."""
    rows = csv.DictReader((folder / "nodules.csv").read_text().splitlines())
    return {
        (row["series"], row["nodule"]): (float(row["row"]), float(row["col"]), int(row["slice"]))
        for row in rows
    }


def test_nodules_that_readers_found_in_both_coincide_within_reach(folder, nodules):
    first, second = (
        read_scan([Source.of_bytes(name, (folder / f"lidc-0132-{name}.zip").read_bytes())]) for name in "ab"
    )
    alignment = align(first, second)
    assert alignment.fits
    assert alignment.lungs > 0.9
    for one, other in SAME.items():
        expected = alignment.to_earlier(point_of(first, *nodules["lidc-0132-a", one]))
        found = point_of(second, *nodules["lidc-0132-b", other])
        apart = sum((a - b) ** 2 for a, b in zip(expected, found, strict=True)) ** 0.5
        assert apart < REACH_MM / 2


def test_the_largest_nodule_is_paired_over_http(app, folder, nodules, tmp_path):
    real = make_app({"REGISTRY": Remembering(app.registry), "STORE": tmp_path / "store"})
    client = new_visitor(real)
    row, col, index = nodules["lidc-0132-a", "0"]
    place = {"row": row, "col": col, "slice": index}
    data = (folder / "lidc-0132-a.zip").read_bytes()
    page = client.post("/predict", data={"image": upload(data, "a.zip")} | place)
    scan = page.headers["Content-Location"].partition("/finding")[0]
    other = (folder / "lidc-0132-b.zip").read_bytes()
    answer = client.post(f"{scan}/comparison", data={"image": upload(other, "b.zip"), "added": "earlier"})
    assert answer.status_code == 303
    body = client.get(f"{scan}/comparison.json").json
    assert (body["days"], body["alignment"]["fits"]) == (None, True)
    (pair,) = body["pairs"]
    row, col, index = nodules["lidc-0132-b", "0"]
    assert (pair["before"]["row"], pair["before"]["col"]) == pytest.approx((row, col), abs=20)
    assert abs(pair["before"]["slice"] - index) <= 4
    assert abs(pair["growth"]["long_axis_mm"]["percent"]) < 20
    real.store.close()
