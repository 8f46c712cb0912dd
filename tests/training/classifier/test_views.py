from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.imaging.patch import CLOSE_MM, PATCH, PatchSpec, cut_patch
from models.imaging.two_fields import cut_fields
from models.inference.views import eight_views
from models.networks.scales import scale_diameter
from training.classifier import views
from training.classifier.views import CELLS, RandomViews, View, random_slice, random_view
from training.data.outlines import Outlines, largest_section

MIDDLE = (PATCH.pixels - 1) / 2
CLOSE = 0  # channel
SURE = {  # what leaves nothing to chance but the slice, mirror images and turns
    **dict.fromkeys(
        ("OFF_MM", "ANYWHERE", "SCALE", "WRONG_SPACING", "CUT", "ENLARGED", "WINDOW", "NOISE"), 0
    ),
    "_display": lambda patch, rng: patch,
}


def round_mask(radius, shape=(128, 128), down=0.0, across=0.0):
    """The pixels of a disc at (down, across) from the middle."""
    rows, cols = np.indices(shape)
    row, col = (shape[0] - 1) / 2 + down, (shape[1] - 1) / 2 + across
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def outlined(*nodules, spacing_mm=0.7, diameter_mm=8.0):
    """Outlines by one reader of nodules, each a list of (picture, mask), a pair a slice."""
    n = len(nodules)
    lengths = np.array([len(slices) for slices in nodules])
    pictures, masks = zip(*(pair for slices in nodules for pair in slices), strict=True)
    return Outlines(
        patient=np.array([f"P{i}" for i in range(n)]),
        nodule=np.full(n, "nodule-0"),
        spacing_mm=np.full(n, spacing_mm),
        slice_thickness_mm=np.full(n, 2.5),
        malignancy=np.full((n, 1), 4.0),
        diameter_mm=np.full(n, diameter_mm),
        texture=np.full(n, 5.0),
        n_readers=np.ones(n, int),
        first=lengths.cumsum() - lengths,
        n_slices=lengths,
        grey=np.stack(pictures).astype(np.uint8),
        hu=np.tile(np.float32([4, -1000]), (len(pictures), 1)),
        readers=np.stack(masks).astype(np.uint8),
    )


def spot(radius=2.5, seed=0, **options):
    """A bright disc on dark noise, and its outline; see `outlined`."""
    ground = np.random.default_rng(seed).integers(0, 40, (128, 128))
    mask = round_mask(radius, **options)
    return np.where(mask, 230, ground), mask


def seen(outlines, number, seed=0, nodule=0, spec=PATCH):
    """Random patches and by how much they are enlarged."""
    rng = np.random.default_rng(seed)
    views = [random_view(outlines, nodule, rng, spec) for _ in range(number)]
    return np.stack([view.patch for view in views]), np.array([view.factor for view in views])


@pytest.fixture
def sure(monkeypatch):
    """A function that leaves nothing to chance but what it is given."""

    def settle(**chances):
        for name, value in (SURE | chances).items():
            monkeypatch.setattr(views, name, value)

    return settle


def is_view_of(patch, straight):
    """Whether a patch is another one, mirrored or turned."""
    return np.abs(eight_views(straight[None]) - patch).max(axis=(1, 2, 3)).min() < 1e-5


def test_the_same_seed_gives_the_same_view():
    outlines = outlined([spot(seed=n) for n in range(5)])
    for one, other in zip(seen(outlines, 5, seed=3), seen(outlines, 5, seed=3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_gives_another_view():
    outlines = outlined([spot()])
    assert not np.array_equal(seen(outlines, 1, seed=1)[0], seen(outlines, 1, seed=2)[0])


@pytest.mark.parametrize("n_slices", [1, 2, 7])
@pytest.mark.parametrize("spacing_mm", [0.46, 0.98])
def test_a_view_is_float32_in_0_to_1_and_both_fields_show_something(n_slices, spacing_mm):
    outlines = outlined([spot(seed=n) for n in range(n_slices)], spacing_mm=spacing_mm, diameter_mm=20.0)
    for patch in seen(outlines, 40)[0]:
        assert patch.shape == (48, 48, 2)
        assert patch.dtype == np.float32
        assert patch.min() >= 0
        assert patch.max() <= 1
        assert np.ptp(patch, axis=(0, 1)).min() > 0.3


def test_the_slices_are_left_as_they_were():
    outlines = outlined([spot(seed=n) for n in range(5)])
    before = outlines.grey.copy()
    seen(outlines, 20)
    np.testing.assert_array_equal(outlines.grey, before)


def test_but_for_chance_a_view_is_the_patch_of_the_outlines_middle_mirrored_or_turned(sure):
    sure()
    picture, mask = spot(6, down=11, across=-20)
    straight = cut_patch(picture.astype(np.uint8), 0.7, 63.5 + 11, 63.5 - 20)
    patches, factors = seen(outlined([(picture, mask)]), 60)
    distances = np.abs(patches[:, None] - eight_views(straight[None])[None]).max(axis=(2, 3, 4))
    assert distances.min(axis=1).max() < 1e-5
    assert set(distances.argmin(axis=1).tolist()) == set(range(8))
    assert (factors == 1).all()


def test_the_outline_is_mirrored_and_turned_as_the_patch_is(sure):
    sure()
    picture, mask = spot(6, down=11, across=-20)
    outlines, rng, at = outlined([(picture, mask)]), np.random.default_rng(0), (63.5 + 11, 63.5 - 20)
    straight = eight_views(cut_patch(picture.astype(np.uint8), 0.7, *at)[None])
    fields = cut_fields([mask.astype(np.float32)], (0.7, 0.7), *at, PATCH.fields_mm, CELLS)
    shares = eight_views(fields[None])
    for view in (random_view(outlines, 0, rng) for _ in range(20)):
        which = int(np.abs(straight - view.patch).max(axis=(1, 2, 3)).argmin())
        np.testing.assert_allclose(view.share, shares[which], atol=1e-5)


def test_the_outline_covers_the_area_of_the_nodule_in_both_fields(sure):
    sure()
    view = random_view(outlined([spot(8)]), 0, np.random.default_rng(0))
    area = np.pi * (8 * 0.7) ** 2
    for field, mm in enumerate(PATCH.fields_mm):
        assert view.share[..., field].sum() * (mm / CELLS) ** 2 == pytest.approx(area, rel=0.05)


def test_the_targets_hold_the_close_field_before_the_wide_one(nodules, made):
    shown = epoch(nodules, made)
    rng = np.random.default_rng((0, 0, 1))
    views = [random_view(made, i, rng) for i in shown.batches[1]]
    fields = shown[1][1]["outline"].reshape(-1, 2, CELLS, CELLS)
    for view, (close, wide) in zip(views, fields, strict=True):
        np.testing.assert_array_equal(close, view.share[..., 0])
        np.testing.assert_array_equal(wide, view.share[..., 1])


def test_a_click_that_is_not_snapped_lies_anywhere_in_the_outline(sure):
    sure(ANYWHERE=1)
    picture, _ = spot()
    mask = np.zeros((128, 128), bool)
    places = [(40, 50), (60, 90), (70, 30)]
    mask[tuple(np.transpose(places))] = True
    straight = [cut_patch(picture.astype(np.uint8), 0.7, *place) for place in places]
    found = [
        [number for number, patch in enumerate(straight) if is_view_of(view, patch)]
        for view in seen(outlined([(picture, mask)]), 60)[0]
    ]
    assert sorted({number for (number,) in found}) == [0, 1, 2]


def test_a_nodule_stays_near_the_middle():
    close = seen(outlined([spot()]), 200)[0][..., CLOSE]
    bright = np.array([np.argwhere(patch > 0.75 * patch.max()).mean(axis=0) for patch in close])
    off_mm = (bright - MIDDLE) * CLOSE_MM / PATCH.pixels
    # in three of four views off by 1.5 mm, in the others anywhere in a disc of 1.75 mm; about true to scale
    assert np.sqrt((off_mm**2).mean()) == pytest.approx(
        np.sqrt(0.75 * 1.5**2 + 0.25 * (1.75 / 2) ** 2), rel=0.1
    )


def test_an_image_that_ends_is_mirrored_beyond_its_end_and_unchanged_before(sure):
    spec = PatchSpec(fields_mm=(CLOSE_MM,), percentiles=(0, 100))
    picture = np.random.default_rng(0).integers(1, 200, (128, 128))
    picture[60:68, 60:64], picture[60:68, 64:68] = 0, 255  # what the grey values are normalised by
    outlines = outlined([(picture, round_mask(3))], spacing_mm=0.5)
    sure()
    whole = seen(outlines, 30, spec=spec)[0]
    sure(CUT=1, CUT_MM=(12.0, 12.01))
    ends = seen(outlines, 30, spec=spec)[0]
    inside = np.s_[:, 8:40, 8:40]  # within 10.7 mm of the middle
    straight = eight_views(whole[:1])
    for patch in ends:
        assert np.abs(straight[inside] - patch[None][inside]).max(axis=(1, 2, 3)).min() < 1e-5
        assert np.abs(straight - patch).max(axis=(1, 2, 3)).min() > 0.3


@pytest.mark.parametrize("spacing_mm", [0.5, 0.9])
def test_a_lesion_is_enlarged_by_another_spacing(sure, spacing_mm):
    sure(ENLARGED=1)
    picture, mask = spot(12)
    patches, factors = seen(outlined([(picture, mask)], spacing_mm=spacing_mm, diameter_mm=16.0), 20)
    assert 1 < factors.min() < 2 < 3 < factors.max() < 4
    for patch, factor in zip(patches, factors, strict=True):
        assert is_view_of(patch, cut_patch(picture.astype(np.uint8), spacing_mm * factor, 63.5, 63.5))


@pytest.mark.parametrize(
    ("diameter_mm", "most"),
    [(6.0, 1), (11.99, 1), (12.0, 4), (20.0, 4), (40.0, 2), (80.0, 1), (90.0, 1)],
)
def test_lesions_of_12_mm_or_more_are_enlarged_to_80_mm_at_most(sure, diameter_mm, most):
    sure(ENLARGED=1)
    factors = seen(outlined([spot()], diameter_mm=diameter_mm), 60)[1]
    assert factors.min() >= 1
    assert factors.max() <= most
    assert factors.max() == pytest.approx(most, rel=0.15)


def test_three_in_ten_views_of_a_large_lesion_are_enlarged():
    factors = seen(outlined([spot()], diameter_mm=12.0), 300)[1]
    assert (factors > 1).mean() == pytest.approx(0.3, abs=0.08)  # three standard deviations


def test_slices_are_drawn_by_the_size_of_the_section():
    empty = np.zeros((128, 128), bool)
    masks = [empty.copy() for _ in range(4)]
    for mask, pixels in zip(masks, (10, 0, 30, 60), strict=True):
        mask[50, :pixels] = True
    other = [spot(9)] * 3
    outlines = outlined(other, [(empty, mask) for mask in masks], other)
    rng = np.random.default_rng(0)
    drawn = np.bincount([random_slice(outlines, 1, rng) for _ in range(2000)], minlength=10)
    assert drawn.tolist()[:3] == drawn.tolist()[7:] == [0] * 3
    assert drawn[4] == 0
    np.testing.assert_allclose(drawn[[3, 5, 6]] / 2000, [0.1, 0.3, 0.6], atol=0.035)


def test_the_largest_section_counts_what_any_reader_outlined():
    """The first reader's is largest in the second slice; both together in the third."""
    picture, empty = spot()[0], np.zeros((128, 128), np.uint8)
    masks = [empty.copy() for _ in range(4)]
    masks[1][10:14, 20:25] = 1
    masks[2][30:33, 40:44] = 1
    masks[2][33:36, 40:44] = 2
    masks[3][50:54, 60:65] = 3
    outlines = outlined([spot(9)], [(picture, mask) for mask in masks])
    assert largest_section(outlines, 0) == (0, 63.5, 63.5)
    assert largest_section(outlines, 1) == (3, 32.5, 41.5)


def epoch(nodules, made, number=0, **options):
    args = SimpleNamespace(**({"seed": 0, "views": 1, "batch": 4} | options))
    return RandomViews(nodules, made, np.arange(14), number, args)


def test_every_nodule_is_seen_as_often_as_asked_and_a_large_one_once_more(nodules, made):
    sizes = np.where(np.arange(14) < 3, 12.0, 11.99)
    shown = epoch(replace(nodules, diameter_mm=sizes), made, views=3)
    assert np.bincount(np.concatenate(shown.batches)).tolist() == [4] * 3 + [3] * 11
    assert len(shown) == len(shown.batches) == 11


def test_a_batch_has_patches_targets_and_weights(nodules, made):
    shown = epoch(nodules, made)
    patches, targets, weights = shown[0]
    n = len(shown.batches[0])
    assert patches.shape == (n, *PATCH.shape)
    shapes = {"rating": (n, 5), "descriptors": (n, 7), "diameter": (n, 1), "outline": (n, 2 * CELLS**2)}
    assert {name: target.shape for name, target in targets.items()} == shapes
    np.testing.assert_array_equal(targets["rating"], nodules.rating_distribution[shown.batches[0]])
    np.testing.assert_array_equal(targets["descriptors"], nodules.descriptors[shown.batches[0]])
    assert {name: weight.tolist() for name, weight in weights.items()} == dict.fromkeys(
        shapes, [pytest.approx(np.sqrt(2 / 4))] * n
    )


def test_the_diameter_to_learn_is_that_of_the_enlarged_lesion(nodules, made, monkeypatch):
    sizes = np.linspace(13, 26, 14)
    nothing = np.zeros(PATCH.shape), np.zeros((CELLS, CELLS, 2))
    monkeypatch.setattr(views, "random_view", lambda outlines, i, *_: View(*nothing, 1 + i / 10))
    shown = epoch(replace(nodules, diameter_mm=sizes), made)
    chosen = shown.batches[1]
    expected = scale_diameter(sizes[chosen] * (1 + chosen / 10))[:, None]
    np.testing.assert_allclose(shown[1][1]["diameter"], expected)


def test_an_epoch_is_the_same_whenever_seed_and_number_are(nodules, made):
    patches = [epoch(nodules, made, *number)[1][0] for number in ((2,), (2,), (3,))]
    np.testing.assert_array_equal(patches[0], patches[1])
    assert not np.array_equal(patches[0], patches[2])
    assert not np.array_equal(patches[0], epoch(nodules, made, 2, seed=1)[1][0])
