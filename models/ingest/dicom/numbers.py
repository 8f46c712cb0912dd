"""Numbers as headers write them: proper ones (PS3.5 section 6.2), and those of other programs and of people.

Decimal commas, other types of value than the standard's, units, brackets: what can mean one thing only is
read, and quoted where it is not written as it should be.
"""

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.datadict import dictionary_description, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag, Tag

from models.messages import Message

PROPER = re.compile(
    r" *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *"
)  # of Decimal and Integer Strings
NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eEdD][+-]?[0-9]+)?")
UNIT = re.compile(r"\s*(mm|HU)?$", re.IGNORECASE)
AROUND = " \0\t\r\n[](){}'\""
BETWEEN = re.compile(r"\s*[;/|x*]\s*|\s+")  # values that are not parted by the backslash that should be there
QUOTABLE = re.compile(r"[0-9.,;:+\-eEdDmxHU*/|\\\[\](){}'\" ]{1,60}")  # nothing that could be a name
BINARY = {"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "UV": "u8", "SV": "i8", "FL": "f4", "FD": "f8"}
WRITTEN = ("DS", "IS")  # types of value whose numbers are text
COUNTS = (
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
)


def written(dataset: Dataset, keyword: str) -> str | None:
    """A number or several, as a header writes them.

    Parameters
    ----------
    dataset
        Values need not be what their type says.
    keyword
        Of the attribute.

    Returns
    -------
    str or None
        Several values are parted by backslashes; None where the attribute is absent or empty.
    """
    if keyword not in dataset:
        return None
    element = dataset.get_item(keyword)
    text = _raw_text(element, keyword) if isinstance(element, RawDataElement) else _text(element.value)
    return text.strip(" \0\t\r\n") or None


@functools.lru_cache(1024)  # the slices of a series repeat most of them
def numbers(text: str | None, length: int = 1) -> tuple[float, ...] | None:
    """So many finite numbers of a text; None where it does not hold exactly these.

    Parameters
    ----------
    text
        As `written` gives it. One number where two are expected (pixels) counts for both, and several that
        are all alike for one.
    """
    found = [_number(part) for part in _parts(text or "", length)]
    values = tuple(value for value in found if value is not None)
    if not values or len(values) < len(found):
        return None
    if len(values) == 1 and length == 2 or length == 1 and len(set(values)) == 1:
        return values[:1] * length
    return values if len(values) == length else None


def number_in(dataset: Dataset, keyword: str) -> float | None:
    """One number of a header; None where it is absent or none."""
    found = numbers(written(dataset, keyword))
    return found[0] if found else None


def whole_in(dataset: Dataset, keyword: str) -> int | None:
    """A whole number of a header; None where it is absent or none."""
    value = number_in(dataset, keyword)
    return int(value) if value is not None and value.is_integer() else None


@functools.lru_cache(1024)
def oddity(keyword: str, text: str | None, length: int, is_used: bool = True) -> Message | None:
    """A sentence that quotes what is not written as it should be, and says what was made of it.

    Parameters
    ----------
    keyword, text, length
        As of `written` and `numbers`.
    is_used
        Whether the numbers, if they are some, make sense.

    Returns
    -------
    Message or None
        None where nothing is written, or as it should be; what might be a name is not repeated.
    """
    if text is None:
        return None
    values = numbers(text, length) if is_used else None
    parts = text.split("\\")
    if values and len(parts) == length and all(PROPER.fullmatch(part) for part in parts):
        return None
    name, is_quoted = dictionary_description(Tag(keyword)), QUOTABLE.fullmatch(text)
    if values and is_quoted:
        return Message(
            '{attribute} is written as "{text}"; it was read as {numbers}.',
            attribute=name,
            text=text,
            numbers=_listed(values),
        )
    if values:
        return Message(
            "{attribute} is not a number; it was read as {numbers}.", attribute=name, numbers=_listed(values)
        )
    if is_quoted:
        return Message('{attribute} is written as "{text}"; it was not used.', attribute=name, text=text)
    return Message("{attribute} is not a number; it was not used.", attribute=name)


def makes_no_sense(keyword: str, text: str) -> Message:
    """A sentence that refuses a number, and quotes it; what might be a name is not repeated."""
    name = dictionary_description(Tag(keyword))
    if QUOTABLE.fullmatch(text):
        return Message(
            'The DICOM file\'s {attribute} is written as "{text}", which makes no sense.',
            attribute=name,
            text=text,
        )
    return Message("The DICOM file's {attribute} is not a number, which makes no sense.", attribute=name)


def no_units(keyword: str, text: str) -> Message:
    """As `makes_no_sense`, of a number without which there are no Hounsfield units."""
    name = dictionary_description(Tag(keyword))
    if QUOTABLE.fullmatch(text):
        return Message(
            'The DICOM file\'s {attribute} is written as "{text}", which makes no sense; there are no '
            "Hounsfield units without it.",
            attribute=name,
            text=text,
        )
    return Message(
        "The DICOM file's {attribute} is not a number, which makes no sense; there are no Hounsfield units "
        "without it.",
        attribute=name,
    )


def _listed(values: Sequence[float]) -> Message:
    """Numbers one after the other; parted by semicolons where decimals follow a comma."""
    named: dict[str, Any] = {f"number{index}": value for index, value in enumerate(values)}
    text = "{comma}".join(f"{{{name}:.9g}}" for name in named)
    return Message(text, comma=Message(", "), **named)


def keep_as_text(dataset: Dataset, tag: BaseTag) -> bool:
    """Let a number that pydicom cannot read stay in a header as what is written; whether it is a number."""
    try:
        is_number = dictionary_VR(tag) in WRITTEN
    except KeyError:  # private
        return False
    if is_number:
        dataset[tag] = DataElement(tag, "UT", _raw_text(dataset.get_item(tag), tag))
    return is_number


def mend_counts(dataset: Dataset) -> None:
    """Give what describes the pixels the type that decoders expect, where it is written in another one."""
    for keyword in COUNTS:
        if keyword in dataset and dataset.get_item(keyword).VR not in (None, "US"):
            value = whole_in(dataset, keyword)
            if value is not None and 0 <= value < 2**16:
                dataset[keyword] = DataElement(Tag(keyword), "US", value)


def _raw_text(element: DataElement | RawDataElement, keyword: str | BaseTag) -> str:
    """The text of an element that pydicom has not converted yet."""
    value, vr = element.value or b"", element.VR
    if not isinstance(element, RawDataElement) or not isinstance(value, bytes):
        return _text(value)
    if vr in (None, "UN"):
        vr = dictionary_VR(keyword).partition(" ")[0]  # of "US or SS": who needs the sign knows the cell
    if vr not in BINARY:
        return value.decode("latin-1")
    kind = np.dtype(("<" if element.is_little_endian else ">") + BINARY[vr])
    if len(value) % kind.itemsize:  # the type is wrong, or the value is cut
        return value.decode("latin-1")
    return _text(np.frombuffer(value, kind).tolist())


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "\\".join(map(_text, value))
    return str(value)


def _parts(text: str, length: int) -> list[str]:
    """The texts of the single numbers."""
    text = text.strip(AROUND)
    if "\\" in text:
        return text.split("\\")
    commas = text.split(",")
    if len(commas) > 1 and all("." in part for part in commas) or len(commas) == length > 2:
        return commas
    return BETWEEN.split(UNIT.sub("", text))


def _number(text: str) -> float | None:
    """The value of one number; None where it is none, or not finite."""
    text = UNIT.sub("", text.strip(AROUND))
    if not NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", ".").lower().replace("d", "e"))
    return value if np.isfinite(value) else None
