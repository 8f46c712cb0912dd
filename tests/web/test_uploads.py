"""A body that is cut off, in whatever way a server says so."""

import io

import pytest
from werkzeug.exceptions import RequestEntityTooLarge

from models.errors import UserError
from models.web.uploads import ReplayedStream, read_some


class Broken:
    def __init__(self, error):
        self._error = error

    def read(self, _):
        raise self._error


class Foreign(Exception):
    """As gunicorn's InvalidChunkSize, which is no OSError."""


@pytest.mark.parametrize("error", [Foreign(), OSError("Invalid chunk header"), EOFError(), ValueError()])
def test_a_body_that_is_cut_off_is_the_senders_fault(error):
    with pytest.raises(UserError, match="was interrupted") as caught:
        read_some(Broken(error), 10)
    assert caught.value.code == "no_file"


@pytest.mark.parametrize("error", [TimeoutError(), RequestEntityTooLarge(), MemoryError()])
def test_but_not_one_that_is_too_slow_or_too_large(error):
    with pytest.raises(type(error)):
        read_some(Broken(error), 10)


def test_what_was_read_ahead_is_read_again():
    stream = ReplayedStream(b"head", io.BytesIO(b" and the rest"))
    assert [stream.read(size) for size in (3, 3, 4, -1)] == [b"hea", b"d", b" and", b" the rest"]
    assert ReplayedStream(b"head", io.BytesIO(b"rest")).read() == b"headrest"
