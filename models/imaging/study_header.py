"""Whose study a scan is: what the files say of patient and study, for a person who asks to see it.

It is no part of what is kept of a scan (`models.imaging.scan.describe` leaves it out); the server has it in
memory alone, see `models.web.store.header_memory`.
"""

import msgspec

MOST = {"patient_name": 200}  # characters; a name may be written in three scripts
MOST_ELSE = 64  # of a Long String (PS3.5 section 6.2), the longest of the others


class StudyHeader(msgspec.Struct, frozen=True):
    """Texts as they are shown; empty where the files say nothing.

    Attributes
    ----------
    patient_name
        Family name first; other scripts in brackets.
    birth_date, study_date
        YYYY-MM-DD where it is such a date, else as it is written.
    sex
        Of DICOM: M, F or O.
    """

    patient_name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_description: str = ""
    accession_number: str = ""
    series_description: str = ""

    def __bool__(self) -> bool:
        return any(msgspec.structs.astuple(self))

    def __repr__(self) -> str:
        return "StudyHeader(...)"  # it may be logged

    def trimmed(self) -> "StudyHeader":
        """In single lines of printable characters, none longer than it may be."""
        texts = msgspec.structs.asdict(self)
        return StudyHeader(**{name: _line(text, MOST.get(name, MOST_ELSE)) for name, text in texts.items()})


def _line(text: str, most: int) -> str:
    """Without what is not printable, such as line breaks and what turns the direction of writing."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[: 10 * most])
    line = " ".join(printable.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
