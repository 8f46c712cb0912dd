"""The catalogues of translations: what is to be translated, collected from the code and the templates.

    python -m training.publish.catalogue

brings templates/locale/<language>/LC_MESSAGES/messages.po up to date with the words as they are, and compiles
it to messages.mo, which the app reads. It ends with an error where something has no translation yet.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "templates" / "locale"
METHODS = [
    ("app.py", "python"),
    ("models/**.py", "python"),
    ("templates/**.html", "jinja2"),
    ("templates/**.txt", "jinja2"),
    ("templates/**.typ", "training.publish.catalogue:words_of_typst"),
]
KEYWORDS: dict[str, Any] = {
    **{"_": None, "gettext": None, "ngettext": (1, 2)},
    **{"Message": (1,), "counted": (1, 2)},
    **{
        "UserError": (2,),
        "Notice": (2,),
        "AccessDenied": (2,),
        "ContentDoubted": (2,),
        "SeveralSeries": (1,),
    },
}
TEMPLATES_ARE = {"trimmed": "true", "newstyle_gettext": "true"}  # read as the app reads them
MADE = datetime(2026, 1, 1, tzinfo=UTC)  # one and the same, so that the same words make the same file
TYPST = re.compile(r"\bsay\(\s*\"((?:[^\"\\]|\\.)*)\"")


def words_of_typst(
    file: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[int, str, str, list[str]]]:
    """What a sheet has to say, ``say("…")``, in the form that Babel asks of an extraction method."""
    source = file.read().decode()
    for found in TYPST.finditer(source):
        text = found[1].replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
        yield source[: found.start()].count("\n") + 1, "gettext", text, []


def words() -> Catalog:
    """All that is to be translated, as it stands in the code and the templates."""
    found = Catalog(charset="utf-8")
    extracted = extract_from_dir(
        ROOT,
        METHODS,
        {"**.html": TEMPLATES_ARE, "**.txt": TEMPLATES_ARE},
        KEYWORDS,
        directory_filter=lambda folder: not Path(folder).name.startswith("."),
    )
    for name, _, text, _, context in extracted:
        found.add(text, locations=[(name, 0)], context=context)
    return found


def updated(path: Path, template: Catalog) -> Catalog:
    """A catalogue with what is said now; its translations are kept, those of what is gone left out."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parents[1].name)
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = MADE
    return catalogue


def as_po(catalogue: Catalog) -> bytes:
    """A catalogue as text, without what only tools want to know of it."""
    out = BytesIO()
    write_po(out, catalogue, width=110, sort_output=True, include_lineno=False)
    return re.sub(rb'(?m)^"(Project|Report|POT|PO|Last|Language-Team|Generated).*\n', b"", out.getvalue())


def as_mo(catalogue: Catalog) -> bytes:
    """A catalogue as `gettext` reads it."""
    out = BytesIO()
    write_mo(out, catalogue)
    return out.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """What has no translation."""
    forms = (
        (each.id, each.string if isinstance(each.string, tuple) else (each.string,)) for each in catalogue
    )
    return [text if isinstance(text, str) else text[0] for text, said in forms if text and not all(said)]


def main() -> None:
    """Update and compile all catalogues."""
    template, missing = words(), 0
    for path in sorted(LOCALES.glob("*/LC_MESSAGES/messages.po")):
        catalogue = updated(path, template)
        path.write_bytes(as_po(catalogue))
        path.with_suffix(".mo").write_bytes(as_mo(catalogue))
        for text in untranslated(catalogue):
            print(f"{path.parents[1].name}: no translation of {text!r}")
            missing += 1
    sys.exit(f"{missing} translations are missing." if missing else None)


if __name__ == "__main__":
    main()
