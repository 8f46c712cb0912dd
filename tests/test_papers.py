"""The papers for readers: their bounds, and that what they name is there."""

import re
from pathlib import Path

import pytest

from models import __version__
from models.clinical.mass import MASS_MM
from models.imaging.patch import CLOSE_MM, WIDE_MM
from models.imaging.scan import CROP_AT_MOST

ROOT = Path(__file__).resolve().parents[1]
PAPERS = sorted([ROOT / "README.md", *(ROOT / ".github").glob("*.md"), ROOT / ".deploy" / "README.md"])
LINK = re.compile(r"\]\(([^)#:]+)\)")  # to files of the repository
PATH = re.compile(r"`((?:models|training|templates|static|tests|weights|\.ci|\.deploy|\.github)/[\w./-]*)`")


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 120] == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_what_a_paper_names_is_there(paper):
    text = paper.read_text()
    named = {link: paper.parent / link for link in LINK.findall(text)}
    named |= {path: ROOT / path for path in PATH.findall(text)}
    assert [name for name, path in named.items() if not path.exists()] == []


@pytest.mark.parametrize("package", ["models", "models/ingest", "models/inference", "models/web", "training"])
def test_the_architecture_page_names_every_room(package):
    text = (ROOT / ".github" / "ARCHITECTURE.md").read_text()
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert {room for room in rooms if f"`{package}/{room}/`" not in text} == set()


def test_numbers_in_words_are_those_of_the_code():
    terms = (ROOT / "templates" / "_terms.html").read_text()
    assert f"a close one, {CLOSE_MM:g} mm wide, and a wide one, {WIDE_MM:g} mm wide" in terms
    assert f"Above {MASS_MM:g} mm it is a mass" in (ROOT / "templates" / "models.html").read_text()
    form, using = ROOT / "templates" / "index.html", ROOT / ".github" / "USING.md"
    assert f"at most {CROP_AT_MOST} × {CROP_AT_MOST} pixels" in form.read_text()
    assert f"at most {CROP_AT_MOST} x {CROP_AT_MOST} pixels" in using.read_text()
    assert f"A mass (over {MASS_MM:g} mm)" in using.read_text()


def test_the_changelog_begins_with_this_version():
    text = (ROOT / ".github" / "CHANGELOG.md").read_text()
    assert re.search(r"^## (.*)$", text, re.M)[1] == __version__
