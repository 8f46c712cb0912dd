"""Findings of which a part is other than it was, whether it stands in the finding or in its reading."""

from dataclasses import fields, replace

from models.inference.reading import Reading, Recognition

READ = {field.name for field in fields(Reading)} - {"notices", "saliency"}


def changed(finding, **values):
    """The finding with these values."""
    if "nodule_probability" in values:
        values["recognition"] = Recognition(values.pop("nodule_probability"), 0.5)
    read = {name: values.pop(name) for name in READ & set(values)}
    return replace(finding, reading=replace(finding.reading, **read), **values)
