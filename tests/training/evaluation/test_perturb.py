import numpy as np
import pytest

from models.imaging.phantom import draw_phantom
from tests.imaging.test_grey import as_crop, chest_hu
from training.evaluation.perturb import (
    PERTURBATIONS,
    Upload,
    add_noise,
    compress,
    in_window,
    misstate_spacing,
    move,
    quarter_turn,
    screenshot,
)
from training.evaluation.robustness import patches_of

MILD = {"ROI 2 px off", "ROI 4 px off", "JPEG of quality 70", "lung window", "quarter turn"}


def rng(seed=0):
    return np.random.default_rng(seed)


def phantom_upload():
    return Upload(draw_phantom("spiculated", 86), 0.7, 42.5, 42.5)


@pytest.mark.parametrize("pixels", [2, 4, 8])
def test_the_place_moves_by_exactly_so_many_pixels(pixels):
    upload = phantom_upload()
    moved = move(upload, pixels, rng())
    assert np.hypot(moved.row - upload.row, moved.col - upload.col) == pytest.approx(pixels)
    assert moved.pixels is upload.pixels
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
    assert misstated.pixels is upload.pixels


def test_jpeg_stays_close():
    upload = phantom_upload()
    pixels = compress(upload).pixels
    difference = np.abs(pixels.astype(int) - upload.pixels)
    assert pixels.dtype == np.uint8
    assert pixels.shape == upload.pixels.shape
    assert 0 < difference.mean() < 4
    assert difference.max() < 40


def test_a_worse_jpeg_is_less_close():
    upload = phantom_upload()
    errors = [np.abs(compress(upload, q).pixels.astype(int) - upload.pixels).mean() for q in (10, 70, 95)]
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


@pytest.mark.parametrize("slope", [5.0, 10.0])
def test_a_screenshot_shows_the_window_whatever_the_map_of_the_slice(slope):
    upload = Upload(as_crop(chest_hu(), -1030.0, slope), 0.7, 30, 40)
    shown = screenshot(upload, 40.0, 400.0).pixels
    np.testing.assert_array_equal(shown, in_window(chest_hu(), 40.0, 400.0))


@pytest.mark.parametrize("slope", [6.0, 10.0])
def test_the_noise_has_so_many_hu(slope):
    pixels = as_crop(chest_hu(), -1200.0, slope)
    noisy = add_noise(Upload(pixels, 0.7, 30, 40), 50.0, rng()).pixels
    assert (noisy.astype(float) - pixels).std() * slope == pytest.approx(50.0, rel=0.03)


def test_a_turn_takes_the_place_along():
    upload = Upload(rng().integers(0, 256, (40, 60)).astype(np.uint8), 0.7, 11, 47)
    turned = quarter_turn(upload)
    assert turned.pixels.shape == (60, 40)
    assert (turned.row, turned.col) == (12, 11)
    np.testing.assert_array_equal(turned.pixels[10:15, 9:14], np.rot90(upload.pixels[9:14, 45:50]))


def test_four_turns_are_none():
    upload = turned = Upload(rng().integers(0, 256, (40, 60)).astype(np.uint8), 0.7, 11.25, 47.5)
    for _ in range(4):
        turned = quarter_turn(turned)
    assert (turned.row, turned.col) == (upload.row, upload.col)
    np.testing.assert_array_equal(turned.pixels, upload.pixels)


@pytest.mark.parametrize("spacing_mm", [0.46, 0.71, 0.98])
@pytest.mark.parametrize("place", [(42.5, 42.5), (40.3, 47.9), (3.0, 80.0)])
def test_a_turn_leaves_the_set_of_views_as_it_was(spacing_mm, place):
    upload = Upload(draw_phantom("spiculated", 90)[:86], spacing_mm, *place)
    seen, again = patches_of(upload), patches_of(quarter_turn(upload))
    distances = np.abs(seen[:, None] - again[None]).max(axis=(2, 3, 4))
    partners = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < 1e-5
    assert sorted(partners) == list(range(8))  # one to one
    assert (partners != np.arange(8)).all()  # and it does turn


@pytest.mark.parametrize("perturbation", PERTURBATIONS, ids=lambda row: row.name)
def test_a_seed_gives_one_result_and_leaves_the_upload_as_it_was(perturbation):
    upload = phantom_upload()
    before = upload.pixels.copy()
    first, second = (perturbation.apply(upload, rng(7)) for _ in range(2))
    np.testing.assert_array_equal(upload.pixels, before)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert first.pixels.dtype == np.uint8
    assert (first.spacing_mm, first.row, first.col) == (second.spacing_mm, second.row, second.col)


def test_the_table_names_the_mild_ones():
    assert {row.name for row in PERTURBATIONS if row.mild} == MILD
    assert len({row.name for row in PERTURBATIONS}) == len(PERTURBATIONS) == 10
