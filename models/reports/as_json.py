"""Findings and series as the JSON interface answers them; `models.reports.json_types` has the types."""

from typing import Any

import msgspec

from models import __version__
from models.imaging.scan import Scan
from models.inference.finding import DISCLAIMER
from models.inference.finding import Finding as InferredFinding
from models.inference.measurement.sizes import Measurement
from models.inference.reliability import Reliability as InferredReliability
from models.inference.similar_cases import SimilarCases
from models.ingest.series.listing import Listing
from models.reports.json_types import (
    Candidate,
    Characteristics,
    Finding,
    Image,
    ModelAnswer,
    Nodule,
    Reliability,
    SameVerdict,
    Series,
    Similar,
    Version,
    Warning,
)


def series_as_json(listing: Listing | None) -> list[dict[str, Any]]:
    """The series of an upload that can be read, as plain values; none where there is nothing to choose."""
    series = listing.series if listing else ()
    return [
        msgspec.to_builtins(
            Series(
                number=each.number or 0,
                uid=each.uid,
                slices=each.slices,
                thickness_mm=each.thickness_mm,
                kernel=each.kernel,
                description=each.description,
            )
        )
        for each in series
    ]


def finding_as_json(finding: InferredFinding) -> dict[str, Any]:
    """The answer of ``POST /api/v1/predict`` as plain values."""
    return msgspec.to_builtins(answer_of(finding))


def answer_of(finding: InferredFinding) -> Finding:
    """What the JSON interface says of a finding."""
    return Finding(
        verdict=finding.verdict,
        model=finding.model,
        probability=finding.probability,
        nodule_probability=finding.nodule_probability,
        threshold=finding.threshold,
        models=[ModelAnswer(one.key, one.verdict, one.probability, one.threshold) for one in finding.models],
        nodule=_nodule(finding),
        characteristics=Characteristics(**finding.characteristics),
        image=_image(finding.scan),
        warnings=[Warning(notice.code, notice.message) for notice in finding.notices],
        disclaimer=str(DISCLAIMER),
        version=Version(__version__, finding.reading.weights),
        similar=_similar(finding.reading.similar_cases),
        reliability=_reliability(finding.reliability),
        candidates=[
            Candidate(
                round(one.row, 1),
                round(one.col, 1),
                one.slice,
                round(one.probability, 3),
                _tenths(one.diameter_mm),
            )
            for one in finding.candidates
        ],
    )


def _nodule(finding: InferredFinding) -> Nodule:
    reading, given = finding.reading, finding.given
    measured, outline = reading.measurement or Measurement(), reading.outline
    first, last = reading.slices or (None, None)
    return Nodule(
        row=given.row,
        col=given.col,
        slice=given.slice,
        source=given.source,
        long_axis_mm=_tenths(measured.long_axis_mm),
        short_axis_mm=_tenths(measured.short_axis_mm),
        mean_diameter_mm=_tenths(measured.mean_diameter_mm),
        equivalent_diameter_mm=_tenths(measured.equivalent_diameter_mm),
        largest_slice=reading.roi.slice if reading.slices else None,
        first_slice=first,
        last_slice=last,
        volume_mm3=_tenths(measured.volume_mm3),
        volume_diameter_mm=_tenths(measured.volume_diameter_mm),
        solid_long_axis_mm=_tenths(measured.solid_long_axis_mm),
        side=reading.side,
        mean_hu=_tenths(measured.mean_hu),
        texture=measured.texture,
        corrected=reading.corrected is not None,
        outline=None if outline is None else [[round(row, 1), round(col, 1)] for row, col in outline],
    )


def _image(scan: Scan) -> Image:
    return Image(
        rows=scan.rows,
        cols=scan.cols,
        slices=len(scan.slices),
        spacing_mm=scan.spacing_mm[0],
        is_hu=scan.is_hu,
        spacing_assumed=scan.spacing_assumed,
        spacing_source=scan.spacing_guess or scan.spacing_source,
        thickness_mm=scan.thickness_mm,
        slice_spacing_mm=scan.slice_spacing_mm,
    )


def _similar(cases: SimilarCases | None) -> Similar | None:
    if cases is None:
        return None
    return Similar(
        ratings=list(cases.ratings),
        diameters_mm=[round(diameter, 1) for diameter in cases.diameters_mm],
        distance=cases.distance,
        farther_than=cases.farther_than,
        is_unlike=cases.is_out_of_distribution,
    )


def _reliability(found: InferredReliability | None) -> Reliability | None:
    if found is None:
        return None
    same = found.same
    return Reliability(
        adds=found.adds,
        nodules=found.nodules,
        malignant=found.malignant,
        recognised=found.recognised,
        size_mm=list(found.size_mm),
        same_verdict=None if same is None else SameVerdict(same.nodules, same.malignant, same.low, same.high),
    )


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
