"""A language that has every text in marks, so that what could not be translated is seen."""

import re
from gettext import NullTranslations

from models.messages import Language

VALUE = re.compile(r"{[^}]*}")
WORD = re.compile(r"[^\W\d_]{2,}")
NAMES = {"mm", "mm³", "mm3", "Lung", "RADS", "VGG"}  # the same in all languages


class Marks(NullTranslations):
    def gettext(self, message):
        """In marks where it has words: what only puts values together is no text."""
        return f"«{message}»" if WORD.search(VALUE.sub(" ", message)) else message

    def ngettext(self, msgid1, msgid2, n):
        return self.gettext(msgid1 if n == 1 else msgid2)


MARKED = Language("xx", Marks(), has_comma=True)


def unmarked(text, names=NAMES):
    """The words of a text that are in no marks, but for names."""
    depth, outside = 0, []
    for character in text:
        depth += (character == "«") - (character == "»")
        outside.append(" " if depth or character == "»" else character)
    return [word for word in WORD.findall("".join(outside)) if word not in names]
