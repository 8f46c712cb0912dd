import numpy as np
import pytest

from models.errors import ScanError
from models.imaging.phantom import draw_phantom
from models.imaging.read import read_scan
from models.imaging.scan import locate
from models.inference.bank import CONSENSUS
from models.inference.pipeline import MODEL_KEYS, analyse
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES
from tests.conftest import encode


def finding_of(app, kind="spiculated", model=CONSENSUS, seed=0):
    scan = read_scan([("a.png", encode(draw_phantom(kind, seed=seed)))], 0.7)
    return analyse(scan, locate(scan), model, app.bank)


def test_the_consensus_is_the_mean_of_the_five(app):
    finding = finding_of(app)
    assert [answer.key for answer in finding.models] == list(ARCHITECTURES)
    mean = np.mean([answer.probability for answer in finding.models])
    assert finding.probability == pytest.approx(mean)
    assert finding.threshold == app.bank.reports[CONSENSUS]["threshold"]


@pytest.mark.parametrize("key", ARCHITECTURES)
def test_one_model_answers_for_itself(app, key):
    finding = finding_of(app, model=key)
    own = next(answer for answer in finding.models if answer.key == key)
    assert (finding.probability, finding.threshold, finding.verdict) == (
        own.probability,
        own.threshold,
        own.verdict,
    )


def test_a_verdict_is_malignant_from_the_operating_point_on(app):
    for kind in ("smooth", "spiculated"):
        for answer in finding_of(app, kind).models:
            assert (answer.verdict == "malignant") == (answer.probability >= answer.threshold)


def test_a_large_spiculated_phantom_is_more_suspicious_than_a_small_smooth_one(app):
    for seed in range(3):
        smooth, spiculated = (finding_of(app, kind, seed=seed) for kind in ("smooth", "spiculated"))
        assert smooth.verdict == "benign"
        assert spiculated.verdict == "malignant"


def test_characteristics_keep_to_their_scales(app):
    finding = finding_of(app)
    assert list(finding.characteristics) == list(DESCRIPTOR_SCALES)
    for name, (low, high) in DESCRIPTOR_SCALES.items():
        assert low <= finding.characteristics[name] <= high


def test_the_same_upload_gives_the_same_answer(app):
    assert finding_of(app).probability == finding_of(app).probability


def test_an_unknown_model_is_refused_with_the_names_of_the_known_ones(app):
    with pytest.raises(ScanError) as caught:
        finding_of(app, model="vgg11")
    assert caught.value.code == "unknown_model"
    for key in MODEL_KEYS:
        assert key in caught.value.message
