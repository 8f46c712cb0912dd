"""Sentences for people: English as it stands in the code, other languages by their catalogues.

A message is what is written in the code and the values that stand in it. So it can be kept, or come from
another process, and be read in whatever language a page is asked for. JSON, DICOM objects, logs and the
terminal have it in English: ``str(message)``. `training.publish.catalogue` collects what is to be translated.
"""

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from gettext import NullTranslations
from numbers import Integral, Real
from typing import Any

SPEC = re.compile(r"[+,]?(\.\d)?[dfge%]?")  # of a number; no width, which could be a huge one
MOST_CHARACTERS, MOST_VALUES, MOST_LEVELS = 10_000, 500, 6
COMMA_FOR_POINT = str.maketrans(".,", ",.")


@dataclass(frozen=True, init=False)
class Message:
    """A sentence, or a part of one: ``Message("{n} of {total} files are damaged.", n=2, total=9)``.

    Attributes
    ----------
    text
        The English; with values, names of them in braces, as `str.format` has them.
    values
        Numbers, names as they are, and messages, which are translated too.
    many
        What is said of another number than 1 of ``values["n"]``, where that differs.

    Raises
    ------
    ValueError
        For a text that its values do not fit.
    """

    text: str
    values: Mapping[str, "str | int | float | Message"] = field(default_factory=dict)
    many: str = ""

    def __init__(self, text: str, /, many: str = "", **values: Any) -> None:
        plain = {name: _plain(value) for name, value in values.items()}
        for name, value in (("text", text), ("values", plain), ("many", many)):
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        if max(len(self.text), len(self.many)) > MOST_CHARACTERS or len(self.values) > MOST_VALUES:
            raise ValueError("A message is too long.")
        if _levels(self) > MOST_LEVELS:
            raise ValueError(f"Messages within messages have at most {MOST_LEVELS} levels.")
        if not all(name.isidentifier() for name in self.values):  # else a part of a value can be asked for
            raise ValueError("A message names its values as Python does.")
        for text in (self.text, self.many) if self.values else ():
            for _, name, spec, conversion in string.Formatter().parse(text):
                is_fine = name in self.values and not conversion and SPEC.fullmatch(spec or "")
                if name is not None and not is_fine:
                    raise ValueError(f"A message has no value for {{{name}:{spec}}}.")

    def __str__(self) -> str:
        return ENGLISH.say(self)

    def __hash__(self) -> int:
        return hash((self.text, *self.values.items()))


class Language:
    """What messages are said in; English as it is.

    Parameters
    ----------
    code
        As of ISO 639-1.
    translations
        The catalogue, as `gettext` reads it.
    has_comma
        Whether decimals follow a comma.
    """

    def __init__(
        self, code: str = "en", translations: NullTranslations | None = None, has_comma: bool = False
    ) -> None:
        self.code, self.has_comma = code, has_comma
        self.translations = translations or NullTranslations()

    def say(self, message: str | Message) -> str:
        """The message in this language; what the catalogue does not have stays English."""
        if isinstance(message, str):
            return message and self.translations.gettext(message)
        if not message.values:
            return self.say(message.text)
        if message.many:
            text = self.translations.ngettext(message.text, message.many, message.values["n"])  # type: ignore[arg-type]
        else:
            text = self.say(message.text)
        return _Formatter(self).vformat(text, (), message.values)

    @property
    def catalogue(self) -> dict[str, str]:
        """All that has one form, by its English."""
        entries = getattr(self.translations, "_catalog", {})
        return {text: said for text, said in entries.items() if text and isinstance(text, str)}

    def number(self, written: str) -> str:
        """A number as this language writes it, of one with a decimal point and commas between thousands."""
        return written.translate(COMMA_FOR_POINT) if self.has_comma else written


class _Formatter(string.Formatter):
    """`str.format` for messages: values are translated, and numbers written as the language has them."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Message):
            return self._language.say(value)
        written = format(value, format_spec)
        return written if isinstance(value, str) else self._language.number(written)


ENGLISH = Language()


def joined(separator: str, parts: Iterable[str | Message]) -> Message:
    """Messages, and names as they are, one after the other."""
    values: dict[str, Any] = {f"part{index}": part for index, part in enumerate(parts)}
    return Message(separator.join(f"{{{name}}}" for name in values), **values)


def listed(parts: Sequence[str | Message]) -> Message:
    """A list as it is said: "a, b and c"."""
    if len(parts) < 2:
        return joined("", parts)
    return Message("{first} and {last}", first=joined(", ", parts[:-1]), last=parts[-1])


def counted(one: str, many: str, n: int, **values: Any) -> Message:
    """What is said of one, or of `n`: ``counted("1 slice is missing.", "{n} slices are missing.", n)``."""
    return Message(one, many, n=n, **values)


def as_message(text: str | Message) -> Message:
    """A text without values as a message."""
    return text if isinstance(text, Message) else Message(text)


def _plain(value: Any) -> str | int | float | Message:
    """A value as it can be kept: numbers of NumPy become Python's."""
    if isinstance(value, str | Message):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"A message has numbers and texts as values. Received: {type(value).__name__}")


def _levels(message: Message) -> int:
    """How deep messages stand in messages, counted no further than is allowed."""
    level, inner = 0, [message]
    while inner and level <= MOST_LEVELS:
        inner = [value for each in inner for value in each.values.values() if isinstance(value, Message)]
        level += 1
    return level
