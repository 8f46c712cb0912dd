"""The pages about a kept scan that several routes show; a script of a page is told their address."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlencode

from flask import Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from models.clinical.forms import CALCULATORS
from models.errors import SeveralSeries, UserError
from models.imaging.scan import Notice, Scan, locate
from models.inference.classifier import CONSENSUS
from models.inference.finding import Finding
from models.ingest.fields import number
from models.ingest.series.listing import Listing
from models.ingest.series.selection import MAY_BE_MISSING
from models.reports.as_page import viewer_page
from models.reports.calculators import calculators_of, changed_in, measured_texts, wrong_in
from models.reports.case_context import case_of
from models.reports.comparison.as_text import earlier_rows
from models.reports.result import result_page
from models.reports.series_list import series_page as series_list
from models.reports.viewport import Box, lungs_box
from models.web.application import current_app
from models.web.comparison_pages import compared_of, with_earlier
from models.web.fields import asked_anyway, asked_view
from models.web.finding_pages import rows_of
from models.web.language import language
from models.web.predict import asked_model, read, sent_files
from models.web.visitor import address, browser, is_program

WINDOW = ("level", "width")
PARTS = ("patient", "nodule")  # of the calculators' questions
ASKED = (  # goes along until a series is chosen
    *("model", "row", "col", "slice"),
    *("spacing_mm", "slice_spacing_mm", "anyway"),
)
FEW_SLICES, PATIENCE_S = 3, 3  # the answer to an upload of so few slices waits so long for the search


def searched_page(token: str, scan: Scan) -> ResponseReturnValue:
    """The viewer of a scan whose search for nodules begins; of a small one when it has ended."""
    search = current_app.searches.start(token, browser())
    if search and len(scan.slices) <= FEW_SLICES:
        search.join(PATIENCE_S)
    return scan_page(token)


def scan_page(token: str) -> ResponseReturnValue:
    """The viewer of a kept scan."""
    current_app.store.get(token, browser())  # or else it is gone
    if is_program():
        asked = {name: value for name in ("slice", "model") if (value := request.values.get(name))}
        return jsonify({"location": f"/scan/{token}?{urlencode(asked)}"})
    return _viewer(token, request.values, asked_model()), {"Content-Location": f"/scan/{token}"}


def scan_page_with_error(token: str, error: Mapping[str, str]) -> str:
    """The viewer of a kept scan as it was before a mistake, and what was wrong."""
    shown = {name: value for name in ("slice", *WINDOW) if (value := request.values.get(name))}
    try:
        return _viewer(token, shown, asked_model(), error)
    except UserError:  # that was the mistake
        return _viewer(token, {}, CONSENSUS, error)


def _viewer(token: str, fields: Mapping[str, str], model: str, error: Mapping[str, str] | None = None) -> str:
    scan, search = current_app.store.get(token, browser()), current_app.searches.state(token, browser())
    found = current_app.answers.listed(token, browser())
    compared = compared_of(current_app.comparisons.of(token, browser()), token)
    view = asked_view(fields, scan, search.candidates, model)
    page = viewer_page(scan, view, f"/scan/{token}", found, search, kept_lungs_box(token, scan))
    upload = current_app.uploads.of_scan(token, browser())
    page |= {"rows": rows_of(token), "deleted": current_app.answers.findings.deleted(token, browser())}
    return render_template("viewer.html", error=error, upload=upload, compared=compared, **page)


def kept_lungs_box(token: str, scan: Scan) -> Box | None:
    """Where the lungs are in the pictures of a scan: looked for once, and kept beside it."""
    store, owner = current_app.store, browser()
    note = store.read(token, owner, "lungs")
    if note is None:
        note = {"box": lungs_box(scan)}
        with suppress(UserError):  # where there is no room, they are looked for again
            store.write(token, owner, "lungs", note)
    return note["box"] and tuple(note["box"])


def several_series(several: SeveralSeries, owner: str) -> ResponseReturnValue:
    """The list of the series of an upload, which is kept until one is chosen and removed."""
    token = current_app.uploads.keep(sent_files(), several.listing, owner, address())
    if is_program():
        asked = {name: value for name in ASKED if (value := request.form.get(name))}
        return jsonify({"location": f"/series/{token}?{urlencode(asked)}"})
    return series_page(token)


def series_page(upload: str) -> ResponseReturnValue:
    """The list of a kept upload of several series."""
    return _series(upload), {"Content-Location": f"/series/{upload}"}


def series_page_with_error(upload: str, error: Mapping[str, str], kept: str = "") -> str:
    """The list, and what was wrong with the series that was chosen; `kept` as of `error_answer`."""
    return _series(upload, error=error, kept=kept)


def _series(upload: str, **more: object) -> str:
    uploads, fields = current_app.uploads, request.values
    listing, opened = uploads.listing(upload, browser()), uploads.read(upload, browser())
    number = fields.get("series", "")
    chosen = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else None
    asked = {name: value for name in ASKED if (value := fields.get(name))}
    context = series_list(listing, opened, chosen)
    return render_template(
        "series.html", here_now=f"/series/{upload}", asked=asked, token=upload, **context, **more
    )


def chosen_series(listing: Listing) -> int:
    """The number of the series that the form chooses; UserError ``bad_field`` where there is none such."""
    for each in listing.series:
        if request.form.get("series") == str(each.number):
            return each.number or 0
    raise UserError("bad_field", "Choose one of the series.")


def open_series(upload: str, number: int) -> ResponseReturnValue:
    """The viewer, or the finding, of one series of a kept upload, which is read now."""
    owner = browser()
    listing = current_app.uploads.listing(upload, owner)
    series = listing.series[number - 1]
    with current_app.uploads.files(upload, owner) as files:
        read_now = read(files, is_kept=True, only=series.files)
    scan, location, model, anyway = read_now
    if listing.n_unplaced:
        scan = replace(scan, notices=(Notice("damaged_files", MAY_BE_MISSING), *scan.notices))
    locate(scan, 0, 0, location[2])  # refuses a slice that there is not
    token = current_app.store.put(scan, owner, address())
    try:
        with suppress(UserError):  # to make room for the scan, the upload may have had to go
            current_app.uploads.add(upload, owner, number, token)
        if read_now.is_whole_scan:
            return searched_page(token, scan)
        roi = locate(scan, *location)
        return new_finding(token, *current_app.answers.new(token, owner, roi, model, anyway))
    except UserError:
        current_app.store.remove(token, owner)
        raise


def removed_page() -> ResponseReturnValue:
    """The way to the first page once a scan or an upload is removed; the browser forgets its slices, too."""
    done = redirect("/?removed=1", 303)
    done.headers["Clear-Site-Data"] = '"cache"'
    return done


def new_finding(token: str, index: int, finding: Finding) -> ResponseReturnValue:
    """The page with a finding that was just made."""
    if is_program():
        query = "?anyway=1" if finding.is_anyway else ""
        return jsonify({"location": f"/scan/{token}/finding/{index}{query}"})
    return finding_page(token, index, finding)


def kept_finding(token: str, index: int, model: str | None = None) -> Finding:
    """A finding of a kept scan, with a model in front: this one, or the one that the request names."""
    if model is None and request.values.get("model"):
        model = asked_model()
    return current_app.answers.again(token, browser(), index, model, asked_anyway(request.values))


def with_map(token: str, index: int, finding: Finding) -> Finding:
    """A finding with its saliency map, where there is one."""
    return current_app.maps.with_map(token, browser(), index, finding)


def _given_mm(scan: Scan) -> float | None:
    return scan.spacing_mm[0] if scan.spacing_source == "given" else None


def same_page(token: str, fields: Mapping[str, str]) -> str:
    """The address of the page that a form about a whole scan stands on: of a finding, or the viewer."""
    shown = {name: value for name in ("slice", "model", *WINDOW) if (value := fields.get(name))}
    index = number(fields, "finding", whole=True)
    page = f"/scan/{token}" if index is None else f"/scan/{token}/finding/{index}"
    return f"{page}?{urlencode(shown)}" if shown else page


def kept_picture(png: bytes) -> Response:
    """A picture of a kept scan, which the browser may keep as long."""
    return kept_part(png, "image/png")


def kept_part(data: bytes, mimetype: str) -> Response:
    """A part of a kept scan, which the browser may keep as long."""
    cache = f"private, max-age={current_app.config['STORE_MINUTES'] * 60}, immutable"
    return Response(data, mimetype=mimetype, headers={"Cache-Control": cache})


def finding_page(
    token: str, index: int, finding: Finding, form: Mapping[str, str] | None = None
) -> ResponseReturnValue:
    """The page with a finding of a kept scan; the form of the calculators as it was sent, if there is one."""
    registry, here = current_app.registry, f"/scan/{token}/finding/{index}"
    case = case_of(finding, registry.evaluation, registry.localiser_report)
    compared = current_app.comparisons.of(token, browser())
    finding = current_app.maps.with_kept(token, browser(), index, finding)
    finding = with_earlier(compared, token, index, finding)
    is_drawn, picture = request.args.get("overlay") != "off", None
    if current_app.maps.can_explain(finding):
        # another spacing makes another map, which the browser must not take for the one it has
        code = language().code  # of the words of an empty one
        asked = {
            "anyway": 1 if finding.is_anyway else None,
            "mm": _given_mm(finding.scan),
            "language": None if code == "en" else code,
        }
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        picture = f"{here}/saliency/{finding.model}.png{query and '?'}{query}"
    context = result_page(finding, registry.evaluation, registry.saliency_report, case, is_drawn, picture)
    remembered = current_app.calculations.remembered(token, browser(), index, finding)
    context["calculators"] = calculators_of(finding, form, request.args.get("calculator"), remembered)
    context |= {"compared": compared_of(compared, token, index), "earlier": earlier_rows(finding.earlier)}
    page = render_template("result.html", here_now=here, address=f"/scan/{token}", **context)
    return page, {"Content-Location": here}


def calculated_page(token: str, index: int, finding: Finding) -> ResponseReturnValue:
    """What the form of the calculators asks for; the page once more where an answer is missing or wrong.

    ``calculator`` asks for a result, ``take`` takes over what was measured, ``take_back`` keeps a result no
    longer; all other presses only remember what was answered. What is wrong is said where it was typed. What
    was answered elsewhere since the page was made stays, and counts.
    """
    form, calculations, owner = changed_in(request.form), current_app.calculations, browser()
    if (key := form.get("take_back", "")) in CALCULATORS:
        calculations.take_back(token, owner, index, key)
        return redirect(_at(token, index, finding, f"calculator-{key}"), 303)
    if (name := form.get("take", "")) in (measured := measured_texts(finding)):
        form[name] = measured[name]
    form, has_result = calculations.keep(token, owner, index, finding, form)
    if form.get("calculator") in CALCULATORS:
        if not has_result:
            return finding_page(token, index, finding, form)
        return redirect(_at(token, index, finding, f"{form['calculator']}-result"), 303)
    if wrong_in(form):
        return finding_page(token, index, finding, form)
    saved = form.get("save", "")
    part = f"asked-{name}" if name in measured else f"asked-once-{saved}" if saved in PARTS else "calculators"
    return redirect(_at(token, index, finding, part), 303)


def _at(token: str, index: int, finding: Finding, fragment: str) -> str:
    """The address of a part of a finding's page."""
    query = f"model={finding.model}{'&anyway=1' if finding.is_anyway else ''}"
    return f"/scan/{token}/finding/{index}?{query}#{fragment}"
