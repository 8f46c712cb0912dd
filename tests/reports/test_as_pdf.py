"""The sheet as readers of PDF see it: its one page, its text, its colours."""

import ctypes
import gettext
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pypdfium2
import pytest

from models import __version__
from models.imaging.phantom import draw_phantom
from models.imaging.scan import Notice, Orientation
from models.inference.finding import DISCLAIMER
from models.inference.measurement.sizes import Measurement
from models.inference.reliability import Reliability, SameVerdict
from models.inference.similar_cases import SimilarCases
from models.ingest.read import read_scan
from models.messages import ENGLISH, Language
from models.networks.scales import DESCRIPTOR_SCALES
from models.reports.as_pdf import contours, finding_as_pdf
from models.reports.case_context import case_of
from tests.conftest import encode
from tests.reports.dicom.conftest import KINDS, WHO
from tests.reports.dicom.made_finding import make_finding, make_mass, make_nothing, saliency_of
from training.publish.catalogue import LOCALES

MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
LONG = "A long warning that says what is unusual about this image, and why the answer may mean nothing. " * 3
SPOT = np.zeros((64, 64))
SPOT[20:30, 40:50] = 1
CURVES = {
    "histogram": {"edges": [0.0, 0.5, 1.0], "benign": [9, 1], "malignant": [1, 3]},
    "probabilities": {"benign": [0.1] * 9 + [0.8], "malignant": [0.2, 0.6, 0.8, 0.9]},
}
POINT = {"sensitivity": 0.75, "specificity": 0.9}
RESULT = {"auc": 0.9, "auc_low": 0.85, "auc_high": 0.95, "n_nodules": 14, "n_malignant": 4, "balanced": POINT}
EVALUATION = {"models": {"consensus": RESULT | {"curves": CURVES}}}


GERMAN = Language("de", gettext.translation("messages", LOCALES, ["de"]), has_comma=True)
HEADINGS = (
    *("The five models", "Size and density", "How this case compares"),
    *("Characteristics, as predicted by the models", "Warnings", "Image"),
)


AT_SIZE = Reliability((6, 8), 103, 8, 0, SameVerdict(85, 6, 0.026, 0.147, False))


def picture_finding(**changed):
    return make_finding(read_scan([("a.png", encode(draw_phantom("smooth")))], 0.7), **changed)


def sheet(finding, evaluation=None, saliency=None, language=ENGLISH):
    """The page of a finding's sheet, and its text with single spaces."""
    evaluation = evaluation or {}
    pdf = finding_as_pdf(finding, evaluation, saliency, case_of(finding, evaluation, {}), MADE, language)
    (page,) = pypdfium2.PdfDocument(pdf)
    text = page.get_textpage().get_text_range().replace("\ufffe", "-")  # PDFium's hyphen at a line's end
    return page, " ".join(text.split())


def text_of(*given):
    return sheet(*given)[1]


def with_model_missing(finding):
    missing = replace(finding.models[0], verdict=None, probability=None, threshold=None)
    return replace(finding, models=(missing, *finding.models[1:]))


def worst():
    """All that takes room at once."""
    finding = picture_finding(
        title="The consensus of all those models that were available when it was asked for",
        notices=tuple(Notice(f"w{i}", LONG) for i in range(5)),
        saliency=saliency_of(SPOT),
        characteristics={name: low + 0.6 for name, (low, _) in DESCRIPTOR_SCALES.items()},
    )
    models = tuple(replace(answer, title=f"{answer.title} of some long name") for answer in finding.models)
    return replace(finding, models=models)


FINDINGS = {
    "picture": picture_finding,
    "worst": worst,
    "thirty warnings": lambda: replace(worst(), notices=(Notice("w", LONG),) * 30),
    "benign": lambda: picture_finding(verdict="benign", probability=0.0),
    "indeterminate": lambda: picture_finding(verdict="indeterminate", probability=1.0),
    "not outlined": lambda: picture_finding(radii=None),
    "single model": lambda: picture_finding(model="vgg16", title="VGG16"),
    "model missing": lambda: with_model_missing(picture_finding()),
    "no nodule": lambda: make_nothing(picture_finding().scan),
    "no nodule, anyway": lambda: make_nothing(picture_finding().scan, anyway=True),
    "mass": lambda: make_mass(picture_finding().scan, reliability=AT_SIZE),
    "adds nothing": lambda: picture_finding(verdict="benign", reliability=AT_SIZE),
    "empty map": lambda: picture_finding(saliency=saliency_of(SPOT * 0)),
}


@pytest.mark.parametrize("name", FINDINGS)
@pytest.mark.parametrize("evaluation", [{}, EVALUATION], ids=["not evaluated", "evaluated"])
def test_the_sheet_is_one_page_of_a4_without_colour(name, evaluation):
    page, text = sheet(FINDINGS[name](), evaluation)
    assert [round(length * 25.4 / 72) for length in page.get_size()] == [210, 297]
    pixels = page.render(scale=1, rev_byteorder=True).to_numpy()[..., :3].astype(int)
    assert np.ptp(pixels, axis=-1).max() == 0
    made = f"Lung nodule classifier {__version__}, weights 0123abcd. Made 2026-03-04 05:06 UTC."
    assert text.endswith(f"{DISCLAIMER} {made}")


@pytest.mark.parametrize("kind", KINDS)
def test_any_scan_has_a_sheet_that_names_nobody(kind):
    text = text_of(make_finding(read_scan(KINDS[kind]())))
    assert "Malignant-looking Probability 0.75, operating point 0.50 Consensus of the five" in text
    assert not [value for value in WHO.values() if value in text]


@pytest.mark.parametrize(
    ("verdict", "words", "meaning"),
    [
        ("malignant", "Malignant-looking", "rated as suspicious for cancer. This is not a diagnosis"),
        ("benign", "Benign-looking", "rated as unsuspicious. That does not rule out cancer"),
        ("indeterminate", "Indeterminate", "The models cannot tell"),
    ],
)
def test_the_verdict_is_given_in_words(verdict, words, meaning):
    text = text_of(picture_finding(verdict=verdict))
    assert f"{words} Probability 0.75, operating point 0.50" in text
    assert meaning in text


def test_without_a_nodule_nothing_is_said_of_one():
    finding = make_nothing(picture_finding().scan)
    text = text_of(finding, EVALUATION)
    assert "No nodule recognised here Consensus of the five" in text
    assert "Probability that there is a nodule: 0.03." in text
    for part in ("The five models", "Size and density", "How this case compares", "operating point", "look"):
        assert part not in text.partition("Image")[0]
    anyway = text_of(make_nothing(finding.scan, anyway=True), EVALUATION)
    assert "No nodule recognised here Probability 0.75, operating point 0.50" in anyway
    assert "The scores are shown because they were asked for" in anyway
    assert "VGG16 No nodule recognised 0.91" in anyway
    assert "agree" not in anyway


def test_a_mass_is_called_one():
    text = text_of(make_mass(picture_finding().scan))
    assert "A mass: suspicious by size alone, whatever the models say Probability 0.25" in text
    assert "Fleischner glossary: Hansell et al., Radiology 246, 697, 2008" in text
    assert "The models cannot tell" not in text


def test_the_sheet_says_what_the_verdict_adds_to_the_size():
    text = text_of(picture_finding(verdict="benign", reliability=AT_SIZE))
    assert "Benign-looking, as most of this size are: the models add nothing here Probability 0.75" in text
    assert (
        "Of 103 nodules of 6 to 8 mm, 8 were rated malignant; the models recognised none of them: at this "
        "size a benign look says nothing more than the size does. The nodule looks like"
    ) in text


def test_the_models_stand_side_by_side():
    finding = picture_finding()
    models = (replace(finding.models[0], verdict="benign", probability=0.2), *finding.models[1:])
    text = text_of(with_model_missing(replace(finding, models=models[::-1])), EVALUATION)
    assert "EfficientNet unavailable –" in text
    assert "VGG16 Benign-looking 0.20 –" in text
    assert "Consensus of the five Malignant-looking 0.75 0.90" in text
    assert "The models disagree: 3 malignant-looking, 1 benign-looking." in text
    assert "All 5 agree: malignant-looking." in text_of(finding)


def test_warnings_are_numbered_in_their_order():
    notices = (Notice("a", "First *this*."), Notice("b", "Then #that, ≥ 3 mm – 漢\x00."))
    text = text_of(picture_finding(notices=notices))
    assert "2 warnings, see below" in text
    assert "Warnings 1. First *this*. 2. Then #that, ≥ 3 mm – ??. Image" in text


def test_the_last_of_many_warnings_is_still_there():
    notices = (*(Notice("w", LONG) for _ in range(30)), Notice("z", "The last one."))
    assert "31. The last one." in text_of(picture_finding(notices=notices))


def test_sizes_are_given_or_why_there_are_none():
    measured = Measurement(14.26, 11.0, 12.63, 12.1, -35.4, "part-solid")
    text = text_of(picture_finding(measurement=measured))
    assert "Long axis 14.3 mm Short axis 11.0 mm Mean diameter 12.6 mm" in text
    assert "Mean density −35 HU" in text
    assert "Size unknown: not outlined" in text_of(picture_finding(radii=None))
    text = text_of(picture_finding(measurement=Measurement(14.26, 11.0, 12.63, 12.1)))
    assert "Mean density unknown: no Hounsfield units" in text


def test_characteristics_are_given_in_the_words_of_their_scales():
    values = {"spiculation": 4.6, "calcification": 5.4, "margin": 0.8}
    text = text_of(picture_finding(characteristics=values))
    assert "Spiculation 5 of 5: marked 4.6" in text
    assert "Calcification 5 of 6: central 5.4" in text
    assert "Margin 1 of 5: poorly defined 1.0" in text


def test_the_case_is_put_among_unseen_ones():
    text = text_of(picture_finding(), EVALUATION)
    assert "10 % of those rated benign and 50 % of those rated malignant" in text
    assert "an AUC of 0.90 (0.85 to 0.95)" in text
    assert "a sensitivity of 75 % and a specificity of 90 %" in text
    assert "How this case compares" not in text_of(picture_finding())


@pytest.mark.parametrize("is_out_of_distribution", [False, True])
def test_similar_cases_are_given_by_their_ratings(is_out_of_distribution):
    near = SimilarCases(
        ratings=(3, 10, 21, 30, 12),
        means=(2.0, 3.0, 4.0),
        diameters_mm=(7.6, 4.9, 21.2),
        distances=(0.5, 0.6, 0.7),
        distance=0.6,
        farther_than=0.37,
        is_out_of_distribution=is_out_of_distribution,
    )
    text = text_of(picture_finding(similar_cases=near))
    assert "1 2 3 4 5 How often readers gave it 3 10 21 30 12" in text
    assert "the 3 training nodules most like this one, 5 to 21 mm. 37 % of real nodules are closer" in text
    assert ("unlike anything the models have seen" in text) == is_out_of_distribution


def test_a_saliency_map_is_drawn_with_what_was_measured_of_it_or_called_empty():
    measured = {"models": {"consensus": {"pointing": {"value": 0.834}}}}
    drawn, empty = (picture_finding(saliency=saliency_of(values)) for values in (SPOT, SPOT * 0))
    assert "its strongest point lay within the nodule in 83 % of cases" in text_of(drawn, None, measured)
    assert "The saliency map is empty" in text_of(empty, None, measured)
    assert "No saliency map was made" in text_of(picture_finding())


def test_contours_hold_the_places_of_half_the_maximum():
    (line,) = contours(picture_finding(saliency=saliency_of(SPOT)))
    low, high = np.min(line, axis=0) * 64, np.max(line, axis=0) * 64
    np.testing.assert_allclose([low, high], [[40, 20], [50, 30]], atol=0.01)  # x, y
    assert contours(picture_finding(saliency=saliency_of(SPOT * 0))) == []


def test_contours_are_turned_as_the_patch_is_and_closed_at_its_edge():
    corner = np.zeros((64, 64))
    corner[:10, :20] = 0.5
    finding = picture_finding(saliency=saliency_of(corner))
    turned = replace(finding.scan, orientation=Orientation(transpose=True, flip_rows=True))
    (line,) = contours(replace(finding, scan=turned))
    assert line[0] == line[-1]
    low, high = np.min(line, axis=0) * 64, np.max(line, axis=0) * 64
    np.testing.assert_allclose([low, high], [[0, 44], [10, 64]], atol=0.01)


def test_the_file_says_what_it_is_but_not_who_made_it():
    pdf = finding_as_pdf(picture_finding(), {}, made=MADE)
    document = pypdfium2.PdfDocument(pdf)
    told = {name: value for name, value in document.get_metadata_dict().items() if value}
    assert told.pop("Creator").startswith("Typst")
    assert told == {
        "Title": "Lung nodule classifier: report on one nodule",
        "CreationDate": "D:20260304050600Z",
        "ModDate": "D:20260304050600Z",
    }
    assert pypdfium2.raw.FPDFCatalog_IsTagged(document)
    assert language_of(document) == "en-GB"
    assert pdf == finding_as_pdf(picture_finding(), {}, made=MADE)


def language_of(document):
    """What the file says that its language is."""
    language = (ctypes.c_ushort * 16)()
    pypdfium2.raw.FPDFCatalog_GetLanguage(document, language, ctypes.sizeof(language))
    return bytes(language).decode("utf-16-le").rstrip("\0")


@pytest.mark.parametrize("name", FINDINGS)
def test_in_another_language_it_is_one_page_too(name):
    sheet(FINDINGS[name](), EVALUATION, language=GERMAN)


def test_the_german_sheet_has_german_words_and_decimal_commas():
    document = pypdfium2.PdfDocument(finding_as_pdf(worst(), {}, made=MADE, language=GERMAN))
    assert pypdfium2.raw.FPDFCatalog_IsTagged(document)
    assert language_of(document) == "de-DE"
    assert document.get_metadata_dict()["Title"] == GERMAN.say("Lung nodule classifier: report on one nodule")
    _, text = sheet(worst(), EVALUATION, language=GERMAN)
    assert [heading for heading in HEADINGS if GERMAN.say(heading) not in text] == []
    assert [heading for heading in HEADINGS if heading in text] == []
    assert "Wahrscheinlichkeit 0,75, Schwellenwert 0,50" in text
    assert "eine AUC von 0,90 (0,85 bis 0,95)" in text
    assert re.findall(r"\d+\.\d+", text.replace(__version__, "")) == []
