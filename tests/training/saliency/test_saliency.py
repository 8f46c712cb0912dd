import json

import keras
import numpy as np
import pytest

from models.imaging.patch import CLOSE_MM, PATCH
from models.inference.saliency.maps import smoothed
from models.networks.blocks import add_heads
from models.networks.fields import split_fields
from models.networks.registry import ARCHITECTURES, Architecture
from tests.training.data.made_nodules import recipe_of
from training.data.outlines import Outlines
from training.saliency import compare, methods
from training.saliency.cases import Case, on_grid, shifted_case, shifted_cases
from training.saliency.measure import curves, mean_curves, middle_points_at, pointing, points_at

SHAPE = PATCH.shape[:2]


def mask_at(row, col, radius):
    rows, cols = np.indices(SHAPE)
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def made_outlines(n, radius=7.0, readers=2):
    """One slice of each of `n` patients' nodules: a white disc on noise, outlined by all readers."""
    rng = np.random.default_rng(0)
    rows, cols = np.indices((128, 128)) - 63.5
    disc = rows**2 + cols**2 <= radius**2
    grey = np.where(disc, 240, rng.integers(0, 60, (n, 128, 128))).astype(np.uint8)
    return Outlines(
        patient=np.array([f"P{i:02}" for i in range(n)]),
        nodule=np.full(n, "nodule-0"),
        spacing_mm=np.full(n, 0.7),
        slice_thickness_mm=np.full(n, 2.5),
        malignancy=np.array([[1.0, 2.0], [5.0, 4.0]])[np.arange(n) % 2],
        diameter_mm=np.where(np.arange(n) % 5 == 4, 5.0, 10.0),
        texture=np.full(n, 5.0),
        n_readers=np.full(n, readers),
        first=np.arange(n),
        n_slices=np.ones(n, int),
        grey=grey,
        hu=np.tile([4.0, -1000.0], (n, 1)).astype(np.float32),
        readers=np.where(disc, 2**readers - 1, 0).astype(np.uint8) * np.ones((n, 1, 1), np.uint8),
    )


def test_a_map_points_where_its_strongest_place_is():
    found = np.zeros(SHAPE)
    found[10, 20] = 1
    assert points_at(found, mask_at(10, 20, 0))
    assert not points_at(found, mask_at(10, 21, 0))
    assert not points_at(np.zeros(SHAPE), np.ones(SHAPE, bool))  # an empty map points nowhere


def test_pointing_is_the_share_of_hits_with_an_interval_over_patients():
    cases = [Case(None, mask_at(23, 23, 9 * (i % 2)), f"P{i}", 8.0) for i in range(40)]
    result = pointing([i % 4 != 0 for i in range(40)], cases)
    assert (result["value"], result["n_nodules"], result["n_patients"]) == (0.75, 40, 40)
    assert result["low"] < 0.75 < result["high"]
    assert result["centre"] == 0.5 * 1 + 0.5 * 0.25


def test_a_map_of_the_middle_scores_badly_on_shifted_nodules():
    cases = shifted_cases(made_outlines(60), range(60))
    bright = np.mean([points_at(smoothed(case.patches[0, ..., 0]), case.inside) for case in cases])
    middle = np.mean([points_at(methods.middle(), case.inside) for case in cases])
    assert bright == 1
    assert middle < 0.4
    assert np.mean([middle_points_at(case.inside) for case in cases]) == pytest.approx(middle, abs=0.1)


def test_nodules_are_shifted_up_to_a_quarter_of_the_close_field_each_way():
    cases = shifted_cases(made_outlines(60), range(60))
    off = np.array([np.mean(np.nonzero(case.inside), axis=1) for case in cases]) - 23.5
    assert np.abs(off).max() <= 12.5
    assert (np.abs(off).max(axis=0) > 10.5).all()
    assert np.abs(off.mean(axis=0)).max() < 3


def test_a_shift_depends_on_seed_and_nodule_only():
    outlines = made_outlines(3)
    one, other, again = (shifted_cases(outlines, range(3), seed)[2].inside for seed in (0, 1, 0))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one, shifted_cases(outlines, [2])[0].inside)


def test_outline_and_patch_have_the_same_geometry():
    outlines = made_outlines(1)
    outlines.grey[0] = np.where(outlines.readers[0] > 0, 255, 0)
    case = shifted_case(outlines, 0, np.random.default_rng(4))
    np.testing.assert_array_equal(case.patches[0, ..., 0] >= 0.5, case.inside)
    assert case.patches.shape == (8, *PATCH.shape)
    area = case.inside.sum() * (CLOSE_MM / PATCH.pixels) ** 2
    assert area == pytest.approx(np.pi * (7 * 0.7) ** 2, rel=0.05)


def test_an_outline_is_mirrored_beyond_the_image_as_the_patch_is():
    mask = np.zeros((128, 128), bool)
    mask[:4, 60:68] = True
    found = on_grid(mask, 0.7, -0.5, 63.5)  # the upper edge of the image in the middle of the field
    np.testing.assert_array_equal(found, found[::-1])
    np.testing.assert_array_equal(np.nonzero(found.any(axis=1))[0], np.arange(20, 28))  # 4 x 0.7 mm each way


def test_a_nodule_is_looked_at_in_the_slice_of_its_largest_section():
    apart, together = made_outlines(3), made_outlines(3)
    together.readers[0, 64:] = 0
    together.readers[2, :, 64:] = 0
    apart.first[0], together.n_slices[0] = 1, 3  # the second slice alone, or all three of one nodule
    alone, found = (shifted_case(each, 0, np.random.default_rng(4)) for each in (apart, together))
    np.testing.assert_array_equal(found.patches, alone.patches)
    np.testing.assert_array_equal(found.inside, alone.inside)


def test_a_slice_on_whose_pixels_too_few_readers_agree_is_left_out():
    outlines = made_outlines(2, readers=1)
    outlines.n_readers[0] = 4
    assert [case.patient for case in shifted_cases(outlines, range(2))] == ["P01"]


def answer_by(place):
    """Ratings 5 and 1 by how bright a place in the close field is."""

    def answer(patches):
        bright = patches[:, place, 0].mean(axis=1)
        return np.stack([1 - bright, *[0 * bright] * 3, bright], axis=1).astype(np.float32)

    return answer


def test_deleting_the_important_place_first_takes_the_answer_away():
    place = mask_at(15, 30, 4.5)
    patch = np.repeat(place[..., None], 2, axis=-1).astype(np.float32)
    right, wrong = place + 0.0, 1.0 - place
    deletion, insertion = curves(answer_by(place), patch, right)
    assert (deletion[0], insertion[-1]) == (1, 1)
    assert deletion[-1] == pytest.approx(insertion[0])
    assert deletion[1] < 0.3 < 0.9 < insertion[1]
    cases = [Case(patch[None], place, "P1", 8.0)]
    good, bad = (mean_curves(answer_by(place), cases, [one]) for one in (right, wrong))
    assert good["deletion"] < bad["deletion"]
    assert good["insertion"] > bad["insertion"]


def test_deletion_follows_the_rating_that_was_most_likely():
    place = mask_at(15, 30, 4.5)
    deletion, _ = curves(answer_by(place), np.zeros(PATCH.shape, np.float32), place + 0.0)
    np.testing.assert_allclose(deletion, 1)  # a black patch stays what it is: rating 1


def test_the_wide_field_stays_as_it_is_while_the_close_one_is_blurred_or_covered():
    patch = np.random.default_rng(0).random(PATCH.shape, np.float32)
    asked, place = [], mask_at(15, 30, 4.5)

    def answer(patches):
        asked.append(patches)
        return answer_by(place)(patches)

    curves(answer, patch, place + 0.0)
    methods.occlusion(answer, patch)
    for patches in asked:
        np.testing.assert_array_equal(patches[..., 1], np.broadcast_to(patch[..., 1], patches.shape[:3]))
        assert np.abs(patches[..., 0] - patch[..., 0]).max() > 0.1


def test_occlusion_points_where_the_answer_comes_from():
    place = mask_at(10, 34, 4.5)
    patch = np.where(place[..., None], 0.9, np.full(PATCH.shape, 0.3)).astype(np.float32)
    assert points_at(methods.occlusion(answer_by(place), patch), place)


def build_tiny(shape):
    """A network that rates bright places of the close field high."""
    inputs = keras.Input(shape)
    x = split_fields(inputs)
    x = keras.layers.Conv2D(1, 5, strides=2, padding="same", activation="relu", name="conv")(x)
    model = keras.Model(inputs, add_heads(x, shape[-1], dropout=0.0))
    model.get_layer("conv").set_weights([np.full((5, 5, 1, 1), 1 / 25), np.array([-0.5])])
    kernel = 20 * np.array([[-2.0, -1, 0, 1, 2], [0, 0, 0, 0, 0]])
    model.get_layer("rating").set_weights([kernel, np.zeros(5)])
    return model


class Tiny(Architecture):
    build = staticmethod(build_tiny)


@pytest.fixture
def tiny_runs(tmp_path, monkeypatch):
    """Runs of the first fold of two tiny networks, which are all that there are."""
    usual = dict(ARCHITECTURES)  # put back whole: their order is that of all tables
    ARCHITECTURES.clear()
    for key in ("one", "other"):
        ARCHITECTURES[key] = Tiny(key, key, "", "")
        monkeypatch.setitem(methods.LAYERS, key, ["conv"])
        run = tmp_path / "fold-0" / key
        run.mkdir(parents=True)
        build_tiny(PATCH.shape).save_weights(run / "final.weights.h5")
        (run / "run.json").write_text(recipe_of(made_outlines(40), 0))
    yield tmp_path
    ARCHITECTURES.clear()
    ARCHITECTURES.update(usual)


@pytest.mark.parametrize(
    ("pointing", "expected"),
    [
        ((0.90, 0.88, 0.10, 0.10), ("evidence", "late")),  # no view is shifted, the last layer alone
        ((0.90, 0.10, 0.88, 0.10), ("evidence", "input+late")),
        ((0.90, 0.10, 0.10, 0.10), ("shifted_evidence", "input")),  # the others point worse
        ((0.90, 0.10, 0.10, 0.88), ("shifted_evidence", "late")),
    ],
)
def test_the_quickest_method_that_points_about_as_well_as_the_best_is_chosen(pointing, expected):
    named = [("shifted_evidence", "input"), ("evidence", "late"), ("evidence", "input+late")]
    named = [*named, ("shifted_evidence", "late"), ("occlusion", "input")]
    rows = [
        {"method": method, "layer": layer, "pointing": value, "n_nodules": 100}  # standard error 0.03
        for (method, layer), value in zip(named, (*pointing, 0.99), strict=True)
    ]
    rows.sort(key=lambda row: -row["pointing"])
    chosen = compare.chosen_of(rows, ["input", "late"])
    assert (chosen["method"], chosen["layer"]) == expected


def test_the_command_chooses_on_one_half_of_the_held_out_patients_and_reports_on_the_other(tiny_runs):
    outlines = made_outlines(40)
    readers = {name: getattr(outlines, name)[:, None] for name in ("diameter_mm", "texture")}
    np.savez(tiny_runs / "nodules.npz", **(vars(outlines) | readers))
    out = tiny_runs / "saliency.json"
    command = ["--data", str(tiny_runs / "nodules.npz"), "--runs", str(tiny_runs), "--out", str(out)]
    compare.main([*command, "--published", "2", "--curves", "2"])
    report = json.loads(out.read_text())
    assert list(report["models"]) == ["one", "other", "consensus"]
    one = report["models"]["one"]
    rows = [row for row in report["table"] if row["model"] == "one"]
    assert {key: one[key] for key in ("method", "layer")} == compare.chosen_of(rows, ["input", "conv"])
    assert one["pointing"]["value"] > 0.8 > one["pointing"]["centre"]
    n_nodules = [one[name]["n_nodules"] for name in ("pointing", "pointing_below_6_mm")]
    assert sum(n_nodules) == 2 * 3  # of 20 patients of either rating, 7 are held out, every second reports
    assert one["deletion"] < one["turned"]["deletion"]
    assert (one["empty"], one["n_curves"]) == (0, 2)
    assert one["seconds_ratio"] > 0
    assert report["models"]["consensus"]["method"] is None
    named = {(row["method"], row["layer"]) for row in report["table"] if row["model"] == "one"}
    wanted = {"grad_cam", "hirescam", "layercam", "integrated_gradients", "smoothgrad", "occlusion", "middle"}
    assert wanted <= {method for method, _ in named}
    assert ("shifted_net_evidence", "input+conv") in named
