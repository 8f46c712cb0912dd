"""How verdicts on clicks are counted; that of the application is made up, since to ask it takes minutes."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.imaging.scan import Scan
from models.networks.registry import ARCHITECTURES
from tests.training.data.made_nodules import recipe_of
from training.data.outlines import largest_section
from training.data.splits import fold_of_nodules
from training.evaluation import clicks
from training.evaluation.clicks import ANYWHERE, SIZES_MM, VERDICTS, Case, case_of, share_of


@pytest.fixture
def asked(monkeypatch):
    """A function that makes up verdicts, of (case, row, col, index, factor on the spacing); all asked for."""

    def make_up(verdict):
        questions = []

        def ask(case, registry, row, col, index):
            questions.append((case, row, col, index, round(case.scan.spacing_mm[0] / 0.7, 6)))
            return verdict(*questions[-1])

        monkeypatch.setattr(Case, "verdict", ask)
        return questions

    return make_up


def rng():
    return np.random.default_rng(0)


def test_a_share_has_its_exact_interval():
    expected = {"share": 0, "share_low": 0, "share_high": pytest.approx(1 - 0.025 ** (1 / 20))}
    assert share_of(0, 20) == expected
    found = share_of(5, 20)
    assert found["share"] == 0.25
    assert (found["share_low"], found["share_high"]) == pytest.approx((0.0866, 0.4910), abs=1e-4)


def test_a_case_is_the_nodules_crops_in_hu(made):
    case = case_of(made, 3)
    np.testing.assert_array_equal(case.scan.slices, [made.slice_hu(6), made.slice_hu(7)])
    np.testing.assert_array_equal(case.outlined, made.readers[6:8] > 0)
    assert (case.scan.spacing_mm, case.scan.positions_mm) == ((0.7, 0.7), (0.0, 2.5))
    number, row, col = largest_section(made, 3)
    assert case.middle == (row, col, number - 6)


def test_a_wrong_spacing_leaves_the_slices_where_they_are_and_enlarging_moves_them(made):
    case = case_of(made, 3)
    wrong, larger = case.with_spacing(1.2), case.enlarged(2)
    assert (wrong.scan.spacing_mm, wrong.scan.positions_mm) == (pytest.approx((0.84, 0.84)), (0.0, 2.5))
    assert (larger.scan.spacing_mm, larger.scan.positions_mm) == (pytest.approx((1.4, 1.4)), (0.0, 5.0))
    for other in (wrong, larger):
        assert other.scan.slices is case.scan.slices
        assert (other.middle, other.outlined is case.outlined) == (case.middle, True)


def test_anywhere_is_in_the_outline_of_any_reader_in_any_slice():
    outlined = np.zeros((3, 40, 50), bool)
    places = {(5, 7, 0), (20, 30, 2), (21, 30, 2)}  # row, col, slice
    for row, col, index in places:
        outlined[index, row, col] = True
    case, drawing = Case(Scan(np.zeros((3, 40, 50)), (0.7, 0.7), False, True), (0, 0, 0), outlined), rng()
    assert {tuple(map(int, case.anywhere(drawing))) for _ in range(60)} == places


def test_verdicts_that_differ_from_that_at_the_middle_are_counted(made, asked):
    def verdict(case, row, col, index, factor):
        if factor != 1:
            return "malignant" if factor > 1 else "benign"
        return "benign" if (row, col, index) == case.middle else "no_nodule"

    questions = asked(verdict)
    found = clicks.changed(None, made, np.array([2, 5, 9]), rng())
    assert found["n_nodules"] == 3
    assert {row["name"]: (row["other"], row["share"]) for row in found["rows"]} == {
        ANYWHERE: (3, 1),
        "spacing 20 % too small": (0, 0),
        "spacing 20 % too large": (3, 1),
    }
    assert [factor for *_, factor in questions] == [1.0, 1.0, 0.8, 1.2] * 3
    for case, row, col, index, factor in questions:
        assert (row, col, index) == case.middle or (factor == 1 and case.outlined[index, row, col])


def test_of_no_nodules_no_shares_are_told(made, asked):
    asked(lambda *question: "benign")
    assert clicks.changed(None, made, np.array([], int), rng()) == {"n_nodules": 0, "rows": []}


def test_lesions_are_counted_by_verdict_at_each_size_that_is_larger_than_their_own(made, asked):
    large = replace(made, diameter_mm=np.linspace(10.0, 36.0, 14))
    questions = asked(lambda case, row, col, index, factor: VERDICTS[min(int(factor), 3)])
    found = clicks.enlarged(None, large, np.array([0, 5]), rng())  # of 10 and of 20 mm
    assert found["n_nodules"] == 2
    assert [row["mm"] for row in found["rows"]] == list(SIZES_MM) == [20, 30, 45, 60, 80]
    counts = [[row[name] for name in VERDICTS] for row in found["rows"]]
    # 2, 3, 4.5, 6 and 8 times as large; 1.5, 2.25, 3 and 4 times
    assert counts == [[0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 2], [0, 0, 0, 2]]
    assert [row["n_nodules"] for row in found["rows"]] == [1, 2, 2, 2, 2]
    assert [factor for *_, factor in questions] == pytest.approx([2, 3, 4.5, 6, 8, 1.5, 2.25, 3, 4])
    assert all(case.outlined[index, row, col] for case, row, col, index, _ in questions)


def test_only_patients_of_the_first_fold_are_asked_about(made, monkeypatch):
    sizes = np.where(np.arange(14) < 8, 12.0, 11.9)
    given = replace(made, diameter_mm=sizes, malignancy=made.malignancy.copy())
    held_out = fold_of_nodules(given) == clicks.FOLD
    seen = {}
    for name in ("changed", "enlarged"):
        monkeypatch.setattr(
            clicks,
            name,
            lambda *args, name=name: seen.update({name: args[2].tolist()}) or {"n_nodules": name},
        )
    result = clicks.measure(None, given, 100, 100)
    assert result == {"n_nodules": "changed", "enlarged": {"n_nodules": "enlarged"}}
    assert sorted(seen["changed"]) == np.flatnonzero(held_out).tolist()
    is_large = held_out & (given.label == 1) & (np.arange(14) < 8)
    assert sorted(seen["enlarged"]) == np.flatnonzero(is_large).tolist()
    assert 0 < is_large.sum() < held_out.sum()
    all_of_them = seen["changed"]
    clicks.measure(None, given, 2, 1)
    assert (seen["changed"], len(seen["enlarged"])) == (all_of_them[:2], 1)


@pytest.fixture
def folders(tmp_path, made, monkeypatch):
    """Runs of the first fold, weights, and where the copy goes; to export a run writes its name."""
    runs, weights = tmp_path / "runs" / "fold-0", tmp_path / "weights"
    weights.mkdir()
    (weights / "localiser.json").write_text('{"sha256": "l"}')
    for number, key in enumerate(ARCHITECTURES):
        (runs / key).mkdir(parents=True)
        (runs / key / "run.json").write_text(recipe_of(made, 0))
        fitted = dict.fromkeys(clicks.FITTED, number)
        (weights / f"{key}.json").write_text(json.dumps(fitted | {"sha256": "shipped"}))

    def export(key, runs, weights):
        (weights / f"{key}.json").write_text(json.dumps({"sha256": f"{runs.name} {key}", "threshold": 0.1}))

    monkeypatch.setattr(clicks, "export", export)
    return runs, made, weights, tmp_path / "held-out"


def test_networks_are_those_of_the_fold_with_what_was_fitted_for_the_shipped_ones(folders):
    _, _, weights, folder = folders
    before = {path.name: path.read_bytes() for path in weights.iterdir()}
    clicks.held_out_weights(*folders)
    for number, key in enumerate(ARCHITECTURES):
        report = json.loads((folder / f"{key}.json").read_text())
        assert report == {"sha256": f"fold-0 {key}"} | dict.fromkeys(clicks.FITTED, number)
    assert json.loads((folder / "localiser.json").read_text()) == {"sha256": "l"}
    assert set(json.loads((folder / "manifest.json").read_text())["sha256"]) == set(before)
    assert {path.name: path.read_bytes() for path in weights.iterdir()} == before


@pytest.mark.parametrize("fold", [1, None])
def test_networks_that_have_learnt_from_the_patients_are_refused(folders, made, fold):
    runs = folders[0]
    (runs / "vgg19" / "run.json").write_text(recipe_of(made, fold))
    with pytest.raises(
        SystemExit, match=f"the run in {runs / 'vgg19'} did not hold out the patients of fold 0"
    ):
        clicks.held_out_weights(*folders)


def test_the_command_adds_to_an_evaluation(folders, nodules_file, asked, monkeypatch, capsys):
    runs, _, weights, _ = folders
    (weights / "evaluation.json").write_text('{"data": {"n": 1}, "clicks": {"n_nodules": 0}}')
    registries = []
    monkeypatch.setattr(clicks, "ModelRegistry", lambda folder: registries.append(folder.parent) or folder)
    asked(lambda case, row, col, index, factor: "malignant" if factor > 1 else "benign")
    options = {"data": nodules_file, "runs": runs.parent, "weights": weights, "at-most": 4}
    clicks.main([f"--{name}={value}" for name, value in options.items()])
    evaluation = json.loads((weights / "evaluation.json").read_text())
    assert evaluation["data"] == {"n": 1}
    assert evaluation["clicks"]["n_nodules"] == 4
    assert [row["other"] for row in evaluation["clicks"]["rows"]] == [0, 0, 4]
    assert evaluation["clicks"]["enlarged"]["n_nodules"] == 0  # all are of 8.5 mm
    assert "spacing 20 % too large: another verdict for 4 of 4" in capsys.readouterr().out
    assert not registries[0].exists()  # the copy is gone
