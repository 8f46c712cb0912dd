"""What the pages say stands in templates/: scripts and page builders have keys, codes and numbers."""

import ast
import re

import pytest

from app import ROOT

TEXT = re.compile(r"[^\W\d_]{2,}\W* \W*[^\W\d_]{2,}|^[A-Z][a-z]")  # two words and a space, or a capital
JS_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|(?P<quote>[\"'`])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)", re.S
)
DECIMALS = re.compile(r"\.toFixed\((?!0\))")
JS_VALUE = re.compile(r"\$\{[^}]*\}")
TECHNICAL = {
    "use strict",
    "button[type=submit], input[type=image]",
    "select[name], input[type=number]",
    "input, select",
    ".steering input",
    ":hover, :focus",
    "Escape",
    "ring ring-0",
    "no result",  # of an Error that nobody sees
    "6 mm or more",  # a name in evaluation.json
}
SCRIPTS = sorted((ROOT / "static").glob("*.js"))
# A terminal has no template, the words of DICOM objects are the standard's, and a contract is no page.
OTHERS = {"as_text.py", "as_json.py", "json_types.py", "dicom"}
BUILDERS = [
    path
    for path in sorted((ROOT / "models" / "reports").rglob("*.py"))
    if not OTHERS.intersection(path.parts)
]


def shown(literals):
    """Those that look like something to be read."""
    return [text for text in literals if TEXT.search(text) and text not in TECHNICAL]


def literals_of_script(source):
    found = (match["text"] for match in JS_TOKEN.finditer(source) if match["quote"])
    return [JS_VALUE.sub("0", text) for text in found]


def literals_of_module(source):
    """All strings but docstrings."""
    nodes = list(ast.walk(ast.parse(source)))
    alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = (node for node in nodes if isinstance(node, ast.Constant) and id(node) not in alone)
    return [node.value for node in constants if isinstance(node.value, str)]


def test_sentences_are_told_from_keys():
    script = 'say("data-row"); // a comment, not "said"\nsay(`Slice ${n} of ${all}`, "Uploading", ".a > b");'
    assert shown(literals_of_script(script)) == ["Slice 0 of 0", "Uploading"]
    module = '"""A docstring."""\nx = {"long_axis": f"{n} mm wide"}\ny = "Long axis"'
    assert sorted(shown(literals_of_module(module))) == [" mm wide", "Long axis"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_has_no_words_of_its_own(path):
    assert shown(literals_of_script(path.read_text())) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_writes_decimals_for_people_in_the_language_of_the_page(path):
    lines = [line for line in path.read_text().splitlines() if DECIMALS.search(line)]
    assert [line for line in lines if ".value = " not in line] == [] or path.name == "words.js"


@pytest.mark.parametrize("path", BUILDERS, ids=lambda path: path.name)
def test_what_fills_a_template_has_no_words_of_its_own(path):
    assert shown(literals_of_module(path.read_text())) == []
