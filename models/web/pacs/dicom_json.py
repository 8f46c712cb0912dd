"""Values in DICOM's JSON model (PS3.18 F), taken from what a PACS answers without believing its form."""

import re
from collections.abc import Mapping
from typing import Any

from pydicom.datadict import tag_for_keyword

Entry = Mapping[str, Any]  # an object: elements by tag, eight hexadecimal digits
LONGEST = 200  # characters that are shown of a value
UNSEEN = re.compile(r"[\x00-\x1f\x7f]+")


def values(entry: Entry, keyword: str) -> list[Any]:
    """All values of an element; none where it is missing, empty or malformed."""
    element = entry.get(f"{tag_for_keyword(keyword):08X}")
    found = element.get("Value") if isinstance(element, Mapping) else None
    return [value for value in found if value is not None] if isinstance(found, list) else []


def text(entry: Entry, keyword: str) -> str:
    """The first value as a text, a name as its alphabetic form; empty where there is none."""
    for value in values(entry, keyword):
        if isinstance(value, Mapping):
            value = value.get("Alphabetic") or value.get("Ideographic") or ""
        if isinstance(value, str | int | float):
            return UNSEEN.sub(" ", str(value)).strip()[:LONGEST]
    return ""


def texts(entry: Entry, keyword: str) -> tuple[str, ...]:
    """All values that are texts."""
    return tuple(value.strip()[:LONGEST] for value in values(entry, keyword) if isinstance(value, str))


def number(entry: Entry, keyword: str) -> float | None:
    """The first value as a number; None where it is none."""
    numbers = numbers_of(entry, keyword)
    return numbers[0] if numbers else None


def numbers_of(entry: Entry, keyword: str) -> tuple[float, ...]:
    """All values as numbers; none at all where one is not a number."""
    try:
        return tuple(float(value) for value in values(entry, keyword))
    except (TypeError, ValueError):
        return ()


def person_name(entry: Entry, keyword: str) -> str:
    """A name as a DICOM file holds it: alphabetic, ideographic and phonetic form (PS3.5 6.2.1.2)."""
    name = next(iter(values(entry, keyword)), None)
    if not isinstance(name, Mapping):
        return name if isinstance(name, str) else ""
    groups = [str(name.get(group) or "") for group in ("Alphabetic", "Ideographic", "Phonetic")]
    return "=".join(groups).rstrip("=")
