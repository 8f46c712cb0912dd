"""Tables of what was measured, for the page of the models and for the model cards.

Of ``evaluation.json`` (`evaluation`, which may be empty), and of the reports of localiser, finder and
recognition.
`titles` names the models to show, by key. A table of which nothing was measured is None.
"""

from collections.abc import Mapping
from typing import Any

from models.inference.classifier import CONSENSUS
from models.reports.tables import (
    EMPTY,
    Cell,
    Report,
    Row,
    Table,
    count,
    difference,
    interval,
    number,
    part,
    percent,
    share_interval,
)

MASS_MM = 1000.0  # the end of sizes that have none
FEW = 10  # benign or malignant nodules, below which the figures of a subgroup are flagged
THRESHOLDS = {"balanced": "threshold", "high_sensitivity": "high_sensitivity_threshold"}
LOCALISER = (
    "group",
    "nodules",
    "dice",
    "dice_readers",
    "diameter",
    "limits",
    "diameter_readers",
    "long_axis",
)
Titles = Mapping[str, str]
BASELINES = {"diameter": "ruler", "descriptors": "regression"}  # and what they are


def tables_of(titles: Titles, reports: Report, evaluation: Report) -> dict[str, Table | None]:
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
        "clicks": clicks(evaluation),
        "enlarged": enlarged(evaluation),
    }


def auc_of(evaluation: Report, key: str) -> dict[str, float | None]:
    """``auc``, ``auc_low`` and ``auc_high`` of a model; each None where not measured."""
    result = part(evaluation, "models", key)
    return {name: result.get(name) for name in ("auc", "auc_low", "auc_high")}


def performance(titles: Titles, evaluation: Report) -> Table:
    """How well each model, and what it is held against, tells malignant from benign ratings."""
    rows = []
    for key, title in titles.items():
        result = part(evaluation, "models", key)
        samples = result, part(result, "three_readers")
        leads = (difference(part(result, "ahead", name)) for name in ("diameter", "version_0_5"))
        errors = number(result.get("brier")), number(result.get("calibration_error"))
        rows.append(Row(title, (*map(interval, samples), *leads, *errors), key=key))
    for key, note in BASELINES.items():
        result = part(evaluation, "baselines", key)
        cells = interval(result), interval(part(result, "three_readers")), *[EMPTY] * 4
        rows.append(Row(key, cells, note, key, "no_network"))
    columns = ("model", "auc", "three_readers", "ahead", "ahead_of_0_5", "brier", "calibration_error")
    return Table("performance", columns, tuple(rows))


def operating_points(titles: Titles, reports: Report, evaluation: Report) -> Table:
    """Sensitivity, specificity and predictive values at the two operating points.

    `reports` are those of ``<key>.json``, by key; they hold the thresholds.
    """
    rows, prevalences = [], []
    for key, title in titles.items():
        for name, threshold in THRESHOLDS.items():
            point = part(evaluation, "models", key, name)
            rates = (share_interval(point, rate) for rate in ("sensitivity", "specificity"))
            values = (percent(point.get(value)) for value in ("ppv", "npv", "ppv_at_10", "npv_at_10"))
            cells = number(part(reports, key).get(threshold), 2), *rates, *values
            rows.append(Row(name, cells, key=key, group=_group(titles, title)))
            prevalences.append(point.get("prevalence"))
    columns = ("point", "threshold", "sensitivity", "specificity", "ppv", "npv", "ppv_at_10", "npv_at_10")
    return Table("points", columns, tuple(rows), {"prevalence": prevalences[0]})


def _group(titles: Titles, title: str) -> str:
    return title if len(titles) > 1 else ""


def abstention(titles: Titles, evaluation: Report) -> Table:
    """The nodules that get a verdict, and those that are called indeterminate."""
    rows = []
    for key, title in titles.items():
        rule = part(evaluation, "models", key, "abstention")
        coverage, unsure = rule.get("coverage"), rule.get("deferred_of_indeterminate")
        shares = {"kept": (coverage, _rest(unsure)), "deferred": (_rest(coverage), unsure)}
        for name, (share, left_open) in shares.items():
            side = part(rule, name)
            rates = (percent(side.get(rate)) for rate in ("accuracy", "sensitivity", "specificity"))
            cells = count(side.get("n_nodules")), percent(share), interval(side), *rates, percent(left_open)
            rows.append(Row(name, cells, key=key, group=_group(titles, title)))
    columns = ("answer", "nodules", "share", "auc", "accuracy", "sensitivity", "specificity", "left_open")
    return Table("abstention", columns, tuple(rows))


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def one_reader(titles: Titles, evaluation: Report) -> Table | None:
    """One reader, and the models, at predicting the mean rating of the nodule's other readers."""
    samples = {name: part(evaluation, "baselines", "readers", name) for name in ("at_least_2", "4")}
    if not any(samples.values()):
        return None
    rates, rows = ("sensitivity", "specificity"), []
    for key, title in {"one_reader": "one_reader", **titles}.items():
        cells = [interval(part(sample, key)) for sample in samples.values()]
        if key == "one_reader":
            cells += [percent(part(samples["at_least_2"], key).get(rate)) for rate in rates]
        else:
            cells += [EMPTY, EMPTY]  # a model has its rates at its own operating points
        rows.append(Row(title, tuple(cells), key=key))
    readings = {name: sample.get("n") for name, sample in samples.items()}
    return Table("readers", ("predicted_by", *samples, *rates), tuple(rows), {"readings": readings})


def subgroups(titles: Titles, evaluation: Report) -> Table | None:
    """AUC by kind of nodule and of scan; of the consensus also sensitivity and specificity."""
    rates = ("sensitivity", "specificity") if CONSENSUS in titles else ()
    rows = []
    for result in evaluation.get("subgroups") or ():
        n, malignant = result["n_nodules"], result["n_malignant"]
        cells = [Cell("count_of", (n, malignant))]
        cells += [interval(part(result, "auc", key)) for key in (*titles, "diameter")]
        cells += [percent(result.get(rate)) for rate in rates]
        note = "few" if min(malignant, n - malignant) < FEW else ""
        rows.append(Row(result["name"], tuple(cells), note, group=result["heading"]))
    columns = ("kind", "nodules", *titles, "diameter", *rates)
    return Table("subgroups", columns, tuple(rows), {"titles": titles}) if rows else None


def by_size(report: Report) -> Table | None:
    """What verdicts of the consensus add to the size, from ``reliability.json``."""
    rows = []
    for row in part(report, "models").get(CONSENSUS) or ():
        counts = [count(row[name]) for name in ("nodules", "malignant", "recognised")]
        looks = [row["verdicts"][name] for name in ("benign", "malignant")]
        cells = [Cell("look", (look["malignant"], look["nodules"], look["adds"])) for look in looks]
        rows.append(Row(Cell("size_range", tuple(row["size_mm"])), (*counts, *cells)))
    columns = ("size", "nodules", "malignant", "recognised", "benign_look", "malignant_look")
    return Table("by_size", columns, tuple(rows)) if rows else None


def diagnoses(titles: Titles, evaluation: Report) -> Table | None:
    """AUC for confirmed diagnoses, a patient having the score of the most suspicious nodule."""
    result = part(evaluation, "diagnoses")
    if not result:
        return None
    names = {**titles, "readers": "readers", "diameter": "diameter"}
    rows = tuple(Row(title, (interval(part(result, key)),), key=key) for key, title in names.items())
    facts = {"patients": result.get("n_patients"), "malignant": result.get("n_malignant")}
    return Table("diagnoses", ("score", "auc"), rows, facts)


def robustness(evaluation: Report) -> Table | None:
    """How far the answers of the consensus move when the same nodule is shown in another way."""
    result = part(evaluation, "robustness")
    rows = []
    for row in result.get("rows") or ():
        changes = (number(row.get(name)) for name in ("mean_change", "p95_change"))
        flips = (percent(row.get(name)) for name in ("flips", "flips_benign_malignant"))
        group = "mild" if row.get("mild") else "strong"
        group = "" if row["name"] == "unperturbed" else group
        rows.append(Row(row["name"], (*changes, *flips, number(row.get("auc"))), group=group))
    rows.sort(key=lambda row: row.group)  # mild ones first, each group in its own order
    columns = ("change", "mean_change", "p95_change", "flips", "flips_benign_malignant", "auc")
    facts = {"nodules": result.get("n_nodules")}
    return Table("robustness", columns, tuple(rows), facts) if rows else None


def clicks(evaluation: Report) -> Table | None:
    """How often the whole app gives another verdict with another click or a wrong spacing."""
    result = part(evaluation, "clicks")
    rows = tuple(
        Row(row["name"], (count(row["other"]), share_interval(row, "share")))
        for row in result.get("rows") or ()
    )
    facts = {"nodules": result.get("n_nodules")}
    return Table("clicks", ("change", "other", "share"), rows, facts) if rows else None


def enlarged(evaluation: Report) -> Table | None:
    """Verdicts of the whole app on malignant-rated lesions that are shown larger than they are."""
    result = part(evaluation, "clicks", "enlarged")
    columns = ("n_nodules", "malignant", "indeterminate", "benign", "no_nodule")
    rows = tuple(
        Row(Cell("length", (row["mm"],)), tuple(count(row[name]) for name in columns))
        for row in result.get("rows") or ()
    )
    facts = {"nodules": result.get("n_nodules")}
    return Table("enlarged", ("size", "nodules", *columns[1:]), rows, facts) if rows else None


def localiser_table(report: Report) -> Table | None:
    """How well nodules are outlined, from ``localiser.json``."""
    groups = part(report, "measured")
    if not groups:
        return None
    rows = tuple(Row(Cell("capital", (name,)), _localiser_cells(result)) for name, result in groups.items())
    return Table("localiser", LOCALISER, rows)


def froc_table(report: Report) -> Table | None:
    """How many nodules of whole scans are found at how many false marks, from ``finder.json``."""
    measured = part(report, "measured", "series")
    if not measured:
        return None
    all_of_them = measured["nodules"]
    rows = [
        Row(Cell("short", (point["false_marks"],)), _found(point, all_of_them), group="froc")
        for point in measured["froc"]
    ]
    for size in measured["sizes"]:
        low, high = size["size_mm"]
        cells = Cell("some_of", (size["found"], size["nodules"])), EMPTY
        rows.append(Row(Cell("size", (low, high if high < MASS_MM else None)), cells, group="found_by_size"))
    return Table("froc", ("false_marks", "found", "sensitivity"), tuple(rows), measured)


def _found(point: Report, nodules: int) -> tuple[Cell, Cell]:
    share = point["found"] / nodules if nodules else None
    return Cell("some_of", (point["found"], nodules)), Cell(
        "share_interval", (share, point["low"], point["high"])
    )


def marked_pictures(report: Report) -> dict[str, Any] | None:
    """How many single pictures of healthy people and of patients have a mark, from ``finder.json``."""
    return part(report, "measured", "pictures") or None


def sizes_table(report: Report) -> Table | None:
    """How far long axis and volume are off, by size and texture, from ``volumes.json``."""
    if not report:
        return None
    rows = [Row("all_nodules", _size_cells(report["all"]))]
    for row in report["sizes"]:
        rows.append(Row(Cell("size", tuple(row["size_mm"])), _size_cells(row), group="by_diameter"))
    rows += [Row(row["texture"], _size_cells(row), group="by_texture") for row in report["textures"]]
    columns = ("group", "nodules", "long_axis", "long_axis_readers", "volume", "volume_readers")
    return Table("sizes", columns, tuple(rows), {"unseen": report["unseen"], **report["all"]["clicks"]})


def _size_cells(row: Report) -> tuple[Cell, ...]:
    ours, theirs = part(row, "errors"), part(row, "readers")
    return (
        count(row["nodules"]),
        number(part(ours, "long_axis_mm").get("median"), 2),
        number(part(theirs, "long_axis_mm").get("median"), 2),
        percent(part(ours, "volume_mm3").get("median")),
        percent(part(theirs, "volume_mm3").get("median")),
    )


def recognition_table(report: Report) -> Table | None:
    """What is refused as no nodule, from ``recognition.json``."""
    measured = part(report, "measured")
    rows = tuple(
        Row(Cell("capital", (row["kind"],)), _refused(row), group=group)
        for group in ("nodules", "nodules_in_pictures", "locations", "locations_in_pictures")
        for row in measured.get(group, ())
    )
    return Table("recognition", ("kind", "number", "refused"), rows) if rows else None


def _refused(row: Report) -> tuple[Cell, Cell]:
    share = row["refused"] / row["n"] if row["n"] else None
    return count(row["n"]), Cell("share_interval", (share, row["low"], row["high"]))


def _localiser_cells(result: Report) -> tuple[Cell, ...]:
    error, readers = part(result, "diameter_error_mm"), part(result, "readers")
    theirs = part(readers, "diameter_error_mm")
    return (
        Cell("count_of", (result.get("nodules"), result.get("patients"))),
        number(result.get("dice")),
        number(readers.get("dice")),
        number(error.get("median"), 2),
        Cell("limits", _limits(error)),
        Cell("median_and_limits", (theirs.get("median"), *_limits(theirs))),
        number(part(result, "long_axis_error_mm").get("median"), 2),
    )


def _limits(result: Report) -> tuple[float | None, ...]:
    return tuple(result.get("limits") or (None, None))
