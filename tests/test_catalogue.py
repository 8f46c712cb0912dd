"""The translations: all that people read has one, with the same values in it, and they are compiled."""

import logging
import re

import pytest
from babel.messages.pofile import read_po

from training.publish.catalogue import LOCALES, as_mo, as_po, untranslated, updated, words

PATHS = sorted(LOCALES.glob("*/LC_MESSAGES/messages.po"))
VALUES = re.compile(r"%\(\w+\)[sd]|\{\w+(?::[^}]*)?\}|</?\w+[^>]*>|&(?!shy)\w+;")
HOW = "python -m training.publish.catalogue"


@pytest.fixture(scope="module")
def template():
    return words()


@pytest.fixture(params=PATHS, ids=lambda path: path.parents[1].name)
def path(request):
    return request.param


@pytest.fixture
def catalogue(path):
    with path.open("rb") as file:
        return read_po(file, locale=path.parents[1].name)


def texts(words):
    return (words,) if isinstance(words, str) else tuple(words)


def test_there_is_a_second_language():
    assert [path.parents[1].name for path in PATHS] == ["de"]


def test_sentences_are_found_with_their_values(caplog):
    """An f-string could not be translated; see `models.messages.Message`."""
    with caplog.at_level(logging.WARNING):
        found = words()
    assert [record.getMessage() for record in caplog.records] == []
    assert len(found) > 1000
    assert " " not in {text for message in found for text in texts(message.id)}


def test_the_catalogue_has_the_words_as_they_are_now(path, template):
    assert path.read_bytes() == as_po(updated(path, template)), HOW


def test_the_catalogue_is_compiled(path, template):
    assert path.with_suffix(".mo").read_bytes() == as_mo(updated(path, template)), HOW


def test_everything_is_translated(catalogue):
    assert untranslated(catalogue) == []
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


def test_translations_have_the_same_values_and_tags(catalogue):
    odd = {}
    for message in catalogue:
        if not message.id:
            continue
        english, said = texts(message.id), texts(message.string)
        wanted = {value for text in english for value in VALUES.findall(text)}
        for text, other in zip(english, said, strict=True):
            found = VALUES.findall(other)
            if set(found) - wanted or (len(english) == 1 and sorted(found) != sorted(VALUES.findall(text))):
                odd[text] = other
    assert odd == {}
