import copy
import csv
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.imaging.phantom import draw_phantom
from models.imaging.scan import locate
from models.inference.calibration import consensus_score
from models.inference.classifier import CONSENSUS
from models.inference.pipeline import analyse
from models.inference.views import views
from models.ingest.read import read_scan
from models.networks.registry import ARCHITECTURES
from models.weights import read_report
from tests.conftest import encode
from tests.training.conftest import label_row
from tests.training.data.made_nodules import share_of_pairs
from training.data.prepare import build
from training.evaluation.calibrate import answer, cross_fit, fit_all, with_consensus
from training.evaluation.descriptors import NAMES
from training.evaluation.evaluate import KEYS, main, measured_elsewhere
from training.evaluation.predict import read_scores
from training.evaluation.robustness import read_choices
from training.publish.reports import table

KINDS = ("1|2|1|2", "5|4|4|5", "2|1", "4|5", "3|3|3", "5|4|5")  # readers' ratings
LABELS = np.array([0, 1, 0, 1, -1, 1])
N = 72  # nodules, two of a patient


def made_rows():
    """Rows of nodules.csv, whose ratings take turns; the malignant ones are larger."""
    rng = np.random.default_rng(0)
    for i in range(N):
        readers = KINDS[i % 6].count("|") + 1
        sizes = rng.integers(5, 16, readers) + 4 * LABELS[i % 6]
        yield label_row(
            f"P{i // 2:02}",
            KINDS[i % 6],
            1,
            nodule=f"nodule-{i % 2}",
            diameter_mm="|".join(map(str, sizes)),
            spiculation="|".join(map(str, rng.integers(1, 6, readers))),
            contrast="1" if i < 3 else "0",
        )


def _mean(values):
    return np.mean([float(value) for value in values.split("|")])


def write_scores(path, rows):
    """held_out.csv of all but the first six patients, shuffled; returns the numbers of the nodules.

    Of descriptors each network says its own number, 2 to 6, of every nodule.
    """
    rng = np.random.default_rng(1)
    held_out = 12 + rng.permutation(N - 12)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        columns = [f"{key}_score" for key in ARCHITECTURES]
        described = {f"{key}_{name}": n for n, key in enumerate(ARCHITECTURES, 2) for name in NAMES}
        writer.writerow(["fold", "patient", "nodule", *columns, *described])
        for i in held_out:
            scores = rng.beta(3 + 2 * LABELS[i % 6], 3, len(columns))
            place = i // 2 % 3, rows[i]["patient_id"], rows[i]["nodule"]
            writer.writerow([*place, *(f"{score:.6f}" for score in scores), *described.values()])
    return held_out


@pytest.fixture(scope="module")
def case(tmp_path_factory, few_draws):
    """What the command makes of made-up nodules, and what it made it of."""
    folder = tmp_path_factory.mktemp("evaluated")
    rows = list(made_rows())
    blank = {(row["patient_id"], row["nodule"]): [None] for row in rows}
    black = np.zeros((1, 8, 8), np.uint8)
    pictures = SimpleNamespace(index=blank, read=lambda key: black, read_outlines=lambda key: black)
    np.savez(folder / "nodules.npz", **build(pictures, rows, progress=False)[0])
    chosen = write_scores(folder / "held_out.csv", rows)
    diagnoses = "".join(f"P{n:02},{n % 4}\n" for n in range(20))
    (folder / "diagnosis.csv").write_text(f"patient_id,diagnosis\n{diagnoses}")
    (folder / "README.md").write_text("before\n<!-- results -->\nold\n<!-- /results -->\nafter\n")
    (folder / "vgg16.json").write_text('{"sha256": "ab", "threshold": 0.1}')
    files = {"data": "nodules.npz", "scores": "held_out.csv", "diagnoses": "diagnosis.csv"}
    options = [f"--{name}={folder / file}" for name, file in (files | {"readme": "README.md"}).items()]
    main([*options, f"--weights={folder}"])
    diameters = [_mean(row["diameter_mm"]) for row in rows]
    return SimpleNamespace(
        folder=folder,
        evaluation=json.loads((folder / "evaluation.json").read_text(), parse_constant=pytest.fail),
        labels=LABELS[chosen % 6],
        patients=np.array([f"P{i // 2:02}" for i in chosen]),
        scores=read_scores(folder / "held_out.csv")[1],
        many_readers=np.isin(chosen % 6, [0, 1, 4, 5]),
        diameters=np.array(diameters),
        diameter=np.array(diameters)[chosen],
        spiculation=np.array([_mean(row["spiculation"]) for row in rows])[chosen],
    )


def test_scores_are_in_the_order_of_the_models(case):
    with open(case.folder / "held_out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert case.scores.shape == (60, 5)
    for m, key in enumerate(ARCHITECTURES):
        assert case.scores[:, m].tolist() == [float(row[f"{key}_score"]) for row in rows]


def test_data_are_counted(case):
    assert case.evaluation["data"] == {
        "n_patients": 30,
        "n_nodules": 60,
        "n_benign": 20,
        "n_malignant": 30,
        "n_indeterminate": 10,
        "n_patients_in_all": 36,
        "folds": 3,
        "diameter_mm": dict(
            zip(("low", "high"), np.percentile(case.diameters, (0.5, 99.5)).round(5), strict=True)
        ),
        "contrast": {"n_nodules": 72, "given": 3},
    }


@pytest.mark.parametrize("m", range(6))
def test_an_auc_is_that_of_the_scores_in_each_part(case, m):
    scores = np.column_stack([case.scores, consensus_score(case.scores)])[:, m]
    result = case.evaluation["models"][KEYS[m]]
    for found, part in ((result, True), (result["three_readers"], case.many_readers)):
        chosen = (case.labels >= 0) & part
        assert found["auc"] == pytest.approx(share_of_pairs(case.labels[chosen], scores[chosen]), abs=6e-6)
        assert found["n_nodules"] == chosen.sum()
        assert found["n_malignant"] == (case.labels[chosen] == 1).sum()
        assert found["n_patients"] == len(set(case.patients[chosen]))


@pytest.mark.parametrize("m", range(6))
def test_each_model_is_held_against_the_diameter_on_the_same_nodules(case, m):
    found, judged = case.evaluation["models"][KEYS[m]]["ahead"], case.labels >= 0
    assert list(found) == ["diameter"]  # version 0.5 has seen none of these patients
    labels, scores = case.labels[judged], with_consensus(case.scores)[judged, m]
    expected = share_of_pairs(labels, scores) - share_of_pairs(labels, case.diameter[judged])
    assert found["diameter"]["value"] == pytest.approx(expected, abs=6e-6)
    assert found["diameter"]["low"] < found["diameter"]["value"] < found["diameter"]["high"]
    assert found["diameter"]["n_nodules"] == judged.sum()


@pytest.fixture(scope="module")
def answers(case):
    """Answers by choices of other patients."""
    return cross_fit(case.patients, case.labels, case.scores)


@pytest.mark.parametrize("m", range(6))
def test_reported_rates_come_from_choices_of_other_patients(case, answers, m):
    judged, malignant = case.labels >= 0, case.labels == 1
    result = case.evaluation["models"][KEYS[m]]
    for point in ("balanced", "high_sensitivity"):
        called = getattr(answers, point)[:, m]
        assert result[point]["sensitivity"] == pytest.approx(called[malignant].mean(), abs=6e-6)
        assert result[point]["specificity"] == pytest.approx(1 - called[case.labels == 0].mean(), abs=6e-6)
    squares = (answers.probability[judged, m] - malignant[judged]) ** 2
    assert result["brier"] == pytest.approx(squares.mean(), abs=6e-6)
    kept = ~answers.deferred[judged, m]
    assert result["abstention"]["coverage"] == pytest.approx(kept.mean(), abs=6e-6)
    assert result["abstention"]["kept"]["n_nodules"] == kept.sum()


def test_the_ruler_is_the_mean_of_the_readers_outlines(case):
    ruler = case.evaluation["baselines"]["diameter"]
    for found, part in ((ruler, True), (ruler["three_readers"], case.many_readers)):
        chosen = (case.labels >= 0) & part
        expected = share_of_pairs(case.labels[chosen], case.diameter[chosen])
        assert found["auc"] == pytest.approx(expected, abs=6e-6)


@pytest.mark.parametrize(("key", "said"), [*zip(ARCHITECTURES, range(2, 7), strict=True), (CONSENSUS, 4)])
def test_descriptors_are_held_against_the_readers_mean(case, key, said):
    found = case.evaluation["descriptors"]
    for sample, part in (("all", np.full(60, True)), ("three_readers", case.many_readers)):
        result, own = found[sample], said - case.spiculation[part]
        assert result["n_nodules"] == part.sum()
        assert result["against_mean"]["spiculation"][key]["mae"] == pytest.approx(
            np.abs(own).mean(), abs=6e-6
        )
        assert result["against_mean"]["spiculation"][key]["bias"] == pytest.approx(own.mean(), abs=6e-6)


def test_the_probabilities_are_those_of_the_histogram(case):
    for model in case.evaluation["models"].values():
        histogram, given = model["curves"]["histogram"], model["curves"]["probabilities"]
        for kind in ("benign", "malignant"):
            assert np.histogram(given[kind], histogram["edges"])[0].tolist() == histogram[kind]
            assert given[kind] == sorted(given[kind])


def test_what_a_verdict_adds_is_counted_at_the_operating_points_of_others(case, answers):
    table = json.loads((case.folder / "reliability.json").read_text())["models"]
    for m, key in enumerate(KEYS):
        rows = table[key]
        assert sum(row["nodules"] for row in rows) == 50
        assert [row["nodules"] for row in rows][:2] == [
            ((case.labels >= 0) & (case.diameter >= low) & (case.diameter < high)).sum()
            for low, high in ((0, 6), (6, 8))
        ]
        called = answers.balanced[:, m] & ~answers.deferred[:, m]
        recognised = (called & (case.labels == 1)).sum()
        assert sum(row["recognised"] for row in rows) == recognised


def test_what_others_measured_stays_as_long_as_it_is_true(case, tmp_path):
    choices = read_choices(case.folder)
    for path in case.folder.glob("*.json"):
        shutil.copy(path, tmp_path)
    assert measured_elsewhere(tmp_path, choices) == {}
    kept = {"texture": {"n": 1}, "robustness": {"n_nodules": 2}, "clicks": {"n_nodules": 3}}
    (tmp_path / "evaluation.json").write_text(json.dumps(kept | {"data": {}}))
    assert measured_elsewhere(tmp_path, choices) == kept
    others = [replace(choices[0], balanced=choices[0].balanced + 0.01), *choices[1:]]
    assert measured_elsewhere(tmp_path, others) == {"texture": {"n": 1}}
    (tmp_path / "vgg16.json").write_text('{"sha256": "ab"}')  # as it is after an export
    assert measured_elsewhere(tmp_path, choices) == {"texture": {"n": 1}}
    assert measured_elsewhere(tmp_path / "none", choices) == {}


def test_confirmed_diagnoses_of_held_out_patients_count(case):
    found = case.evaluation["diagnoses"]
    assert (found["n_patients"], found["n_malignant"]) == (11, 8)  # P06 to P19, of whom 3 are unknown


def test_the_choices_for_the_product_are_made_on_all(case):
    assert read_choices(case.folder) == fit_all(case.labels, case.scores)


def test_reports_keep_what_the_choices_do_not_replace(case):
    report, consensus = read_report(case.folder, "vgg16"), read_report(case.folder, CONSENSUS)
    assert report["sha256"] == "ab"
    assert report["threshold"] != 0.1
    assert report["patch"] == {"pixels": 48, "fields_mm": [32.0, 80.0], "percentiles": [2.0, 99.5]}
    assert consensus["title"] == "Consensus of the five"
    assert "patch" not in consensus


def test_the_readme_gets_the_table(case):
    lines = (case.folder / "README.md").read_text().splitlines()
    assert lines == [
        "before",
        "<!-- results -->",
        *table(case.folder).splitlines(),
        "<!-- /results -->",
        "after",
    ]


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_what_is_measured_is_what_is_served(case, app, kind):
    registry = copy.copy(app.registry)
    registry.reports = {
        key: report | read_report(case.folder, key) for key, report in app.registry.reports.items()
    }
    scan = read_scan([("a.png", encode(draw_phantom(kind)))], 0.7)
    served = analyse(scan, locate(scan), CONSENSUS, registry)
    roi = served.reading.roi
    patches = views(scan.slices[roi.slice], scan.spacing_mm, roi.row, roi.col)
    scores = np.array([[registry.predict(key, patches).score for key in ARCHITECTURES]])
    measured = answer(read_choices(case.folder), scores)
    for m, given in enumerate((*served.models, served)):
        assert given.probability == pytest.approx(measured.probability[0, m], abs=1e-6)
        called = "malignant" if measured.balanced[0, m] else "benign"
        assert given.verdict == ("indeterminate" if measured.deferred[0, m] else called)
