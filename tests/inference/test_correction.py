"""A corrected outline: axes set by a reader, and what follows from them."""

from dataclasses import replace

import numpy as np
import pytest

from models.errors import UserError
from models.imaging.scan import Roi
from models.inference.correction import check_ends, ends_of, lengths_mm, scaled_ends, with_axes
from models.inference.measurement.outline import area
from models.inference.measurement.sizes import axes
from models.inference.reading import Correction, Reading, outlines_of, vertices_of
from tests.inference.measurement.test_nodule import disc, scan_of

SPACING_MM = (0.5, 0.5)
ELLIPSE = disc(12.0, stretch=1.5)  # 18 mm along the rows, 12 mm across


def reading_of(polygon, **fields):
    reading = Reading(Roi(50, 48, 5, "given"), {}, (), "0123")
    return replace(reading, outline=vertices_of(polygon), outlines=outlines_of({5: polygon}), **fields)


def test_axes_of_other_lengths_stay_where_they_are():
    ends = scaled_ends(reading_of(ELLIPSE), 24.0, 9.0, SPACING_MM)
    assert lengths_mm(ends, SPACING_MM) == pytest.approx((24, 9))
    assert np.mean(ends[:2], axis=0) == pytest.approx((50, 48), abs=0.1)
    assert abs(ends[0][0] - ends[1][0]) == pytest.approx(48, abs=0.1)  # along the rows


def test_outlines_of_all_slices_are_stretched_alike():
    outlines = {5: ELLIPSE, 6: disc(8.0)}
    ends = scaled_ends(reading_of(ELLIPSE), 27.0, 6.0, SPACING_MM)
    moved = with_axes(outlines, 5, ends, SPACING_MM)
    assert axes(moved[5] * SPACING_MM) == pytest.approx((27, 6), rel=1e-3)
    for index, polygon in outlines.items():
        assert area(moved[index]) / area(polygon) == pytest.approx(1.5 * 0.5, rel=1e-3)


def test_axes_that_are_moved_take_the_outline_along():
    ends = np.array(scaled_ends(reading_of(ELLIPSE), 18.0, 12.0, SPACING_MM)) + (3.0, -2.0)
    moved = with_axes({5: ELLIPSE}, 5, tuple(map(tuple, ends)), SPACING_MM)[5]
    assert moved == pytest.approx(ELLIPSE + (3.0, -2.0), abs=1e-6)


def test_the_ends_are_those_of_the_outline_until_a_reader_sets_others():
    own = ends_of(reading_of(ELLIPSE), SPACING_MM)
    assert lengths_mm(tuple(map(tuple, own)), SPACING_MM) == pytest.approx((18, 12), rel=1e-3)
    chosen = ((40.0, 48.0), (60.0, 48.0), (50.0, 43.0), (50.0, 53.0))
    set_by_reader = reading_of(ELLIPSE, corrected=Correction(0, chosen))
    assert ends_of(set_by_reader, SPACING_MM).tolist() == np.array(chosen).tolist()


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (((40, 48), (60, 48), (50, 30), (50, 70)), "short axis"),
        (((40, 48), (41, 48), (50, 48), (50, 49)), "1 to 200 mm"),
        (((40, 48), (140, 48), (50, 43), (50, 53)), "within the image"),
    ],
)
def test_axes_that_no_nodule_has_are_refused(ends, words):
    with pytest.raises(UserError, match=words) as refused:
        check_ends(ends, scan_of(np.arange(3.0)))
    assert refused.value.code == "bad_number"
