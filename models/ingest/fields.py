"""Numbers and locations as forms, and lists of nodules, write them. ``fields`` maps names to texts."""

import math
import re
from collections.abc import Mapping
from typing import Literal, overload

from models.errors import UserError
from models.messages import Message

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
WITH_COMMA = re.compile(r"[+-]?[0-9]+,(?![0-9]{3}$)[0-9]+")  # 1,000 may be a thousand, or one


@overload
def number(fields: Mapping[str, str], name: str) -> float | None: ...
@overload
def number(fields: Mapping[str, str], name: str, whole: Literal[True]) -> int | None: ...
def number(fields: Mapping[str, str], name: str, whole: bool = False) -> float | None:
    """A number, None where empty; decimal commas are welcome where they are not thousands separators.

    Raises
    ------
    UserError
        ``bad_number``.
    """
    text = fields.get(name, "").strip()
    if not text:
        return None
    if WITH_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    kind, form = (int, WHOLE) if whole else (float, DECIMAL)
    if not form.fullmatch(text) or not math.isfinite(value := kind(text)):
        raise bad_number(name, whole)
    return value


def bad_number(name: str, whole: bool = False) -> UserError:
    """The refusal of what is not a number."""
    if whole:
        return UserError("bad_number", Message("The field {name} must be a whole number.", name=name))
    return UserError("bad_number", Message("The field {name} must be a number.", name=name))


def asked_location(fields: Mapping[str, str]) -> tuple[float | None, float | None, int | None]:
    """Row, column and slice of the nodule, None where not given."""
    return number(fields, "row"), number(fields, "col"), number(fields, "slice", whole=True)
