"""The clinical calculators as the result page shows them: questions, hints, and results.

Nothing is filled in but what a reader has answered before; what was measured stands beside its question, to
be taken over. A calculator answers only when it was asked. The template has the words; here are names of
fields, and codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from models.clinical.forms import (
    CALCULATORS,
    FIELDS,
    NODULE,
    PATIENT,
    Calculator,
    Field,
    error_in,
    read_fields,
)
from models.clinical.growth import RuleKey
from models.clinical.terms import Refusal, rounded
from models.inference.finding import Earlier, Finding
from models.inference.nodule_warnings import texture_of_rating
from models.messages import Message
from models.reports.comparison.as_text import rule_text

GROWTH_RULES: tuple[RuleKey, ...] = ("lung_rads", "fleischner")
LONGEST_TEXT = 40  # of what was typed and is shown again
AS_LOADED = "as_loaded"  # what a form was answered with when its page was made, as a query
Texts = Mapping[str, str]  # by the name of a field


class Calculated(msgspec.Struct, frozen=True):
    """A result that a reader keeps for the report.

    Attributes
    ----------
    key
        Of `models.clinical.forms.CALCULATORS`.
    fields
        The answers from which it follows, as they were sent.
    measured
        Names of those that are what was measured, and follow it where the outline is corrected.
    """

    key: str
    fields: dict[str, str]
    measured: tuple[str, ...] = ()


class OfNodule(msgspec.Struct, frozen=True):
    """What a reader has answered of one nodule; ``fields`` and ``measured`` as of `Calculated`."""

    fields: dict[str, str] = {}
    measured: tuple[str, ...] = ()


class Remembered(msgspec.Struct, frozen=True):
    """What a reader has answered before: of the patient, of this nodule, and the results that are kept."""

    patient: dict[str, str] = {}
    nodule: OfNodule = OfNodule()
    calculated: tuple[Calculated, ...] = ()


NOTHING = Remembered()


def calculators_of(
    finding: Finding, form: Texts | None = None, opened: str | None = None, remembered: Remembered = NOTHING
) -> dict[str, Any]:
    """What `templates/result/_calculators.html` shows.

    Parameters
    ----------
    finding : Finding
    form : mapping of str to str, optional
        A form that was sent: ``calculator``, and the fields by their names.
    opened : str, optional
        The calculator that a link leads to.
    remembered : Remembered
        As of the present measurement: see `at_present`.

    Returns
    -------
    dict
        ``asked``: whose form was sent, or None; ``opened`` as given; ``growth`` as of `growth_hint`.
        ``as_loaded``: what the form sends along, see `changed_in`.
        ``patient`` and ``nodule``: lists of fields that all calculators share. ``forms``: for each calculator
        a dict of ``key``, ``fields`` (that it alone has), ``asks`` (all that count for it), ``wrong`` (those
        with an error), ``is_kept`` (its result goes into the report), ``answer`` (a dict, see
        `models.clinical.forms.Calculator`, or None) and ``refusal`` (a code, or None). A field is a dict of
        what `models.clinical.forms.Field` has (``choices`` as a list), and ``value`` (a text), ``error`` (a
        code of `read_fields`, or None), ``asked`` (whether it counts), ``hint`` (as of `hints_of`, or None)
        and ``is_measured``: its text is what was measured.
    """
    asked = (form or {}).get("calculator")
    asked = asked if asked in CALCULATORS else None
    before = {**remembered.patient, **remembered.nodule.fields}
    texts = typed(form) if form else before
    kept = {each.key: each for each in remembered.calculated}
    errors = read_fields(CALCULATORS[asked].fields, texts)[1] if asked else wrong_in(form or {})
    show = _Shown(hints_of(finding), measured_texts(finding), errors)
    forms = [_form(key, show, texts, kept.get(key), key == asked) for key in CALCULATORS]
    return {
        "asked": asked,
        "opened": opened,
        AS_LOADED: urlencode(before),
        "patient": show.fields(PATIENT, texts),
        "nodule": show.fields(NODULE, texts),
        "forms": forms,
        "growth": growth_hint(finding.earlier),
    }


def _form(key: str, show: "_Shown", texts: Texts, kept: Calculated | None, is_asked: bool) -> dict[str, Any]:
    """One of the forms of `calculators_of`: its questions answered by `texts`, or by what gave the result."""
    calculator, answers = CALCULATORS[key], kept.fields if kept and not is_asked else texts
    own = [field for field in calculator.fields if field not in (*PATIENT, *NODULE)]
    asks = show.fields(calculator.fields, answers)
    form = {"key": key, "fields": show.fields(own, texts), "asks": asks, "is_kept": kept is not None}
    form |= {"wrong": [field for field in asks if field["error"]] if is_asked else []}
    form |= {"answer": None, "refusal": None}
    return form | (_outcome(calculator, answers) if is_asked or kept else {})


def wrong_in(form: Texts) -> dict[str, str]:
    """Answers in a form that are wrong by themselves, and why, as of `read_fields`; one may be missing."""
    errors = {name: error_in(name, text) for name, text in typed(form).items() if text}
    return {name: error for name, error in errors.items() if error}


def typed(form: Texts) -> dict[str, str]:
    """The answers in a form, cut to a length."""
    return {name: text.strip()[:LONGEST_TEXT] for name, text in form.items() if name in FIELDS}


def changed_in(form: Texts) -> dict[str, str]:
    """A form without the answers that are as they were when its page was made.

    Others may have been given meanwhile, on another page of the scan: who has not touched a question does
    not answer it, nor takes an answer back. One that was taken back is an empty text.
    """
    loaded = dict(parse_qsl(form.get(AS_LOADED, "")))
    same = {name for name, text in typed(form).items() if text == loaded.get(name, "")}
    return {name: text for name, text in form.items() if name not in same}


class _Shown(msgspec.Struct):
    """Makes fields as the template shows them."""

    hints: dict[str, Any]
    measured: dict[str, str]
    errors: dict[str, str]

    def fields(self, fields: Sequence[Field], texts: Texts) -> list[dict[str, Any]]:
        return [
            asdict(field)
            | {
                "choices": list(field.choices) if field.choices else None,
                "value": texts.get(field.name, ""),
                "error": self.errors.get(field.name),
                "asked": field.is_asked(texts),
                "hint": self.hints.get(field.name),
                "is_measured": texts.get(field.name, "") == self.measured.get(field.name),
            }
            for field in fields
        ]


def _outcome(calculator: Calculator, texts: Texts) -> dict[str, Any]:
    """``answer`` or ``refusal``; nothing where an answer is missing or wrong."""
    values, errors = read_fields(calculator.fields, texts)
    if errors:
        return {}
    try:
        return {"answer": calculator.answer(values)}
    except Refusal as refusal:
        return {"refusal": refusal.code}


def kept_result(finding: Finding, form: Texts) -> Calculated | None:
    """What is to be kept of a form that was sent; None where it has no result."""
    key, texts, measured = form.get("calculator", ""), typed(form), measured_texts(finding)
    if key not in CALCULATORS or not (calculator := CALCULATORS[key]) or not _outcome(calculator, texts):
        return None
    fields = {field.name: texts[field.name] for field in calculator.fields if field.is_asked(texts)}
    return Calculated(key, fields, tuple(name for name in fields if fields[name] == measured.get(name)))


def at_present(finding: Finding, remembered: Remembered) -> Remembered:
    """What is remembered, with the sizes as they are measured now and the patient's data as last given.

    A result goes where a size that it took from the measurement is not measured any more.
    """
    measured, calculated = measured_texts(finding), []
    for each in remembered.calculated:
        if set(each.measured) <= measured.keys():
            patient = {name: text for name, text in remembered.patient.items() if name in each.fields}
            fields = each.fields | patient | {name: measured[name] for name in each.measured}
            if _outcome(CALCULATORS[each.key], fields):
                calculated.append(msgspec.structs.replace(each, fields=fields))
    return Remembered(remembered.patient, nodule_at_present(finding, remembered.nodule), tuple(calculated))


def nodule_at_present(finding: Finding, nodule: OfNodule) -> OfNodule:
    """What was answered of a nodule, with the sizes as they are measured now."""
    measured = measured_texts(finding)
    fields = {name: text for name, text in nodule.fields.items() if name not in nodule.measured}
    fields |= {name: measured[name] for name in nodule.measured if name in measured}
    return OfNodule(fields, nodule.measured)


def answers_in(finding: Finding, form: Texts) -> tuple[dict[str, str], OfNodule]:
    """What is to be remembered of a form: of the patient, and of the nodule; only what answers a question."""
    right = {name: text for name, text in typed(form).items() if not error_in(name, text)}
    of_patient, measured = {field.name for field in PATIENT}, measured_texts(finding)
    patient = {name: text for name, text in right.items() if name in of_patient}
    nodule = {name: text for name, text in right.items() if name not in of_patient}
    return patient, OfNodule(nodule, tuple(name for name in nodule if nodule[name] == measured.get(name)))


def hints_of(finding: Finding) -> dict[str, Any]:
    """What is said beside a field and never filled in, by name of the field.

    Of ``nodule_type`` what it looks like by density (``density``) and by the models' descriptor (``models``),
    each None where that is not known, and whether they disagree: Lung-RADS turns from 4B to 2 with it. Of
    ``spiculation`` the models' ``rating``, 1 to 5. Of ``diameter_mm`` and ``long_axis_mm`` what was
    ``measured``: the ``text`` to take over, and beside the mean the ``volume_mm3``, or None. Of ``solid_mm``
    the long axis of the solid part.
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
    if (spiculation := finding.characteristics.get("spiculation")) is not None:
        hints["spiculation"] = {"rating": spiculation}
    if found is not None and found.solid_long_axis_mm is not None:
        hints["solid_mm"] = {"long_axis_mm": found.solid_long_axis_mm}
    for name, text in measured_texts(finding).items():
        volume = found.volume_mm3 if found and name == "diameter_mm" else None
        hints[name] = {"text": text, "volume_mm3": volume}
    return hints


def measured_texts(finding: Finding) -> dict[str, str]:
    """What was measured, as it would be typed, by name of the field."""
    found = finding.reading.measurement
    if found is None or found.long_axis_mm is None or found.mean_diameter_mm is None:
        return {}
    sizes = {"diameter_mm": found.mean_diameter_mm, "long_axis_mm": found.long_axis_mm}
    return {name: _as_typed(size) for name, size in sizes.items()}


def _as_typed(size_mm: float) -> str:
    """With one decimal, or as many more as it takes: Fleischner's whole mm must not be rounded twice."""
    texts = [f"{rounded(size_mm, decimals):.{decimals}f}" for decimals in range(1, 5)]
    return next((text for text in texts if rounded(float(text)) == rounded(size_mm)), texts[-1])


def growth_hint(earlier: Earlier | None) -> dict[str, str | Message | None] | None:
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
    return {"change": change, **{key: rule_text(rule) for key, rule in rules.items()}}
