import json
import math
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.training.conftest import label_row, write_labels
from training.evaluation.texture import (
    Case,
    case_of,
    choose,
    first_half,
    main,
    measured,
    rated,
    report,
    table,
)

LUNG, TISSUE = 40, 150  # grey values that are taken for -870 HU and 20 HU
TEXTURES = {"1": 60, "3": 60, "5": TISSUE}  # rating: grey value of the nodule; a part-solid one has a core


def disc(radius, shape=(128, 128)):
    rows, cols = np.indices(shape) - 63.5
    return np.hypot(rows, cols) < radius


def draw(rating, radius=10):
    """A slice (rows, cols), uint8: lung, chest wall, a nodule."""
    pixels = np.full((128, 128), LUNG, np.uint8)
    pixels[:30] = TISSUE
    pixels[disc(radius)] = TEXTURES[rating]
    if rating == "3":
        pixels[disc(radius * 0.6)] = TISSUE
    return pixels


@pytest.mark.parametrize(
    ("ratings", "name"),
    [
        ((1, 2), "ground glass"),
        ((2, 2), "part-solid"),
        ((1, 5), "part-solid"),
        ((4, 3), "part-solid"),
        ((4, 4), "solid"),
        ((5, 5, 2), "solid"),
    ],
)
def test_ratings_are_cut_midway_between_the_three(ratings, name):
    assert rated(ratings) == name


@pytest.mark.parametrize(("rating", "low", "high"), [("1", 0, 0), ("3", 0.3, 0.6), ("5", 1, 1)])
def test_a_case_is_what_half_of_the_readers_outlined_in_the_largest_slice(rating, low, high):
    row = label_row("P", "1|1|1", 3, texture="|".join([rating] * 3), n_readers="3")
    stack = np.stack([draw("5", 3), draw(rating), draw("5", 3)])
    outlines = np.stack([disc(3) * 7, disc(10) * 3 | disc(20) * 4, disc(3) * 7]).astype(np.uint8)
    case = case_of(row, stack, outlines)
    assert case.ratings == (float(rating),) * 3
    assert case.diameter_mm == pytest.approx(20 * 0.7, abs=0.5)
    assert low <= case.share <= high


def test_where_readers_outlined_nothing_in_common_there_is_no_case():
    row = label_row("P", "1|1|1", 1, n_readers="3")
    assert case_of(row, draw("5")[None], np.zeros((1, 128, 128), np.uint8)) is None


def test_the_shares_are_chosen_that_part_the_cases_best():
    cases = [
        Case("P", (rating,), 8.0, share) for rating, share in ((1, 0.0), (1, 0.31), (3, 0.36), (5, 0.62))
    ]
    cases += [Case("P", (3,), 8.0, 0.58)]
    assert choose(cases) == ((0.35, 0.6), 1.0)


def test_the_table_counts_ratings_by_row():
    names = ["ground glass", "part-solid", "part-solid", "solid", "solid", "solid"]
    called = ["ground glass", "part-solid", "solid", "solid", "solid", "ground glass"]
    heading, _, *rows = table(names, called)
    kappa = 1 - 3 / (32 / 6)  # half steps that are wrong, and that would be by chance
    assert heading == (
        f"6 nodules: 66.7% agree, balanced accuracy 0.722, linearly weighted kappa {kappa:.3f}"
    )
    assert [row.split()[-3:] for row in rows] == [["1", "0", "0"], ["0", "1", "1"], ["1", "0", "2"]]


def test_patients_who_choose_are_not_those_reported_on():
    names = [f"P{n}" for n in range(40)]
    halves = {name: first_half(Case(name, (5,), 8.0, 1.0)) for name in names}
    assert halves == {name: zlib.crc32(name.encode()) % 2 == 0 for name in names}
    cases = [
        Case(name, (rating,), 8.0, share if halves[name] else 1 - share)
        for name in names
        for rating, share in ((1, 0.0), (3, 0.5), (5, 1.0))
    ]
    lines = list(report([*cases, Case("P0", (5,), 4.0, 1.0)]))
    assert lines[0] == "121 nodules, 120 of 6 mm or more, 120 of them thick enough."
    assert lines[1].endswith("(balanced accuracy 1.000).")
    assert lines[3].startswith(f"{3 * (40 - sum(halves.values()))} nodules: 33.3% agree")


def test_what_is_measured_is_of_patients_who_chose_nothing():
    names = [f"P{n}" for n in range(40)]
    choosing, other = (
        next(name for name in names if (zlib.crc32(name.encode()) % 2 == 0) is half) for half in (True, False)
    )
    cases = [
        Case(choosing, (5, 5), 8.0, 0.0),
        Case(other, (5, 5), 8.0, 1.0),
        Case(other, (5, 1), 8.0, 1.0),
        Case(other, (1, 1), 8.0, 0.0),
        Case(other, (3, 3), 8.0, 0.5),
        Case(other, (1, 1), 5.9, 1.0),
        Case(other, (1, 1), 8.0, math.nan),
    ]
    found = measured(cases)
    assert found["called"] == {
        "ground glass": {"n": 1, "right": 1},
        "part-solid": {"n": 1, "right": 1},
        "solid": {"n": 2, "right": 1},
    }
    assert (found["n"], found["agreement"]) == (4, 0.75)
    assert found["balanced_accuracy"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert (found["reader"]["n"], found["reader"]["agreement"]) == (8, 0.75)


@pytest.fixture
def published(tmp_path):
    """18 nodules in the published layout, a third of each texture, and one whose masks do not match."""
    rows = []
    for n, rating in enumerate(list(TEXTURES) * 6):
        rows.append(label_row(f"P{n:02}", "1|1", 1, texture=f"{rating}|{rating}", n_readers="2"))
        folder = tmp_path / "slices" / f"P{n:02}" / "nodule-0"
        for name, pixels in {
            "images": draw(rating),
            "mask-0": disc(10) * 255,
            "mask-1": disc(10) * 255,
        }.items():
            (folder / name).mkdir(parents=True)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / "slice-0.png")
    rows.append(label_row("P99", "1", 1, masks_match="0", n_readers="1"))
    write_labels(tmp_path / "nodules.csv", rows)
    return tmp_path


def test_the_command_reads_the_published_layout_and_writes_nothing(published, capsys):
    before = sorted(published.rglob("*"))
    main(["--slices", str(published / "slices"), "--labels", str(published / "nodules.csv")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "18 nodules, 18 of 6 mm or more, 18 of them thick enough."
    assert "100.0% agree" in lines[3]
    assert sorted(published.rglob("*")) == before


def test_the_command_adds_to_an_evaluation(published):
    path = published / "evaluation.json"
    path.write_text('{"data": {"n": 1}, "texture": {"n": 0}}')
    options = {"slices": published / "slices", "labels": published / "nodules.csv", "weights": published}
    main([f"--{name}={value}" for name, value in options.items()])
    evaluation = json.loads(path.read_text())
    assert list(evaluation) == ["data", "texture"]
    assert evaluation["data"] == {"n": 1}
    assert 0 < evaluation["texture"]["n"] < 18
    assert evaluation["texture"]["agreement"] == 1


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(SystemExit) as caught:
        main(["--slices", str(tmp_path / "none"), "--labels", "nodules.csv"])
    assert str(caught.value.code) == f"error: {tmp_path / 'none'} does not exist."
