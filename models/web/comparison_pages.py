"""The pages on two scans side by side: adding one, pairing nodules, the interval, and what can be saved."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from models.errors import SeveralSeries, UserError
from models.imaging.scan import Notice, Scan, locate
from models.inference.comparison.comparison import OTHER, Comparison, Pair, Which
from models.inference.finding import Earlier, Finding
from models.ingest.fields import number
from models.ingest.series.listing import Listing
from models.messages import Message
from models.reports.comparison.as_json import comparison_as_json
from models.reports.comparison.as_page import CompareView, Sought, comparison_page, first_view
from models.reports.comparison.as_text import comparison_as_text
from models.reports.comparison.growth import PairedFindings, growth_of, paired
from models.web.application import current_app
from models.web.fields import chosen_location, window
from models.web.finding_list import FindingGone
from models.web.language import language
from models.web.predict import Progress, asked_model, read, read_upload, sent_files
from models.web.progress import reporter
from models.web.visitor import address, browser, is_program

ADDED = {"earlier": True, "later": False}


def add_scan(token: str) -> ResponseReturnValue:
    """Read the upload of the request as another scan of the same patient, put beside a kept one."""
    if (added := request.form.get("added", "earlier")) not in ADDED:
        raise UserError(
            "bad_field", "Choose whether the scan you are adding is the earlier or the later one."
        )
    current_app.store.get(token, browser())  # or it is gone before anything is read
    progress = reporter(current_app.store, request.form.get("job"), browser())
    try:
        scan = read_upload(progress, is_kept=True).scan
    except SeveralSeries as several:
        if several.listing.n_patients > 1:
            raise
        scan = _proposed_of(several.listing, progress)
    current_app.comparisons.add(token, browser(), scan, ADDED[added], address())
    return to_comparison(token)


def _proposed_of(listing: Listing, progress: Progress) -> Scan:
    """Of an upload of several series the one that serves best, with a word on that."""
    series = listing.series[listing.proposed - 1]
    scan = read(sent_files(), progress=progress, is_kept=True, only=series.files).scan
    if series.description:
        message = Message(
            "The upload contains {n} series; the most suitable, with {slices} slices ({name}), was read. To "
            "use another one, send it by itself.",
            n=len(listing.series),
            slices=series.slices,
            name=series.description,
        )
    else:
        message = Message(
            "The upload contains {n} series; the most suitable, with {slices} slices, was read. To use "
            "another one, send it by itself.",
            n=len(listing.series),
            slices=series.slices,
        )
    return replace(scan, notices=(Notice("series_chosen", message), *scan.notices))


def to_comparison(token: str, **query: object) -> ResponseReturnValue:
    """On to the page of the comparison; a script is told its address."""
    here = f"/scan/{token}/comparison" + (f"?{urlencode(query)}" if query else "")
    return jsonify({"location": here}) if is_program() else redirect(here, 303)


def page(token: str) -> ResponseReturnValue:
    """The page of a comparison; from the other scan's address one is sent on to it."""
    found = current_app.comparisons.of(token, browser())
    if found is None:
        return redirect(f"/scan/{token}#before-and-now", 303)
    if found.token != token:
        return redirect(f"/scan/{found.token}/comparison?{urlencode(request.args)}", 303)
    return page_of(found, request.args)


def page_of(found: Comparison, fields: Mapping[str, str], error: Mapping[str, str] | None = None) -> str:
    """The page of a comparison, and what was wrong in a request on it."""
    model = asked_model() if error is None else None
    pairs = pairs_of(found, model)
    view = asked_view(fields, found, pairs)
    context = comparison_page(found, pairs, view)
    return render_template("comparison.html", error=error, model=model, **context)


def page_with_error(token: str, error: Mapping[str, str]) -> str | None:
    """The page of a comparison as it was before a mistake; None where there is no comparison."""
    found = current_app.comparisons.of(token, browser())
    return None if found is None else page_of(found, {}, error)


def pairs_of(found: Comparison, model: str | None = None) -> list[PairedFindings]:
    """The pairs with their findings and growth; one whose finding cannot be read anew now is left out."""
    report, pairs = current_app.registry.localiser_report, []
    for i, pair in enumerate(found.link.pairs, start=1):
        with suppress(FindingGone):
            findings = current_app.comparisons.findings(found, browser(), pair, model)
            pairs.append(paired(i, pair, findings, found.link.days, report))
    return pairs


def compared_of(found: Comparison | None, token: str, index: int | None = None) -> dict[str, Any] | None:
    """What a page of a scan, or of one of its findings, says of a comparison; None where there is none.

    Parameters
    ----------
    found : Comparison or None
        The one that the scan is part of.
    token : str
        Of the scan.
    index : int, optional
        Of the finding.

    Returns
    -------
    dict or None
        ``which`` of the two the scan is, ``index`` of the finding, the ``number`` of its pair or None, and
        whether the scans are aligned (``is_aligned``).
    """
    if found is None:
        return None
    which: Which = "now" if found.now.token == token else "before"
    pair = None if index is None else found.pair_of(which, index)
    number_of_pair = None if pair is None else found.link.pairs.index(pair) + 1
    aligned = found.link.alignment is not None
    return {"which": which, "index": index, "number": number_of_pair, "is_aligned": aligned}


def with_earlier(found: Comparison | None, token: str, index: int, finding: Finding) -> Finding:
    """A finding of a later scan with what the nodule was on the earlier one, where that was looked for.

    `found` is the comparison that the scan of this token is part of.
    """
    pair = found.pair_of("now", index) if found and found.now.token == token else None
    if found is None or pair is None:
        return finding
    try:
        return replace(finding, earlier=_earlier(found, pair, finding))
    except FindingGone:  # the earlier one was deleted meanwhile, and the pair is left out
        return finding


def each_with_earlier(token: str, findings: Sequence[tuple[int, Finding]]) -> list[tuple[int, Finding]]:
    """Findings of one scan, with their indices, as `with_earlier` gives one."""
    found = current_app.comparisons.of(token, browser())
    return [(index, with_earlier(found, token, index, finding)) for index, finding in findings]


def _earlier(found: Comparison, pair: Pair, finding: Finding) -> Earlier:
    typed = found.link.are_days_typed
    if pair.before is None:
        return Earlier(None, typed)
    before = current_app.answers.again(found.before.token, browser(), pair.before, finding.model)
    growth = growth_of(before, finding, found.link.days, current_app.registry.localiser_report)
    references = found.before.scan.references
    reference = references[before.reading.roi.slice] if references else None
    return Earlier(growth, typed, before.verdict, before.probability, reference)


def as_json(token: str) -> ResponseReturnValue:
    """The comparison for programs."""
    found = current_app.comparisons.needed(token, browser())
    return jsonify(comparison_as_json(found, pairs_of(found, _front()), current_app.registry.checksum))


def as_text(token: str) -> ResponseReturnValue:
    """The comparison as lines, to be pasted into a report."""
    found = current_app.comparisons.needed(token, browser())
    text = comparison_as_text(found, pairs_of(found, _front()), language())
    return Response(text, mimetype="text/plain")


def pair_up(token: str) -> ResponseReturnValue:
    """Look for a finding's nodule in the other scan, or take the location that was clicked there."""
    found = current_app.comparisons.needed(token, browser())
    sought = asked_sought(request.form)
    if sought is None:
        raise UserError("bad_field", "Choose the nodule to look for.")
    if _is_located(request.form):
        other = found.side(OTHER[sought.which])
        roi = chosen_location(request.form, other.scan, ())
        current_app.comparisons.choose(token, browser(), sought.which, sought.finding, roi)
    else:
        current_app.comparisons.find(token, browser(), sought.which, sought.finding)
    return to_comparison(found.token)


def undo(token: str) -> ResponseReturnValue:
    """Forget a pair."""
    before, now = (number(request.form, name, whole=True) for name in ("before", "now"))
    current_app.comparisons.undo(token, browser(), before, now)
    return to_comparison(token)


def set_interval(token: str) -> ResponseReturnValue:
    """Keep the days that were typed, or those between two dates, which are not kept."""
    current_app.comparisons.needed(token, browser())
    current_app.comparisons.set_days(token, browser(), asked_days(request.form))
    return to_comparison(token)


def end(token: str) -> ResponseReturnValue:
    """Remove the scan that was added."""
    kept = current_app.comparisons.end(token, browser())
    done = redirect(f"/scan/{kept}", 303)
    done.headers["Clear-Site-Data"] = '"cache"'
    return done


def asked_days(fields: Mapping[str, str]) -> int:
    """Days as typed, or between two typed dates; UserError ``bad_number`` for neither or for no dates."""
    if (days := number(fields, "days", whole=True)) is not None:
        return days
    try:
        first, second = (date.fromisoformat(fields.get(f"{name}_date", "")) for name in ("before", "now"))
    except ValueError:
        raise UserError(
            "bad_number",
            "Enter the days between the two scans as a whole number, or both dates as 2024-01-31.",
        ) from None
    return (second - first).days


def asked_sought(fields: Mapping[str, str]) -> Sought | None:
    """The nodule that is looked for, as ``before-0`` or ``now-2``; UserError ``bad_field``."""
    text = fields.get("seek", "")
    if not text:
        return None
    which, _, index = text.partition("-")
    if which not in OTHER or not index.isdecimal() or len(index) > 6:
        raise UserError("bad_field", "The nodule to look for is not known.")
    return Sought(which, int(index))


def asked_view(fields: Mapping[str, str], found: Comparison, pairs: list[PairedFindings]) -> CompareView:
    """The view that an address asks for; UserError ``bad_number``, ``bad_field`` or ``roi_outside``."""
    view = first_view(found, pairs)
    slices = {
        name: locate(found.side(name).scan, 0, 0, index).slice
        for name in OTHER
        if (index := number(fields, name, whole=True)) is not None
    }
    level, width = window(fields)
    if width is None or not found.now.scan.is_hu:
        level, width = view.level, view.width
    return CompareView(
        slices.get("before", view.before), slices.get("now", view.now), level, width, asked_sought(fields)
    )


def _is_located(fields: Mapping[str, str]) -> bool:
    return "click.x" in fields or bool(fields.get("row"))


def _front() -> str | None:
    return asked_model() if request.values.get("model") else None
