import copy

import numpy as np
import pytest

from models.errors import ScanError
from models.imaging.phantom import draw_phantom
from models.imaging.read import read_scan
from models.imaging.scan import locate
from models.inference.bank import CONSENSUS
from models.inference.calibration import Calibration, disagreement, sigmoid
from models.inference.pipeline import MODEL_KEYS, analyse
from models.inference.views import views
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES
from tests.conftest import encode

ALWAYS = {"intercept": 0.0, "distance": 0.0, "spread": 0.0, "limit": 0.0}  # a doubt of 0.5
NEVER = ALWAYS | {"limit": 1.0}


def scan_of(kind, seed=0):
    return read_scan([("a.png", encode(draw_phantom(kind, seed=seed)))], 0.7)


def finding_of(bank, kind="spiculated", model=CONSENSUS, seed=0):
    scan = scan_of(kind, seed)
    return analyse(scan, locate(scan), model, bank)


@pytest.fixture
def bank(app):
    """The shipped models without abstention; its reports may be changed."""
    bank = copy.copy(app.bank)
    bank.reports = {key: report | {"abstention": NEVER} for key, report in app.bank.reports.items()}
    return bank


def test_the_consensus_is_the_calibrated_mean_of_the_log_odds_of_the_five(app):
    scan = scan_of("spiculated")
    roi = locate(scan)
    patches = views(scan.slices, scan.spacing_mm, roi.row, roi.col, roi.slice)
    scores = np.array([app.bank.predict(key, patches).score for key in ARCHITECTURES])
    report = app.bank.reports[CONSENSUS]
    odds = np.prod(scores / (1 - scores)) ** (1 / 5)
    finding = finding_of(app.bank)
    assert [answer.key for answer in finding.models] == list(ARCHITECTURES)
    expected = Calibration(**report["calibration"])(odds / (1 + odds))
    assert finding.probability == pytest.approx(expected, abs=1e-6)
    assert finding.threshold == report["threshold"]


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_one_model_answers_for_itself(app, key):
    finding = finding_of(app.bank, model=key)
    own = next(answer for answer in finding.models if answer.key == key)
    assert (finding.probability, finding.threshold, finding.verdict) == (
        own.probability,
        own.threshold,
        own.verdict,
    )


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_without_abstention_a_verdict_is_malignant_from_the_operating_point_on(bank, kind):
    finding = finding_of(bank, kind)
    for answer in (finding, *finding.models):
        assert answer.verdict == ("malignant" if answer.probability >= answer.threshold else "benign")


@pytest.mark.parametrize(("above", "verdict"), [(0, "malignant"), (1e-6, "benign")])
def test_the_operating_point_itself_is_malignant(bank, above, verdict):
    bank.reports[CONSENSUS] |= {"threshold": finding_of(bank).probability + above}
    assert finding_of(bank).verdict == verdict


@pytest.mark.parametrize("key", MODEL_KEYS)
def test_a_case_of_too_much_doubt_is_indeterminate_for_that_model_alone(bank, key):
    bank.reports[key] |= {"abstention": ALWAYS}
    finding = finding_of(bank, model=key)
    assert finding.verdict == "indeterminate"
    assert 0 < finding.probability < 1  # still given
    others = {answer.verdict for answer in finding.models if answer.key != key}
    assert "indeterminate" not in others


@pytest.mark.parametrize(("off", "indeterminate"), [(-1e-6, True), (1e-6, False)])
def test_doubt_comes_from_the_disagreement_of_the_five_whichever_is_asked(bank, off, indeterminate):
    spread = disagreement([answer.probability for answer in finding_of(bank).models])
    rule = {"intercept": 0.0, "distance": 0.0, "spread": 1.0, "limit": float(sigmoid(spread + off))}
    bank.reports = {key: report | {"abstention": rule} for key, report in bank.reports.items()}
    finding = finding_of(bank)
    for answer in (finding, *finding.models, finding_of(bank, model="vgg16")):
        assert (answer.verdict == "indeterminate") == indeterminate


def test_a_large_spiculated_phantom_is_more_suspicious_than_a_small_smooth_one(bank):
    for seed in range(3):
        smooth, spiculated = (finding_of(bank, kind, seed=seed) for kind in ("smooth", "spiculated"))
        assert smooth.verdict == "benign"
        assert spiculated.verdict == "malignant"


@pytest.mark.parametrize(("kind", "wrong"), [("smooth", "malignant"), ("spiculated", "benign")])
def test_the_shipped_consensus_is_not_wrong_about_a_phantom(app, kind, wrong):
    assert finding_of(app.bank, kind).verdict != wrong


def test_characteristics_keep_to_their_scales(app):
    finding = finding_of(app.bank)
    assert list(finding.characteristics) == list(DESCRIPTOR_SCALES)
    for name, (low, high) in DESCRIPTOR_SCALES.items():
        assert low <= finding.characteristics[name] <= high


def test_the_same_upload_gives_the_same_answer(app):
    assert finding_of(app.bank).probability == finding_of(app.bank).probability


def test_an_unknown_model_is_refused_with_the_names_of_the_known_ones(app):
    with pytest.raises(ScanError) as caught:
        finding_of(app.bank, model="vgg11")
    assert caught.value.code == "unknown_model"
    for key in MODEL_KEYS:
        assert key in caught.value.message
