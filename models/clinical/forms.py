"""What the calculators ask for, each question once for all of them, and what the answers mean.

Some questions are about the patient and the examination (`PATIENT`), the same for all nodules of a scan; some
about one nodule (`NODULE`); the rest belongs to a single calculator.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from models.clinical.brock import Brock, brock
from models.clinical.fleischner import Fleischner, fleischner
from models.clinical.lung_rads import BENIGN, CHANGES, EXAMS, PREVIOUS, LungRads, lung_rads
from models.clinical.mayo import CANCER, Mayo, mayo
from models.clinical.terms import NODULE_TYPES, Refusal, rounded

Value = str | bool | float  # what an answer means
YES_NO: dict[str, Value] = {"yes": True, "no": False}
UNSURE = "unsure"  # the kind of nodule, where a reader cannot tell
Case = TypeVar("Case", Brock, Fleischner, LungRads)


@dataclass(frozen=True)
class Field:
    """A question: one of ``choices`` (as sent, and what it means), or else a number from ``low`` to ``high``.

    ``only``: another field and its value, where the question is asked for nothing else (and where that other
    one is `UNSURE`; there an ``optional`` one may stay open).
    """

    name: str
    choices: Mapping[str, Value] | None = None
    low: float = 0
    high: float = 0
    whole: bool = False
    only: tuple[str, str] | None = None
    optional: bool = False

    def is_asked(self, texts: Mapping[str, str]) -> bool:
        """Whether the question counts, given the texts of all fields by name."""
        if self.only is None:
            return True
        other = texts.get(self.only[0])
        if other == UNSURE:
            return not self.optional or bool(texts.get(self.name))
        return other == self.only[1]


@dataclass(frozen=True)
class Calculator:
    """``answer`` makes of the values of the fields, by name, a dict to show, or refuses.

    The dict has ``percent``; or ``suggestion``; or ``category``, ``management`` and ``pet``; or ``kinds``,
    see `_for_each_kind`.
    """

    answer: Callable[[Mapping[str, Any]], dict[str, Any]]
    fields: tuple[Field, ...]


def _one_of(names: Sequence[str]) -> dict[str, Value]:
    return {name: name for name in names}


AGE = Field("age", low=18, high=110, whole=True)
SEX = Field("female", {"woman": True, "man": False})
SMOKED = Field("ever_smoked", YES_NO)
FAMILY = Field("family_history", YES_NO)
EMPHYSEMA = Field("emphysema", YES_NO)
CANCER_KNOWN = Field("cancer", _one_of(CANCER))
IMMUNE = Field("immunosuppressed", YES_NO)
REASON = Field("reason", _one_of(("screening", "incidental", "other")))
COUNT = Field("count", low=1, high=100, whole=True)
PATIENT = (AGE, SEX, SMOKED, FAMILY, EMPHYSEMA, CANCER_KNOWN, IMMUNE, REASON, COUNT)

TYPE = Field("nodule_type", _one_of((*NODULE_TYPES, UNSURE)))
LONGEST = Field("long_axis_mm", low=1, high=150)
DIAMETER = Field("diameter_mm", low=1, high=150)
SOLID_PART = Field("solid_mm", low=0.1, high=150, only=("nodule_type", "part-solid"), optional=True)
SPICULATION = Field("spiculation", YES_NO)
UPPER_LOBE = Field("upper_lobe", YES_NO)
NODULE = (TYPE, DIAMETER, LONGEST, SOLID_PART, SPICULATION, UPPER_LOBE)


def _brock(values: Mapping[str, Any]) -> dict[str, Any]:
    case = Brock(
        age=values["age"],
        female=values["female"],
        family_history=values["family_history"],
        emphysema=values["emphysema"],
        diameter_mm=values["long_axis_mm"],
        nodule_type=values["nodule_type"],
        upper_lobe=values["upper_lobe"],
        count=values["count"],
        spiculation=values["spiculation"],
    )
    return _for_each_kind(case, lambda case: {"percent": 100 * brock(case)})


def _mayo(values: Mapping[str, Any]) -> dict[str, Any]:
    case = Mayo(
        age=values["age"],
        ever_smoked=values["ever_smoked"],
        cancer=values["cancer"],
        diameter_mm=values["long_axis_mm"],
        spiculation=values["spiculation"],
        upper_lobe=values["upper_lobe"],
    )
    return {"percent": 100 * mayo(case)}


def _fleischner(values: Mapping[str, Any]) -> dict[str, Any]:
    case = Fleischner(
        age=values["age"],
        incidental=values["reason"] == "incidental",
        cancer=values["cancer"] != "none",
        immunosuppressed=values["immunosuppressed"],
        nodule_type=values["nodule_type"],
        several=values["count"] > 1,
        diameter_mm=values["diameter_mm"],
        solid_mm=values["solid_mm"],
        high_risk=values["high_risk"],
    )
    return _for_each_kind(case, lambda case: {"suggestion": fleischner(case)})


def _lung_rads(values: Mapping[str, Any]) -> dict[str, Any]:
    case = LungRads(
        screening=values["reason"] == "screening",
        exam=values["exam"],
        nodule_type=values["nodule_type"],
        diameter_mm=values["diameter_mm"],
        benign=values["benign"],
        change=values["change"],
        spiculation=values["spiculation"],
        suspicious=values["suspicious"],
        solid_mm=values["solid_mm"],
        previous=values["previous"],
    )
    return _for_each_kind(case, lambda case: asdict(lung_rads(case)))


def _for_each_kind(case: Case, answer: Callable[[Case], dict[str, Any]]) -> dict[str, Any]:
    """The answer, where the kind of nodule is not sure for each kind that it may be.

    Returns
    -------
    dict
        Of `answer` where it is the same whatever the kind. Else ``kinds``: a dict of ``kind`` and
        ``answers`` each. These are several where the size of the solid part is not known, each with the size
        ``from_mm`` in whole mm from which it holds, and any may have ``refusal`` (a code) in place of what
        answers have.
    """
    if case.nodule_type != UNSURE:
        return answer(case)
    kinds = {kind: _answers(case, kind, answer) for kind in NODULE_TYPES}
    same = [given for answers in kinds.values() for _, given in answers]
    if any(given != same[0] for given in same):
        rows = [
            {"kind": kind, "answers": [given | {"from_mm": size} for size, given in answers]}
            for kind, answers in kinds.items()
        ]
        return {"kinds": rows}
    if "refusal" in same[0]:
        raise Refusal(same[0]["refusal"])
    return same[0]


def _answers(
    case: Case, kind: str, answer: Callable[[Case], dict[str, Any]]
) -> list[tuple[float, dict[str, Any]]]:
    """The answers to the case as one of that kind, each with the size of the solid part from which it holds.

    They are several where that size matters and is not known: then by each size that it may have.
    """
    certain = replace(case, nodule_type=kind)
    if kind != "part-solid" or isinstance(certain, Brock) or certain.solid_mm is not None:
        return [(0, _or_refusal(certain, answer))]
    found: list[tuple[float, dict[str, Any]]] = []
    for tenth in range(1, math.floor(10 * certain.diameter_mm + 1e-6) + 1):
        given = _or_refusal(replace(certain, solid_mm=tenth / 10), answer)
        if not found or given != found[-1][1]:
            found.append((rounded(tenth / 10), given))
    return found


def _or_refusal(case: Case, answer: Callable[[Case], dict[str, Any]]) -> dict[str, Any]:
    try:
        return answer(case)
    except Refusal as refusal:
        return {"refusal": refusal.code}


CALCULATORS = {
    "brock": Calculator(
        _brock,
        (AGE, SEX, FAMILY, EMPHYSEMA, COUNT, TYPE, LONGEST, SPICULATION, UPPER_LOBE),
    ),
    "mayo": Calculator(
        _mayo,
        (AGE, SMOKED, CANCER_KNOWN, LONGEST, SPICULATION, UPPER_LOBE),
    ),
    "fleischner": Calculator(
        _fleischner,
        (
            *(REASON, AGE, CANCER_KNOWN, IMMUNE, COUNT, TYPE, DIAMETER, SOLID_PART),
            Field("high_risk", {"low": False, "high": True}, only=("nodule_type", "solid")),
        ),
    ),
    "lung_rads": Calculator(
        _lung_rads,
        (
            *(REASON, TYPE, DIAMETER, SOLID_PART, SPICULATION),
            Field("exam", _one_of(EXAMS)),
            Field("change", _one_of(CHANGES)),
            Field("previous", _one_of(PREVIOUS), only=("change", "stable")),
            Field("benign", _one_of(BENIGN)),
            Field("suspicious", YES_NO),
        ),
    ),
}
FIELDS = {field.name: field for calculator in CALCULATORS.values() for field in calculator.fields}


def read_fields(fields: Sequence[Field], texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Answers as values.

    Parameters
    ----------
    texts
        By the fields' names. Decimal commas are welcome.

    Returns
    -------
    values : dict
        By name; None where the question is not asked, or has an error.
    errors : dict of str to str
        By name: ``missing``, ``not_a_choice``, ``not_a_number``, ``not_whole``, ``out_of_range``, or
        ``solid_larger``: the solid component is larger than the nodule.
    """
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in fields:
        values[field.name] = None
        if not field.is_asked(texts):
            continue
        try:
            values[field.name] = _value(field, texts.get(field.name, ""))
        except ValueError as error:
            errors[field.name] = str(error)
    if not errors and (values.get("solid_mm") or 0) > (values.get("diameter_mm") or math.inf):
        errors["solid_mm"] = "solid_larger"
    return values, errors


def error_in(name: str, text: str) -> str | None:
    """Why a text does not answer the question of that name, whatever the others say: as of `read_fields`."""
    try:
        _value(FIELDS[name], text)
    except ValueError as error:
        return str(error)
    return None


def _value(field: Field, text: str) -> Value:
    """What a text means; a ValueError says by its code what is wrong."""
    if not text:
        raise ValueError("missing")
    if field.choices:
        if text not in field.choices:
            raise ValueError("not_a_choice")
        return field.choices[text]
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("not_a_number")
    if field.whole and number % 1:
        raise ValueError("not_whole")
    if not field.low <= number <= field.high:
        raise ValueError("out_of_range")
    return number
