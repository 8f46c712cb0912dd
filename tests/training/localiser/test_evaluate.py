import numpy as np
import pytest

from models.imaging.scan import Scan
from tests.inference.detection.made_localiser import BrightPlaces
from training.localiser.evaluate import GROUPS, evaluate, summary
from training.localiser.outlining import ERRORS, agreed, agreement, dice, sizes_of


def square(low, high):
    mask = np.zeros((128, 128), bool)
    mask[low:high, low:high] = True
    return mask


def row(**changed):
    base = {
        "patient": "P1",
        "n_readers": 4,
        "size_mm": 8.0,
        "diameter_mm": 7.0,
        "dice": 0.8,
        "reader_dice": [0.9, 0.7],
        "reader_errors": [dict.fromkeys(ERRORS, 1.0), dict.fromkeys(ERRORS, -2.0) | {"mean_hu_error": None}],
    }
    return base | dict.fromkeys(ERRORS, 0.5) | changed


def test_half_of_the_readers_must_agree():
    masks = np.stack([square(0, 10), square(0, 20), square(0, 30)])
    np.testing.assert_array_equal(agreed(masks, 4), square(0, 20))
    np.testing.assert_array_equal(agreed(masks, 6), square(0, 10))
    assert not agreed(masks[2:], 4).any()
    np.testing.assert_array_equal(agreed(masks[2:], 2), square(0, 30))


def test_dice_of_known_overlaps():
    assert dice(square(0, 10), square(0, 10)) == 1
    assert dice(square(0, 10), square(20, 30)) == 0
    assert dice(square(0, 20), square(0, 10)) == pytest.approx(200 / 500)


def test_a_mask_is_measured_like_an_outline():
    scan = Scan(np.zeros((1, 128, 128), np.float32), (0.5, 0.5), False, False)
    assert sizes_of(square(20, 40), scan).equivalent_diameter_mm == pytest.approx(
        2 * np.sqrt(20 * 20 * 0.25 / np.pi), rel=0.01
    )


def test_limits_of_agreement():
    result = agreement([1.0, -1.0, 3.0])
    assert (result["median"], result["bias"]) == (1.0, 1.0)
    assert result["limits"] == pytest.approx([1 - 1.96 * 2, 1 + 1.96 * 2])


def test_a_nodule_without_an_outline_has_dice_0_and_no_error():
    missed = row(patient="P2", dice=0.0, **dict.fromkeys(ERRORS))
    result = summary([row(), row(patient="P3", diameter_error_mm=1.5), missed])
    assert result["dice"] == pytest.approx(1.6 / 3)
    assert result["not_outlined"] == pytest.approx(1 / 3)
    assert result["diameter_error_mm"]["median"] == 1.0
    assert result["readers"]["dice"] == pytest.approx(0.8)
    assert set(ERRORS) <= set(result) & set(result["readers"])
    assert result["readers"]["short_axis_error_mm"]["median"] == 1.5
    assert result["readers"]["mean_hu_error"]["median"] == 1.0


def test_groups_are_by_size_and_readers():
    large, small = row(), row(size_mm=5.9, n_readers=2)
    belongs = {name: (group(large), group(small)) for name, group in GROUPS.items()}
    assert belongs == {
        "all": (True, True),
        "6 mm or more": (True, False),
        "below 6 mm": (False, True),
        "3 or more readers": (True, False),
    }


def test_bright_discs_are_outlined_by_what_finds_brightness(made):
    rows = evaluate(made, BrightPlaces(), "test", 2026)
    assert len(rows) == 2
    (large,) = [found for found in rows if found["diameter_mm"] > 10]
    assert large["dice"] > 0.95
    # the readers' mean is that of a disc and of its half, sqrt(1/2) as wide
    expected = large["diameter_mm"] * (2 / (1 + 0.5**0.5) - 1)
    assert large["diameter_error_mm"] == pytest.approx(expected, abs=0.6)
    # as long as a disc, but half as wide: the half is one reader of two
    assert large["long_axis_error_mm"] == pytest.approx(0, abs=0.5)
    short = 2 * large["mean_diameter_error_mm"] - large["long_axis_error_mm"]
    assert large["short_axis_error_mm"] == pytest.approx(short, abs=0.1)
    assert large["mean_hu_error"] == pytest.approx(0, abs=20)
