"""What each calculator asks for, and what the answers to its questions mean."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.clinical.brock import Brock, brock
from models.clinical.fleischner import Fleischner, fleischner
from models.clinical.lung_rads import BENIGN, CHANGES, EXAMS, PREVIOUS, LungRads, lung_rads
from models.clinical.mayo import CANCER, Mayo, mayo
from models.clinical.terms import NODULE_TYPES

Value = str | bool | float  # what an answer means
YES_NO: dict[str, Value] = {"yes": True, "no": False}


@dataclass(frozen=True)
class Field:
    """A question: one of ``choices`` (as sent, and what it means), or else a number from ``low`` to ``high``.

    ``only``: another field and its value, where the question is asked for nothing else.
    """

    name: str
    choices: Mapping[str, Value] | None = None
    low: float = 0
    high: float = 0
    whole: bool = False
    only: tuple[str, str] | None = None

    def is_asked(self, texts: Mapping[str, str]) -> bool:
        """Whether the question counts, given the texts of all fields by name."""
        return self.only is None or texts.get(self.only[0]) == self.only[1]


@dataclass(frozen=True)
class Calculator:
    """``case`` takes the fields by their names; ``answer`` makes of it a dict to show, or refuses."""

    case: type
    answer: Callable[[Any], dict[str, Any]]
    fields: tuple[Field, ...]


def _one_of(names: Sequence[str]) -> dict[str, Value]:
    return {name: name for name in names}


AGE = Field("age", low=18, high=110, whole=True)
DIAMETER = Field("diameter_mm", low=1, high=150)
TYPE = Field("nodule_type", _one_of(NODULE_TYPES))
SOLID_PART = Field("solid_mm", low=0.1, high=150, only=("nodule_type", "part-solid"))
SPICULATION = Field("spiculation", YES_NO)
UPPER_LOBE = Field("upper_lobe", YES_NO)

CALCULATORS = {
    "brock": Calculator(
        Brock,
        lambda case: {"percent": 100 * brock(case)},
        (
            AGE,
            Field("female", {"woman": True, "man": False}),
            Field("family_history", YES_NO),
            Field("emphysema", YES_NO),
            DIAMETER,
            TYPE,
            SPICULATION,
            UPPER_LOBE,
            Field("count", low=1, high=100, whole=True),
        ),
    ),
    "mayo": Calculator(
        Mayo,
        lambda case: {"percent": 100 * mayo(case)},
        (
            AGE,
            Field("ever_smoked", YES_NO),
            Field("cancer", _one_of(CANCER)),
            DIAMETER,
            SPICULATION,
            UPPER_LOBE,
        ),
    ),
    "fleischner": Calculator(
        Fleischner,
        lambda case: {"suggestion": fleischner(case)},
        (
            Field("incidental", YES_NO),
            AGE,
            Field("cancer", YES_NO),
            Field("immunosuppressed", YES_NO),
            DIAMETER,
            TYPE,
            SOLID_PART,
            Field("several", {"one": False, "several": True}),
            Field("high_risk", {"low": False, "high": True}, only=("nodule_type", "solid")),
        ),
    ),
    "lung_rads": Calculator(
        LungRads,
        lambda case: asdict(lung_rads(case)),
        (
            Field("screening", YES_NO),
            Field("exam", _one_of(EXAMS)),
            DIAMETER,
            TYPE,
            SOLID_PART,
            Field("change", _one_of(CHANGES)),
            Field("previous", _one_of(PREVIOUS), only=("change", "stable")),
            Field("benign", _one_of(BENIGN)),
            SPICULATION,
            Field("suspicious", YES_NO),
        ),
    ),
}


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
            values[field.name] = _value(field, texts[field.name])
        except ValueError as error:
            errors[field.name] = str(error)
    if not errors and (values.get("solid_mm") or 0) > values["diameter_mm"]:
        errors["solid_mm"] = "solid_larger"
    return values, errors


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
