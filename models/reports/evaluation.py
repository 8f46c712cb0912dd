"""What `evaluation.json` says, as tables for the page of the models and for the model cards.

Knows neither Flask nor TensorFlow. In all functions `titles` names the models to show, by key, and
`evaluation` may be empty. A table of which nothing was measured is None.
"""

from models.reports.tables import Row, Table, count, interval, number, part, percent

CONSENSUS = "consensus"
FEW = 10  # benign or malignant nodules, below which the figures of a subgroup are flagged
POINTS = {"balanced": "Balanced", "high_sensitivity": "High sensitivity"}
THRESHOLDS = {"balanced": "threshold", "high_sensitivity": "high_sensitivity_threshold"}
BASELINES = {
    "diameter": ("Diameter alone", "a ruler: mean of the readers’ outlines"),
    "descriptors": ("Readers’ own descriptors", "logistic regression on what no network is given"),
}
NO_NETWORK = "For comparison, without any network"


def evidence(titles, reports, evaluation):
    """All tables of the page of the models, by name; long ones apart for the consensus and the others."""
    first = {key: title for key, title in titles.items() if key == CONSENSUS}
    others = {key: title for key, title in titles.items() if key != CONSENSUS}
    return {
        "performance": performance(titles, evaluation),
        "points": operating_points(first, reports, evaluation),
        "points_of_others": operating_points(others, reports, evaluation),
        "abstention": abstention(first, evaluation),
        "abstention_of_others": abstention(others, evaluation),
        "readers": one_reader(titles, evaluation),
        "subgroups": subgroups(first, evaluation),
        "diagnoses": diagnoses(titles, evaluation),
        "robustness": robustness(evaluation),
    }


def auc_of(evaluation, key):
    """``auc``, ``auc_low`` and ``auc_high`` of a model on stacks of slices; None where not measured."""
    stack = part(evaluation, "models", key, "stack")
    return {name: stack.get(name) for name in ("auc", "auc_low", "auc_high")}


def performance(titles, evaluation):
    """How well each model, and what it is held against, tells malignant from benign ratings."""
    rows = []
    for key, title in titles.items():
        stack, middle = (part(evaluation, "models", key, kind) for kind in ("stack", "middle"))
        samples = stack, middle, part(stack, "three_readers"), part(stack, "test_half")
        errors = number(stack.get("brier")), number(stack.get("calibration_error"))
        rows.append(Row(title, (*map(interval, samples), *errors), key=key))
    for key, (title, note) in BASELINES.items():
        result = part(evaluation, "baselines", key)
        cells = interval(result), "", interval(part(result, "three_readers")), "", "", ""
        rows.append(Row(title, cells, note, key, NO_NETWORK))
    columns = ("Model", "AUC, stack of slices", "AUC, middle slice alone", "AUC, 3 or more readers")
    columns += ("AUC, test patients only", "Brier score", "Calibration error")
    return Table("How well ratings are predicted, with 95 % intervals", columns, tuple(rows))


def operating_points(titles, reports, evaluation):
    """Sensitivity, specificity and predictive values at the two operating points.

    Parameters
    ----------
    titles, evaluation : dict
    reports : dict of str to dict
        Of ``<key>.json``, by key; they hold the thresholds.
    """
    rows, shares = [], []
    for key, title in titles.items():
        for name, heading in POINTS.items():
            point = part(evaluation, "models", key, "stack", name)
            rates = (interval(point, rate, percent) for rate in ("sensitivity", "specificity"))
            values = (percent(point.get(value)) for value in ("ppv", "npv", "ppv_at_10", "npv_at_10"))
            threshold = number(part(reports, key).get(THRESHOLDS[name]), 2)
            rows.append(Row(heading, (threshold, *rates, *values), key=key, group=_group(titles, title)))
            shares.append(percent(point.get("prevalence")))
    columns = ["Operating point", "Threshold", "Sensitivity", "Specificity"]
    columns += [
        f"{value} if {share} are malignant" for share in (shares[0], "10 %") for value in ("PPV", "NPV")
    ]
    return Table("The two operating points, with 95 % intervals", tuple(columns), tuple(rows))


def _group(titles, title):
    return title if len(titles) > 1 else ""


def abstention(titles, evaluation):
    """The nodules that get a verdict, and those that are called indeterminate."""
    rows = []
    for key, title in titles.items():
        rule = part(evaluation, "models", key, "stack", "abstention")
        coverage, unsure = rule.get("coverage"), rule.get("deferred_of_indeterminate")
        for heading, name, kept in (("Given a verdict", "kept", True), ("Indeterminate", "deferred", False)):
            side = part(rule, name)
            share = percent(coverage if kept else _rest(coverage))
            rates = (percent(side.get(rate)) for rate in ("accuracy", "sensitivity", "specificity"))
            open_share = percent(_rest(unsure) if kept else unsure)
            cells = count(side.get("n_nodules")), share, interval(side), *rates, open_share
            rows.append(Row(heading, cells, key=key, group=_group(titles, title)))
    columns = ("Answer", "Nodules", "Share", "AUC", "Accuracy", "Sensitivity", "Specificity")
    columns += ("Share of nodules that readers left open",)
    return Table("Nodules with and without a verdict", columns, tuple(rows))


def _rest(share):
    return None if share is None else 1 - share


def one_reader(titles, evaluation):
    """One reader, and the models, at predicting the mean rating of the nodule's other readers."""
    samples = {name: part(evaluation, "baselines", "readers", name) for name in ("at_least_2", "4")}
    if not any(samples.values()):
        return None
    rows = []
    for key, title in ({"one_reader": "One reader"} | titles).items():
        cells = [interval(part(sample, key)) for sample in samples.values()]
        rates = part(samples["at_least_2"], key) if key == "one_reader" else None
        cells += [
            "" if rates is None else percent(rates.get(rate)) for rate in ("sensitivity", "specificity")
        ]
        rows.append(Row(title, tuple(cells), key=key))
    n = [count(sample.get("n")) for sample in samples.values()]
    columns = (
        "Predicted by",
        f"AUC, 2 or more readers ({n[0]} readings)",
        f"AUC, 4 readers ({n[1]} readings)",
    )
    columns += ("Sensitivity at a rating of 4 or 5", "Specificity at a rating of 4 or 5")
    return Table("Predicting the mean rating of the other readers", columns, tuple(rows))


def subgroups(titles, evaluation):
    """AUC by kind of nodule and of scan; of the consensus also sensitivity and specificity."""
    rows = []
    for result in evaluation.get("subgroups") or ():
        n, malignant = result["n_nodules"], result["n_malignant"]
        cells = [f"{count(n)} ({malignant})"]
        cells += [interval(part(result, "auc", key)) for key in (*titles, "diameter")]
        if CONSENSUS in titles:
            cells += [percent(result.get(rate)) for rate in ("sensitivity", "specificity")]
        note = "few cases" if min(malignant, n - malignant) < FEW else ""
        rows.append(Row(result["name"], tuple(cells), note, group=result["heading"]))
    columns = [
        "Kind",
        "Nodules (malignant)",
        *(f"AUC, {title}" for title in titles.values()),
        "AUC, diameter alone",
    ]
    columns += ["Sensitivity", "Specificity"] if CONSENSUS in titles else []
    return Table("Results by kind of nodule and of scan", tuple(columns), tuple(rows)) if rows else None


def diagnoses(titles, evaluation):
    """AUC for confirmed diagnoses, a patient having the score of the most suspicious nodule."""
    result = part(evaluation, "diagnoses")
    if not result:
        return None
    names = titles | {"readers": "Readers’ mean rating", "diameter": "Diameter alone"}
    rows = tuple(Row(title, (interval(part(result, key)),), key=key) for key, title in names.items())
    n = f"{count(result.get('n_patients'))} patients, {count(result.get('n_malignant'))} with cancer"
    return Table(f"Against confirmed diagnoses ({n})", ("Score", "AUC (95 % interval)"), rows)


def robustness(evaluation):
    """How far the answers of the consensus move when the same nodule is shown in another way."""
    result = part(evaluation, "robustness")
    rows = []
    for row in result.get("rows") or ():
        changes = (number(row.get(name)) for name in ("mean_change", "p95_change"))
        flips = (percent(row.get(name)) for name in ("flips", "flips_benign_malignant"))
        group = "Mild changes" if row.get("mild") else "Strong changes"
        group = "" if row["name"] == "unperturbed" else group
        rows.append(Row(row["name"], (*changes, *flips, number(row.get("auc"))), group=group))
    rows.sort(key=lambda row: row.group)  # mild ones first, each group in its own order
    columns = ("Change", "Shift of the probability, mean", "95th percentile", "Another verdict")
    columns += ("Benign and malignant swapped", "AUC")
    alone = ", middle slice alone" if result.get("input") == "middle" else ""
    caption = f"The same nodule shown in another way ({count(result.get('n_nodules'))} nodules{alone})"
    return Table(caption, columns, tuple(rows)) if rows else None
