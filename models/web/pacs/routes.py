"""The pages of the PACS, where one is set: search, series, fetching, and sending results.

What is searched for comes in forms, never in addresses: no log and no history of a browser has a name.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from flask import jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from models.errors import UserError
from models.ingest.asked import Asked
from models.ingest.dicom.references import UID
from models.ingest.sandbox.result import busy
from models.ingest.spool import Spool
from models.messages import Message
from models.reports.as_json import finding_as_json
from models.web.captions import caption_of
from models.web.fields import refuse_odd_fields
from models.web.finding_list import SENT
from models.web.language import language_of_answer
from models.web.pacs.client import Pacs, pacs_of
from models.web.pacs.fetches import Fetches, FetchState
from models.web.pacs.queries import query_of
from models.web.pacs.sending import Sent, send, send_report
from models.web.pages import kept_finding, with_map
from models.web.predict import Upload, answer, asked_model, decode
from models.web.routing import Access
from models.web.scan_report import captions_of, reported
from models.web.store.keys import FROM_PACS
from models.web.visitor import address, browser, is_program, visitor

if TYPE_CHECKING:
    from models.web.application import Application

AT_ONCE = 8  # exchanges with the PACS that requests wait for; one more is refused
READ_FIELDS = ("study", "series", "model")
NAMED = {"access": Access.IDENTIFYING, "queued": False}


def add_pacs(app: "Application") -> None:
    """Add the pages, where NODULE_DICOMWEB is set."""
    pacs = pacs_of(app.config)
    app.template_global("has_pacs")(lambda: pacs is not None and app.access_control.may_identify)
    if pacs is None:
        app.template_global("is_from_pacs")(lambda address: False)
        return
    if not app.access_control.may_identify:
        app.logger.warning(
            "NODULE_DICOMWEB is set without NODULE_PASSWORD: the pages of the PACS are closed."
        )
    app.template_global("is_from_pacs")(lambda address: _is_from_pacs(app, address))
    app.template_global("sent_to_pacs")(lambda here: _sent_before(app, here))
    app.template_global("report_sent_to_pacs")(lambda address: _report_sent_before(app, address))
    places = Places()
    _add_search(app, pacs, places)
    _add_fetching(app, Fetches(pacs, app.store, app.decoder, app.searches))
    _add_sending(app, pacs, places)
    _add_api(app, pacs)


NO_UID = {  # by the field
    "study": Message("The field study must be the identifier (UID) of a study."),
    "series": Message("The field series must be the identifier (UID) of a series."),
}


class Places:
    """Bounds what waits for the PACS, so that a slow one does not take all threads."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(AT_ONCE)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for the time of a block; UserError ``busy``."""
        if not self._free.acquire(blocking=False):
            raise busy()
        try:
            yield
        finally:
            self._free.release()


def asked_uid(name: str) -> str:
    """An identifier of the form; UserError ``bad_field`` for what is none."""
    uid = request.form.get(name, "").strip()
    if not UID.fullmatch(uid):
        raise UserError("bad_field", NO_UID[name])
    return uid


def _is_from_pacs(app: "Application", address: str | None) -> bool:
    """Whether a kept scan came from the PACS, and whoever looks at it may send results there."""
    if not address or not app.access_control.may_identify:
        return False
    return bool(app.store.read(address.rpartition("/")[2], browser(), FROM_PACS))


def _sent_before(app: "Application", here: str) -> bool:
    """Whether something of the finding at an address is in the PACS already."""
    _, _, token, _, index = here.split("/")
    return bool(app.store.read(token, browser(), f"{SENT}{index}"))


def _report_sent_before(app: "Application", address: str) -> bool:
    """Whether something of the report of the scan at an address is in the PACS already."""
    return bool(app.store.read(address.rpartition("/")[2], browser(), f"{SENT}report"))


def _remember_sent(app: "Application", token: str, what: str, sent: list[Sent]) -> None:
    """Note that a finding (its index), or the report, is in the PACS, where any file of it is."""
    if any(one.is_there for one in sent):
        with suppress(UserError):  # it is there, whether or not that can be noted
            app.store.write(token, browser(), f"{SENT}{what}", True)


def _add_search(app: "Application", pacs: Pacs, places: Places) -> None:
    @app.get("/pacs", **NAMED)
    def pacs_form() -> ResponseReturnValue:
        browser(new=True)
        return render_template("pacs/search.html", asked={})

    @app.post("/pacs", **NAMED)
    def pacs_search() -> ResponseReturnValue:
        query = query_of(request.form)
        with places.place():
            studies, has_more = pacs.studies(query)
            found = {"studies": studies, "has_more": has_more}
            if len(studies) == 1:
                found |= _described(pacs, studies[0].uid)
        return render_template("pacs/search.html", asked=request.form, **found)

    @app.post("/pacs/study", **NAMED)
    def pacs_study() -> ResponseReturnValue:
        with places.place():
            found = _described(pacs, asked_uid("study"))
        return render_template("pacs/search.html", asked=request.form, **found)


def _described(pacs: Pacs, uid: str) -> dict[str, object]:
    study, series = pacs.series(uid)
    return {"study": study, "series": series}


def _add_fetching(app: "Application", fetches: Fetches) -> None:
    @app.post("/pacs/fetch", **NAMED)
    def pacs_fetch() -> ResponseReturnValue:
        owner = browser(new=True)
        job = fetches.start(asked_uid("study"), asked_uid("series"), owner, address(), visitor())
        return redirect(f"/pacs/fetch/{job}", 303)

    @app.get("/pacs/fetch/<job>", **NAMED)
    def pacs_fetching(job: str) -> ResponseReturnValue:
        state = fetches.state(job, browser())
        if state is None:
            raise NotFound()
        if is_program():
            return jsonify(_as_json(state))
        if state.state == "done":
            return redirect(state.scan, 303)
        return render_template("pacs/fetch.html", fetch=state, job=job)

    @app.post("/pacs/fetch/<job>/cancel", **NAMED)
    def pacs_cancel(job: str) -> ResponseReturnValue:
        fetches.cancel(job, browser())
        return redirect(f"/pacs/fetch/{job}", 303)


def _as_json(state: FetchState) -> dict[str, Any]:
    """How far a series is, for the script of the page."""
    told = {name: value for name, value in vars(state).items() if name != "text"}
    return told | {"message": language_of_answer().say(state.text or "")}


def _add_sending(app: "Application", pacs: Pacs, places: Places) -> None:
    @app.post("/scan/<token>/finding/<int:index>/send", **NAMED)
    def pacs_send(token: str, index: int) -> ResponseReturnValue:
        """Report, segmentation and picture of a finding into the study that it is of."""
        if not _is_from_pacs(app, f"/scan/{token}"):
            app.store.get(token, browser())  # or else it is gone
            raise NotFound()
        finding = kept_finding(token, index)
        here = f"/scan/{token}/finding/{index}"
        try:
            shown = with_map(token, index, finding)
            with places.place():
                sent = send(pacs, shown, app.registry, caption_of(shown))
            _remember_sent(app, token, str(index), sent)
        except UserError as error:
            return _sent_page(here, f"{here}?model={finding.model}", [], error=error)
        return _sent_page(here, f"{here}?model={finding.model}", sent)

    @app.post("/scan/<token>/report/send", **NAMED)
    def pacs_send_report(token: str) -> ResponseReturnValue:
        """The report of all findings of a scan into the study that they are of."""
        report = reported(token)
        if report is None or not _is_from_pacs(app, f"/scan/{token}"):
            raise NotFound()
        here, names = f"/scan/{token}/report", [each.finding.name for each in report.findings]
        try:
            with places.place():
                sent = send_report(pacs, report, captions_of(report))
            _remember_sent(app, token, "report", sent)
        except UserError as error:
            return _sent_page(here, here, [], error=error)
        return _sent_page(here, here, sent, names)


def _add_api(app: "Application", pacs: Pacs) -> None:
    @app.post("/api/v1/pacs/read", access=Access.IDENTIFYING)
    def api_pacs_read() -> ResponseReturnValue:
        """Read the most suspicious nodule of a series, and store the results in its study."""
        refuse_odd_fields(request.args, request.form, request.files, READ_FIELDS)
        study, series, model = asked_uid("study"), asked_uid("series"), asked_model()
        with Spool() as spool:
            scan = decode(pacs.fetch(study, series, spool), Asked(), visitor=visitor())
        finding = answer(Upload(scan, (None, None, None), model, anyway=False))
        is_nodule = finding.verdict != "no_nodule"
        stored = send(pacs, finding, app.registry, caption_of(finding)) if is_nodule else []
        return jsonify({"finding": finding_as_json(finding), "stored": stored})


def _sent_page(
    here: str, back: str, sent: list[Sent], names: Sequence[str] = (), error: UserError | None = None
) -> ResponseReturnValue:
    """What became of the files; `names` of the findings of whose pictures there are several."""
    from models.web.errors import STATUS

    body = {"code": error.code, "message": error.text} if error else None
    is_there = any(one.is_there for one in sent)
    status = STATUS[error.code] if error else 200 if is_there or not sent else 502
    page = render_template("pacs/sent.html", back=back, sent=sent, names=list(names), error=body)
    return page, status, {"Content-Location": here}
