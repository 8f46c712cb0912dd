"""A scan but for its slices as JSON values, for the disk and for other processes. No pickles."""

from dataclasses import asdict

from models.imaging.reference import Reference
from models.imaging.scan import Notice, Orientation, Scan


def _floats(values):
    return None if values is None else [float(value) for value in values]


def _tuple(values):
    return None if values is None else tuple(values)


def _named(references):
    return None if references is None else [vars(reference) for reference in references]


def _references(stored):
    return None if stored is None else tuple(Reference(**fields) for fields in stored)


FIELDS = {  # of Scan, all but its slices: to JSON, from JSON
    "spacing_mm": (_floats, _tuple),
    "spacing_assumed": (bool, bool),
    "is_hu": (bool, bool),
    "notices": (
        lambda notices: [asdict(notice) for notice in notices],
        lambda notices: tuple(Notice(**notice) for notice in notices),
    ),
    "orientation": (asdict, lambda turns: Orientation(**turns)),
    "positions_mm": (_floats, _tuple),
    "thickness_mm": (lambda value: None if value is None else float(value), lambda value: value),
    "references": (_named, _references),
    "contrast": (lambda value: value, lambda value: value),
}


def describe(scan):
    """All that a scan says beside its slices, as JSON values."""
    return {name: to_json(getattr(scan, name)) for name, (to_json, _) in FIELDS.items()}


def scan_of(description, slices):
    """The scan of a description of `describe` and its slices."""
    known = {name: from_json(description[name]) for name, (_, from_json) in FIELDS.items()}
    return Scan(slices=slices, **known)
