"""The clinical calculators as the result page shows them: forms, what was measured filled in, results.

A calculator reckons only when its own form was sent; nothing but what was measured or estimated is filled in.
The template has the words; here are names of fields, and codes.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from models.clinical.forms import CALCULATORS, Calculator, read_fields
from models.clinical.growth import RuleKey
from models.clinical.terms import Refusal, rounded
from models.inference.finding import Earlier, Finding
from models.inference.nodule_warnings import texture_of_rating
from models.reports.comparison.as_text import rule_text

GROWTH_RULES: tuple[RuleKey, ...] = ("lung_rads", "fleischner")
SPICULATED_FROM = 3  # of LIDC's five: half way
LONGEST_TEXT = 40  # of what was typed and is shown again
Known = dict[str, tuple[str, str]]  # text and source by the name of a field


def calculators_of(
    finding: Finding, form: Mapping[str, str] | None = None, opened: str | None = None
) -> dict[str, Any]:
    """What `templates/result/_calculators.html` shows.

    Parameters
    ----------
    finding : Finding
    form : mapping of str to str, optional
        A form that was sent: ``calculator``, and the fields of that one by their names.
    opened : str, optional
        The calculator that a link leads to.

    Returns
    -------
    dict
        ``asked``: whose form was sent, or None; ``opened`` as given; ``growth`` as of `growth_hint`.
        ``forms``: for each calculator a dict of ``key``, ``fields``, ``answer`` (a dict, or None) and
        ``refusal`` (a code, or None). A field is a dict of what `models.clinical.forms.Field` has
        (``choices`` as a list), and ``value`` (a text), ``error`` (a code of `read_fields`, or None),
        ``asked`` (whether it counts) and ``known``: ``measured`` or ``estimate`` where the value is still
        what was filled in, or None, and ``hint`` as `hints_of` gives it, or None.
    """
    asked = (form or {}).get("calculator")
    forms = [
        _form(key, calculator, _known(finding, key), hints_of(finding), form if key == asked else None)
        for key, calculator in CALCULATORS.items()
    ]
    return {
        "asked": asked if asked in CALCULATORS else None,
        "opened": opened,
        "forms": forms,
        "growth": growth_hint(finding.earlier),
    }


def _form(
    key: str, calculator: Calculator, known: Known, hints: dict[str, Any], form: Mapping[str, str] | None
) -> dict[str, Any]:
    errors: dict[str, str] = {}
    outcome: dict[str, Any] = {}
    if form is None:
        texts = {name: text for name, (text, _) in known.items()}
    else:
        texts = {field.name: form.get(field.name, "").strip()[:LONGEST_TEXT] for field in calculator.fields}
        values, errors = read_fields(calculator.fields, texts)
        outcome = {} if errors else _outcome(calculator, values)
    fields = [
        asdict(field)
        | {
            "choices": list(field.choices) if field.choices else None,
            "value": texts.get(field.name, ""),
            "known": _still_known(known, field.name, texts),
            "error": errors.get(field.name),
            "asked": field.is_asked(texts),
            "hint": hints.get(field.name),
        }
        for field in calculator.fields
    ]
    return {"key": key, "fields": fields, "answer": None, "refusal": None} | outcome


def _outcome(calculator: Calculator, values: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": calculator.answer(calculator.case(**values))}
    except Refusal as refusal:
        return {"refusal": refusal.code}


def hints_of(finding: Finding) -> dict[str, Any]:
    """What is said beside a field and never filled in, by name of the field.

    Of ``nodule_type`` what it looks like by density (``density``) and by the models' descriptor (``models``),
    each None where that is not known, and whether they disagree: Lung-RADS turns from 4B to 2 with it. Of
    ``solid_mm`` the long axis of the solid part.
    """
    found, rating = finding.reading.measurement, finding.characteristics.get("texture")
    density = found.texture if found else None
    models = None if rating is None else texture_of_rating(rating)
    hints: dict[str, Any] = {}
    if density or models:
        hints["nodule_type"] = {
            "density": density,
            "models": models,
            "disagree": bool(density and models and density != models),
        }
    if found is not None and found.solid_long_axis_mm is not None:
        hints["solid_mm"] = {"long_axis_mm": found.solid_long_axis_mm}
    return hints


def growth_hint(earlier: Earlier | None) -> dict[str, str | None] | None:
    """What a comparison with an earlier scan says to the forms that ask for growth; nothing is filled in.

    Returns
    -------
    dict or None
        ``change``: the answer of Lung-RADS's that would fit, or None; ``lung_rads`` and ``fleischner``: what
        these rules make of it, None for a new nodule. None where no earlier scan was compared.
    """
    if earlier is None:
        return None
    if earlier.growth is None:
        return {"change": "new", "lung_rads": None, "fleischner": None}
    rules = {key: earlier.growth.rule(key) for key in GROWTH_RULES}
    change = {"growth": "growing", "no_growth": "stable"}.get(rules["lung_rads"].outcome)
    return {"change": change} | {key: rule_text(rule) for key, rule in rules.items()}


def _known(finding: Finding, key: str) -> Known:
    """Text and source of what can be filled in: size and spiculation.

    Brock and Mayo take the longest diameter, the guidelines the mean; Fleischner's in whole millimetres, so
    that it is not rounded a second time after rounding to one decimal.
    """
    found = finding.reading.measurement
    known: Known = {}
    spiculation = finding.characteristics.get("spiculation")
    if found is not None and found.long_axis_mm is not None and found.mean_diameter_mm is not None:
        size = found.long_axis_mm if key in ("brock", "mayo") else found.mean_diameter_mm
        text = f"{rounded(size):.0f}" if key == "fleischner" else f"{rounded(size, 1):.1f}"
        known["diameter_mm"] = (text, "measured")
    if spiculation is not None:
        known["spiculation"] = ("yes" if spiculation >= SPICULATED_FROM else "no", "estimate")
    return known


def _still_known(known: Known, name: str, texts: Mapping[str, str]) -> str | None:
    text, source = known.get(name, (None, None))
    return source if text == texts.get(name) else None
