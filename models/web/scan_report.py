"""The report of a kept scan: its page, and its files."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from html import unescape

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from models.errors import UserError
from models.inference.finding import Finding
from models.reports.calculators import calculators_of
from models.reports.scan_report.as_page import report_page
from models.reports.scan_report.as_pdf import report_as_pdf
from models.reports.scan_report.as_text import plain_ascii, report_as_text
from models.reports.scan_report.contents import CalculatedText, ReportedFinding, ScanReport, in_order
from models.reports.scan_report.exports import REPORT_EXPORTS
from models.web.application import Application, current_app
from models.web.captions import caption_of
from models.web.comparison_pages import each_with_earlier
from models.web.fields import asked_flag
from models.web.language import language
from models.web.study import header_of
from models.web.visitor import browser

TEXT, PDF = "report.txt", "report.pdf"


def add_report(app: Application) -> None:
    """Add the page and the files of the report of a scan."""

    @app.get("/scan/<token>/report")
    def report(token: str) -> ResponseReturnValue:
        return report_of(token, asked_flag(request.args, "ascii"))

    @app.get("/scan/<token>/report/<name>")
    def report_file(token: str, name: str) -> ResponseReturnValue:
        if name not in REPORT_EXPORTS or (found := reported(token)) is None:
            raise NotFound()
        make, media_type = REPORT_EXPORTS[name]
        data = make(found, captions_of(found), language())
        if name == TEXT and asked_flag(request.args, "ascii"):
            data = plain_ascii(data.decode()).encode()
        return _saved(name, data, media_type)

    @app.post("/scan/<token>/report/report.pdf", queued=False)
    def dated_report(token: str) -> ResponseReturnValue:
        """The PDF with a study date that was typed, which is in no address and not kept; or without any."""
        day, found = asked_study_date(request.form), reported(token)
        if found is None:
            raise NotFound()
        data = report_as_pdf(replace(found, study_date=day), language=language())
        return _saved(PDF, data, "application/pdf")


def reported(token: str) -> ScanReport | None:
    """All findings of a scan, the leading one first; None where there are none."""
    every = each_with_earlier(token, current_app.answers.every(token, browser()))
    findings = [
        ReportedFinding(finding, index, calculated_of(token, index, finding)) for index, finding in every
    ]
    return ScanReport(in_order(findings), study_date_of(token)) if findings else None


def calculated_of(token: str, index: int, finding: Finding) -> tuple[CalculatedText, ...]:
    """The results of calculators that the reader keeps for the report, from the sizes as they are now.

    They are in the language of the page.
    """
    remembered = current_app.calculations.remembered(token, browser(), index, finding)
    forms = calculators_of(finding, remembered=remembered)["forms"]
    texts = [render_template("report_calculated.txt", form=form) for form in forms if form["is_kept"]]
    return tuple(CalculatedText(*map(unescape, text.splitlines())) for text in texts)


def study_date_of(token: str) -> date | None:
    """The date of the study, where the server has it in memory and it is one."""
    header = header_of(token, browser())
    try:
        return date.fromisoformat(header.study_date) if header else None
    except ValueError:
        return None


def captions_of(report: ScanReport) -> list[str]:
    """What is written below the pictures of the findings, on which no saliency map is drawn."""
    return [caption_of(each.finding) for each in report.findings]


def report_of(token: str, is_ascii: bool = False, error: Mapping[str, str] | None = None) -> str:
    """The page of the report, and what was wrong in a request on it."""
    found, address = reported(token), f"/scan/{token}"
    if found is None:
        return render_template("report.html", address=address, error=error, blocks=[])
    text = report_as_text(found, language())
    context = report_page(found) | {"text": plain_ascii(text) if is_ascii else text, "is_ascii": is_ascii}
    context |= {"scan": found.scan, "study_date": found.study_date}
    return render_template("report.html", address=address, error=error, **context)


def asked_study_date(fields: Mapping[str, str]) -> date | None:
    """The date of a study as it was typed, or None; UserError ``bad_field`` for what is no date."""
    if not (text := fields.get("study_date", "").strip()):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError("bad_field", "Give the study date as in 2024-01-31.") from None


def _saved(name: str, data: bytes, media_type: str) -> Response:
    saved = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, mimetype=media_type, headers=saved)
