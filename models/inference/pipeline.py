"""The whole way from a scan and a location in it to a finding, on one page."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from models.clinical.mass import is_mass
from models.errors import UserError
from models.imaging.scan import Notice, Roi, Scan
from models.imaging.side import side_of
from models.inference.calibration import disagreement
from models.inference.classifier import CONSENSUS, CONSENSUS_TITLE, ModelRegistry, unavailable
from models.inference.detection.section import largest_section
from models.inference.finding import Finding, ModelAnswer, Verdict
from models.inference.measurement.nodule import measure_nodule
from models.inference.measurement.sizes import Measurement
from models.inference.nodule_warnings import SIZE_CODES, size_warnings, texture_warning
from models.inference.quality_warnings import in_order, quality_warnings
from models.inference.reading import Prediction, Reading, outlines_of, vertices_of
from models.inference.reliability import reliability_of
from models.inference.runtime.parallel import meanwhile
from models.inference.similar_cases import SimilarCases
from models.inference.size_errors import size_errors_of
from models.inference.views import views
from models.messages import Message, counted, joined
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES

MODEL_KEYS = (CONSENSUS, *ARCHITECTURES)
NONE_OF_THE_FIVE = Message("none of the five models could be loaded.")
CONSENSUS_IS = Message("Mean of the five scores in log odds, calibrated")
ABOUT_NODULE = (  # notices that mean nothing without one
    "mass",
    "unlike_training",
    "size_out_of_range",
    "not_outlined",
    *SIZE_CODES,
    "texture_disagrees",
)


def check_model(key: str, registry: ModelRegistry) -> None:
    """Refuse a model that does not exist (``unknown_model``) or cannot answer (``model_unavailable``)."""
    if key not in MODEL_KEYS:
        message = Message("There is no such model; choose one of {names}.", names=", ".join(MODEL_KEYS))
        raise UserError("unknown_model", message)
    if not registry.available(key):
        raise unavailable(title_of(key), registry.problems.get(key, NONE_OF_THE_FIVE))


def title_of(key: str) -> Message | str:
    """A model's name for people."""
    return CONSENSUS_TITLE if key == CONSENSUS else ARCHITECTURES[key].title


def citation_of(key: str) -> Message | str:
    """The paper behind a model, or what the consensus is."""
    return CONSENSUS_IS if key == CONSENSUS else ARCHITECTURES[key].citation


def analyse(scan: Scan, roi: Roi, model_key: str, registry: ModelRegistry, anyway: bool = False) -> Finding:
    """Answer on one nodule with all models, and with the one asked for selected.

    Parameters
    ----------
    scan : Scan
    roi : Roi
    model_key : str
        One of `MODEL_KEYS`.
    registry : ModelRegistry
    anyway : bool
        Give the scores although no nodule is recognised.

    Raises
    ------
    UserError
        ``unknown_model`` or ``model_unavailable``.
    """
    check_model(model_key, registry)
    return finding_of(scan, read_nodule(scan, roi, registry), model_key, registry, anyway)


def read_nodule(scan: Scan, roi: Roi, registry: ModelRegistry) -> Reading:
    """Compute all that can be said of one nodule."""
    section = None if registry.localiser is None else largest_section(scan, roi, registry.localiser)
    given = polygon = extent = outlines = measurement = None
    if section is not None:
        given, roi, polygon, extent = roi, section.roi, section.polygon, section.slices
        outlines = section.outlines
    answers = registry.begin(views(scan.slices[roi.slice], scan.spacing_mm, roi.row, roi.col))
    # by the core that has done its networks first
    recognising = meanwhile(registry.recognise, scan, roi, extent)
    predictions = answers()
    if outlines is not None:
        measurement = measure_nodule(outlines, roi.slice, scan)
    similar_cases = registry.similar({key: prediction.features for key, prediction in predictions.items()})
    return Reading(
        roi=roi,
        given=given,
        slices=extent,
        predictions={key: replace(prediction, features=None) for key, prediction in predictions.items()},
        notices=notices_of(registry, scan, roi, outlines, measurement, similar_cases),
        weights=registry.checksum,
        outline=None if polygon is None else vertices_of(polygon),
        outlines=() if outlines is None else outlines_of(outlines),
        measurement=measurement,
        similar_cases=similar_cases,
        recognition=recognising.result(),
        side=side_of(scan, roi),
    )


def notices_of(
    registry: ModelRegistry,
    scan: Scan,
    roi: Roi,
    outlines: Mapping[int, np.ndarray] | None,
    measurement: Measurement | None,
    similar_cases: SimilarCases | None,
) -> tuple[Notice, ...]:
    """What is to be known of the image and of the nodule, whose outlines are by slice."""
    polygon, found = None, list(scan.notices)
    if registry.localiser is None:
        found.append(
            Notice(
                "model_unavailable", "The nodule is not outlined or measured: the localiser is unavailable."
            )
        )
    elif outlines is None:
        found.append(Notice("not_outlined", "The nodule could not be outlined; no size is given."))
    else:
        polygon = outlines[roi.slice]
        long_axis_mm = None if measurement is None else measurement.long_axis_mm
        found += size_warnings(scan, outlines, roi.slice, long_axis_mm)
    found += quality_warnings(scan, roi, polygon, measurement, similar_cases, registry.evaluation)
    return tuple(found)


def finding_of(
    scan: Scan, reading: Reading, model_key: str, registry: ModelRegistry, anyway: bool = False
) -> Finding:
    """The answer that follows from a reading of a scan, with one model selected; see `analyse`.

    Where no nodule is recognised, the verdict is ``no_nodule``, and nothing more is said of it but with
    `anyway`.
    """
    check_model(model_key, registry)
    found = _finding(scan, reading, model_key, registry)
    if reading.is_nodule:
        return found
    found = replace(
        found,
        verdict="no_nodule",
        models=tuple(replace(one, verdict=one.verdict and "no_nodule") for one in found.models),
        reliability=None,
    )
    return found if anyway else _silent(found)


def _finding(scan: Scan, reading: Reading, model_key: str, registry: ModelRegistry) -> Finding:
    predictions = reading.predictions
    used = list(predictions) if model_key == CONSENSUS else [model_key]
    own = {key: prediction.probability for key, prediction in predictions.items()}
    apart = float(disagreement(list(own.values())))
    if model_key == CONSENSUS:
        probability = registry.consensus([prediction.score for prediction in predictions.values()])
    else:
        probability = own[model_key]
    verdict = _verdict(registry, model_key, probability, apart, reading.long_axis_mm)
    found = Finding(
        scan=scan,
        reading=reading,
        verdict=verdict,
        model=model_key,
        title=title_of(model_key),
        probability=probability,
        threshold=registry.threshold(model_key),
        models=tuple(
            _answer(registry, key, own.get(key), apart, reading.long_axis_mm) for key in ARCHITECTURES
        ),
        characteristics={
            name: float(sum(predictions[key].descriptors[name] for key in used) / len(used))
            for name in DESCRIPTOR_SCALES
        },
        notices=(),
        disagreement=apart,
    )
    texture = None if reading.measurement is None else reading.measurement.texture
    disagrees = texture_warning(texture, found.characteristics["texture"])
    said = (*reading.notices, *filter(None, [disagrees]), *_missing(predictions, model_key))
    reliability = reliability_of(registry.reliability, model_key, reading.long_axis_mm, verdict)
    errors = size_errors_of(registry.size_report, reading.long_axis_mm)
    return replace(found, notices=in_order(said), reliability=reliability, size_errors=errors)


def _silent(finding: Finding) -> Finding:
    """A finding without all that would be said of a nodule."""
    return replace(
        finding,
        reading=finding.reading.without_nodule(),
        probability=None,
        models=tuple(replace(one, probability=None) for one in finding.models),
        characteristics=dict.fromkeys(finding.characteristics),
        notices=tuple(notice for notice in finding.notices if notice.code not in ABOUT_NODULE),
        disagreement=None,
        size_errors=None,
    )


def _verdict(
    registry: ModelRegistry, key: str, probability: float, apart: float, long_axis_mm: float | None
) -> Verdict:
    """Of a mass never benign: its size speaks against it."""
    if registry.defers(key, probability, apart):
        return "indeterminate"
    if probability >= registry.threshold(key):
        return "malignant"
    return "indeterminate" if is_mass(long_axis_mm) else "benign"


def _answer(
    registry: ModelRegistry, key: str, probability: float | None, apart: float, long_axis_mm: float | None
) -> ModelAnswer:
    title = ARCHITECTURES[key].title
    if probability is None:
        return ModelAnswer(key, title, None, None, None)
    verdict = _verdict(registry, key, probability, apart, long_axis_mm)
    return ModelAnswer(key, title, verdict, probability, registry.threshold(key))


def _missing(predictions: dict[str, Prediction], model_key: str) -> tuple[Notice, ...]:
    absent = [ARCHITECTURES[key].title for key in ARCHITECTURES if key not in predictions]
    if not absent:
        return ()
    message = Message("Unavailable: {names}.", names=", ".join(absent))
    if model_key == CONSENSUS:
        others = counted(
            "The consensus is that of the other {n}.",
            "The consensus is that of the other {n}.",
            len(predictions),
        )
        message = joined(" ", (message, others))
    return (Notice("model_unavailable", message),)
