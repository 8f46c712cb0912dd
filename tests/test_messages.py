"""Sentences that are kept with their values, and said in a language."""

import gettext
import io

import msgspec
import numpy as np
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from models.errors import UserError
from models.imaging.scan import Notice
from models.messages import ENGLISH, Language, Message, as_message, counted, joined, listed

FILES = ("1 file of {total} is damaged.", "{n} files of {total} are damaged.")


@pytest.fixture(scope="module")
def german():
    """A language of four words."""
    catalogue, out = Catalog(locale="de"), io.BytesIO()
    catalogue.add("The slice is {mm:.1f} mm thick, {where}.", "Die Schicht, {where}, ist {mm:.1f} mm dick.")
    catalogue.add("at the end", "am Ende")
    catalogue.add("{first} and {last}", "{first} und {last}")
    catalogue.add(FILES, ("1 Datei von {total} ist beschädigt.", "{n} Dateien von {total} sind beschädigt."))
    write_mo(out, catalogue)
    return Language("de", gettext.GNUTranslations(io.BytesIO(out.getvalue())), has_comma=True)


def test_a_message_is_english_as_text_and_german_where_it_is_said_so(german):
    thick = Message("The slice is {mm:.1f} mm thick, {where}.", mm=1234.56, where=Message("at the end"))
    assert str(thick) == "The slice is 1234.6 mm thick, at the end."
    assert german.say(thick) == "Die Schicht, am Ende, ist 1234,6 mm dick."


def test_names_and_numbers_within_a_message_are_not_taken_for_words(german):
    assert german.say(
        Message("{name}: {n:,} of {share:.0%}", name="1.5 at the end", n=12_345, share=0.5)
    ) == ("1.5 at the end: 12.345 of 50%")


@pytest.mark.parametrize(
    ("n", "english", "said"),
    [
        (1, "1 file of 9 is damaged.", "1 Datei von 9 ist beschädigt."),
        (2, "2 files of 9 are damaged.", "2 Dateien von 9 sind beschädigt."),
        (0, "0 files of 9 are damaged.", "0 Dateien von 9 sind beschädigt."),
    ],
)
def test_one_is_said_otherwise_than_many(german, n, english, said):
    files = counted(*FILES, n, total=9)
    assert (str(files), german.say(files)) == (english, said)


def test_lists_are_said_as_a_language_says_them(german):
    parts = ["a", Message("at the end"), "c"]
    assert str(listed(parts)) == "a, at the end and c"
    assert german.say(listed(parts)) == "a, am Ende und c"
    assert [str(listed(parts[:1])), str(listed([]))] == ["a", ""]
    assert german.say(joined("; ", parts)) == "a; am Ende; c"


def test_what_has_no_translation_stays_english(german):
    assert german.say("Not in the catalogue {x}") == "Not in the catalogue {x}"
    assert german.say("") == ""
    assert german.say(as_message("100 % {sure}")) == "100 % {sure}"


@pytest.mark.parametrize("text", ["a } b", "a { b", "{", "{x!z}", "50 % {"])
def test_a_text_without_values_may_have_any_braces(german, text):
    assert str(Message(text)) == german.say(as_message(text)) == UserError("busy", text).message == text


def test_a_message_can_be_kept_and_read_again():
    kept = Message("{a} {b} {c} {d}", a=np.float32(0.5), b=np.int64(3), c="x", d=Message("y {z}", z=1))
    assert msgspec.convert(msgspec.to_builtins(kept), Message) == kept
    notice = Notice("left_out", kept)
    assert msgspec.json.decode(msgspec.json.encode(notice), type=Notice) == notice
    assert notice.message == "0.5 3 x y 1"
    assert hash(notice) == hash(Notice("left_out", kept))


@pytest.mark.parametrize(
    "odd",
    [
        {"text": "{n}", "values": {"m": 1}},
        {"text": "{n.__class__}", "values": {"n": 1}},
        {"text": "{n[0]}", "values": {"n": "ab"}},
        {"text": "{n.__class__}", "values": {"n": 1, "n.__class__": 1}},
        {"text": "{n[0]}", "values": {"n": "ab", "n[0]": 1}},
        {"text": "{}", "values": {"": 1}},
        {"text": "{0}", "values": {"0": 1}},
        {"text": "{n", "many": "}", "values": {"n": 1}},
        {"text": "{n!r}", "values": {"n": "ab"}},
        {"text": "{n:>9999999}", "values": {"n": 1}},
        {"text": "{n:{n}}", "values": {"n": 1}},
        {"text": "{", "values": {"n": 1}},
        {"text": "fine", "many": "{m}", "values": {"n": 1}},
        {"text": "x" * 20_000},
    ],
)
def test_a_message_that_does_not_fit_its_values_is_none(odd):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(odd, Message)


def test_messages_within_messages_have_an_end():
    deep = Message("x")
    for _ in range(5):
        deep = Message("{inner}", inner=deep)
    assert str(deep) == "x"
    with pytest.raises(ValueError, match="at most 6 levels"):
        Message("{inner}", inner=deep)


def test_an_error_has_its_sentence_in_english_and_to_be_said():
    error = UserError("too_large", Message("At most {n} files.", n=3))
    assert (error.message, str(error), ENGLISH.say(error.text)) == ("At most 3 files.",) * 3
    assert UserError("busy", "Try {again}").text == Message("Try {again}")
