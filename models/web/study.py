"""Whose study a kept scan is, for the browser that sent it, on wish; never kept, see `header_memory`."""

from flask import render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from models.imaging.study_header import StudyHeader
from models.web.application import Application, current_app
from models.web.visitor import browser


def header_of(token: str, owner: str) -> StudyHeader | None:
    """What the files of a scan say of patient and study; None where they say nothing, as pictures do.

    Also where the server was replaced since the scan came, whose memory is gone. UserError ``scan_gone``.
    """
    return current_app.store.header(token, owner)


def add_study(app: Application) -> None:
    """The page that says it; the pages of a scan offer it where there is something to say."""

    @app.get("/scan/<token>/study")
    def study(token: str) -> ResponseReturnValue:
        header = header_of(token, browser())
        if header is None:
            raise NotFound()
        return render_template("study.html", header=header, address=f"/scan/{token}")

    app.template_global("has_study")(lambda address: header_of(_token_in(address), browser()) is not None)


def _token_in(address: str) -> str:
    return address.removeprefix("/scan/").partition("/")[0]
