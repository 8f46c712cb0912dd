"""Log lines: JSON or plain, without tokens, queries, malformed requests and the texts of exceptions."""

import io
import json
import logging

import pytest

from models.web.telemetry.logs import StderrHandler, formatter, hide_tokens
from models.web.telemetry.request_log import begin, end

TOKEN = "t" * 43


@pytest.fixture
def logged():
    """Log with a style through a logger of this test's own; the text that comes out."""

    def log(style, name, level, message, *args, **options):
        handler = StderrHandler(style)
        handler.stream = io.StringIO()
        logger = logging.Logger(name)
        logger.addHandler(handler)
        logger.log(level, message, *args, **options)
        return handler.stream.getvalue()

    return log


@pytest.mark.parametrize("style", ["plain", "json"])
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (f"Exception on /scan/{TOKEN}/findings [POST]", "Exception on /scan/…/findings [POST]"),
        (f"/progress/{TOKEN}", "/progress/…"),
        ("Error handling request GET /?name=Meier x", "Error handling request GET /?… x"),
        ("Invalid request from ip=10.1.2.3: Invalid HTTP method: 'MEIER\nHANS'", "Invalid request"),
        ("code 400, message Bad request syntax ('Meier')", "code 400, message Bad request"),
        ("VGG16 ready in 1.0 s", "VGG16 ready in 1.0 s"),
    ],
)
def test_a_line_tells_neither_visit_nor_what_was_sent(logged, style, message, expected):
    line = logged(style, "gunicorn.error", logging.ERROR, message)
    shown = json.loads(line)["message"] if style == "json" else line.split(": ", 1)[1]
    assert shown.rstrip("\n") == expected


def test_own_lines_of_werkzeug_are_dropped_but_not_its_errors(logged):
    line = '127.0.0.1 - - [24/Nov/2026 00:00:00] "GET / HTTP/1.1" 200 -'
    assert logged("plain", "werkzeug", logging.INFO, line) == ""
    assert "Running on" in logged("plain", "werkzeug", logging.INFO, " * Running on http://127.0.0.1:5000")
    assert "a failure" in logged("plain", "werkzeug", logging.ERROR, "a failure")


NAME = "Meier^Hans"


def fail():
    try:
        raise ValueError(NAME)
    except ValueError as error:
        raise KeyError(NAME) from error


@pytest.mark.parametrize("style", ["plain", "json"])
def test_an_exception_is_told_by_types_and_places_alone(logged, style):
    try:
        fail()
    except KeyError:
        text = logged(style, "app", logging.ERROR, "It failed.", exc_info=True)
    assert "builtins.KeyError" in text
    assert "builtins.ValueError" in text
    assert "in fail" in text
    assert "Meier" not in text
    if style == "json":
        assert json.loads(text)["traceback"].endswith("builtins.ValueError")


def test_other_handlers_get_no_text_of_an_exception_either():
    try:
        fail()
    except KeyError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("app", logging.ERROR, __file__, 1, "It failed.", (), info)
    assert hide_tokens(record)
    assert record.exc_info is None
    assert "Meier" not in logging.Formatter().format(record)


def test_lines_of_a_request_carry_its_id(logged):
    begin({"HTTP_X_REQUEST_ID": "0123456789abcdef", "REMOTE_ADDR": "127.0.0.1"})
    try:
        line = logged("json", "models", logging.INFO, "A line with %s", "Umlaut ä\nand a break")
    finally:
        end()
    assert line.count("\n") == 1
    assert json.loads(line)["request_id"] == "0123456789abcdef"
    assert json.loads(line)["message"] == "A line with Umlaut ä\nand a break"
    assert "request_id" not in json.loads(logged("json", "models", logging.INFO, "Later"))


def test_an_unknown_style_is_refused():
    with pytest.raises(ValueError, match="NODULE_LOG must be one of plain, json. Received: 'xml'"):
        formatter("xml")
