"""The web application: what it is made of, and its routes; what they do is in models/."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from models import __version__
from models.errors import SeveralSeries, UserError
from models.imaging.display import to_png
from models.imaging.phantom import KINDS, SAMPLE, draw_phantom
from models.imaging.planes import Plane, brightest_slice
from models.imaging.scan import locate
from models.inference.classifier import CONSENSUS, ModelRegistry, Progress, log_progress
from models.inference.finding import DISCLAIMER
from models.inference.pipeline import MODEL_KEYS
from models.ingest.asked import Asked
from models.ingest.fields import asked_location, number
from models.ingest.source import Source
from models.ingest.spacing import with_spacing
from models.reports.as_json import finding_as_json
from models.reports.exports import EXPORTS, SHOW_THE_MAP, export
from models.reports.overview import model_rows, models_as_json, models_for_page
from models.reports.result import map_picture
from models.reports.viewport import plane_picture, slice_picture, tile_values
from models.web import comparison_pages, finding_pages
from models.web.access import AccessControl
from models.web.access.access_control import LOG_IN, next_path
from models.web.access.cookies import form_token
from models.web.answers import Answers
from models.web.application import Application
from models.web.calculations import Calculations
from models.web.captions import caption_of
from models.web.comparison_pages import with_earlier
from models.web.comparisons import Comparisons
from models.web.corrections import asked_correction
from models.web.errors import add_errors
from models.web.fields import asked_anyway, asked_slab, chosen_location, refuse_odd_fields, window
from models.web.kept_uploads import KeptUploads
from models.web.language import add_language, language
from models.web.openapi import contract
from models.web.pacs.routes import add_pacs
from models.web.pages import (
    calculated_page,
    chosen_series,
    finding_page,
    kept_finding,
    kept_part,
    kept_picture,
    new_finding,
    open_series,
    removed_page,
    same_page,
    scan_page,
    searched_page,
    series_page,
    several_series,
    with_map,
)
from models.web.predict import answer, asked_model, decode, decoder_of, is_whole_scan, read_upload
from models.web.progress import Searches, reporter
from models.web.queue import Queue
from models.web.routing import Access
from models.web.saliency_maps import SaliencyMaps
from models.web.scan_report import add_report
from models.web.server import serve
from models.web.settings import SETTINGS, read_settings
from models.web.store import ScanStore
from models.web.study import add_study
from models.web.telemetry import Metrics, RequestLog, set_up
from models.web.terminal import is_command, predict_command
from models.web.uploads import bounds_of
from models.web.visitor import address, browser, is_program, visitor

ROOT = Path(__file__).parent


def create_app(config: dict[str, Any] | None = None) -> Application:
    """Build the application, load the models and open the store.

    Parameters
    ----------
    config
        Settings by name (see `SETTINGS`), over those of the environment; ``REGISTRY`` passes a loaded
        `ModelRegistry`, ``PROGRESS`` what is told of the loading of another one.
    """
    app = Application(__name__)
    app.config.update({"PROGRESS": log_progress} | read_settings(SETTINGS, os.environ) | (config or {}))
    app.config.update(bounds_of(app.config))
    weights = ROOT / app.config["WEIGHTS"]
    app.decoder = decoder_of(app.config, weights)
    set_up(app.config["LOG"], app.logger, logging.getLogger("werkzeug"))
    app.metrics = Metrics(MODEL_KEYS)
    app.registry = app.config.get("REGISTRY") or open_registry(weights, app.config["PROGRESS"])
    app.store = ScanStore(*(app.config[f"STORE{name}"] for name in ("", "_MINUTES", "_MB", "_SCANS")))
    app.uploads = KeptUploads(app.store)
    app.access_control = AccessControl(app.config, app.store.revoked)
    app.queue = Queue(app.config["QUEUE"], app.metrics.queue.inc)
    app.answers = Answers(app.store, app.registry, app.queue)
    app.comparisons = Comparisons(app.store, app.answers, app.registry, app.queue)
    app.calculations = Calculations(app.store)
    app.maps = SaliencyMaps(app.store, app.registry, app.queue)
    app.searches = Searches(app.store, lambda: app.registry.finder, app.metrics.searches.track_inprogress)
    add_language(app)
    if not is_command():
        app.metrics.describe(__version__, app.registry, app.config["QUEUE"])
    for add in (
        *(add_log_in, add_pages, add_scan_pages, add_findings, add_series_pages),
        *(add_study, add_comparison, add_report, add_pacs, add_api, add_errors),
    ):
        add(app)
    app.context_processor(
        lambda: {"disclaimer": DISCLAIMER, "version": __version__, "models_list": model_rows(app.registry)}
    )
    app.cli.add_command(predict_command)
    proxies = app.config["PROXIES"]
    wsgi = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)
    app.wsgi_app = RequestLog(wsgi, app.metrics)  # type: ignore[method-assign]  # outermost: it sees who sends
    return app


def open_registry(weights: Path, progress: Progress) -> ModelRegistry:
    """The models: for a server all of them, loaded; for a command what it will need, when it does."""
    if is_command():
        return ModelRegistry(weights, at_once=False)
    registry = ModelRegistry(weights, progress=progress)
    registry.prepare_rest()
    return registry


def add_log_in(app: Application) -> None:
    """Log-in and log-out, where there is a password."""
    app.template_global("form_token")(lambda: form_token(browser(new=True)))
    app.template_global("is_logged_in")(lambda: app.access_control.is_in(request))
    if not app.config["PASSWORD"]:
        return

    @app.route(LOG_IN, methods=["GET", "POST"], access=Access.LOG_IN, queued=False)
    def log_in() -> ResponseReturnValue:
        if request.method == "GET":
            return render_template("login.html", goes_on="/")
        done = redirect(next_path(request), 303)
        for made in app.access_control.enter(request):
            done.set_cookie(**made)
        return done

    @app.post("/logout", queued=False)
    def log_out() -> ResponseReturnValue:
        done = redirect("/", 303)
        done.headers["Clear-Site-Data"] = '"cache"'
        for gone in app.access_control.leave(request):
            done.set_cookie(**gone)
        return done


def add_pages(app: Application) -> None:
    """The pages for people."""
    app.static_folder = "static"
    app.add_url_rule(
        "/static/<path:filename>", "static", app.send_static_file, access=Access.PUBLIC, personal=False
    )

    @app.get("/", personal=False)
    def index() -> ResponseReturnValue:
        browser(new=True)
        return render_template("index.html", removed="removed" in request.args)

    @app.post("/predict", uploads=True)
    def predict() -> ResponseReturnValue:
        owner = browser(new=True)
        try:
            upload = read_upload(reporter(app.store, request.form.get("job"), owner), is_kept=True)
        except SeveralSeries as several:
            return several_series(several, owner)
        scan, location, model, anyway = upload
        if upload.is_whole_scan:
            locate(scan, 0, 0, location[2])  # refuses a slice that there is not
            return searched_page(app.store.put(scan, owner, address()), scan)
        return new_finding(*app.answers.first(scan, owner, locate(scan, *location), model, address(), anyway))

    @app.post("/sample")
    def sample() -> ResponseReturnValue:
        owner = browser(new=True)
        if (kind := request.form.get("kind")) not in KINDS:
            raise UserError("no_file", "There is no such sample.")
        files = [Source.of_bytes("phantom.png", to_png(draw_phantom(kind)))]
        scan = decode(files, Asked(spacing_mm=0.7), visitor=visitor())
        drawn = replace(scan, notices=(SAMPLE, *scan.notices), spacing_source="file")
        return new_finding(*app.answers.first(drawn, owner, locate(scan), CONSENSUS, address()))

    @app.get("/models", personal=False)
    def models() -> ResponseReturnValue:
        return render_template("models.html", **models_for_page(app.registry))

    @app.get("/progress/<job>")
    def progress(job: str) -> ResponseReturnValue:
        return jsonify(app.store.reported(job, browser(), {}))


def add_scan_pages(app: Application) -> None:
    """The pages about one kept scan, for the browser that uploaded it; for all others there is none."""

    @app.get("/scan/<token>")
    def viewer(token: str) -> ResponseReturnValue:
        return scan_page(token)

    @app.get("/scan/<token>/slice/<int:index>.png")
    def picture(token: str, index: int) -> ResponseReturnValue:
        scan, slab = app.store.get(token, browser()), asked_slab(request.args)
        return kept_picture(slice_picture(scan, locate(scan, 0, 0, index).slice, *window(request.args), slab))

    @app.get("/scan/<token>/slice/<int:index>/values/<int:top>/<int:left>")
    def values(token: str, index: int, top: int, left: int) -> ResponseReturnValue:
        """What the pixels of a part of a slice stand for: HU, or a picture's grey values."""
        scan, slab = app.store.get(token, browser()), asked_slab(request.args)
        if top >= scan.rows or left >= scan.cols:
            raise NotFound()
        part = tile_values(scan, locate(scan, 0, 0, index).slice, top, left, slab)
        return kept_part(part, "application/octet-stream")

    @app.get("/scan/<token>/slice/<int:index>/brightest")
    def brightest(token: str, index: int) -> ResponseReturnValue:
        """The slice of a slab from which its brightest value at a location comes."""
        scan, slab = app.store.get(token, browser()), asked_slab(request.args)
        roi = locate(scan, *asked_location(request.args)[:2], index)
        return jsonify({"slice": brightest_slice(scan, roi.slice, slab, roi.row, roi.col) if slab else index})

    @app.get("/scan/<token>/<any(coronal, sagittal):plane>/<int:index>.png")
    def plane(token: str, plane: Plane, index: int) -> ResponseReturnValue:
        scan, slab = app.store.get(token, browser()), asked_slab(request.args)
        return kept_picture(plane_picture(scan, plane, index, *window(request.args), slab))

    @app.post("/scan/<token>/spacing")
    def spacing(token: str) -> ResponseReturnValue:
        """A person says how large a pixel is; what was found is read anew."""
        scan, mm = app.store.get(token, browser()), number(request.form, "spacing_mm")
        if mm is None:
            raise UserError("bad_number", "Enter the pixel spacing in mm.")
        changed = with_spacing(scan, mm)
        app.searches.cancel(token, browser())
        app.comparisons.change(token, browser(), changed)
        app.searches.start(token, browser())
        return redirect(same_page(token, request.form), 303)

    @app.post("/scan/<token>/go-on")
    def go_on(token: str) -> ResponseReturnValue:
        """A scan that was refused for what it shows is read all the same."""
        scan, location = app.store.get(token, browser()), asked_location(request.form)
        model = asked_model()
        if is_whole_scan(scan, location):
            return searched_page(token, scan)
        return new_finding(token, *app.answers.new(token, browser(), locate(scan, *location), model))

    @app.post("/scan/<token>/findings")
    def find(token: str) -> ResponseReturnValue:
        scan, model, anyway = app.store.get(token, browser()), asked_model(), asked_anyway(request.form)
        candidates = app.searches.state(token, browser()).candidates
        roi = chosen_location(request.form, scan, candidates)
        return new_finding(token, *app.answers.new(token, browser(), roi, model, anyway))

    @app.get("/scan/<token>/finding/<int:index>")
    def finding(token: str, index: int) -> ResponseReturnValue:
        return finding_page(token, index, kept_finding(token, index))

    @app.post("/scan/<token>/finding/<int:index>", queued=False)
    def calculate(token: str, index: int) -> ResponseReturnValue:
        """A calculator's answer, or what is remembered for it."""
        return calculated_page(token, index, kept_finding(token, index))

    @app.post("/scan/<token>/finding/<int:index>/outline", queued=False)
    def correct(token: str, index: int) -> ResponseReturnValue:
        """The outline as a reader corrects it, or as it was drawn again."""
        finding = kept_finding(token, index)
        correction = asked_correction(request.form, finding.scan, finding.reading)
        app.answers.correct(token, browser(), index, correction)
        query = f"model={finding.model}{'&anyway=1' if finding.is_anyway else ''}"
        return redirect(f"/scan/{token}/finding/{index}?{query}#outline", 303)

    @app.get("/scan/<token>/finding/<int:index>/saliency/<model>.png")
    def saliency(token: str, index: int, model: str) -> ResponseReturnValue:
        """The map of one model's answer, computed when it is first asked for."""
        finding = with_map(token, index, kept_finding(token, index, model))
        if finding.saliency is None:
            raise NotFound()
        return kept_picture(map_picture(finding, render_template("empty_map.txt", finding=finding)))

    @app.get("/scan/<token>/finding/<int:index>/download/<name>")
    def download(token: str, index: int, name: str) -> ResponseReturnValue:
        if name not in EXPORTS:
            raise NotFound()
        compared = app.comparisons.of(token, browser())
        finding = with_earlier(compared, token, index, kept_finding(token, index))
        if name in SHOW_THE_MAP:
            finding = with_map(token, index, finding)
        data, media_type = export(name, finding, app.registry, caption_of(finding), language())
        saved = {"Content-Disposition": f'attachment; filename="finding-{index + 1}-{name}"'}
        return Response(data, mimetype=media_type, headers=saved)

    @app.post("/scan/<token>/remove", queued=False)
    def remove(token: str) -> ResponseReturnValue:
        app.uploads.remove_scan(token, browser())
        return removed_page()

    @app.get("/scan/<token>/search")
    def search(token: str) -> ResponseReturnValue:
        return jsonify(app.searches.state(token, browser()))

    @app.post("/scan/<token>/search", queued=False, defaults={"act": app.searches.start})
    @app.post("/scan/<token>/search/cancel", queued=False, defaults={"act": app.searches.cancel})
    def steer_search(token: str, act: Callable[[str, str], object]) -> ResponseReturnValue:
        act(token, browser())
        return search(token) if is_program() else redirect(f"/scan/{token}", 303)


def add_findings(app: Application) -> None:
    """What a reader does to the findings of a scan, on the table of them that its page shows."""

    @app.post("/scan/<token>/finding/<int:index>/name", queued=False)
    def rename(token: str, index: int) -> ResponseReturnValue:
        return finding_pages.rename(token, index)

    @app.post("/scan/<token>/finding/<int:index>/leading", queued=False)
    def lead(token: str, index: int) -> ResponseReturnValue:
        return finding_pages.lead(token, index)

    @app.post("/scan/<token>/finding/<int:index>/delete", queued=False)
    def delete(token: str, index: int) -> ResponseReturnValue:
        return finding_pages.delete(token, index)

    @app.post("/scan/<token>/finding/<int:index>/restore", queued=False)
    def restore(token: str, index: int) -> ResponseReturnValue:
        return finding_pages.restore(token, index)


def add_series_pages(app: Application) -> None:
    """An upload of several series, for the browser that sent it: the list, and the choice of one."""

    @app.get("/series/<upload>")
    def series(upload: str) -> ResponseReturnValue:
        return series_page(upload)

    @app.post("/series/<upload>")
    def choose(upload: str) -> ResponseReturnValue:
        number = chosen_series(app.uploads.listing(upload, browser()))
        if token := app.uploads.read(upload, browser()).get(number):
            return redirect(f"/scan/{token}", 303)
        return open_series(upload, number)

    @app.post("/series/<upload>/remove", queued=False)
    def remove_upload(upload: str) -> ResponseReturnValue:
        app.uploads.remove(upload, browser())
        return removed_page()


def add_comparison(app: Application) -> None:
    """The pages about two kept scans of a patient, at the address of the one that the other was added to."""

    @app.post("/scan/<token>/comparison", uploads=True)
    def add_compared(token: str) -> ResponseReturnValue:
        return comparison_pages.add_scan(token)

    @app.get("/scan/<token>/comparison")
    def comparison(token: str) -> ResponseReturnValue:
        return comparison_pages.page(token)

    @app.get("/scan/<token>/comparison.json")
    def comparison_json(token: str) -> ResponseReturnValue:
        return comparison_pages.as_json(token)

    @app.get("/scan/<token>/comparison.txt")
    def comparison_text(token: str) -> ResponseReturnValue:
        return comparison_pages.as_text(token)

    @app.post("/scan/<token>/comparison/pairs")
    def pair_up(token: str) -> ResponseReturnValue:
        return comparison_pages.pair_up(token)

    @app.post("/scan/<token>/comparison/undo", queued=False)
    def undo_pair(token: str) -> ResponseReturnValue:
        return comparison_pages.undo(token)

    @app.post("/scan/<token>/comparison/interval", queued=False)
    def set_interval(token: str) -> ResponseReturnValue:
        return comparison_pages.set_interval(token)

    @app.post("/scan/<token>/comparison/end", queued=False)
    def end_comparison(token: str) -> ResponseReturnValue:
        return comparison_pages.end(token)


def add_api(app: Application) -> None:
    """The JSON twin for programs."""
    app.add_url_rule("/api/v1/openapi.json", view_func=lambda: jsonify(contract(app.config)))

    @app.post("/api/v1/predict", uploads=True)
    def api_predict() -> ResponseReturnValue:
        refuse_odd_fields(request.args, request.form, request.files)
        return jsonify(finding_as_json(answer(read_upload())))

    @app.get("/api/v1/models")
    def api_models() -> ResponseReturnValue:
        return jsonify(models_as_json(app.registry))

    @app.get("/healthz", access=Access.PROBE, personal=False)
    def healthz() -> ResponseReturnValue:
        problem = app.decoder.problem()
        needed = {key: str(why) for key, why in app.registry.problems.items()}
        needed |= {"decoder": problem} if problem else {}
        body = {"status": "unavailable" if needed else "ok", "unavailable": needed | app.registry.lost}
        return jsonify(body), 503 if needed else 200

    @app.get("/metrics", personal=False)
    def metrics() -> ResponseReturnValue:
        return Response(app.metrics.text(), content_type=app.metrics.content_type)


if __name__ == "__main__":
    serve(create_app)
