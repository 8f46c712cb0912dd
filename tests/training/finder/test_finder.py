"""A short run of both networks, from windows to weights that the application reads; and the arithmetic."""

import json
from argparse import Namespace

import numpy as np
import pytest

from models.imaging.scan import Scan
from models.inference.detection.candidates import Blob, Candidate, best_of
from models.inference.detection.finder import FEATURES, Finder, probability
from models.inference.weights_reports import FinderReport
from models.weights import as_report
from tests.inference.detection.made_finder import BrightPlaces
from training.finder import calibrate, evaluate, export, judge, proposals
from training.finder.calibrate import Seen, fit, picture_threshold, series_threshold
from training.finder.evaluate import Marked, froc, in_pictures, in_series, search_series
from training.finder.judge import Pool
from training.finder.proposals import NODULE, NONE, PROPOSAL, label_of
from training.finder.train import main as train_finder
from training.finder.views import FIELD, OUTLINE, Mistaken, Windows, crop_view, random_box


def test_a_window_lies_within_the_crop_and_the_nodule_anywhere_in_it(made):
    rng, middles = np.random.default_rng(0), []
    for _ in range(200):
        top, left, bottom, right = random_box((128, 128), 0.7, rng)
        assert min(top, left) >= 0
        assert max(bottom, right) <= 128
        assert bottom - top == pytest.approx(right - left)
        middles.append((64 - top) / (bottom - top))
    assert np.quantile(middles, 0.1) < 0.3
    assert np.quantile(middles, 0.9) > 0.7
    field, share = crop_view(made, 0, rng)
    assert field.shape == (FIELD, FIELD, 3)
    assert share.shape == (OUTLINE, OUTLINE, 1)
    assert 0 <= field.min() < field.max() <= 1


def test_a_window_about_a_mistake_shows_it():
    rng = np.random.default_rng(0)
    for _ in range(50):
        top, left, bottom, right = random_box((128, 128), 0.7, rng, near=(10.0, 120.0))
        assert top <= 10 <= bottom
        assert left <= 120 <= right


def test_an_epoch_is_the_same_for_the_same_seed_and_shows_mistakes_once_there_are_some(made):
    args, mistaken = Namespace(seed=0, steps=2, batch=32), Mistaken()
    first = Windows(made, np.arange(4), [], mistaken, 0, args)[1]
    again = Windows(made, np.arange(4), [], mistaken, 0, args)[1]
    assert np.array_equal(first[0], again[0])
    assert first[2].max() <= 1
    mistaken.crops = np.array([[0, 10.0, 10.0]])
    assert not np.array_equal(Windows(made, np.arange(4), [], mistaken, 0, args)[1][0], first[0])


def chain(made, row, col):
    return [Blob(row, col, 0, (row, col), 0.9, 6.0)]


def test_a_proposal_in_the_outline_is_the_nodule_and_one_well_away_is_none(made):
    rows, cols = np.nonzero(made.outlined(0))
    middle = rows.mean(), cols.mean()
    mm = float(made.spacing_mm[0])
    assert label_of(made, 0, chain(made, *middle)) == NODULE
    edge = rows.max()
    assert label_of(made, 0, chain(made, edge + 1.9 / mm, middle[1])) == NODULE
    assert label_of(made, 0, chain(made, edge + 4.0 / mm, middle[1])) is None
    assert label_of(made, 0, chain(made, edge + 7.0 / mm, middle[1])) == NONE
    assert label_of(made, 0, chain(made, 2.0, 2.0)) is None  # at the edge of the crop


def test_views_of_both_kinds_are_cut_as_the_other_kind_is(made):
    rows = [(0, 0, 0, 0, 64, 64, 0.9, 6, 1, 1), (0, 0, 0, 0, 30, 100, 0.9, 6, 0, 1)]
    pool = Pool(made, [], np.array(rows, PROPOSAL), {0: 1})
    edges, middle = pool._cut(np.array([64.0, 64.0]), (1.0, 1.0), pool.proposals[1], (128, 128))
    mm = float(made.spacing_mm[0])
    assert middle[0] == pytest.approx(30 * mm, abs=1)
    assert edges[1].stop - 64 == pytest.approx(28 * mm, abs=1)
    (field, share), weight = pool.view(True, np.random.default_rng(0))
    assert field.shape == judge.SHAPE
    assert share.shape == judge.OUTLINE
    assert 0 < weight <= 1


def seen(n=4000, seed=0, weight=1.0):
    rng = np.random.default_rng(seed)
    features = {name: rng.normal(0, 1, n) for name in FEATURES}
    p = 1 / (1 + np.exp(-(features["finder"] + 2 * features["judge"] - 1)))
    is_nodule = rng.random(n) < p
    return Seen(features, is_nodule, np.where(is_nodule, 1.0, weight))


def test_the_probability_counts_others_as_often_as_a_scan_has_them():
    once, often = fit(seen()), fit(seen(weight=5.0))
    assert once["finder"] == pytest.approx(1, abs=0.15)
    assert once["judge"] == pytest.approx(2, abs=0.2)
    assert once["intercept"] == pytest.approx(-1, abs=0.15)
    assert once["ends"] == pytest.approx(0, abs=0.15)
    assert often["intercept"] == pytest.approx(-1 - np.log(5), abs=0.3)
    even = {name: np.zeros(1) for name in FEATURES}
    assert probability(even, once)[0] == pytest.approx(1 / (1 + np.exp(-once["intercept"])))


def test_nodules_count_a_patient_and_others_a_scan():
    def of(n):
        return {name: np.zeros(n) for name in FEATURES}

    both = Seen.joined(of(6), 3, [of(4), of(2)])
    assert both.is_nodule.tolist() == [False] * 6 + [True] * 6
    assert both.weight.tolist() == [0.5] * 6 + [1 / 3] * 6


def test_the_threshold_of_series_lets_so_many_false_marks_through():
    some = seen()
    some = Seen(some.features, some.is_nodule, np.where(some.is_nodule, 1.0, 0.01))
    calibration = fit(some)
    p = probability(some.features, calibration)
    marks = some.weight[(p >= series_threshold(some, calibration)) & ~some.is_nodule].sum()
    assert marks == pytest.approx(calibrate.FALSE_MARKS, abs=0.011)
    assert marks <= calibrate.FALSE_MARKS


def test_the_threshold_of_pictures_is_exceeded_by_so_many():
    scores = np.arange(100) / 100
    share = (scores >= picture_threshold(scores)).mean()
    assert share == pytest.approx(calibrate.PICTURES, abs=0.011)
    assert share <= calibrate.PICTURES


def test_froc_counts_nodules_at_each_number_of_false_marks():
    hits = np.array([0.9, 0.5, 0.2, -1.0])
    rows = froc(hits, np.array([0.95, 0.6, 0.4, 0.3, 0.1]), 4)
    assert [(row["false_marks"], row["found"]) for row in rows] == [
        (0.125, 0),
        (0.25, 1),
        (0.5, 2),
        (1, 3),
        (2, 3),
        (4, 3),
        (8, 3),
    ]
    assert all(0 <= row["low"] <= row["found"] / 4 <= row["high"] <= 1 for row in rows)


@pytest.mark.parametrize(
    ("where", "expected"),
    [((50, 60, 5), True), ((37.2, 60, 5), True), ((36.8, 60, 5), False), ((50, 60, 9), False)],
)
def test_a_mark_hits_in_the_box_and_two_millimetres_around(where, expected):
    nodule = Marked(((40, 60), (50, 70), (4, 7)), 2, 8.0)
    scan = Scan(
        np.zeros((12, 90, 90), np.int16),
        (0.7, 0.7),
        False,
        True,
        positions_mm=tuple(2.0 * i for i in range(12)),
    )
    assert nodule.hit_by(Candidate(*where, 0.9, 8.0), scan) is expected


@pytest.mark.parametrize(
    ("readers", "size", "counts"), [(2, 6.0, True), (1, 9.0, False), (4, 5.4, False), (2, 5.9, True)]
)
def test_nodules_of_two_readers_and_six_millimetres_count(readers, size, counts):
    assert Marked((), readers, size).counts is counts


class WithFeatures(BrightPlaces):
    """Calls what is on the left of the image as likely as can be."""

    def features(self, scan, chains, scale=1.0):
        left = np.array([4.0 if best_of(chain).col < 100 else -4.0 for chain in chains])
        return {name: left if name in ("finder", "judge") else np.zeros(len(chains)) for name in FEATURES}


def ball_scan(*places):
    hu = np.full((9, 256, 256), -850, np.int16)
    rows, cols = np.indices(hu.shape[1:])
    for row, col in places:
        hu[3:6, np.hypot(rows - row, cols - col) <= 6] = 40
    return Scan(hu, (0.7, 0.7), False, True, positions_mm=tuple(2.0 * i for i in range(9)))


def test_each_series_is_judged_by_what_the_others_give(tmp_path, monkeypatch):
    """Two patients with a nodule on the left and something on the right, and a healthy one with both."""
    monkeypatch.setattr(evaluate, "read_scan", lambda files: ball_scan((100, 180), (40, 60)))
    table = tmp_path / "nodules.csv"
    table.write_text(
        "series,n_readers,extent_mm,first_row,last_row,first_col,last_col,first_slice,last_slice\n"
        "one-1,3,8.4|8.4|8.4,34,46,54,66,3,5\n"
        "one-2,3,8.4|8.4|8.4,34,46,54,66,3,5\n"
        "two,3,8.4|8.4|8.4,34,46,54,66,3,5\n"
        "two,1,8.4,0,10,0,10,3,5\n"
    )
    for name in ("one-1", "one-2", "two", "healthy"):
        (tmp_path / f"{name}.zip").write_bytes(b"")
    series = [search_series(WithFeatures(), tmp_path / f"{n}.zip", table) for n in ("one-1", "one-2", "two")]
    assert [one.patient for one in series] == ["one-1", "one-2", "two"]
    assert [len(one.others["finder"]) for one in series] == [1, 1, 1]
    nodules = {name: np.full(20, 4.0 if name in ("finder", "judge") else 0.0) for name in FEATURES}
    found = in_series(series, nodules, 10)
    assert (found["scans"], found["healthy"], found["nodules"], found["found"]) == (3, 0, 3, 3)
    assert (found["false_marks"], found["false_marks_healthy"]) == (0, 0)
    assert found["sizes"][0] == {"size_mm": [6, 10], "nodules": 3, "found": 3}
    healthy = search_series(WithFeatures(), tmp_path / "healthy.zip", table)
    found = in_series([*series, healthy], nodules, 10)
    assert (found["healthy"], found["false_marks_healthy"]) == (1, 1)


def of_score(*scores):
    """The features of a picture with marks of these scores."""
    like = np.array(scores, float)
    return {name: like if name in ("finder", "judge") else np.zeros(len(like)) for name in FEATURES}


def test_healthy_pictures_are_judged_by_the_others():
    normal = [of_score(-3.0, -2.0)] * 20 + [of_score(3.0), of_score()]
    found = in_pictures(of_score(*[3.0] * 40), normal, [of_score(-4.0), of_score(5.0), of_score()])
    assert (found["normal"]["n"], found["normal"]["marked"]) == (22, 1)
    assert (found["malignant"]["n"], found["malignant"]["marked"]) == (3, 1)


SHORT = ["--epochs", "1", "--steps", "2", "--batch", "8", "--average", "1"]


@pytest.mark.slow
def test_from_crops_to_weights_that_the_application_reads(nodules_file, made, tmp_path, make_lidc):
    given = ["--data", str(nodules_file)]
    train_finder([*given, *SHORT, "--mined", "0", "--out", str(tmp_path / "runs")])
    bright = np.array([(i, 0, 0, 0, 64, 64, 0.9, 8, 1, 1) for i in range(len(made))], PROPOSAL)
    others = bright.copy()
    others["row"], others["is_nodule"] = 30, 0
    np.savez(tmp_path / "proposals.npz", proposals=np.concatenate([bright, others]))
    data = [*given, "--proposals", str(tmp_path / "proposals.npz")]
    judge.main([*data, *SHORT, "--epochs", "2", "--out", str(tmp_path / "runs")])
    (tmp_path / "weights").mkdir()
    export.main(["--runs", str(tmp_path / "runs"), "--weights", str(tmp_path / "weights")])
    report = as_report((tmp_path / "weights/finder.json").read_bytes(), "finder.json", FinderReport)
    finder = Finder(tmp_path / "weights", report)
    assert finder.map_of(np.zeros((64, 96, 3), np.float32)).shape == (32, 48)
    scan = Scan(np.full((3, 128, 128), -850, np.int16), (0.7, 0.7), False, True)
    found = finder.judged(scan, [[Blob(60, 60, 1, (42, 42), 0.8, 6.0)]])
    assert 0 < found[0] < 1
    kept = proposals.in_crops(build(tmp_path), made, np.arange(2), {0: 1, 1: 1})
    assert kept.dtype == PROPOSAL
    assert (
        json.loads((tmp_path / "weights/finder.json").read_text())["judge_sha256"] == report["judge_sha256"]
    )


def build(folder):
    from models.networks.finder import build_finder

    model = build_finder()
    model.load_weights(folder / "runs/finder/final.weights.h5")
    return model
