"""The whole way from a scan and a place in it to a finding, on one page."""

from dataclasses import replace

from models.clinical.mass import is_mass
from models.errors import UserError
from models.imaging.patch import patch_of
from models.imaging.scan import Notice
from models.inference.calibration import disagreement
from models.inference.classifier import CONSENSUS, CONSENSUS_TITLE
from models.inference.detection.section import largest_section
from models.inference.finding import Finding, ModelAnswer
from models.inference.measurement.outline import reaches_edge
from models.inference.measurement.sizes import axes, measure
from models.inference.quality_warnings import in_order, quality_warnings
from models.inference.reading import Reading
from models.inference.reliability import reliability_of
from models.inference.runtime.parallel import meanwhile
from models.inference.views import views, views_of_chosen
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES

MODEL_KEYS = (CONSENSUS, *ARCHITECTURES)
NO_NODULE = "no_nodule"
ABOUT_NODULE = (  # notices that mean nothing without one
    "mass",
    "unlike_training",
    "size_out_of_range",
    "cut_off",
    "not_outlined",
    "size_unknown",
)


def check_model(key, registry):
    """Refuse a model that does not exist (``unknown_model``) or cannot answer (``model_unavailable``)."""
    if key not in MODEL_KEYS:
        raise UserError("unknown_model", f"There is no such model; choose one of {', '.join(MODEL_KEYS)}.")
    if not registry.available(key):
        problem = registry.problems.get(key, "none of the five models could be loaded.")
        raise UserError("model_unavailable", f"{title_of(key)} is unavailable: {problem}")


def title_of(key):
    """A model's name for people."""
    return CONSENSUS_TITLE if key == CONSENSUS else ARCHITECTURES[key].title


def citation_of(key):
    """The paper behind a model, or what the consensus is."""
    return (
        "Mean of the five scores in log odds, calibrated" if key == CONSENSUS else ARCHITECTURES[key].citation
    )


def analyse(scan, roi, model_key, registry, anyway=False):
    """Answer on one nodule with all models, and with the one asked for in front.

    Parameters
    ----------
    scan : Scan
    roi : Roi
    model_key : str
        One of `MODEL_KEYS`.
    registry : ModelRegistry
    anyway : bool
        Give the scores although no nodule is recognised.

    Returns
    -------
    Finding

    Raises
    ------
    UserError
        ``unknown_model`` or ``model_unavailable``.
    """
    check_model(model_key, registry)
    return finding_of(read_nodule(scan, roi, registry), model_key, registry, anyway)


def read_nodule(scan, roi, registry, explain=False):
    """Compute all that can be said of one nodule; with `explain`, also why.

    Returns
    -------
    Reading
    """
    section = None if registry.localiser is None else largest_section(scan, roi, registry.localiser)
    given = polygon = shown = None
    if section is not None:
        given, roi, polygon, shown = roi, section.roi, section.polygon, section.shown
    spec = patch_of(None if polygon is None else axes(polygon * scan.spacing_mm)[0])
    first, last = shown or (0, len(scan.slices) - 1)
    slices, index = scan.slices[first : last + 1], roi.slice - first  # as in the crops that trained
    patches = views(slices, scan.spacing_mm, roi.row, roi.col, index, spec)
    chosen = views_of_chosen(len(slices), index)
    answers = registry.begin(patches, chosen, explain)
    # by the core that has done its networks first
    recognising = meanwhile(registry.recognise, scan, roi, shown)
    predictions, saliency = answers()
    measurement = None if polygon is None else measure(polygon, scan, roi.slice)
    similar_cases = registry.similar({key: prediction.features for key, prediction in predictions.items()})
    return Reading(
        scan=scan,
        roi=roi,
        given=given,
        slices=shown,
        field_mm=spec.field_mm,
        predictions=predictions,
        patch=patches[chosen][0],
        notices=(
            *scan.notices,
            *_unmeasured(registry, scan, polygon),
            *quality_warnings(scan, roi, polygon, measurement, similar_cases, registry.evaluation),
        ),
        weights=registry.checksum,
        outline=None if polygon is None else tuple(map(tuple, polygon.tolist())),
        measurement=measurement,
        similar_cases=similar_cases,
        saliency=saliency,
        recognition=recognising.result(),
    )


def finding_of(reading, model_key, registry, anyway=False):
    """The answer that follows from a reading, with one model in front; see `analyse`.

    Where no nodule is recognised, the verdict is ``no_nodule``, and nothing more is said of it but with
    `anyway`.
    """
    check_model(model_key, registry)
    found = _finding(reading, model_key, registry)
    if found.recognised:
        return found
    found = replace(
        found,
        verdict=NO_NODULE,
        models=tuple(replace(one, verdict=one.verdict and NO_NODULE) for one in found.models),
        reliability=None,
    )
    return found if anyway else _silent(found)


def _finding(reading, model_key, registry):
    predictions = reading.predictions
    used = list(predictions) if model_key == CONSENSUS else [model_key]
    own = {key: prediction.probability for key, prediction in predictions.items()}
    spread = float(disagreement(list(own.values())))
    if model_key == CONSENSUS:
        probability = registry.consensus([prediction.score for prediction in predictions.values()])
    else:
        probability = own[model_key]
    long_axis_mm = reading.measurement.long_axis_mm if reading.measurement else None
    verdict = _verdict(registry, model_key, probability, spread, long_axis_mm)
    kind = "stack" if len(reading.scan.slices) > 1 else "middle"
    return Finding(
        verdict=verdict,
        model=model_key,
        title=title_of(model_key),
        probability=probability,
        threshold=registry.threshold(model_key),
        models=tuple(_answer(registry, key, own.get(key), spread, long_axis_mm) for key in ARCHITECTURES),
        spread=spread,
        roi=reading.roi,
        given=reading.given,
        slices=reading.slices,
        field_mm=reading.field_mm,
        scan=reading.scan,
        characteristics={
            name: float(sum(predictions[key].descriptors[name] for key in used) / len(used))
            for name in DESCRIPTOR_SCALES
        },
        patch=reading.patch,
        notices=in_order((*reading.notices, *_missing(predictions, model_key))),
        weights=reading.weights,
        outline=reading.outline,
        measurement=reading.measurement,
        similar_cases=reading.similar_cases,
        saliency=reading.saliency.get(model_key),
        nodule_probability=None if reading.recognition is None else reading.recognition.probability,
        recognised=reading.recognition is None or reading.recognition.is_nodule,
        reliability=reliability_of(registry.reliability, model_key, kind, long_axis_mm, verdict),
    )


def _silent(finding):
    """A finding without all that would be said of a nodule."""
    return replace(
        finding,
        probability=None,
        models=tuple(replace(one, probability=None) for one in finding.models),
        characteristics=dict.fromkeys(finding.characteristics),
        notices=tuple(notice for notice in finding.notices if notice.code not in ABOUT_NODULE),
        slices=None,
        outline=None,
        measurement=None,
        spread=None,
        similar_cases=None,
        saliency=None,
    )


def _verdict(registry, key, probability, spread, long_axis_mm):
    """Of a mass never benign: its size speaks against it."""
    if registry.defers(key, probability, spread):
        return "indeterminate"
    if probability >= registry.threshold(key):
        return "malignant"
    return "indeterminate" if is_mass(long_axis_mm) else "benign"


def _answer(registry, key, probability, spread, long_axis_mm):
    title = ARCHITECTURES[key].title
    if probability is None:
        return ModelAnswer(key, title, None, None, None)
    verdict = _verdict(registry, key, probability, spread, long_axis_mm)
    return ModelAnswer(key, title, verdict, probability, registry.threshold(key))


def _missing(predictions, model_key):
    absent = [ARCHITECTURES[key].title for key in ARCHITECTURES if key not in predictions]
    if not absent:
        return ()
    message = f"Unavailable: {', '.join(absent)}."
    if model_key == CONSENSUS:
        message += f" The consensus is that of the other {len(predictions)}."
    return (Notice("model_unavailable", message),)


def _unmeasured(registry, scan, polygon):
    """Why there is no size, or what is wrong with it."""
    if registry.localiser is None:
        yield Notice(
            "model_unavailable", "The nodule is not outlined or measured: the localiser is unavailable."
        )
    elif polygon is None:
        yield Notice("not_outlined", "The nodule could not be outlined; no size is given.")
    else:
        if scan.spacing_assumed:
            yield Notice("size_unknown", "No size is given, because the size of a pixel is not known.")
        if reaches_edge(polygon, (scan.rows, scan.cols)):
            message = "The nodule reaches the edge of the image and may be larger than its outline."
            yield Notice("cut_off", message)
