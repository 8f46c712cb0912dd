"""Findings as a DICOM Structured Report: TID 1500, Measurement Report (PS3.16), in a Comprehensive SR.

One measurement group (TID 1410) a finding holds outline, sizes, texture, verdict, and each model's
probability. What the models say has codes of a private scheme: the standard's own codes speak of cancer,
which they do not.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from models.clinical.growth import Change
from models.imaging.scan import Reference
from models.inference.finding import DISCLAIMER, Finding
from models.inference.measurement.sizes import Measurement
from models.reports.as_text import reliability_line
from models.reports.comparison.as_text import earlier_rows
from models.reports.dicom.common import (
    EMPTY,
    PRODUCT,
    Tracked,
    as_file,
    header,
    source_of,
    tracked,
    version_of,
)

SCHEME = "99LUNGNODULE"
TEXTURES = {"solid": "SOLID", "part-solid": "PART_SOLID", "ground glass": "GROUND_GLASS"}
VERDICTS = {
    "benign": ("LOOKS_BENIGN", "Looks benign"),
    "malignant": ("LOOKS_MALIGNANT", "Looks malignant"),
    "indeterminate": ("INDETERMINATE", "Indeterminate: the models cannot tell"),
    "mass": ("MASS", "A mass: suspicious by size alone, whatever the models say"),
    "no_nodule": ("NO_NODULE", "No nodule recognised here"),
}
SIDES = {"right": codes.SCT.Right, "left": codes.SCT.Left}
USE = "(research use only)"
MOST_VERTICES = 8000  # an element of explicit VR holds 64 KiB


def structured_report(*findings: Finding) -> bytes:
    """A DICOM file: a Structured Report on one or more findings of a scan, each on its own image.

    Patient and study attributes but the Study Instance UID are empty. The document is preliminary and
    unverified; it is complete where each nodule was outlined and every model answered, else partial.

    Raises
    ------
    UserError
        ``not_dicom`` where there is no image to refer to.
    """
    first, several = findings[0], len(findings) > 1
    sources = {found.sop_instance_uid: found for found in map(source_of, findings)}
    scheme = CodingSchemeIdentificationItem(SCHEME, name=PRODUCT, responsible_organization=PRODUCT)
    report = sr.ComprehensiveSR(
        evidence=[_evidence(source) for source in sources.values()],
        content=_content(findings)[0],
        is_complete=all(map(_is_complete, findings)),
        coding_schemes=[scheme],
        **header(first, "SR", f"AI reading of {'lung nodules' if several else 'a lung nodule'} {USE}"),
    )
    return as_file(report)


def _is_complete(finding: Finding) -> bool:
    answered = all(answer.probability is not None for answer in finding.models)
    return finding.reading.outline is not None and answered


def _evidence(source: Reference) -> Dataset:
    """The source image, as far as highdicom asks for it."""
    image = Dataset()
    image.StudyInstanceUID, image.SeriesInstanceUID = source.study_uid, source.series_uid
    image.SOPClassUID, image.SOPInstanceUID = source.sop_class_uid, source.sop_instance_uid
    for keyword in EMPTY:
        setattr(image, keyword, None)
    return image


def _content(findings: Sequence[Finding]) -> sr.MeasurementReport:
    version = version_of(findings[0])
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=f"2.25.{uuid.uuid5(uuid.NAMESPACE_DNS, PRODUCT + version).int}",
        name=PRODUCT,
        model_name=version,
    )
    observer = sr.ObserverContext(codes.DCM.Device, device)
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.cid100.CTUnspecifiedBodyRegion,
        imaging_measurements=[_nodule(each) for each in tracked(findings)],
    )
    report[0].ContentSequence.append(_remarks(findings))
    return report


def _nodule(each: Tracked) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    finding, source = each.finding, source_of(each.finding)
    frames = None if source.frame is None else [source.frame]
    image = sr.SourceImageForRegion(source.sop_class_uid, source.sop_instance_uid, frames)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        referenced_region=_region(finding, image),
        tracking_identifier=sr.TrackingIdentifier(each.uid, each.identifier),
        **_called(finding),
        algorithm_id=_algorithm(finding, "Nodule localiser"),
        measurements=[
            *_sizes(finding.reading.measurement or Measurement()),
            *_growth(finding),
            *_probabilities(finding),
        ],
        qualitative_evaluations=_evaluations(finding),
    )


def _called(finding: Finding) -> dict[str, Any]:
    """What was found, and where in the body; where no nodule is recognised, neither is said."""
    if finding.verdict == "no_nodule":
        return {}
    side = finding.reading.side
    laterality = None if side is None else SIDES[side]
    return {
        "finding_type": codes.SCT.Mass if finding.is_mass else codes.SCT.Nodule,
        "finding_sites": [sr.FindingSite(codes.SCT.Lung, laterality=laterality)],
    }


def _region(finding: Finding, image: sr.SourceImageForRegion) -> sr.ImageRegion:
    """Outline, or location where there is none, as (column, row); (0, 0) is the top left pixel's corner.

    PS3.3 C.18.6.1.1; ours is that pixel's centre. The coordinates end with the image.
    """
    scan, roi = finding.scan, finding.reading.roi
    vertices = np.array(finding.reading.outline or [(roi.row, roi.col)], float)[:, ::-1] + 0.5
    vertices = np.clip(vertices[:: 1 + len(vertices) // MOST_VERTICES], 0, (scan.cols, scan.rows))
    if finding.reading.outline is None:
        return sr.ImageRegion(sr.GraphicTypeValues.POINT, vertices, image)
    closed = np.concatenate([vertices, vertices[:1]])
    return sr.ImageRegion(sr.GraphicTypeValues.POLYLINE, closed, image)


def _sizes(found: Measurement) -> Iterator[sr.Measurement]:
    """What was measured; a mean diameter is the mean of the two axes."""
    mean, mm, mm3 = codes.SCT.Mean, codes.UCUM.Millimeter, codes.UCUM.CubicMillimeter
    for name, value, unit, derivation in (
        (codes.SCT.LongAxis, found.long_axis_mm, mm, None),
        (codes.SCT.ShortAxis, found.short_axis_mm, mm, None),
        (codes.SCT.Diameter, found.mean_diameter_mm, mm, mean),
        (codes.SCT.Volume, found.volume_mm3, mm3, None),
        (_private("SOLID_LONG_AXIS", "Long axis of the solid part"), found.solid_long_axis_mm, mm, None),
        (codes.DCM.AttenuationCoefficient, found.mean_hu, codes.UCUM.HounsfieldUnit, mean),
    ):
        if value is not None:
            yield sr.Measurement(name, round(value, 1), unit, derivation=derivation)


def _probabilities(finding: Finding) -> Iterator[sr.Measurement]:
    """That there is a nodule, and each model's answer; the consensus', where it is in front, comes first."""
    if finding.nodule_probability is not None:
        there = _private("NODULE_PROBABILITY", "Probability that there is a nodule (research use only)")
        algorithm = _algorithm(finding, "Nodule recognition")
        value = round(finding.nodule_probability, 4)
        yield sr.Measurement(there, value, codes.UCUM.NoUnits, algorithm_id=algorithm)
    name = _private("PROBABILITY", "Probability of a malignant-looking rating (research use only)")
    answers = [(a.title, a.probability, a.threshold) for a in finding.models if a.probability is not None]
    own = {answer.key for answer in finding.models}
    if answers and finding.probability is not None and finding.model not in own:
        answers.insert(0, (str(finding.title), finding.probability, finding.threshold))
    for title, probability, threshold in answers:
        algorithm = _algorithm(finding, title, f"operating point {threshold:.4f}")
        yield sr.Measurement(name, round(probability, 4), codes.UCUM.NoUnits, algorithm_id=algorithm)


def _evaluations(finding: Finding) -> list[sr.QualitativeEvaluation]:
    verdict = _private("VERDICT", f"Verdict of {finding.title} (research use only)")
    code = "mass" if finding.headline == "mass" else finding.verdict
    evaluations = [sr.QualitativeEvaluation(verdict, _private(*VERDICTS[code]))]
    texture = finding.reading.measurement and finding.reading.measurement.texture
    if texture:
        value = _private(TEXTURES[texture], texture.capitalize())
        evaluations.append(sr.QualitativeEvaluation(_private("TEXTURE", "Texture, an impression"), value))
    return evaluations


def _remarks(findings: Sequence[Finding]) -> sr.ContainerContentItem:
    """Row 12 of TID 1500: what the numbers and the verdicts mean, and every warning, as texts.

    What is said of some of several findings begins with their names.
    """
    contains = sr.RelationshipTypeValues.CONTAINS
    name = sr.CodedConcept("C0034375", "UMLS", "Qualitative Evaluations")
    said: dict[str, list[str]] = {}
    for each in tracked(findings):
        for text in dict.fromkeys(_said(each.finding)):
            said.setdefault(text, []).append(each.identifier)
    container = sr.ContainerContentItem(name, relationship_type=contains)
    container.ContentSequence = sr.ContentSequence(
        [
            sr.TextContentItem(
                codes.DCM.Comment,
                text if len(of) == len(findings) else f"{', '.join(of)}: {text}",
                relationship_type=contains,
            )
            for text, of in said.items()
        ]
    )
    return container


def _said(finding: Finding) -> Iterator[str]:
    """What is said of a finding, the disclaimer first."""
    own = str(DISCLAIMER), reliability_line(finding), _correction(finding)
    messages = (notice.message for notice in finding.notices)
    yield from map(str, filter(None, (*own, *_compared(finding), *messages)))


def _compared(finding: Finding) -> Iterator[str]:
    """What became of the nodule since an earlier scan, and which image of that was compared."""
    for name, text in earlier_rows(finding.earlier):
        yield f"{name}: {text}"
    if finding.earlier is not None and finding.earlier.reference is not None:
        yield f"Earlier image: SOP Instance UID {finding.earlier.reference.sop_instance_uid}"


def _growth(finding: Finding) -> Iterator[sr.Measurement]:
    """Changes since an earlier scan; the codes are private."""
    growth = finding.earlier and finding.earlier.growth
    if not growth:
        return
    mm, percent, day = codes.UCUM.Millimeter, codes.UCUM.Percent, codes.UCUM.Day
    volume = None if growth.volume is None else round(growth.volume.percent, 1)
    time = growth.doubling_time.days if growth.doubling_time else None
    for code, meaning, value, unit in (
        ("INTERVAL", "Interval since the earlier image", growth.days, day),
        ("LONG_AXIS_CHANGE", "Change of the long axis", _change(growth.long_axis), mm),
        ("DIAMETER_CHANGE", "Change of the mean diameter", _change(growth.mean_diameter), mm),
        ("VOLUME_CHANGE", "Change of the volume", volume, percent),
        ("DOUBLING_TIME", "Volume doubling time", None if time is None else round(time, 1), day),
    ):
        if value is not None:
            yield sr.Measurement(_private(code, meaning), value, unit)


def _change(found: Change | None) -> float | None:
    return None if found is None else round(found.difference, 1)


def _correction(finding: Finding) -> str | None:
    return "The outline and sizes were corrected by the reader." if finding.reading.corrected else None


def _algorithm(finding: Finding, name: str, *parameters: str) -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(name, version_of(finding), parameters or None, manufacturer=PRODUCT)


def _private(code: str, meaning: str) -> sr.CodedConcept:
    return sr.CodedConcept(code, SCHEME, meaning)
