import numpy as np
import pytest

from models.inference.measurement.texture import name_of, solid_share, texture_of

SPACING = (0.7, 0.7)


def away(shape=(40, 40), spacing=SPACING):
    """Distance of each pixel from the middle, in mm."""
    rows, cols = np.indices(shape)
    return np.hypot((rows - shape[0] // 2) * spacing[0], (cols - shape[1] // 2) * spacing[1])


@pytest.mark.parametrize(
    ("core_hu", "around_hu", "texture"),
    [(40, 40, "solid"), (-620, -620, "ground glass"), (20, -620, "part-solid"), (-620, 20, "part-solid")],
)
def test_texture_of_a_disc_with_a_core(core_hu, around_hu, texture):
    hu = np.where(away() < 3, core_hu, around_hu)
    assert texture_of(hu, away() < 6, SPACING, 12.0) == texture


def test_the_rim_that_is_half_lung_is_not_judged():
    hu = np.where(away() < 5, 40, -600)
    assert texture_of(hu, away() < 6, SPACING, 12.0) == "solid"
    assert (hu[away() < 6] > -300).mean() < 0.75  # the whole disc would have been part-solid


@pytest.mark.parametrize(("hu", "share"), [(-299, 1.0), (-300, 0.0)])
def test_solid_is_above_minus_300_hu(hu, share):
    assert solid_share(np.full((40, 40), hu), away() < 6, SPACING) == share


@pytest.mark.parametrize(
    ("share", "name"),
    [(0, "ground glass"), (0.19, "ground glass"), (0.2, "part-solid"), (0.74, "part-solid"), (0.75, "solid")],
)
def test_what_a_share_is_called(share, name):
    assert name_of(share) == name


@pytest.mark.parametrize(("diameter", "texture"), [(5.99, None), (6.0, "solid")])
def test_below_6_mm_there_is_no_impression(diameter, texture):
    assert texture_of(np.full((40, 40), 40), away() < 3, SPACING, diameter) == texture


def test_where_hardly_anything_is_left_without_the_rim_there_is_no_impression():
    strand = np.zeros((40, 40), bool)
    strand[19:21, 5:35] = True
    assert texture_of(np.full((40, 40), 40), strand, SPACING, 12.0) is None


def test_the_rim_is_one_mm_wide_in_either_direction():
    hu = np.full((41, 41), -600)
    inside = np.zeros((41, 41), bool)
    inside[10:31, 10:31] = True
    hu[12:29, 11:30] = 0  # 1 mm within: two rows of 0.5 mm, one column of 1 mm
    assert solid_share(hu, inside, (0.5, 1.0)) == 1.0
    hu[11:13, 10:31] = hu[10:31, 10:11] = 0
    assert solid_share(hu, inside, (0.5, 1.0)) == 1.0
