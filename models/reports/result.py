"""A finding as its page shows it: numbers, codes and pictures. All words are the template's."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.imaging.display import to_png
from models.inference.finding import Finding, ModelAnswer
from models.networks.scales import DESCRIPTOR_SCALES
from models.reports.as_text import reliability_line
from models.reports.facts import USELESS, diagnosed
from models.reports.overlay import legend, overlay, saying
from models.reports.pictures import PATCH_SHOWN, pictures
from models.reports.tables import Report, part

ENOUGH = 20  # nodules, for a share that says something
VERDICTS = ("malignant", "benign", "indeterminate", "no_nodule")
SIZES = ("long_axis_mm", "short_axis_mm", "mean_diameter_mm", "equivalent_diameter_mm")


def result_page(
    finding: Finding,
    evaluation: Report,
    saliency: Report | None = None,
    case: Report | None = None,
    overlay_on: bool = True,
    map_address: str | None = None,
) -> dict[str, Any]:
    """What the template of the result shows.

    Parameters
    ----------
    finding : Finding
    evaluation : mapping
        Of ``evaluation.json``; may be empty.
    saliency : mapping, optional
        Of ``saliency.json``: how well the maps point at the nodule.
    case : mapping, optional
        As `models.reports.case_context.case_of` gives it: where this case lies among the unseen ones.
    overlay_on : bool
        Whether the saliency map is drawn; without JavaScript it is switched by the page's address.
    map_address : str, optional
        Of the picture of the saliency map, which is computed when it is fetched; None where there is none.
    """
    return {
        "finding": finding,
        "reliability": reliability_line(finding),
        "votes": votes(finding.models),
        "sizes": sizes(finding),
        "descriptors": descriptors(finding.characteristics, part(case or {}, "errors", "descriptors")),
        "diagnosed": diagnosed(evaluation, finding.model),
        "case": case,
        "nearby": nearby((case or {}).get("histogram")),
        "overlay": _overlay(finding, saliency, overlay_on, map_address),
        **pictures(finding),
    }


def votes(answers: Sequence[ModelAnswer]) -> dict[str, Any]:
    """How many models give each verdict, and from where to where their probabilities go."""
    given: list[str] = [answer.verdict for answer in answers if answer.verdict]
    probabilities = [answer.probability for answer in answers if answer.probability is not None]
    return {
        "counts": {verdict: given.count(verdict) for verdict in VERDICTS},
        "n": len(given),
        "lowest": min(probabilities, default=None),
        "highest": max(probabilities, default=None),
    }


def sizes(finding: Finding) -> list[dict[str, Any]]:
    """What was measured, or why it was not: rows of name, value and the reason, each None where it has none.

    Reasons are ``outline`` (the nodule was not outlined), ``spacing`` (the size of a pixel is not known),
    ``hu`` (the pixels are no HU), of a volume ``single`` (there is one slice), ``step`` (the distance of
    slices is not known) and ``thick`` (it is too large), and ``other``. The solid part is a row of part-solid
    nodules only.
    """
    found, scan = finding.reading.measurement, finding.scan
    if found is None:
        return [{"name": "size", "value": None, "missing": "outline"}]
    no_size = "spacing" if scan.spacing_assumed else "other"
    no_hu = "other" if scan.is_hu else "hu"
    missing = dict.fromkeys(SIZES, no_size)
    missing |= {"volume_mm3": _no_volume(finding)}
    if found.texture == "part-solid":
        missing |= {"solid_long_axis_mm": no_size}
    missing |= {"texture": no_size if scan.is_hu else no_hu, "mean_hu": no_hu}
    values = {name: getattr(found, name) for name in missing}
    return [
        {"name": name, "value": value, "missing": missing[name] if value is None else None}
        for name, value in values.items()
    ]


def _no_volume(finding: Finding) -> str:
    scan = finding.scan
    if len(scan.slices) == 1:
        return "single"
    if scan.spacing_assumed:
        return "spacing"
    return "step" if scan.depths_mm is None else "thick"


def descriptors(characteristics: Mapping[str, float | None], errors: Report) -> list[dict[str, Any]]:
    """The known descriptors on LIDC's scales, and how far off each may be.

    Parameters
    ----------
    characteristics : mapping of str to (float or None)
    errors : mapping of str to dict
        As `models.reports.case_context.descriptor_errors` gives them; may be empty.

    Returns
    -------
    list of dict
        ``name``, ``value``, ``level`` (the nearest whole one), ``low`` and ``high`` (ends of the scale),
        ``share`` (of the way along it), ``error`` (mean absolute, None where not measured) and ``useless``
        (hardly better than always the same value).
    """
    rows = []
    for name, value in characteristics.items():
        if value is None:
            continue
        low, high = DESCRIPTOR_SCALES[name]
        value, measured = min(max(value, low), high), part(errors, name)
        error, constant = measured.get("mae"), measured.get("constant")
        rows.append(
            {
                "name": name,
                "value": value,
                "level": int(value + 0.5),
                "low": low,
                "high": high,
                "share": (value - low) / (high - low),
                "error": error,
                "useless": error is not None and constant is not None and error >= USELESS * constant,
            }
        )
    return rows


def nearby(histogram: Report | None) -> dict[str, Any] | None:
    """Unseen nodules with about this probability: the bins around it, until they hold `ENOUGH` nodules.

    Parameters
    ----------
    histogram : mapping or None
        As `models.reports.case_context.histogram` gives it.

    Returns
    -------
    dict or None
        ``low`` and ``high`` ends of the probability, ``n`` and ``malignant`` nodules.
    """
    if not histogram:
        return None
    edges, malignant = histogram["edges"], histogram["malignant"]
    both = [m + b for m, b in zip(malignant, histogram["benign"], strict=True)]
    first, last = histogram["bin"], histogram["bin"] + 1
    while sum(both[first:last]) < ENOUGH and last - first < len(both):
        first, last = max(first - 1, 0), min(last + 1, len(both))
    return {
        "low": edges[first],
        "high": edges[last],
        "n": sum(both[first:last]),
        "malignant": sum(malignant[first:last]),
    }


def _overlay(finding: Finding, saliency: Report | None, is_on: bool, address: str | None) -> dict[str, Any]:
    """The saliency map: its state (``none``, ``empty``, ``off``, ``on``), its address, how well it points.

    Before the map was computed nobody knows whether it is empty: then its picture says it.
    """
    found = finding.saliency
    if found is None and address is None:
        return {"state": "none"}
    state = "empty" if found is not None and found.is_empty else "on" if is_on else "off"
    drawn = {"picture": address, "legend": legend()} if state == "on" else {}
    return {"state": state, "measured": part(saliency or {}, "models", finding.model), **drawn}


def map_picture(finding: Finding, words: str) -> bytes:
    """The picture to lay over the patch, PNG; `words` stand in its middle where there is nothing to draw."""
    found = finding.saliency
    if found is None or found.is_empty:
        return to_png(saying(words, PATCH_SHOWN))
    return to_png(overlay(found.map, finding.scan.orientation, PATCH_SHOWN))
