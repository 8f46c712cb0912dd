"""Numbers as people and programs write them."""

import pytest

from models.errors import UserError
from models.ingest.fields import number
from models.web.fields import FIELDS
from models.web.openapi import contract
from models.web.settings import SETTINGS, read_settings


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        (" 12.5 ", 12.5),
        ("12,5", 12.5),
        ("-0,75", -0.75),
        ("0,7001", 0.7001),
        (".5", 0.5),
        ("5.", 5),
        ("+1e2", 100),
        ("", None),
    ],
)
def test_a_number_is_read(text, value):
    assert number({"row": text}, "row") == value


@pytest.mark.parametrize(
    "text",
    ["1,000", "12,345", "1_0", "1.000,5", "1,5,5", "0x1", "1e400", "inf", "nan", "\u0661", "1 0", "--1", "."],
)
def test_what_is_none_or_could_be_two_is_refused(text):
    with pytest.raises(UserError, match="^The field row must be a number.$"):
        number({"row": text}, "row")


@pytest.mark.parametrize("text", ["1.0", "1,0", "1_0", "1e2", "\u0661", "9" * 5000])
def test_a_whole_number_has_digits_alone(text):
    with pytest.raises(UserError, match="^The field slice must be a whole number.$"):
        number({"slice": text}, "slice", whole=True)


def test_the_fields_are_those_of_the_contract():
    path = contract(read_settings(SETTINGS, {}))["paths"]["/api/v1/predict"]["post"]
    form = path["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert tuple(form["properties"]) == FIELDS
    assert form["additionalProperties"] is False
