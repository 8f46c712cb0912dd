import copy
import json
import shutil

import numpy as np
import pytest

from app import ROOT
from models.errors import UserError
from models.imaging.patch import PATCH
from models.inference.classifier import CONSENSUS, ModelRegistry
from models.inference.pipeline import check_model
from models.networks.registry import ARCHITECTURES
from training.publish.export import float16_shift, save_float16
from training.publish.manifest import write_manifest

WEIGHTS = ROOT / "weights"


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """The shipped weights, each model but the last spoilt in another way; the rest is missing or damaged."""
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(WEIGHTS, folder, dirs_exist_ok=True)
    (folder / "vgg16.weights.h5").unlink()
    with open(folder / "vgg19.weights.h5", "r+b") as file:
        file.seek(100_000)
        file.write(b"\xff" * 64)
    (folder / "resnet.json").write_text("{")
    (folder / "alexnet.json").unlink()
    (folder / "consensus.json").write_text("[]")
    (folder / "evaluation.json").unlink()
    return ModelRegistry(folder)


def problems_of(registry):
    return {key: str(problem) for key, problem in registry.problems.items()}


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("vgg16", "vgg16.weights.h5 is missing."),
        ("vgg19", "vgg19.weights.h5 is damaged: its checksum is not the one in vgg19.json."),
        ("resnet", "resnet.json is damaged: its checksum is not the one in manifest.json."),
        ("alexnet", "alexnet.json is missing."),
        (CONSENSUS, "consensus.json is damaged: its checksum is not the one in manifest.json."),
    ],
)
def test_a_spoilt_model_is_unavailable_and_says_why(spoilt, key, problem):
    assert str(spoilt.problems[key]) == problem
    assert not spoilt.available(key)
    with pytest.raises(UserError) as caught:
        check_model(key, spoilt)
    assert caught.value.code == "model_unavailable"
    assert problem in caught.value.message


def test_the_others_go_on(spoilt):
    assert spoilt.available("efficientnet")
    assert spoilt.localiser is not None
    assert 0 <= spoilt.predict("efficientnet", np.zeros((1, *PATCH.shape), np.float32)).probability <= 1


def test_without_an_evaluation_there_are_no_measured_results(spoilt):
    assert spoilt.evaluation == {}
    assert spoilt.lost["evaluation"] == "evaluation.json is missing."


@pytest.fixture
def reports(tmp_path):
    """The shipped reports without the weights: what fails is known before these are needed."""
    for path in WEIGHTS.glob("*.json"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_a_threshold_that_was_changed_is_noticed(reports):
    path = reports / "alexnet.json"
    path.write_text(path.read_text().replace('"threshold": 0.2', '"threshold": 0.9'))
    problems = problems_of(ModelRegistry(reports))
    assert problems["alexnet"] == "alexnet.json is damaged: its checksum is not the one in manifest.json."


NEEDED = "is not as this version needs it: "


WRONG = (  # rounds of reports, each of which is wrong in another way, and what is said of it
    {
        "vgg16": ({"sha256": "0" * 64}, NEEDED + "Object missing required field `calibration`."),
        "vgg19": ({"threshold": None}, NEEDED + "Expected `float`, got `null` - at `$.threshold`."),
        "resnet": ({"calibration": {"a": "8", "b": 0, "intercept": 0}}, "got `str` - at `$.calibration.a`."),
        "alexnet": ("{", "is damaged."),
        "efficientnet": ("[" * 100_000, "is damaged."),
        CONSENSUS: ([], "is damaged."),
        "localiser": ({}, NEEDED + "Object missing required field `sha256`."),
        "evaluation": ({"models": {"consensus": {"auc": 0.9}}}, NEEDED),
        "saliency": ({"models": {"vgg16": 3}}, NEEDED),
        "cases": ({"weights": {}}, NEEDED),
    },
    {
        "alexnet": ('{"threshold": NaN}', "is damaged."),
        CONSENSUS: ({"abstention": {"limit": 2}}, NEEDED),
        "finder": (
            {"thresholds": {"series": 0.05}},
            "missing required field `picture` - at `$.thresholds`.",
        ),
        "evaluation": ({"subgroups": [{"name": "small"}]}, NEEDED),
        "cases": ({"measured": {"made": {"vessel": {"value": 0.5}}}}, NEEDED),
    },
    {"localiser": ({"filters": [10**9, 10**9]}, "Expected `int` <= 1024 - at `$.filters[0]`.")},
    {"localiser": ({"measured": {"all": {"dice": "good"}}}, "at `$.measured[...].dice`.")},
)


@pytest.mark.parametrize("wrong", WRONG, ids=range(len(WRONG)))
def test_a_report_of_another_form_makes_its_part_unavailable(reports, wrong):
    for name, (content, _) in wrong.items():
        path = reports / f"{name}.json"
        if isinstance(content, dict) and content and "sha256" not in content:  # one entry is wrong
            content = json.loads(path.read_text()) | content
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    write_manifest(reports)
    registry = ModelRegistry(reports)
    told = problems_of(registry) | registry.lost
    for name, (_, sentence) in wrong.items():
        assert told[name].startswith(f"{name}.json ")
        assert sentence in told[name]


def test_further_entries_and_further_files_do_no_harm(reports):
    for path in [path for path in reports.glob("*.json") if path.name != "manifest.json"]:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"nodule": {"weight": [1, 2]}}))
    (reports / "more.json").write_text("{}")
    write_manifest(reports)
    registry = ModelRegistry(reports)
    weights = {part: f"{part}.weights.h5 is missing." for part in ("localiser", "finder", "recognition")}
    assert registry.lost == {"cases": "cases.npz is missing."} | weights
    assert problems_of(registry) == {key: f"{key}.weights.h5 is missing." for key in ARCHITECTURES}
    assert registry.evaluation["nodule"] == {"weight": [1, 2]}


def test_without_the_manifest_nothing_is_believed(reports):
    (reports / "manifest.json").unlink()
    registry = ModelRegistry(reports)
    assert set(registry.problems) == {CONSENSUS, *ARCHITECTURES}
    assert set((problems_of(registry) | registry.lost).values()) == {"manifest.json is missing."}
    assert not registry.available(CONSENSUS)


def test_the_shipped_evaluation_is_read(app):
    assert app.registry.evaluation == json.loads((WEIGHTS / "evaluation.json").read_text())


def test_before_the_evaluation_nothing_is_deferred(spoilt):
    registry = with_reports(spoilt, consensus={"calibration": {"a": 1.0, "b": 1.0, "intercept": 0.0}})
    assert registry.consensus([0.5, 0.8]) == pytest.approx(2 / 3)  # odds 1 and 4
    assert registry.threshold(CONSENSUS) == 0.5
    assert registry.defers(CONSENSUS, 0.5, 0.5) is False


def with_reports(registry, **reports):
    """The same registry with other reports."""
    other = copy.copy(registry)
    other.reports = reports
    return other


def test_the_consensus_is_calibrated_by_its_report(spoilt):
    registry = with_reports(spoilt, consensus={"calibration": {"a": 2.0, "b": 2.0, "intercept": np.log(3)}})
    assert registry.consensus([0.5, 0.8]) == pytest.approx(12 / 13)  # odds 2, squared, three times


@pytest.mark.parametrize(
    ("probability", "spread", "deferred"),
    [(0.2, 0.0, True), (0.21, 0.0, False), (0.21, 0.1, True), (0.9, 0.1, False), (0.9, 4.0, True)],
)
def test_doubt_is_measured_from_the_operating_point_of_the_report(spoilt, probability, spread, deferred):
    rule = {"intercept": 0.01, "distance": -1.0, "disagreement": 1.0, "limit": 0.5}
    registry = with_reports(spoilt, vgg16={"threshold": 0.2, "abstention": rule})
    assert registry.defers("vgg16", probability, spread) is deferred
    assert registry.defers("vgg19", probability, spread) is False


def test_all_shipped_models_load_and_fit_their_size(app):
    assert app.registry.problems == app.registry.lost == {}
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 140_000_000


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_shipped_weights_moved_little_when_stored_as_float16(key):
    report = json.loads((WEIGHTS / f"{key}.json").read_text())
    assert report["float16_largest_shift"] <= 0.005


@pytest.mark.parametrize("key", ["alexnet", "efficientnet"])
def test_float16_on_disk_moves_no_probability_by_more_than_0_002(key, tmp_path, monkeypatch):
    monkeypatch.setattr("training.publish.export.PHANTOMS", 2)
    model = ARCHITECTURES[key].build(PATCH.shape)
    rng = np.random.default_rng(0)
    for variable in model.non_trainable_variables:  # as if trained: batch statistics away from 0 and 1
        if "moving_mean" in variable.path:
            variable.assign(rng.normal(0, 0.1, variable.shape))
        if "moving_variance" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    path = tmp_path / "model.weights.h5"
    save_float16(model, path)
    assert path.stat().st_size < 2.4 * model.count_params()
    assert 0 < float16_shift(model, path) <= 0.002


def test_answers_are_averaged_over_the_patches(app):
    patches = np.random.default_rng(0).random((6, *PATCH.shape)).astype(np.float32)
    whole = app.registry.predict("alexnet", patches).score
    halves = [app.registry.predict("alexnet", part).score for part in np.split(patches, 2)]
    assert whole == pytest.approx(np.mean(halves), abs=1e-5)
