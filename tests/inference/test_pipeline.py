import copy
from dataclasses import replace

import numpy as np
import pytest

from models.errors import UserError
from models.imaging.phantom import draw_phantom
from models.imaging.scan import locate
from models.inference.calibration import Calibration, disagreement, sigmoid
from models.inference.classifier import CONSENSUS
from models.inference.pipeline import MODEL_KEYS, analyse
from models.inference.views import views
from models.ingest.read import read_scan
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES
from tests.conftest import encode
from tests.inference.measurement.shapes import BlindLocaliser, DiscLocaliser

ALWAYS = {"intercept": 0.0, "distance": 0.0, "disagreement": 0.0, "limit": 0.0}  # a doubt of 0.5
NEVER = ALWAYS | {"limit": 1.0}


def scan_of(kind, seed=0):
    return read_scan([("a.png", encode(draw_phantom(kind, seed=seed)))], 0.7)


def finding_of(registry, kind="spiculated", model=CONSENSUS, seed=0):
    scan = scan_of(kind, seed)
    return analyse(scan, locate(scan), model, registry)


@pytest.fixture
def registry(app):
    """The shipped models without abstention; its reports may be changed."""
    registry = copy.copy(app.registry)
    registry.reports = {key: report | {"abstention": NEVER} for key, report in app.registry.reports.items()}
    return registry


def test_the_consensus_is_the_calibrated_mean_of_the_log_odds_of_the_five(app):
    scan = scan_of("spiculated")
    finding = finding_of(app.registry)
    roi = finding.reading.roi  # the middle of the outline
    patches = views(scan.slices[roi.slice], scan.spacing_mm, roi.row, roi.col)
    scores = np.array([app.registry.predict(key, patches).score for key in ARCHITECTURES])
    report = app.registry.reports[CONSENSUS]
    odds = np.prod(scores / (1 - scores)) ** (1 / 5)
    assert [answer.key for answer in finding.models] == list(ARCHITECTURES)
    expected = Calibration(**report["calibration"])(odds / (1 + odds))
    assert finding.probability == pytest.approx(expected, abs=1e-6)
    assert finding.threshold == report["threshold"]


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_one_model_answers_for_itself(app, key):
    finding = finding_of(app.registry, model=key)
    own = next(answer for answer in finding.models if answer.key == key)
    assert (finding.probability, finding.threshold, finding.verdict) == (
        own.probability,
        own.threshold,
        own.verdict,
    )


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_without_abstention_a_verdict_is_malignant_from_the_operating_point_on(registry, kind):
    finding = finding_of(registry, kind)
    for answer in (finding, *finding.models):
        assert answer.verdict == ("malignant" if answer.probability >= answer.threshold else "benign")


@pytest.mark.parametrize(("above", "verdict"), [(0, "malignant"), (1e-6, "benign")])
def test_the_operating_point_itself_is_malignant(registry, above, verdict):
    registry.reports[CONSENSUS] |= {"threshold": finding_of(registry).probability + above}
    assert finding_of(registry).verdict == verdict


@pytest.mark.parametrize("key", MODEL_KEYS)
def test_a_case_of_too_much_doubt_is_indeterminate_for_that_model_alone(registry, key):
    registry.reports[key] |= {"abstention": ALWAYS}
    finding = finding_of(registry, model=key)
    assert finding.verdict == "indeterminate"
    assert 0 < finding.probability < 1  # still given
    others = {answer.verdict for answer in finding.models if answer.key != key}
    assert "indeterminate" not in others


@pytest.mark.parametrize(("off", "indeterminate"), [(-1e-6, True), (1e-6, False)])
def test_doubt_comes_from_the_disagreement_of_the_five_whichever_is_asked(registry, off, indeterminate):
    spread = disagreement([answer.probability for answer in finding_of(registry).models])
    rule = {"intercept": 0.0, "distance": 0.0, "disagreement": 1.0, "limit": float(sigmoid(spread + off))}
    registry.reports = {key: report | {"abstention": rule} for key, report in registry.reports.items()}
    finding = finding_of(registry)
    for answer in (finding, *finding.models, finding_of(registry, model="vgg16")):
        assert (answer.verdict == "indeterminate") == indeterminate


def test_a_large_spiculated_phantom_is_more_suspicious_than_a_small_smooth_one(registry):
    for seed in range(3):
        smooth, spiculated = (finding_of(registry, kind, seed=seed) for kind in ("smooth", "spiculated"))
        assert smooth.verdict == "benign"
        assert spiculated.verdict == "malignant"


@pytest.mark.parametrize(("kind", "wrong"), [("smooth", "malignant"), ("spiculated", "benign")])
def test_the_shipped_consensus_is_not_wrong_about_a_phantom(app, kind, wrong):
    assert finding_of(app.registry, kind).verdict != wrong


def test_characteristics_keep_to_their_scales(app):
    finding = finding_of(app.registry)
    assert list(finding.characteristics) == list(DESCRIPTOR_SCALES)
    for name, (low, high) in DESCRIPTOR_SCALES.items():
        assert low <= finding.characteristics[name] <= high


def test_the_same_upload_gives_the_same_answer(app):
    assert finding_of(app.registry).probability == finding_of(app.registry).probability


def test_an_unknown_model_is_refused_with_the_names_of_the_known_ones(app):
    with pytest.raises(UserError) as caught:
        finding_of(app.registry, model="vgg11")
    assert caught.value.code == "unknown_model"
    for key in MODEL_KEYS:
        assert key in caught.value.message


@pytest.fixture
def outlined(registry):
    """A function: finding on a phantom by a registry whose localiser is this one, the scan changed so."""

    def find(localiser, **changed):
        registry.localiser = localiser
        scan = replace(scan_of("spiculated"), **changed)
        return analyse(scan, locate(scan), "alexnet", registry)

    return find


def added_codes(finding):
    return [notice.code for notice in finding.notices if notice not in finding.scan.notices]


def test_an_outlined_nodule_is_measured_at_its_place(outlined):
    finding = outlined(DiscLocaliser(12.0))
    vertices = np.array(finding.reading.outline)
    np.testing.assert_allclose(vertices.mean(axis=0), (63.5, 63.5), atol=0.05)
    np.testing.assert_allclose(np.ptp(vertices, axis=0), 12 / 0.7, atol=0.2)
    assert finding.reading.measurement.mean_diameter_mm == pytest.approx(12, abs=0.1)
    assert (finding.reading.measurement.mean_hu, finding.reading.measurement.texture) == (None, None)
    assert added_codes(finding) == ["border_guessed"]  # the drawn nodule is larger than the disc
    assert finding.reading.roi.source == "centre"


def test_the_chosen_slice_is_measured_in_hu(outlined):
    slices = np.full((3, 128, 128), -850, np.int16)
    slices[1, 44:84, 44:84] = -600
    slices[2, 44:84, 44:84] = 30
    finding = outlined(DiscLocaliser(12.0), slices=slices, is_hu=True)
    assert finding.reading.roi.slice == 1
    assert finding.reading.measurement.mean_hu == -600
    assert finding.reading.measurement.texture == "ground glass"


def test_where_the_spacing_was_assumed_there_is_an_outline_but_no_size(outlined):
    finding = outlined(DiscLocaliser(12.0), spacing_assumed=True)
    assert finding.reading.outline is not None
    assert finding.reading.measurement.long_axis_mm is None
    assert added_codes(finding) == ["border_guessed", "size_unknown"]


def test_a_nodule_that_is_not_outlined_has_no_size_and_says_so(outlined):
    finding = outlined(BlindLocaliser(), spacing_assumed=True)
    assert (finding.reading.outline, finding.reading.measurement) == (None, None)
    (notice,) = finding.notices
    assert notice.code == "not_outlined"
    assert notice.message == "The nodule could not be outlined; no size is given."


def test_a_map_without_anything_above_its_level_is_no_outline(outlined):
    finding = outlined(DiscLocaliser(0.0))
    assert (finding.reading.outline, finding.reading.measurement) == (None, None)
    assert added_codes(finding) == ["not_outlined"]


def test_a_nodule_at_the_edge_of_the_image_may_be_larger(outlined):
    finding = outlined(DiscLocaliser(95.0))
    assert added_codes(finding)[:3] == ["mass", "size_out_of_range", "cut_off"]
    assert finding.reading.measurement.long_axis_mm > 90


def test_without_a_localiser_the_models_still_answer_and_it_is_said(outlined):
    finding = outlined(None)
    assert 0 < finding.probability < 1
    assert (finding.reading.outline, finding.reading.measurement) == (None, None)
    (notice,) = finding.notices
    assert notice.code == "model_unavailable"
    assert "localiser" in notice.message
