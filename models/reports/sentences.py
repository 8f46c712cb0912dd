"""What `evaluation.json` says, in sentences; where nothing was measured, nothing is said."""

from models.reports.evaluation import CONSENSUS, FEW
from models.reports.tables import count, interval, number, part, percent


def measured(reports, evaluation):
    """How the figures came about.

    Parameters
    ----------
    reports : dict of str to dict
        Of ``<key>.json``, by key.
    evaluation : dict
        Of ``evaluation.json``; may be empty.

    Returns
    -------
    list of str
    """
    data, clear = part(evaluation, "data"), part(evaluation, "models", CONSENSUS, "stack")
    if not (data and clear):
        return []
    return [
        f"Measured on {count(clear['n_nodules'])} nodules ({count(clear['n_malignant'])} rated malignant) of "
        f"{count(clear['n_patients'])} patients, by networks that had not trained on these patients.",
        *_repeated(len(data["splits"])),
        f"{count(data['n_indeterminate'])} more nodules, whose mean rating is in between, count only where "
        "it is said.",
        "Calibration, operating points and the rule for “indeterminate” were cross-fitted: what is reported "
        "of a patient comes from choices that other patients made.",
        "Intervals are 95 % intervals by bootstrap over patients.",
        *_trained_on_everyone(reports, data),
    ]


def _repeated(times):
    if times > 1:
        yield (
            f"This was done {times} times, with other patients held out and the networks trained anew; "
            "a nodule counts each time that its patient was held out."
        )


def _trained_on_everyone(reports, data):
    if any(part(report, "training").get("everyone") for report in reports.values()):
        yield (
            "The networks of the app were afterwards trained by the same recipe on all "
            f"{count(data['n_patients_in_all'])} patients."
        )


def in_short(evaluation):
    """The most important results of the consensus, each in a sentence or two."""
    parts = (_ranking, _ruler, _points, _abstention, _weak_spots, _diagnoses)
    stack = part(evaluation, "models", CONSENSUS, "stack")
    return [sentence for say in parts if stack and (sentence := say(stack, evaluation))]


def _ranking(stack, _):
    return (
        "Of two nodules, one rated malignant and one rated benign, the consensus gives the malignant one the "
        f"higher probability in {percent(stack['auc'])} of all such pairs: AUC {interval(stack)}."
    )


def _ruler(stack, evaluation):
    ruler = part(evaluation, "baselines", "diameter")
    if not ruler:
        return None
    overlap = stack["auc_low"] <= ruler["auc_high"] and ruler["auc_low"] <= stack["auc_high"]
    more = " The two intervals overlap: much of the result can be had with a ruler." if overlap else ""
    return f"The diameter alone, without any network, reaches AUC {interval(ruler)}.{more}"


def _points(stack, _):
    balanced, high = part(stack, "balanced"), part(stack, "high_sensitivity")
    if not (balanced and high):
        return None
    return (
        f"At the balanced operating point it recognises {percent(balanced['sensitivity'])} of the "
        f"malignant-rated and {percent(balanced['specificity'])} of the benign-rated nodules; at the "
        f"high-sensitivity point {percent(high['sensitivity'])} and {percent(high['specificity'])}."
    )


def _abstention(stack, _):
    rule = part(stack, "abstention")
    kept, deferred = part(rule, "kept"), part(rule, "deferred")
    if "accuracy" not in kept:
        return None
    right = f"It is right on {percent(kept['accuracy'])} of those that get a verdict"
    if "accuracy" in deferred:
        right += f", and would have been on {percent(deferred['accuracy'])} of the others"
    return f"It calls {percent(1 - rule['coverage'])} of these nodules indeterminate. {right}."


def _weak_spots(_, evaluation):
    rows = [row for row in evaluation.get("subgroups") or () if "sensitivity" in row]
    cases = {
        "malignant": [(row, "sensitivity", row["n_malignant"]) for row in rows],
        "benign": [(row, "specificity", row["n_nodules"] - row["n_malignant"]) for row in rows],
    }
    sentences = []
    for kind, found in cases.items():
        groups = [
            f"{row['heading'].lower()} {row['name']} ({round(row[rate] * n)} of {n})"
            for row, rate, n in found
            if row[rate] < 0.5
        ]
        if groups:
            sentences.append(
                f"It recognises fewer than half of the {kind}-rated ones here: {', '.join(groups)}."
            )
    return " ".join(sentences)


def against_diagnoses(evaluation, key):
    """How well a model tells confirmed cancer, as it was measured; None where it was not."""
    result = part(evaluation, "diagnoses")
    if not part(result, key):
        return None
    n, malignant = result["n_patients"], result["n_malignant"]
    fewest, kind = min((malignant, "cancer"), (n - malignant, "no cancer"))
    few = f" Only {fewest} had {kind}: too few to say more." if fewest < FEW else ""
    return (
        f"Against confirmed diagnoses ({count(n)} patients, {count(malignant)} with cancer) it reaches AUC "
        f"{interval(result[key])}; the readers’ own ratings {interval(part(result, 'readers'))}, "
        f"the diameter alone {interval(part(result, 'diameter'))}.{few}"
    )


def _diagnoses(_, evaluation):
    return against_diagnoses(evaluation, CONSENSUS)


def descriptions(evaluation):
    """What each figure shows, for those who do not see it; empty where nothing was measured."""
    model = part(evaluation, "models", CONSENSUS)
    stack, histogram = part(model, "stack"), part(model, "curves", "histogram")
    if not (stack and histogram):
        return {}
    low = _share(histogram, "benign", lambda edge: edge < 0.25)
    high = _share(histogram, "malignant", lambda edge: edge >= 0.75)
    return {
        "roc": "ROC curves of the consensus, with its 95 % band and two operating points, and of the five "
        f"models. AUC of the consensus: {interval(stack)}.",
        "reliability": "Reliability diagrams of the consensus and the five models: the share of nodules "
        "rated malignant against the probability given, beside the diagonal on which both agree. "
        f"Calibration error of the consensus: {number(stack['calibration_error'])}.",
        "histogram": "Histograms of the probabilities of benign-rated and malignant-rated nodules for the "
        "consensus and the five models, with the operating points. The consensus gives a probability below "
        f"0.25 to {percent(low)} of the benign-rated nodules, and of at least 0.75 to {percent(high)} of the "
        "malignant-rated ones.",
    }


def _share(histogram, name, within):
    chosen = [n for edge, n in zip(histogram["edges"], histogram[name], strict=False) if within(edge)]
    return sum(chosen) / (sum(histogram[name]) or 1)
