"""The whole way from a scan and a place in it to a finding, on one page."""

from models.errors import ScanError
from models.imaging.scan import Notice
from models.inference.bank import CONSENSUS, CONSENSUS_TITLE
from models.inference.calibration import disagreement
from models.inference.cores import meanwhile
from models.inference.doubts import doubts, in_order
from models.inference.finding import Finding, ModelAnswer
from models.inference.measure import measure
from models.inference.outline import contour, reaches_edge
from models.inference.reading import Reading
from models.inference.views import views, views_of_chosen
from models.networks.registry import ARCHITECTURES
from models.networks.scales import DESCRIPTOR_SCALES

MODEL_KEYS = (CONSENSUS, *ARCHITECTURES)


def check_model(key, bank):
    """Refuse a model that does not exist (``unknown_model``) or cannot answer (``model_unavailable``)."""
    if key not in MODEL_KEYS:
        raise ScanError("unknown_model", f"There is no such model; choose one of {', '.join(MODEL_KEYS)}.")
    if not bank.available(key):
        problem = bank.problems.get(key, "none of the five models could be loaded.")
        raise ScanError("model_unavailable", f"{title_of(key)} is unavailable: {problem}")


def title_of(key):
    """A model's name for people."""
    return CONSENSUS_TITLE if key == CONSENSUS else ARCHITECTURES[key].title


def citation_of(key):
    """The paper behind a model, or what the consensus is."""
    return (
        "Mean of the five scores in log odds, calibrated" if key == CONSENSUS else ARCHITECTURES[key].citation
    )


def analyse(scan, roi, model_key, bank):
    """Answer on one nodule with all models, and with the one asked for in front.

    Parameters
    ----------
    scan : Scan
    roi : Roi
    model_key : str
        One of `MODEL_KEYS`.
    bank : ModelBank

    Returns
    -------
    Finding

    Raises
    ------
    ScanError
        ``unknown_model`` or ``model_unavailable``.
    """
    check_model(model_key, bank)
    return finding_of(read_nodule(scan, roi, bank), model_key, bank)


def read_nodule(scan, roi, bank, explain=False):
    """Compute all that can be said of one nodule; with `explain`, also why.

    Returns
    -------
    Reading
    """
    patches = views(scan.slices, scan.spacing_mm, roi.row, roi.col, roi.slice)
    chosen = views_of_chosen(len(scan.slices), roi.slice)
    answers = bank.begin(patches, chosen, explain)
    outlining = meanwhile(_polygon, bank, scan, roi)  # by the core that has done its networks first
    recognising = meanwhile(bank.recognise, scan, roi)
    predictions, saliency = answers()
    polygon = outlining.result()
    measurement = None if polygon is None else measure(polygon, scan, roi.slice)
    neighbours = bank.similar({key: prediction.features for key, prediction in predictions.items()})
    return Reading(
        scan=scan,
        roi=roi,
        predictions=predictions,
        patch=patches[chosen][0],
        notices=(
            *scan.notices,
            *_unmeasured(bank, scan, polygon),
            *doubts(scan, roi, polygon, measurement, neighbours, bank.evaluation),
        ),
        weights=bank.checksum,
        outline=None if polygon is None else tuple(map(tuple, polygon.tolist())),
        measurement=measurement,
        neighbours=neighbours,
        saliency=saliency,
        recognition=recognising.result(),
    )


def finding_of(reading, model_key, bank):
    """The answer that follows from a reading, with one model in front; see `analyse`."""
    check_model(model_key, bank)
    predictions = reading.predictions
    used = list(predictions) if model_key == CONSENSUS else [model_key]
    own = {key: prediction.probability for key, prediction in predictions.items()}
    spread = float(disagreement(list(own.values())))
    if model_key == CONSENSUS:
        probability = bank.consensus([prediction.score for prediction in predictions.values()])
    else:
        probability = own[model_key]
    return Finding(
        verdict=_verdict(bank, model_key, probability, spread),
        model=model_key,
        title=title_of(model_key),
        probability=probability,
        threshold=bank.threshold(model_key),
        models=tuple(_answer(bank, key, own.get(key), spread) for key in ARCHITECTURES),
        spread=spread,
        roi=reading.roi,
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
        neighbours=reading.neighbours,
        saliency=reading.saliency.get(model_key),
        nodule_probability=None if reading.recognition is None else reading.recognition.probability,
        recognised=reading.recognition is None or reading.recognition.is_nodule,
    )


def _polygon(bank, scan, roi):
    outline = bank.localiser.outline(scan, roi) if bank.localiser is not None else None
    return None if outline is None else contour(outline)


def _verdict(bank, key, probability, spread):
    if bank.defers(key, probability, spread):
        return "indeterminate"
    return "malignant" if probability >= bank.threshold(key) else "benign"


def _answer(bank, key, probability, spread):
    title = ARCHITECTURES[key].title
    if probability is None:
        return ModelAnswer(key, title, None, None, None)
    return ModelAnswer(key, title, _verdict(bank, key, probability, spread), probability, bank.threshold(key))


def _missing(predictions, model_key):
    absent = [ARCHITECTURES[key].title for key in ARCHITECTURES if key not in predictions]
    if not absent:
        return ()
    message = f"Unavailable: {', '.join(absent)}."
    if model_key == CONSENSUS:
        message += f" The consensus is that of the other {len(predictions)}."
    return (Notice("model_unavailable", message),)


def _unmeasured(bank, scan, polygon):
    """Why there is no size, or what is wrong with it."""
    if bank.localiser is None:
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
