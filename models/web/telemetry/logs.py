"""Log lines, plain or as JSON, that name no scan and quote no upload."""

import json
import logging
import re
import sys
import time
import traceback
from typing import TextIO

from models.web.telemetry.request_log import request_id

SECRET = re.compile(
    r"/[\w-]{16,}"
)  # as long as the names of scans and uploads in addresses, whatever the route
QUERY = re.compile(r"\?[^\s'\"]*")
# Servers quote what they could not read, and that may be anything.
MALFORMED = re.compile(r"(Invalid request|Bad request|Bad HTTP|Error on request).*", re.DOTALL)
ACCESS_LINE = re.compile(r"\S+ - - \[")  # of werkzeug's own; ours says more
STYLES = ("plain", "json")
FIELDS = ("method", "route", "status", "code", "seconds")  # of the line of a request
PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def hide_tokens(record: logging.LogRecord) -> bool:
    """Log filter: a line tells neither which scan nor what was sent, and an exception not its text.

    An exception's text may quote the file that it arose from; its type and the lines it went through do not.
    """
    message = record.getMessage()
    if record.name == "werkzeug" and record.levelno < logging.WARNING and ACCESS_LINE.match(message):
        return False
    for pattern, safe in ((SECRET, "/…"), (QUERY, "?…"), (MALFORMED, r"\1")):
        message = pattern.sub(safe, message)
    record.msg, record.args = message, ()
    if record.exc_info:
        record.exc_text, record.exc_info = _frames(record.exc_info[1]), None
    return True


def _frames(error: BaseException | None) -> str:
    """Types and frames of an exception and of those that led to it, without their texts."""
    lines: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.format_tb(error.__traceback__)
        lines.append("".join(frames) + f"{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nwhich came from\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and the request that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.gmtime(record.created)
        entry = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', at)}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", "") or request_id(),
        }
        entry |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_text:
            entry["traceback"] = record.exc_text
        return json.dumps({name: value for name, value in entry.items() if value != ""}, ensure_ascii=False)


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error, nothing of a visit."""

    def __init__(self, style: str) -> None:
        super().__init__(sys.stderr)
        self.addFilter(hide_tokens)
        self.setFormatter(formatter(style))


def formatter(style: str) -> logging.Formatter:
    """The formatter of one of the `STYLES`.

    Raises
    ------
    ValueError
        There is no such style.
    """
    if style not in STYLES:
        raise ValueError(f"NODULE_LOG must be one of {', '.join(STYLES)}. Received: {style!r}")
    return JsonFormatter() if style == "json" else logging.Formatter(PLAIN)


def set_up(style: str, *loggers: logging.Logger) -> None:
    """Write all lines in a style; `loggers` are those whose lines other handlers may get, too."""
    root = logging.getLogger()
    ours = [handler for handler in root.handlers if isinstance(handler, StderrHandler)]
    if ours:
        ours[0].setFormatter(formatter(style))
    elif not root.handlers:
        root.addHandler(StderrHandler(style))
    logging.getLogger("models").setLevel(logging.INFO)
    for logger in loggers:
        logger.addFilter(hide_tokens)
