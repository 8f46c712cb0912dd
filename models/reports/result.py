"""A finding as its page shows it: numbers, codes and pictures. All words are the template's."""

from models.imaging.display import data_uri, to_png
from models.networks.scales import DESCRIPTOR_SCALES
from models.reports.as_text import worth_line
from models.reports.overlay import legend, overlay
from models.reports.pictures import PATCH_SHOWN, pictures
from models.reports.reliability import USELESS
from models.reports.sentences import diagnosed
from models.reports.tables import part

ENOUGH = 20  # nodules, for a share that says something
VERDICTS = ("malignant", "benign", "indeterminate", "no_nodule")
SIZES = ("long_axis_mm", "short_axis_mm", "mean_diameter_mm", "equivalent_diameter_mm")


def result_page(finding, evaluation, saliency=None, case=None, overlay_on=True):
    """What the template of the result shows.

    Parameters
    ----------
    finding : Finding
    evaluation : dict
        Of ``evaluation.json``; may be empty.
    saliency : dict, optional
        Of ``saliency.json``: what the maps are worth.
    case : dict, optional
        As `models.reports.case_context.case_of` gives it: where this case lies among the unseen ones.
    overlay_on : bool
        Whether the saliency map is drawn; without JavaScript it is switched by the page's address.

    Returns
    -------
    dict
    """
    return {
        "finding": finding,
        "worth": worth_line(finding),
        "votes": votes(finding.models),
        "sizes": sizes(finding),
        "descriptors": descriptors(finding.characteristics, part(case or {}, "errors", "descriptors")),
        "diagnosed": diagnosed(evaluation, finding.model),
        "case": case,
        "nearby": nearby((case or {}).get("histogram")),
        "overlay": _overlay(finding, saliency, overlay_on),
        **pictures(finding),
    }


def votes(answers):
    """How many models give each verdict, and from where to where their probabilities go."""
    given = [answer.verdict for answer in answers if answer.verdict]
    probabilities = [answer.probability for answer in answers if answer.probability is not None]
    return {
        "counts": {verdict: given.count(verdict) for verdict in VERDICTS},
        "n": len(given),
        "lowest": min(probabilities, default=None),
        "highest": max(probabilities, default=None),
    }


def sizes(finding):
    """What was measured, or why it was not: rows of name, value and the reason, each None where it has none.

    Reasons are ``outline`` (the nodule was not outlined), ``spacing`` (the size of a pixel is not known),
    ``hu`` (the pixels are no HU) and ``other``.
    """
    found, scan = finding.measurement, finding.scan
    if found is None:
        return [{"name": "size", "value": None, "missing": "outline"}]
    no_size = "spacing" if scan.spacing_assumed else "other"
    no_hu = "other" if scan.is_hu else "hu"
    missing = dict.fromkeys(SIZES, no_size) | {"texture": no_size if scan.is_hu else no_hu, "mean_hu": no_hu}
    values = {name: getattr(found, name) for name in missing}
    return [
        {"name": name, "value": value, "missing": missing[name] if value is None else None}
        for name, value in values.items()
    ]


def descriptors(characteristics, errors):
    """The known descriptors on LIDC's scales, and how far off each may be.

    Parameters
    ----------
    characteristics : dict of str to (float or None)
    errors : dict of str to dict
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
                "useless": None not in (error, constant) and error >= USELESS * constant,
            }
        )
    return rows


def nearby(histogram):
    """Unseen nodules with about this probability: the bins around it, until they hold `ENOUGH` nodules.

    Parameters
    ----------
    histogram : dict or None
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


def _overlay(finding, saliency, is_on):
    """State (``none``, ``empty``, ``off``, ``on``), picture and worth of the saliency map."""
    found = finding.saliency
    if found is None:
        return {"state": "none"}
    state = "empty" if found.is_empty else "on" if is_on else "off"
    drawn = {}
    if state == "on":
        colours = overlay(found.map, finding.scan.orientation, PATCH_SHOWN)
        drawn = {"picture": data_uri(to_png(colours)), "legend": legend()}
    worth = part(saliency or {}, "models", finding.model)
    return {"state": state, "method": found.method, "layer": found.layer, "worth": worth, **drawn}
