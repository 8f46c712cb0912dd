from dataclasses import replace

import pytest

from models.imaging.phantom import draw_phantom
from models.imaging.read import read_scan
from models.imaging.scan import locate
from models.inference.finding import DISCLAIMER, Finding, ModelAnswer
from models.inference.measure import Measurement
from models.reports.as_text import finding_as_text
from tests.conftest import encode


def finding_of_vgg16():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    answers = (
        ModelAnswer("vgg16", "VGG16", "malignant", 0.914, 0.47),
        ModelAnswer("efficientnet", "EfficientNet", None, None, None),
    )
    return Finding(
        verdict="malignant",
        model="vgg16",
        title="VGG16",
        probability=0.914,
        threshold=0.47,
        models=answers,
        roi=locate(scan),
        scan=scan,
        characteristics={},
        patch=scan.slices[0],
        notices=scan.notices,
        weights="0123",
    )


def test_a_finding_as_lines():
    assert finding_as_text(finding_of_vgg16()).splitlines() == [
        "VGG16: malignant-looking, probability 0.91 (operating point 0.47)",
        "  VGG16         0.91  malignant-looking",
        "  EfficientNet  unavailable",
        "Warning: The file does not say how large a pixel is; 0.7 mm was assumed.",
        DISCLAIMER,
    ]


def test_an_indeterminate_finding_is_called_so():
    finding = replace(finding_of_vgg16(), verdict="indeterminate")
    assert finding_as_text(finding).splitlines()[0].startswith("VGG16: indeterminate, probability 0.91")


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [
        (
            Measurement(14.24, 10.96, 12.6, 12.1, -35.4, "part-solid"),
            ["  Size          14.2 x 11.0 mm, mean 12.6 mm", "  Density       mean -35 HU, looks part-solid"],
        ),
        (Measurement(5.0, 4.0, 4.5, 4.4), ["  Size          5.0 x 4.0 mm, mean 4.5 mm"]),
        (Measurement(mean_hu=-600.2), ["  Density       mean -600 HU"]),
        (Measurement(), []),
    ],
)
def test_as_much_is_said_of_the_size_as_is_known(measurement, expected):
    before = finding_as_text(finding_of_vgg16()).splitlines()
    lines = finding_as_text(replace(finding_of_vgg16(), measurement=measurement)).splitlines()
    assert lines == [*before[:3], *expected, *before[3:]]
