import numpy as np
import pytest

from models.inference.measurement.outline import Outline, area, contour, reaches_edge, within
from tests.inference.measurement.shapes import disc_outline


def contour_of(probability, level=0.5, top=0, left=0):
    return contour(Outline(np.array(probability, np.float32), top, left, level))


def as_set(polygon):
    return {tuple(vertex) for vertex in np.round(polygon, 6).tolist()}


def test_a_pixel_becomes_a_diamond_at_its_place_in_the_file():
    assert as_set(contour_of([[1]], top=7, left=3)) == {(6.5, 3), (7, 2.5), (7.5, 3), (7, 3.5)}


def test_the_edge_runs_between_pixels_where_the_probability_says():
    polygon = contour_of([[0, 0, 0], [0, 0.8, 0.2], [0, 0, 0]], level=0.4)
    assert as_set(polygon) == {(0.5, 1), (1.5, 1), (1, 0.5), (1, round(1 + 2 / 3, 6))}


def test_vertices_go_around_once():
    polygon = contour_of(np.ones((2, 3)))
    assert len(polygon) == len(as_set(polygon)) == 10
    assert area(polygon) == pytest.approx(2 * 3 - 4 / 8)  # four corners cut off


def test_a_shape_is_closed_at_the_edges_of_its_window():
    polygon = contour_of(np.ones((4, 6)), top=10, left=20)
    assert polygon.min(axis=0).tolist() == [9.5, 19.5]
    assert polygon.max(axis=0).tolist() == [13.5, 25.5]


def test_holes_and_crumbs_do_not_count():
    probability = np.zeros((12, 12))
    probability[1:8, 1:8] = 1
    solid = as_set(contour_of(probability))
    probability[3:6, 3:6] = 0
    probability[10, 10] = 1
    assert as_set(contour_of(probability)) == solid


@pytest.mark.parametrize("value", [0.0, 0.4, 0.5])
def test_where_nothing_reaches_above_the_level_there_is_no_polygon(value):
    assert contour_of(np.full((3, 3), value)) is None


def test_the_area_of_a_triangle_whichever_way_round():
    triangle = np.array([[100.0, 100.0], [100.0, 104.0], [103.0, 100.0]])
    assert area(triangle) == area(triangle[::-1]) == 6


@pytest.mark.parametrize(
    ("centre", "cut"),
    [((20, 20), False), ((4, 20), False), ((3, 20), True), ((20, 36), True), ((37, 20), True)],
)
def test_a_disc_of_eight_pixels_reaches_the_edge_from_four_pixels_on(centre, cut):
    polygon = contour(disc_outline(7.4, (1.0, 1.0), centre))
    assert reaches_edge(polygon, (40, 40)) is cut


def test_pixels_within_are_those_whose_centre_is():
    bent = np.array([(0, 0), (0, 10), (2, 10), (2, 2), (8, 2), (8, 10), (10, 10), (10, 0)]) + 0.5
    expected = np.zeros((12, 12), bool)
    expected[1:11, 1:11] = True
    expected[3:9, 3:] = False
    np.testing.assert_array_equal(within(bent, (12, 12)), expected)


def test_a_polygon_may_reach_beyond_the_image():
    square = np.array([(-3.5, -3.5), (-3.5, 1.5), (1.5, 1.5), (1.5, -3.5)])
    expected = np.zeros((5, 4), bool)
    expected[:2, :2] = True
    np.testing.assert_array_equal(within(square, (5, 4)), expected)


def test_pixels_within_a_contour_are_those_above_its_level():
    outline = disc_outline(9.0, (0.7, 0.9), (18.3, 20.6))
    inside = within(contour(outline), outline.probability.shape)
    np.testing.assert_array_equal(inside, outline.probability > outline.level)
