from dataclasses import replace

import pytest

from models.imaging.phantom import draw_phantom
from models.imaging.scan import locate
from models.inference.finding import DISCLAIMER, Finding, ModelAnswer
from models.inference.measurement.sizes import Measurement
from models.inference.reading import Reading
from models.inference.reliability import Reliability, SameVerdict
from models.ingest.read import read_scan
from models.networks.scales import DESCRIPTOR_SCALES
from models.reports.as_text import finding_as_text, reliability_line
from tests.conftest import encode
from tests.reports.changed import changed
from tests.reports.marked import MARKED, unmarked


def finding_of_vgg16():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    answers = (
        ModelAnswer("vgg16", "VGG16", "malignant", 0.914, 0.47),
        ModelAnswer("efficientnet", "EfficientNet", None, None, None),
    )
    return Finding(
        scan=scan,
        reading=Reading(locate(scan), {}, scan.notices, "0123"),
        verdict="malignant",
        model="vgg16",
        title="VGG16",
        probability=0.914,
        threshold=0.47,
        models=answers,
        characteristics=dict.fromkeys(DESCRIPTOR_SCALES),
        notices=scan.notices,
    )


def test_a_finding_as_lines():
    assert finding_as_text(finding_of_vgg16()).splitlines() == [
        "VGG16: malignant-looking, probability 0.91 (operating point 0.47)",
        "  VGG16         0.91  malignant-looking",
        "  EfficientNet  unavailable",
        "Warning: The file does not give the pixel size; 0.7 mm was assumed.",
        str(DISCLAIMER),
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
    lines = finding_as_text(changed(finding_of_vgg16(), measurement=measurement)).splitlines()
    assert lines == [*before[:3], *expected, *before[3:]]


def test_without_a_nodule_there_are_no_scores_unless_they_are_asked_for():
    finding = changed(finding_of_vgg16(), verdict="no_nodule", nodule_probability=0.031)
    models = tuple(replace(answer, verdict=answer.verdict and "no_nodule") for answer in finding.models)
    assert finding_as_text(replace(finding, models=models)).splitlines()[:4] == [
        "VGG16: no nodule recognised here, probability 0.91 (operating point 0.47)",
        "  Probability that there is a nodule: 0.03",
        "  VGG16         0.91  no nodule recognised here",
        "  EfficientNet  unavailable",
    ]
    assert finding_as_text(replace(finding, models=models, probability=None)).splitlines() == [
        "VGG16: no nodule recognised here",
        "  Probability that there is a nodule: 0.03",
        "Warning: The file does not give the pixel size; 0.7 mm was assumed.",
        str(DISCLAIMER),
    ]


def test_a_mass_is_called_one():
    large = Measurement(50.0, 40.0, 45.0, 44.0)
    finding = changed(finding_of_vgg16(), verdict="indeterminate", measurement=large)
    assert finding_as_text(finding).splitlines()[0] == (
        "VGG16: a mass: suspicious by size alone, whatever the models say, probability 0.91 "
        "(operating point 0.47)"
    )


@pytest.mark.parametrize(
    ("verdict", "malignant", "adds", "headline"),
    [
        ("benign", 8, False, "benign_as_most"),
        ("benign", 8, True, "benign"),
        ("benign", 60, False, "benign_for_nothing"),
        ("malignant", 60, False, "malignant_as_most"),
        ("malignant", 60, True, "malignant"),
        ("malignant", 8, False, "malignant_for_nothing"),
    ],
)
def test_the_headline_says_where_a_verdict_adds_nothing(verdict, malignant, adds, headline):
    found = Reliability((6, 8), 103, malignant, 0, SameVerdict(85, 6, 0.02, 0.1, adds))
    finding = replace(finding_of_vgg16(), verdict=verdict, reliability=found)
    assert finding.headline == headline
    words = {
        "as_most": "-looking, as most of this size are (the models add nothing here), probability",
        "for_nothing": "-looking, but at this size that says nothing, probability",
    }
    first, second, *_ = finding_as_text(finding).splitlines()
    assert words.get(headline.partition("_")[2], "-looking, probability") in first
    assert second == str(reliability_line(finding))


SAME = SameVerdict(11, 0, 0.0, 0.28, True)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            Reliability((0, 6), 92, 1, 0, None),
            "Of 92 nodules below 6 mm, 1 was rated malignant; {} did not recognise it.",
        ),
        (Reliability((0, 6), 1, 0, 0, None), "Of 1 nodule below 6 mm, none was rated malignant."),
        (
            Reliability((8, 10), 9, 1, 1, None),
            "Of 9 nodules of 8 to 10 mm, 1 was rated malignant; {} recognised it.",
        ),
        (
            Reliability((30, None), 15, 13, 13, None),
            "Of 15 nodules above 30 mm, 13 were rated malignant; {} recognised all of them.",
        ),
        (
            Reliability((10, 15), 62, 35, 29, SAME),
            "Of 62 nodules of 10 to 15 mm, 35 were rated malignant; {} recognised 29 of them; of 11 that "
            "looked malignant none was: at this size a malignant look says more than the size does.",
        ),
    ],
)
def test_how_far_to_rely_on_a_verdict_is_one_sentence(found, sentence):
    finding = replace(finding_of_vgg16(), reliability=found)
    assert str(reliability_line(finding)) == sentence.format("VGG16")
    assert str(reliability_line(replace(finding, model="consensus"))) == sentence.format("the models")
    assert reliability_line(finding_of_vgg16()) is None
    for model in ("vgg16", "consensus"):
        assert unmarked(MARKED.say(reliability_line(replace(finding, model=model)))) == []
