"""What is answered to a mistake: its HTTP status, and one sentence that the page and the JSON twin share."""

from contextlib import suppress
from typing import Any

from flask import jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge

from models.errors import ContentDoubted, UserError
from models.inference.classifier import CONSENSUS
from models.inference.pipeline import MODEL_KEYS
from models.messages import ENGLISH, Message
from models.reports.as_json import series_as_json
from models.web.access import AccessDenied
from models.web.access.access_control import next_path
from models.web.access.request_timeouts import TOO_SLOW
from models.web.application import Application, current_app
from models.web.comparison_pages import page_with_error
from models.web.finding_list import FindingGone
from models.web.language import language_of_answer
from models.web.pages import chosen_series, scan_page_with_error, series_page_with_error
from models.web.scan_report import report_of
from models.web.telemetry import annotate, request_id
from models.web.uploads import too_large
from models.web.visitor import address, browser, is_program

STATUS = {
    code: status
    for status, codes in {
        400: "no_file unknown_model bad_number bad_field roi_outside mixed_series unknown_host",
        401: "password_needed wrong_password",
        403: "not_open other_origin",
        404: "scan_gone pacs_not_found",
        405: "method_not_allowed",
        408: "too_slow",
        409: "not_dicom not_outlined not_comparable",
        410: "too_late",
        413: "too_large",
        415: "unsupported_file missing_decoder",
        422: "corrupt_file no_pixels not_ct not_axial not_chest not_ct_image nodule_not_found",
        429: "too_many_tries",
        502: "pacs_denied pacs_unavailable",
        503: "busy model_unavailable decoder_unavailable store_full",
        504: "pacs_slow",
    }.items()
    for code in codes.split()
}


HTTP_SENTENCES = {  # in place of those of HTTP itself, which are English
    400: Message("The server could not understand this request."),
    404: Message("There is no page at this address."),
    405: Message("This address only accepts forms; it is not a page."),
    500: Message("Something went wrong on the server; try again."),
}
ANY_OTHER = Message("The server cannot answer this request.")


def add_errors(app: Application) -> None:
    """Have the application answer each kind of mistake."""
    app.register_error_handler(UserError, error_answer)
    app.register_error_handler(ContentDoubted, doubted_answer)
    app.register_error_handler(RequestEntityTooLarge, lambda _: error_answer(too_large(request, app.config)))
    app.register_error_handler(FindingGone, lambda _: http_error(NotFound()))
    app.register_error_handler(HTTPException, http_error)


def error_answer(error: UserError, kept: str = "") -> ResponseReturnValue:
    """JSON for programs; for people the page again, with the sentence above it.

    `kept` is the address of a scan that is there to go on with.
    """
    annotate(code=error.code)
    body: dict[str, Any] = {"code": error.code, "message": language_of_answer().say(error.text)}
    if error.code == "mixed_series":
        body["series"] = series_as_json(getattr(error, "listing", None))
    status = STATUS[error.code]
    headers = {"Retry-After": "5"} if error.code == "busy" else getattr(error, "headers", {})
    if is_program():
        return jsonify({"error": body} | ({"kept": kept} if kept else {})), status, headers
    return _error_page(error, body, kept), status, headers


def _error_page(error: UserError, body: dict[str, Any], kept: str) -> str:
    asked = request.view_args or {}
    token, upload = asked.get("token", ""), asked.get("upload", "")
    if isinstance(error, AccessDenied):
        return render_template(error.page, **body, error=body, goes_on=next_path(request))
    if error.code == "scan_gone":
        return render_template("error.html", status=404, message=error.text, gone=True)
    if token or upload:
        try:
            if upload:
                return series_page_with_error(upload, body, kept)
            if request.path.startswith(f"/scan/{token}/report"):
                return report_of(token, error=body)
            on_both = page_with_error(token, body) if "/comparison" in request.path else None
            return on_both or scan_page_with_error(token, body)
        except UserError:  # nor is there a scan to show
            return render_template("error.html", status=STATUS[error.code], message=error.text)
    if request.path == "/pacs" or request.path.startswith("/pacs/"):
        return render_template("pacs/search.html", error=body, asked=request.form)
    model = request.values.get("model") if "form" in vars(request) else None  # else it was not read
    chosen = model if model in MODEL_KEYS else CONSENSUS
    return render_template("index.html", error=body, chosen_model=chosen, kept=kept)


def doubted_answer(error: ContentDoubted) -> ResponseReturnValue:
    """The refusal of what does not look like a CT of the chest; a browser may go on with it."""
    kept = ""
    if error.scan is not None and request.endpoint in ("predict", "choose"):
        with suppress(UserError):  # where it cannot be kept, it has to be sent again
            token = current_app.store.put(error.scan, browser(), address())
            kept = f"/scan/{token}"
            if upload := (request.view_args or {}).get("upload"):
                number = chosen_series(current_app.uploads.listing(upload, browser()))
                current_app.uploads.add(upload, browser(), number, token, is_refused=True)
    return error_answer(error, kept)


def http_error(error: HTTPException) -> ResponseReturnValue:
    """What Flask refuses, or what failed."""
    if isinstance(error.__context__, TimeoutError):
        return error_answer(TOO_SLOW)
    status, body = error.code or 500, {"code": error.name.lower().replace(" ", "_")}
    language = language_of_answer()
    own = language.say(HTTP_SENTENCES.get(status, ANY_OTHER))
    body["message"] = error.description or "" if language is ENGLISH else own
    if status >= 500:
        body["request_id"] = request_id()
    if is_program():
        return jsonify({"error": body}), status
    return render_template("error.html", **body, status=status), status
