"""A finding as JSON: what stands where, and what is null."""

import json
from dataclasses import replace

import pytest

from models.inference.measurement.sizes import Measurement
from models.inference.similar_cases import SimilarCases
from models.reports.as_json import finding_as_json
from tests.reports.changed import changed
from tests.reports.test_as_text import finding_of_vgg16

MEASURED = Measurement(14.24, 10.96, 12.6, 12.149, -35.44, "part-solid", 1310.04, 13.57, 5.25)


def test_the_contract_keeps_its_fields_in_their_order_and_additions_follow():
    body = finding_as_json(finding_of_vgg16())
    assert list(body["nodule"]) == [
        "row",
        "col",
        "slice",
        "source",
        "long_axis_mm",
        "short_axis_mm",
        "mean_diameter_mm",
        "equivalent_diameter_mm",
        "largest_slice",
        "first_slice",
        "last_slice",
        "volume_mm3",
        "volume_diameter_mm",
        "solid_long_axis_mm",
        "side",
        "mean_hu",
        "texture",
        "corrected",
        "outline",
    ]
    assert list(body["image"]) == [
        "rows",
        "cols",
        "slices",
        "spacing_mm",
        "is_hu",
        "spacing_assumed",
        "spacing_source",
        "thickness_mm",
        "slice_spacing_mm",
    ]


def test_what_was_not_measured_is_null():
    body = finding_as_json(finding_of_vgg16())
    assert {body["nodule"].pop("corrected")} == {False}
    assert set(list(body["nodule"].values())[4:]) == {None}
    assert (body["image"]["thickness_mm"], body["image"]["slice_spacing_mm"]) == (None, None)


def test_sizes_and_outline_are_given_to_a_tenth():
    outline = ((10.04, 20.06), (11.96, 20.0), (11.0, 22.55))
    finding = changed(finding_of_vgg16(), outline=outline, measurement=MEASURED, slices=(0, 2), side="left")
    nodule = json.loads(json.dumps(finding_as_json(finding)))["nodule"]
    sizes = [14.2, 11.0, 12.6, 12.1, 0, 0, 2, 1310.0, 13.6, 5.2, "left", -35.4, "part-solid", False]
    assert list(nodule.values())[4:-1] == sizes
    assert nodule["outline"] == [[10.0, 20.1], [12.0, 20.0], [11.0, 22.6]]


@pytest.mark.parametrize(
    ("positions", "spacing"), [((-3.0,), None), ((-3.0, -1.75), 1.25), ((0.0, 2.0, 4.0, 9.0), 2.0)]
)
def test_of_a_series_the_distances_of_its_slices_are_given(positions, spacing):
    finding = finding_of_vgg16()
    scan = replace(finding.scan, positions_mm=positions, thickness_mm=2.5)
    image = finding_as_json(replace(finding, scan=scan))["image"]
    assert (image["thickness_mm"], image["slice_spacing_mm"]) == (2.5, spacing)


def test_similar_nodules_are_told_by_their_ratings_and_sizes():
    near = SimilarCases((10, 20, 30, 25, 15), (3.5,) * 25, (10.04,) * 25, (0.5,) * 25, 0.5, 0.25, False)
    assert finding_as_json(finding_of_vgg16())["similar"] is None
    assert finding_as_json(changed(finding_of_vgg16(), similar_cases=near))["similar"] == {
        "ratings": [10, 20, 30, 25, 15],
        "diameters_mm": [10.0] * 25,
        "distance": 0.5,
        "farther_than": 0.25,
        "is_unlike": False,
    }
