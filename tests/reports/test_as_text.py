from dataclasses import replace

from models.imaging.phantom import draw_phantom
from models.imaging.read import read_scan
from models.imaging.scan import locate
from models.inference.finding import DISCLAIMER, Finding, ModelAnswer
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
