"""The model cards in weights/ are what the command writes from the JSON files beside them."""

import json
import shutil

import pytest

from app import ROOT
from models.reports.tables import EMPTY, Cell, Row, Table
from training.publish.cards import bullets, card, main, markdown
from training.publish.words import NUMBERS

WEIGHTS = ROOT / "weights"
EVALUATION = json.loads((WEIGHTS / "evaluation.json").read_text())
KEYS = list(EVALUATION["models"])
SECTIONS = (
    "Model",
    "Intended use",
    "Out of scope",
    "Data and labels",
    "Preprocessing",
    "Training",
    "How it was measured",
    "Results",
    "Limits",
    "Ethical notes",
    "Licence and citation",
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the shipped JSON files, into which the command has written."""
    folder = tmp_path_factory.mktemp("weights")
    for path in WEIGHTS.glob("*.json"):
        shutil.copy(path, folder)
    main(["--weights", str(folder)])
    return folder


@pytest.fixture
def reports():
    return {key: json.loads((WEIGHTS / f"{key}.json").read_text()) for key in KEYS}


def test_there_is_a_card_for_each_of_the_six(written):
    expected = sorted(f"{key}.md" for key in KEYS)
    assert sorted(path.name for path in written.glob("*.md")) == expected
    assert sorted(path.name for path in WEIGHTS.glob("*.md")) == sorted([*expected, "localiser.md"])
    assert len(expected) == 6


@pytest.mark.parametrize("key", KEYS)
def test_a_shipped_card_is_what_the_command_writes(written, key):
    assert (written / f"{key}.md").read_bytes() == (WEIGHTS / f"{key}.md").read_bytes()


@pytest.mark.parametrize("key", KEYS)
def test_a_card_has_every_section_and_no_open_placeholder(key):
    text = (WEIGHTS / f"{key}.md").read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(SECTIONS)
    assert "$" not in text
    assert "**opinions, not biopsies**" in text
    assert "MIT licence" in text


def test_a_card_names_the_file_its_size_and_its_checksum(reports):
    lines = card("vgg16", reports, EVALUATION).splitlines()
    report = reports["vgg16"]
    assert f"- File: `vgg16.weights.h5`, {report['bytes']:,} bytes, float16" in lines
    assert f"- SHA-256: `{report['sha256']}`" in lines


def test_the_card_of_the_consensus_names_the_checksums_of_the_five(reports):
    text = card("consensus", reports, EVALUATION)
    for key in KEYS:
        if key != "consensus":
            assert f"`{key}.weights.h5`, SHA-256 `{reports[key]['sha256']}`" in text


def test_a_card_shows_the_evaluation_of_its_model(reports):
    result = EVALUATION["models"]["alexnet"]
    before = result["ahead"]["version_0_5"]
    lines = card("alexnet", reports, EVALUATION).splitlines()
    row = next(line for line in lines if line.startswith("| AlexNet | "))
    assert f"| {result['auc']:.3f} ({result['auc_low']:.3f} to {result['auc_high']:.3f}) |" in row
    ahead = NUMBERS.between(*(before[name] for name in ("value", "low", "high")))
    assert row.endswith(f"| {ahead} | {result['brier']:.3f} | {result['calibration_error']:.3f} |")


def test_a_card_says_what_a_patch_is_and_how_often_the_networks_were_trained(reports):
    evaluation = EVALUATION | {"data": EVALUATION["data"] | {"folds": 7}}
    text = " ".join(card("alexnet", reports, evaluation).split())
    assert "Two squares around the nodule's middle, of 32 and 80 mm, in the slice of its largest" in text
    assert "resampled with the scan's own spacing to 48 x 48 pixels each." in text
    assert "by patient into 7 folds" in text
    assert "the networks were trained 7 times, each time without one fold." in text


def test_what_was_not_measured_is_said_so(reports):
    evaluation = {
        name: value for name, value in EVALUATION.items() if name not in ("diagnoses", "robustness")
    }
    text = card("resnet", reports, evaluation)
    assert "### Confirmed diagnoses\n\nNot measured.\n" in text
    assert "differently.\n\nNot measured.\n\n## Limits" in text


def test_robustness_is_shown_once_measured(reports):
    row = {"name": "JPEG", "mild": True, "mean_change": 0.0123, "p95_change": 0.05, "flips": 0.02}
    row |= {"flips_benign_malignant": 0.0, "auc": 0.9312}
    evaluation = EVALUATION | {"robustness": {"n_nodules": 193, "rows": [row]}}
    text = card("consensus", reports, evaluation)
    assert "The same nodule shown differently (193 nodules)." in text
    assert "| **Mild changes** |  |  |  |  |  |\n| JPEG | 0.012 | 0.050 | 2 % | 0 % | 0.931 |" in text


@pytest.mark.parametrize(
    ("everyone", "sentence"),
    [(True, "Trained on all patients, after"), (False, "Trained without the patients of one fold;")],
)
def test_a_card_says_who_trained(reports, everyone, sentence):
    reports["vgg19"]["training"]["everyone"] = everyone
    assert sentence in card("vgg19", reports, EVALUATION)


def test_a_recipe_of_any_shape_becomes_a_list():
    recipe = {
        "epochs": 14,
        "weight_decay": 0.02,
        "minutes": 20.028925,
        "everyone": True,
        "mixup": None,
        "file": "/home/somebody/runs/final.weights.h5",
        "start": {"epochs": 8, "seed": 1},
    }
    assert bullets(recipe).splitlines() == [
        "- epochs: 14",
        "- weight decay: 0.02",
        "- minutes: 20.03",
        "- everyone: yes",
        "- mixup: no",
        "- file: final.weights.h5",
        "- start:",
        "  - epochs: 8",
        "  - seed: 1",
    ]


def test_a_table_as_markdown():
    cells = Cell("count_of", (2, 1)), Cell("interval", (0.9, 0.8, 1.0)), EMPTY
    rows = (Row("Big", cells), Row("Tiny", cells, note="few", group="Size"))
    facts = {"titles": {"resnet": "ResNet"}}
    table = Table("subgroups", ("kind", "nodules", "resnet", "sensitivity"), rows, facts)
    assert markdown(table).splitlines() == [
        "Results by kind of nodule and of scan.",
        "",
        "| Kind | Nodules (malignant) | AUC, ResNet | Sensitivity |",
        "| --- | ---: | ---: | ---: |",
        "| Big | 2 (1) | 0.900 (0.800 to 1.000) |  |",
        "| **Size** |  |  |  |",
        "| Tiny (few cases) | 2 (1) | 0.900 (0.800 to 1.000) |  |",
    ]
