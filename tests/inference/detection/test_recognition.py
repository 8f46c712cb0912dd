"""Where no nodule is recognised none is judged, unless it is asked for; and what is large is a mass."""

import json
import shutil

import msgspec
import pytest

from app import ROOT
from models.imaging.phantom import draw_phantom
from models.imaging.scan import Notice, locate
from models.inference.classifier import ModelRegistry
from models.inference.finding import Finding
from models.inference.pipeline import MODEL_KEYS, analyse, finding_of, read_nodule
from models.inference.reading import Reading, Recognition
from models.ingest.read import read_scan
from tests.conftest import encode
from tests.inference.detection.with_recognition import NONE, SOME, WithRecognition
from training.publish.manifest import write_manifest


def scan_of(**fields):
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))], 0.7)
    return type(scan)(**(vars(scan) | fields))


def analysed(app, recognition, *, scan=None, model="consensus", anyway=False, **changed) -> Finding:
    scan = scan or scan_of()
    return analyse(scan, locate(scan), model, WithRecognition(app.registry, recognition, **changed), anyway)


@pytest.mark.parametrize(("probability", "is_nodule"), [(0.49, False), (0.5, True), (0.9, True)])
def test_at_the_threshold_there_is_a_nodule(probability, is_nodule):
    assert Recognition(probability, 0.5).is_nodule is is_nodule


@pytest.mark.parametrize("model", MODEL_KEYS)
def test_of_what_is_no_nodule_nothing_is_said(app, model):
    scan = scan_of(notices=(Notice("contrast", "Of the image."),))
    finding = analysed(app, NONE, scan=scan, model=model, diameter_mm=50)
    assert (finding.verdict, finding.probability, finding.headline) == ("no_nodule", None, "no_nodule")
    assert (finding.nodule_probability, finding.reading.is_nodule, finding.is_anyway) == (0.03, False, False)
    assert {(answer.verdict, answer.probability) for answer in finding.models} == {("no_nodule", None)}
    assert set(finding.characteristics.values()) == {None}
    assert finding.reading == finding.reading.without_nodule()
    assert (finding.saliency, finding.disagreement, finding.reliability) == (None, None, None)
    assert [notice.code for notice in finding.notices] == ["contrast"]


def test_asked_for_anyway_the_scores_are_those_of_a_nodule_but_not_the_verdict(app):
    finding, nodule = (analysed(app, one, diameter_mm=12, anyway=True) for one in (NONE, SOME))
    assert (finding.verdict, finding.headline, finding.is_anyway) == ("no_nodule", "no_nodule", True)
    assert {answer.verdict for answer in finding.models} == {"no_nodule"}
    assert finding.probability == nodule.probability
    assert [a.probability for a in finding.models] == [a.probability for a in nodule.models]
    assert finding.reliability is None
    assert (finding.characteristics, finding.notices) == (nodule.characteristics, nodule.notices)
    for name in ("measurement", "outline"):
        assert getattr(finding.reading, name) == getattr(nodule.reading, name)
    assert nodule.verdict == "benign"
    assert not nodule.is_anyway


def test_without_the_network_for_it_nothing_is_refused(app):
    finding = analysed(app, None, diameter_mm=12)
    assert (finding.verdict, finding.nodule_probability, finding.reading.is_nodule) == ("benign", None, True)


def test_a_kept_reading_knows_what_was_recognised(app):
    scan, registry = scan_of(), WithRecognition(app.registry, NONE, 12)
    reading = msgspec.convert(msgspec.to_builtins(read_nodule(scan, locate(scan), registry)), Reading)
    assert reading.recognition == NONE
    assert finding_of(scan, reading, "vgg16", registry).probability is None
    again = finding_of(scan, reading, "vgg16", registry, anyway=True)
    assert again.probability == analysed(app, SOME, model="vgg16").probability


def test_a_mass_is_never_called_benign(app):
    finding = analysed(app, SOME, diameter_mm=50, threshold=0.999)
    assert (finding.verdict, finding.headline) == ("indeterminate", "mass")
    assert {answer.verdict for answer in finding.models} == {"indeterminate"}
    assert finding.notices[0].code == "mass"
    assert finding.probability < finding.threshold


def test_a_mass_that_looks_malignant_stays_so(app):
    finding = analysed(app, SOME, diameter_mm=50, threshold=0.0)
    assert finding.verdict == "malignant"
    assert {answer.verdict for answer in finding.models} == {"malignant"}
    assert finding.is_mass
    assert finding.notices[0].code == "mass"


def test_up_to_30_mm_it_is_no_mass(app):
    finding = analysed(app, SOME, diameter_mm=29, threshold=0.999)
    assert (finding.verdict, finding.is_mass) == ("benign", False)
    assert "mass" not in [notice.code for notice in finding.notices]


@pytest.fixture
def reports(tmp_path):
    """The reports alone: what they are about is missing, which is soon said."""
    for path in (ROOT / "weights").glob("*.json"):
        shutil.copy(path, tmp_path)
    for path in tmp_path.glob("recognition.*"):
        path.unlink()
    write_manifest(tmp_path)
    return tmp_path


def test_a_part_that_was_never_there_is_not_lost(reports):
    (reports / "reliability.json").unlink()
    write_manifest(reports)
    registry = ModelRegistry(reports)
    assert {"recognition", "reliability"}.isdisjoint(registry.lost)
    assert (registry.recogniser, registry.recognise(None, None), registry.reliability) == (None, None, {})


def test_a_part_that_is_missing_is(reports):
    (reports / "reliability.json").unlink()
    (reports / "recognition.json").write_text(json.dumps({"sha256": "0" * 64, "threshold": 0.5}))
    write_manifest(reports)
    (reports / "recognition.json").unlink()
    listed = json.loads((reports / "manifest.json").read_text())
    listed["sha256"]["reliability.json"] = "0" * 64
    (reports / "manifest.json").write_text(json.dumps(listed))
    registry = ModelRegistry(reports)
    assert registry.lost["recognition"] == "recognition.json is missing."
    assert registry.lost["reliability"] == "reliability.json is missing."
    assert registry.recogniser is None


def test_a_report_of_another_form_is_not_used(reports):
    (reports / "recognition.json").write_text(json.dumps({"sha256": "0" * 64}))
    (reports / "reliability.json").write_text(json.dumps({"models": {"vgg16": [{}]}}))
    write_manifest(reports)
    lost = ModelRegistry(reports).lost
    assert lost["recognition"].startswith("recognition.json is not as this version needs it: ")
    assert lost["reliability"].startswith("reliability.json is not as this version needs it: ")
