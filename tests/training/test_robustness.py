import json
from types import SimpleNamespace

import numpy as np
import pytest

from models.imaging.phantom import draw_phantom
from models.inference.bank import CONSENSUS
from models.inference.calibration import Abstention, Calibration
from models.inference.views import views
from models.networks.registry import ARCHITECTURES
from training import robustness
from training.calibrate import Answers, Choice
from training.dataset import load
from training.perturb import (
    PERTURBATIONS,
    USUAL_SLOPE,
    Upload,
    add_noise,
    compress,
    estimate_hu,
    in_window,
    misstate_spacing,
    move,
    quarter_turn,
    screenshot,
)
from training.splits import split_patients

MILD = {"ROI 2 px off", "ROI 4 px off", "JPEG of quality 70", "lung window", "quarter turn"}
SURE_OUTSIDE = Abstention(0.0, -1.0, 0.0, 0.25)  # with threshold 0.5: indeterminate from 0.25 to 0.75


def rng(seed=0):
    return np.random.default_rng(seed)


def phantom_upload(n_slices=3):
    stack = np.stack([draw_phantom("spiculated", 86, seed) for seed in range(n_slices)])
    return Upload(stack, 0.7, 42.5, 42.5)


def chest_hu():
    """Half lung, half soft tissue, with something darker and something brighter in either."""
    hu = np.full((60, 80), -870.0)
    hu[:, 40:] = 20.0
    hu[:9], hu[-9:] = hu[:9] - 80, hu[-9:] + 80
    return hu


def as_crop(hu, low, slope):
    return np.rint((hu - low) / slope).astype(np.uint8)


@pytest.mark.parametrize("pixels", [2, 4, 8])
def test_the_place_moves_by_exactly_so_many_pixels(pixels):
    upload = phantom_upload()
    moved = move(upload, pixels, rng())
    assert np.hypot(moved.row - upload.row, moved.col - upload.col) == pytest.approx(pixels)
    assert moved.stack is upload.stack
    assert moved.spacing_mm == upload.spacing_mm


def test_the_place_moves_in_every_direction():
    upload = phantom_upload()
    moved = [move(upload, 2, rng(seed)) for seed in range(40)]
    assert {(m.row > upload.row, m.col > upload.col) for m in moved} == {
        (below, right) for below in (False, True) for right in (False, True)
    }


@pytest.mark.parametrize(("factor", "stated"), [(1.2, 0.84), (0.8, 0.56)])
def test_the_spacing_is_misstated(factor, stated):
    upload = phantom_upload()
    misstated = misstate_spacing(upload, factor)
    assert misstated.spacing_mm == pytest.approx(stated)
    assert misstated.stack is upload.stack


def test_jpeg_stays_close():
    upload = phantom_upload()
    stack = compress(upload).stack
    difference = np.abs(stack.astype(int) - upload.stack)
    assert stack.dtype == np.uint8
    assert stack.shape == upload.stack.shape
    assert 0 < difference.mean() < 4
    assert difference.max() < 40


def test_a_worse_jpeg_is_less_close():
    upload = phantom_upload()
    errors = [np.abs(compress(upload, q).stack.astype(int) - upload.stack).mean() for q in (10, 70, 95)]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize(
    ("level", "width", "hu", "grey"),
    [  # y = ((x - (c - 0.5)) / (w - 1) + 0.5) * 255 between c - 0.5 -+ (w - 1) / 2
        (-600, 1500, [-3024, -1350, -1344, -600.5, 149, 1000], [0, 0, 1, 128, 255, 255]),
        (40, 400, [-870, -160, -60, 39, 139, 239, 400], [0, 0, 64, 127, 191, 255, 255]),
        (2048, 4096, [0, 2047, 4095], [0, 127, 255]),
        (0, 100, [-51, -50, -49, 48, 49, 50], [0, 0, 3, 252, 255, 255]),
    ],
)
def test_a_window_is_the_linear_function_of_dicom(level, width, hu, grey):
    assert in_window(np.array(hu, dtype=float), level, width).tolist() == grey


@pytest.mark.parametrize(("low", "slope"), [(-1030.0, 5.0), (-1020.0, 10.0)])
def test_the_map_to_hu_is_found_where_lung_and_tissue_are_as_usual(low, slope):
    assert estimate_hu(as_crop(chest_hu(), low, slope)) == pytest.approx((slope, low))


def test_padding_is_no_lung():
    hu = chest_hu()
    hu[:, :30] = -2000.0
    assert estimate_hu(as_crop(hu, -2000.0, 10.0)) == pytest.approx((10.0, -2000.0))


def test_a_crop_with_little_tissue_gets_the_usual_slope():
    hu = np.full((60, 80), -870.0)
    hu[28:32, 38:42] = -400.0
    slope, intercept = estimate_hu(as_crop(hu, -1020.0, 10.0))
    assert slope == USUAL_SLOPE
    assert slope * 15 + intercept == -870


def test_a_slope_that_no_ct_has_is_not_believed():
    pixels = np.full((60, 80), 100, np.uint8)
    pixels[:, 40:] = 110  # as if 89 HU were one grey level
    assert estimate_hu(pixels) == (USUAL_SLOPE, -870 - 100 * USUAL_SLOPE)


def test_a_screenshot_shows_the_window_whatever_the_map_of_each_slice():
    stack = np.stack([as_crop(chest_hu(), -1030.0, 5.0), as_crop(chest_hu(), -1030.0, 10.0)])
    shown = screenshot(Upload(stack, 0.7, 30, 40), 40.0, 400.0).stack
    for pixels in shown:
        np.testing.assert_array_equal(pixels, in_window(chest_hu(), 40.0, 400.0))


def test_the_noise_has_so_many_hu():
    stack = np.stack([as_crop(chest_hu(), -1200.0, 6.0), as_crop(chest_hu(), -1200.0, 10.0)])
    noisy = add_noise(Upload(stack, 0.7, 30, 40), 50.0, rng()).stack
    deviations = (noisy.astype(float) - stack).std(axis=(1, 2)) * (6.0, 10.0)
    np.testing.assert_allclose(deviations, 50.0, rtol=0.03)


def test_a_turn_takes_the_place_along():
    upload = Upload(rng().integers(0, 256, (2, 40, 60)).astype(np.uint8), 0.7, 11, 47)
    turned = quarter_turn(upload)
    assert turned.stack.shape == (2, 60, 40)
    assert (turned.row, turned.col) == (12, 11)
    np.testing.assert_array_equal(turned.stack[:, turned.row, turned.col], upload.stack[:, 11, 47])


def test_four_turns_are_none():
    upload = turned = Upload(rng().integers(0, 256, (1, 40, 60)).astype(np.uint8), 0.7, 11.25, 47.5)
    for _ in range(4):
        turned = quarter_turn(turned)
    assert (turned.row, turned.col) == (upload.row, upload.col)
    np.testing.assert_array_equal(turned.stack, upload.stack)


@pytest.mark.parametrize("spacing_mm", [0.46, 0.71, 0.98])
@pytest.mark.parametrize("place", [(42.5, 42.5), (40.3, 47.9), (3.0, 80.0)])
def test_a_turn_leaves_the_set_of_views_as_it_was(spacing_mm, place):
    stack = np.stack([draw_phantom("spiculated", 90, seed)[:86] for seed in range(2)])
    upload = Upload(stack, spacing_mm, *place)
    seen = views(upload.stack, upload.spacing_mm, upload.row, upload.col, 1)
    turned = quarter_turn(upload)
    again = views(turned.stack, turned.spacing_mm, turned.row, turned.col, 1)
    distances = np.abs(seen[:, None] - again[None]).max(axis=(2, 3, 4))
    partners = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < 1e-5
    assert sorted(partners) == list(range(16))  # one to one
    assert (partners != np.arange(16)).all()  # and it does turn


@pytest.mark.parametrize("perturbation", PERTURBATIONS, ids=lambda row: row.name)
def test_a_seed_gives_one_result_and_leaves_the_upload_as_it_was(perturbation):
    upload = phantom_upload()
    before = upload.stack.copy()
    first, second = (perturbation.apply(upload, rng(7)) for _ in range(2))
    np.testing.assert_array_equal(upload.stack, before)
    np.testing.assert_array_equal(first.stack, second.stack)
    assert first.stack.dtype == np.uint8
    assert (first.spacing_mm, first.row, first.col) == (second.spacing_mm, second.row, second.col)


def test_the_table_names_the_mild_ones():
    assert {row.name for row in PERTURBATIONS if row.mild} == MILD
    assert len({row.name for row in PERTURBATIONS}) == len(PERTURBATIONS) == 10


def test_only_benign_and_malignant_nodules_of_test_patients_are_read():
    labels = np.tile([-1, 0, 1], 40)
    nodules = SimpleNamespace(patient=np.array([f"P{n:03}" for n in range(120)]), label=labels)
    chosen = robustness.judged_test_nodules(nodules, split_seed=2026)
    test_patients = split_patients(nodules.patient, labels, 2026)["test"]
    expected = {f"P{n:03}" for n in range(120) if labels[n] >= 0} & test_patients
    assert set(nodules.patient[chosen]) == expected
    assert len(chosen) == 12
    np.testing.assert_array_equal(robustness.judged_test_nodules(nodules, 2026, limit=5), chosen[:5])


@pytest.mark.parametrize(("middle_only", "slices"), [(False, [0, 1, 2, 3]), (True, [2])])
def test_an_upload_is_all_slices_or_the_middle_one(middle_only, slices):
    stack = rng().integers(0, 256, (4, 30, 41)).astype(np.uint8)
    nodules = SimpleNamespace(stacks=[stack], spacing_mm=np.array([0.6]))
    upload = robustness.upload_of(nodules, 0, middle_only)
    np.testing.assert_array_equal(upload.stack, stack[slices])
    assert (upload.spacing_mm, upload.row, upload.col) == (0.6, 14.5, 20)


def test_each_nodule_has_a_generator_of_its_own(patches_file):
    nodules = load(patches_file)
    draws = [robustness.rng_of(nodules, i).random() for i in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]


def test_a_nodule_is_missed_in_one_direction_at_all_distances(patches_file):
    nodules = load(patches_file)
    upload = robustness.upload_of(nodules, 3, middle_only=True)
    moved = [move(upload, pixels, robustness.rng_of(nodules, 3)) for pixels in (2, 4, 8)]
    steps = np.array([(m.row - upload.row, m.col - upload.col) for m in moved])
    np.testing.assert_allclose(steps[1:], steps[0] * [[2], [4]])


def made_answers(consensus, model, deferred):
    """Answers with one column for the consensus, one for all five models."""
    probability = np.array([[*[m] * 5, c] for m, c in zip(model, consensus, strict=True)])
    return Answers(
        score=probability,
        probability=probability,
        balanced=probability >= 0.5,
        high_sensitivity=probability >= 0.2,
        deferred=np.array([[d] * 6 for d in deferred]),
    )


def test_changes_of_a_case_by_hand():
    # consensus: benign to malignant, malignant to indeterminate, malignant twice
    before = made_answers([0.1, 0.8, 0.7, 0.9], [0.1, 0.8, 0.7, 0.9], [False, False, False, False])
    after = made_answers([0.6, 0.7, 0.7, 0.8], [0.1, 0.3, 0.3, 0.8], [False, True, False, False])
    result = robustness.changes(np.array([0, 0, 1, 1]), before, after)
    assert result == {
        "mean_change": pytest.approx(0.175),  # of 0, 0.1, 0.1, 0.5
        "p95_change": pytest.approx(0.44),  # 0.85 of the way from 0.1 to 0.5
        "flips": 0.5,
        "flips_benign_malignant": 0.25,
        "auc": 0.875,  # 0.7 and 0.8 against 0.6 and 0.7: three won, one tied
        "flips_by_model": dict.fromkeys(ARCHITECTURES, 0.25),  # the third, from malignant to benign
    }


def test_the_area_of_one_class_is_unknown():
    answers = made_answers([0.1, 0.8], [0.1, 0.8], [False, False])
    assert robustness.changes(np.array([1, 1]), answers, answers)["auc"] is None


def test_rows_of_scores_by_hand():
    choices = [Choice(Calibration(1.0, 1.0, 0.0), 0.5, 0.2, SURE_OUTSIDE)] * 6
    before = np.repeat([[0.1], [0.2], [0.9], [0.8]], 5, axis=1)
    scores = {row.name: before for row in (robustness.UNPERTURBED, *PERTURBATIONS)}
    scores["lung window"] = np.repeat([[0.2], [0.3], [0.1], [0.8]], 5, axis=1)
    rows = {row["name"]: row for row in robustness.rows_of(np.array([0, 0, 1, 1]), choices, scores)}
    assert list(rows)[0] == "unperturbed"
    assert (rows["quarter turn"]["mean_change"], rows["quarter turn"]["flips"]) == (0, 0)
    changed = rows["lung window"]
    assert changed["mild"]
    assert changed["mean_change"] == pytest.approx(0.25)  # of 0.1, 0.1, 0.8, 0
    assert changed["flips"] == 0.5  # benign to indeterminate, malignant to benign
    assert changed["flips_benign_malignant"] == 0.25
    assert changed["auc"] == 0.5


@pytest.fixture
def command(tmp_path, patches_file, monkeypatch):
    """A function that runs the command on networks that rate the brightness of a patch."""

    def brightness(patches, training=False):
        bright = patches.mean(axis=(1, 2, 3))[:, None]
        rating = np.concatenate([1 - bright, 0 * bright, 0 * bright, 0 * bright, bright], axis=1)
        return {"rating": rating, "descriptors": np.zeros((len(patches), 7)), "diameter": bright}

    monkeypatch.setattr(robustness, "load_network", lambda key, path: brightness)
    runs, weights = tmp_path / "runs", tmp_path / "weights"
    weights.mkdir()
    report = {
        "calibration": {"a": 1.0, "b": 1.0, "intercept": 0.0},
        "threshold": 0.5,
        "high_sensitivity_threshold": 0.2,
        "abstention": vars(SURE_OUTSIDE),
    }
    for key in (*ARCHITECTURES, CONSENSUS):
        (weights / f"{key}.json").write_text(json.dumps(report))
        (runs / key).mkdir(parents=True)
        (runs / key / "run.json").write_text('{"split_seed": 2026}')
    (weights / "evaluation.json").write_text('{"data": {"n_nodules": 14}}')
    arguments = ["--data", str(patches_file), "--runs", str(runs), "--weights", str(weights)]

    def run(*more):
        robustness.main([*arguments, *more])
        return json.loads((weights / "evaluation.json").read_text())

    return run


@pytest.mark.parametrize(("flag", "kind"), [((), "stack"), (("--middle-only",), "middle")])
def test_the_command_adds_the_rows_and_keeps_all_else(command, flag, kind):
    evaluation = command(*flag)
    result = evaluation["robustness"]
    rows = {row["name"]: row for row in result["rows"]}
    assert evaluation["data"] == {"n_nodules": 14}
    assert (result["n_nodules"], result["input"]) == (2, kind)
    assert list(rows) == ["unperturbed", *(row.name for row in PERTURBATIONS)]
    assert rows["unperturbed"]["mean_change"] == rows["quarter turn"]["mean_change"] == 0  # five digits
    assert rows["spacing 20 % too large"]["mean_change"] > 0


def test_resume_reads_no_nodule_again(command, monkeypatch):
    before = command()
    monkeypatch.setattr(robustness, "read", None)
    assert command("--resume") == before


def test_resume_refuses_the_scores_of_other_nodules(command):
    command("--limit", "1")
    with pytest.raises(SystemExit, match="other nodules"):
        command("--resume")
