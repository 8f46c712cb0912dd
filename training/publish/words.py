"""The words of the pages, for cards, figures and the README: macros of templates/ as functions."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parents[2] / "templates"))


def macros(name):
    """The macros of a template, as attributes of one object."""
    return TEMPLATES.get_template(name).module


NUMBERS = macros("_numbers.html")
TABLES = macros("models/_tables.html")
SENTENCES = macros("models/_sentences.html")
