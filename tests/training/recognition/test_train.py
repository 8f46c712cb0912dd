"""A short run, from views to weights that the application reads."""

import json
from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest

from models.imaging.scan import Roi, Scan
from models.imaging.two_fields import SHAPE
from models.inference.detection.recognition import KEY, Recogniser
from models.inference.weights_reports import RecognitionReport
from models.weights import as_report
from training.data.splits import FOLDS, fold_of_patients
from training.recognition import evaluate, export, train
from training.recognition.data import Data, Views
from training.recognition.evaluate import rates, thresholds_of
from training.recognition.sources import locations_in_crops, locations_in_sources
from training.recognition.views import OUTLINE

pytestmark = pytest.mark.slow

SHORT = ["--epochs", "1", "--steps", "1", "--batch", "8", "--average", "1"]


@pytest.fixture(scope="module")
def data(made, sources):
    return Data(made, sources, locations_in_crops(made), locations_in_sources(sources), np.arange(len(made)))


@pytest.fixture(scope="module")
def exported(nodules_file, sources, tmp_path_factory):
    """Weights and report of runs without the series, which a test does not write as DICOM."""
    out, weights = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "read_sources", lambda *_: sources)
        patch.setattr(evaluate, "read_sources", lambda *_: sources)
        patch.setattr(evaluate, "Localiser", lambda _: Namespace(look_at=lambda *_: None))
        given = ["--data", str(nodules_file), "--out", str(out)]
        for fold in range(FOLDS):
            train.main([*given, *SHORT, "--fold", str(fold)])
        train.main([*given, *SHORT, "--everyone"])
        export.main(["--runs", str(out), "--weights", str(weights)])
        measured = [*given, "--weights", str(weights)]
        evaluate.main([*measured, "--fold", "1"])
        assert json.loads((weights / f"{KEY}.json").read_text())["measured"] is None
        evaluate.main(measured)
    return weights


def test_half_of_the_views_are_nodules_and_their_outlines_lie_in_the_middle(data):
    views = Views(data, 0, Namespace(seed=0, steps=4, batch=32))
    fields, truth, weights = views[1]
    assert fields.shape == (32, *SHAPE)
    assert truth["outline"].shape == (32, *OUTLINE)
    assert 0 <= fields.min() < fields.max() <= 1
    assert truth["nodule"][:, 0].tolist() == [0.0, 1.0] * 16
    assert weights.max() <= 1
    middle = truth["outline"][:, 10:14, 10:14].max(axis=(1, 2, 3))
    assert (middle[1::2] > 0).mean() > 0.8
    assert middle[::2].max() < 0.5
    again = Views(data, 0, Namespace(seed=0, steps=4, batch=32))[1]
    assert np.array_equal(fields, again[0])


def test_every_patient_is_in_one_fold_and_labels_are_spread(made):
    folds = fold_of_patients(made)
    assert set(folds) == set(made.patient)
    assert sorted(np.bincount(list(folds.values())).tolist()) == [4, 4, 6]


def test_mining_draws_what_is_mistaken_more_often(data):
    data.mine(lambda views: np.array([float(i == 0) for i, _ in enumerate(views)]))
    rng = np.random.default_rng(0)
    drawn = rng.choice(len(data.crop_locations), 2000, p=data._crop_share)
    assert (drawn == 0).mean() > 0.4


def test_the_application_reads_what_is_exported(exported):
    report = as_report((exported / f"{KEY}.json").read_bytes(), f"{KEY}.json", RecognitionReport)
    recogniser = Recogniser(exported, report)
    scan = Scan(np.full((1, 100, 100), -850, np.int16), (0.7, 0.7), False, True)
    found = recogniser(scan, Roi(50, 50, 0, "given"), (0, 0))
    assert 0 < found.probability < 1
    assert found.threshold == report["thresholds"]["picture"]["outlined"]
    stack = replace(scan, slices=np.repeat(scan.slices, 3, axis=0))
    assert (
        recogniser(stack, Roi(50, 50, 1, "given"), None).threshold
        == report["thresholds"]["series"]["not_outlined"]
    )
    turned = replace(scan, slices=np.ascontiguousarray(scan.slices[:, ::-1]))
    assert recogniser(turned, Roi(49, 50, 0, "given"), (0, 0)).probability == pytest.approx(
        found.probability, abs=1e-5
    )


def test_what_is_measured_has_all_kinds(exported):
    measured = json.loads((exported / f"{KEY}.json").read_text())["measured"]
    assert [row["kind"] for row in measured["nodules"]][:2] == ["all", "4 mm or more"]
    assert {row["kind"] for row in measured["locations"]} >= {"lung", "vessel", "bone", "beside a nodule"}
    assert all(
        0 <= row["low"] <= row["refused"] / row["n"] <= row["high"] <= 1 for row in measured["locations"]
    )


def made_scores(n=300):
    score = np.linspace(0, 1, n, endpoint=False)
    fold = np.arange(n) % FOLDS
    common = {"score": score, "fold": fold, "patient": np.arange(n), "outlined": np.ones(n, bool)}
    nodules = common | {
        "diameter_mm": np.full(n, 8.0),
        "texture": np.full(n, 5.0),
        "readers": np.full(n, 4),
    }
    locations = common | {"kind": np.full(n, "lung"), "picture": np.zeros(n, bool), "score": score / 100}
    return {"series": nodules, "picture": nodules}, locations


def test_thresholds_let_so_many_nodules_be_refused():
    nodules = made_scores(1000)[0]["series"]
    found = thresholds_of(nodules, np.ones(1000, bool))
    assert found["outlined"] == pytest.approx(0.004, abs=0.0011)
    assert found["not_outlined"] == pytest.approx(0.099, abs=0.0011)


def test_each_fold_is_judged_by_the_thresholds_of_the_others():
    both, locations = made_scores()
    nodules = both["series"]
    nodules["score"] = nodules["score"] + (nodules["fold"] == 0)
    found = rates(both, locations)
    assert found["thresholds"]["series"][0]["outlined"] == pytest.approx(0.005, abs=0.004)
    assert found["thresholds"]["series"][1]["outlined"] == pytest.approx(0.01, abs=0.004)
    (lung,) = found["locations"]
    assert lung["kind"] == "lung"
    assert lung["n"] == 300
    outlined = nodules | {"outlined": np.zeros(300, bool)}
    assert (
        rates(both | {"series": outlined}, locations)["nodules"][0]["refused"]
        > found["nodules"][0]["refused"]
    )
