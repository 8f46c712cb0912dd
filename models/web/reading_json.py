"""A reading as a note beside its scan, so that another model's answer needs no forward pass."""

from typing import Any

import msgspec

from models.inference.reading import Reading


def note_of(reading: Reading) -> dict[str, Any]:
    """A reading as JSON values."""
    return msgspec.to_builtins(reading)


def reading_of(note: dict[str, Any]) -> Reading:
    """The reading in a note of `note_of`; msgspec.ValidationError for one of another form."""
    return msgspec.convert(note, Reading)
