"""Pages, errors and documents are written as radiologists write: phrases that nobody would say stay out."""

import ast
import re

import pytest

from app import ROOT

ANYWHERE = {
    r"(?<!there )\b(?:is|are|was|were) no (?:[A-Z]|number|picture|image|nodule|biops)": "is not a",
    r"\btake it along\b": "export",
    r"\breckon": "calculate, use",
    r"\blime\b": "calcium",
    r"\bthat did not work\b": "not accepted",
    r"\bwhat was looked at\b": "images",
    r"\ba network drew\b": "outlined automatically",
    r"\btypically off by\b": "typical error",
    r"\bsuggestions? (?:S1 )?of the app\b": "suggested nodules",
    r"\bapart from the score\b": "independent of the score",
    r"\bno biopsy stands\b": "not confirmed by biopsy",
    r"\bby chance\b": "incidental",
    r"\b(?:from which on|from here on)\b": "at or above which",
    r"\bweightiest\b": "most important",
    r"\bcut short\b": "incomplete",
    r"\bhalf-way\b": "interrupted",
    r"\b(?:read|computed|trained|estimated) anew\b": "again",
    r"\bturned or tilted\b": "rotated or tilted",
    r"\bwhoever runs\b": "the administrator",
    r"\bbefore and now\b": "comparison",
}
ON_PAGES = {
    r"\bfor programs\b": "JSON",
    r"\bin front\b": "selected",
    r"\bplaces?\b(?! of)": "location",
    r"\broi\b": "ROI, location",
}


def text_of(template):
    """What a template shows or has read out; of code only its sentences."""
    plain = re.sub(r"{#.*?#}", " ", template, flags=re.S)
    plain = re.sub(r"{%.*?%}|{{.*?}}", sentences_of_code, plain, flags=re.S)
    spoken = re.findall(r"(?:alt|title|aria-label)=\"([^\"]*)\"", plain)
    return " ".join([re.sub(r"<[^>]*>", " ", plain), *spoken])


def sentences_of_code(code):
    """The strings of a tag of Jinja that have a space."""
    return " ".join(text for text in re.findall(r"\"([^\"]*)\"", code[0]) if " " in text)


def text_of_sheet(source):
    """The PDF's template without its comments and the names of its functions."""
    return re.sub(r"//[^\n]*|\bplace\(", " ", source)


def literals(source):
    """All strings of a module but docstrings; of an f-string what is written between the values."""
    nodes = list(ast.walk(ast.parse(source)))
    alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    found = (node for node in nodes if isinstance(node, ast.Constant) and id(node) not in alone)
    return " | ".join(node.value for node in found if isinstance(node.value, str))


TEMPLATES = sorted(
    path for path in (ROOT / "templates").rglob("*") if path.suffix in (".html", ".txt", ".typ")
)
MODULES = [ROOT / "app.py", *sorted((ROOT / "models").rglob("*.py"))]
DOCUMENTS = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / ".github").glob("*.md") if path.name != "CHANGELOG.md"),
    ROOT / ".deploy" / "README.md",
    *sorted((ROOT / "weights").glob("*.md")),
]


def found_in(text, phrases):
    text = " ".join(text.split())
    return {
        f"{match[0]!r}: say {better!r}"
        for phrase, better in phrases.items()
        for match in re.finditer(phrase, text, re.I if "[A-Z]" not in phrase else 0)
    }


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_page_says_it_as_radiologists_do(path):
    source = path.read_text()
    text = text_of_sheet(source) if path.suffix == ".typ" else text_of(source)
    assert found_in(text, ANYWHERE | ON_PAGES) == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_error_or_a_notice_says_it_as_radiologists_do(path):
    assert found_in(literals(path.read_text()), ANYWHERE) == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_says_it_as_radiologists_do(path):
    assert found_in(path.read_text(), ANYWHERE) == set()


def test_the_phrases_are_found_where_they_are_read():
    page = '<p class="places" title="A model in front">The DICOM file is no CT image.</p>{# by chance #}'
    assert found_in(text_of(page), ANYWHERE | ON_PAGES) == {
        "'is no C': say 'is not a'",
        "'in front': say 'selected'",
    }
    module = '"""A network drew it."""\nx = f"There is no CT. It is no CT, {n}, cut short"'
    assert found_in(literals(module), ANYWHERE) == {
        "'is no C': say 'is not a'",
        "'cut short': say 'incomplete'",
    }
