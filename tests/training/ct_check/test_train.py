import json

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from models.imaging.phantom import draw_phantom
from models.ingest.ct_check.trees import Classifier
from tests.ingest import body
from training.ct_check import fit as fitting
from training.ct_check import train
from training.ct_check.ct import KINDS, WINDOWS, crop_view, slice_view, windowed
from training.ct_check.drawings import FAMILIES
from training.ct_check.fit import as_report, exported, fit, written
from training.ct_check.photos import sources
from training.ct_check.sets import Pictures, as_uploaded, crops, cut_crops, measured, together
from training.data.pictures import Slices


@pytest.fixture
def quick(monkeypatch):
    """A fit of few trees, by one thread: several wait for one another where others work, too."""
    monkeypatch.setattr(fitting, "TREES", 60)
    with threadpool_limits(1, "openmp"):
        yield


def made(n, centre, group, kind="plain", seed=0, deviation=0.3):
    """Pictures of three features around a centre."""
    features = np.random.default_rng(seed).normal(centre, deviation, (n, 3)).astype(np.float32)
    return Pictures(("a", "b", "c"), features, np.full(n, group), np.full(n, kind))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_draws_by_its_generator_alone(name):
    first, second = (FAMILIES[name](np.random.default_rng(3), 64) for _ in range(2))
    assert first.shape == (64, 64)
    assert np.isfinite(first).all()
    assert np.ptp(first) > 0
    np.testing.assert_array_equal(first, second)
    upload = as_uploaded(first, np.random.default_rng(0))
    assert upload.dtype == np.uint8
    assert min(upload.shape) >= 48


def test_the_source_pictures_ship_with_packages():
    found = sources()
    assert {"skimage/camera", "sklearn/china", "matplotlib/brain", "pydicom/MR_small.dcm"} <= set(found)
    assert {"nibabel/example4d.nii.gz", "nibabel/anatomical.nii", "nibabel/0.dcm"} <= set(found)
    assert len(found) > 50
    for pixels in found.values():
        assert pixels.ndim == 2
        assert (pixels.min(), pixels.max()) == (0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_every_upload_of_a_crop_is_a_grey_picture(kind):
    for seed in range(4):
        pixels = crop_view(draw_phantom("smooth"), kind, np.random.default_rng(seed))
        assert pixels.ndim == 2
        assert pixels.dtype == (np.uint16 if kind == "deep" else np.uint8)
        assert 24 <= min(pixels.shape) <= max(pixels.shape) <= 512


def test_a_turned_crop_has_the_same_pixels_and_a_part_some_of_them():
    crop, rng = draw_phantom("smooth"), np.random.default_rng(0)
    np.testing.assert_array_equal(np.sort(crop_view(crop, "turned", rng).ravel()), np.sort(crop.ravel()))
    part = crop_view(crop, "part", rng)
    assert 48 <= len(part) < 128
    places = np.lib.stride_tricks.sliding_window_view(crop, part.shape)
    assert (places == part).all(axis=(2, 3)).any()


def test_windows_are_those_of_the_viewer():
    hu = np.array([[-1350.0, -600, 150], [-160, 40, 240]])
    assert windowed(hu, *WINDOWS["lung"]).tolist() == [[0, 128, 255], [202, 236, 255]]
    assert windowed(hu, *WINDOWS["mediastinal"]).tolist() == [[0, 0, 198], [0, 128, 255]]


def test_a_whole_slice_is_sent_in_many_forms():
    views = [slice_view(body.chest(), np.random.default_rng(seed)) for seed in range(6)]
    assert len({pixels.tobytes() for pixels in views}) == 6
    assert all(pixels.dtype == np.uint8 and min(pixels.shape) >= 256 for pixels in views)


def test_pictures_with_hardly_any_levels_are_left_out():
    flat, nodule = np.zeros((64, 64), np.uint8), draw_phantom("smooth", 64)
    pictures = measured([(flat, "a", "x"), (nodule, "b", "y"), (flat + 7, "c", "z")])
    assert pictures.group.tolist() == ["b"]
    assert pictures.kind.tolist() == ["y"]
    assert pictures.features.shape == (1, len(pictures.names))


def test_trees_as_arrays_answer_as_the_fitted_model_does():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 5)).astype(np.float32)
    answers = (inputs[:, 0] * inputs[:, 1] > 0.3 * inputs[:, 2]).astype(int)
    model = HistGradientBoostingClassifier(max_iter=12, max_depth=fitting.DEPTH, early_stopping=False)
    model.fit(inputs, answers)
    trees, intercept = exported(model)
    np.testing.assert_allclose(trees.summed(inputs) + intercept, model.decision_function(inputs), atol=1e-6)


def test_a_fit_tells_what_differs_and_survives_its_file(quick):
    ct, other = made(200, 0, "patient"), together(made(100, 3, "photo"), made(20, -3, "noise"))
    model = fit(ct, other)
    odds = model.log_odds(together(ct, other).features)
    assert (odds[:200] < 0).mean() > 0.98
    assert (odds[200:] > 0).mean() > 0.95
    again = Classifier.of(json.loads(json.dumps(written(as_report(model)))))
    np.testing.assert_array_equal(again.log_odds(ct.features), model.log_odds(ct.features))


def test_the_limit_leaves_so_few_validation_pictures_beyond_it(quick):
    model = fit(made(200, 0, "patient", deviation=1.5), made(100, 3, "photo", deviation=1.5))
    usual, mixed = made(1000, 0, "other patient", deviation=1.5), made(500, 6, "other patient", kind="mixed")
    validation = together(usual, mixed)
    limit = train.limit_of(model, validation)
    beyond = model.log_odds(validation.features) > limit
    assert 0 < beyond[:1000].sum() <= 2
    assert beyond[1000:].mean() > 0.9


@pytest.mark.slow
def test_a_group_is_judged_by_fits_that_saw_nothing_of_it(quick):
    """Five groups at one place, and one beside CT: unseen, the five are refused and the one is not."""
    ct = made(300, 0, "patient")
    far = [made(60, 4, f"far {number}", seed=number) for number in range(5)]
    near = made(60, (0, 0, 1.2), "near", seed=9)
    other = together(*far, near)
    unseen = train.refused_unseen(ct, made(300, 0, "validation", seed=1), other)
    assert unseen[:300].mean() > 0.95
    assert unseen[300:].mean() < 0.5


def test_shares_are_counted_by_name():
    refused, names = np.array([True, False, True, True]), np.array(["a", "a", "b", "a"])
    assert train.shares(refused, names) == {
        "a": {"n": 3, "refused": pytest.approx(2 / 3)},
        "b": {"n": 1, "refused": 1.0},
    }


def test_crops_are_of_the_patients_asked_for(lidc):
    made_of = [*crops(Slices(lidc.tar), {"LIDC-IDRI-0007"}, 1, ("plain", "jpeg"), np.random.default_rng(0))]
    assert [(group, kind) for _, group, kind in made_of] == [
        ("LIDC-IDRI-0007", kind) for kind in ("plain", "jpeg")
    ] * 2
    np.testing.assert_array_equal(made_of[0][0], lidc.stacks["LIDC-IDRI-0007", "nodule-0"][0])


def test_masks_are_cut_from_crops_and_are_none(lidc):
    masks = [*cut_crops(Slices(lidc.folder), {"LIDC-IDRI-0001"}, 5, np.random.default_rng(0))]
    assert [group for _, group, _ in masks] == ["mask"] * 5


@pytest.mark.slow
def test_the_report_counts_each_side_by_its_own_pictures(quick):
    report = train.fitted(
        {
            "train": made(200, 0, "patient"),
            "validation": made(500, 0, "validation", seed=1),
            "test": together(made(60, 0, "t", seed=2), made(20, 4, "t", kind="jpeg")),
            "whole test": made(30, 0, "w", kind="whole slice", seed=3),
            "other": together(
                *(made(40, 4, f"far {number}", kind="photo", seed=number) for number in range(5))
            ),
            "other test": made(50, 4, "far 1", seed=8),
        }
    )
    rates = report["measured"]
    assert rates["not_ct_made_anew"] == {"n": 50, "refused": 1.0}
    assert rates["not_ct_unseen"] == {"n": 200, "refused": 1.0}
    assert set(rates["not_ct_unseen_by_source"]) == {f"far {number}" for number in range(5)}
    assert rates["ct_test"]["plain"]["n"] == 60
    assert rates["ct_test"]["plain"]["refused"] < 0.05
    assert rates["ct_test"]["jpeg"] == {"n": 20, "refused": 1.0}
    assert rates["ct_whole_test"]["whole slice"]["n"] == 30
    json.dumps(written(report), allow_nan=False)
