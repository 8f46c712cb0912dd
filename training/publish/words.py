"""The words of the pages, for cards, figures and the README: macros of templates/ as functions."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from jinja2 import Environment, FileSystemLoader

from models.messages import ENGLISH, Message

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[2] / "templates"), extensions=["jinja2.ext.i18n"]
)
TEMPLATES.policies["ext.i18n.trimmed"] = True
TEMPLATES.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
TEMPLATES.globals["Message"] = Message
TEMPLATES.filters |= {"number": ENGLISH.number, "said": ENGLISH.say}


class Macros(Protocol):
    """The macros of a template: functions that give what it would write."""

    def __getattr__(self, name: str) -> Callable[..., str]: ...


def macros(name: str) -> Macros:
    """The macros of a template, as attributes of one object."""
    return cast(Macros, TEMPLATES.get_template(name).module)


NUMBERS = macros("_numbers.html")
TABLES = macros("models/_tables.html")
SENTENCES = macros("models/_sentences.html")
