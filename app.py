"""The web application: settings, routes, errors, headers and commands; all else is in models/."""

import logging
import os
import re
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from flask import Flask, Request, Response, current_app, g, jsonify, redirect, render_template, request
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import WSGIRequestHandler

from models import __version__
from models.errors import STATUS, ContentDoubted, UserError
from models.imaging.display import to_png
from models.imaging.phantom import KINDS, SAMPLE, draw_phantom
from models.imaging.scan import locate
from models.inference.classifier import CONSENSUS, ModelRegistry
from models.inference.detection.search import find_location
from models.inference.finding import DISCLAIMER
from models.inference.pipeline import MODEL_KEYS, check_model
from models.inference.runtime.serving import settle, tune_for_serving
from models.ingest.fields import asked_location, number
from models.ingest.source import Source
from models.reports.as_json import finding_as_json
from models.reports.as_page import viewer_page
from models.reports.calculators import calculators_of
from models.reports.case_context import case_of
from models.reports.exports import EXPORTS, export
from models.reports.openapi import contract
from models.reports.overview import model_rows, models_as_json, models_for_page
from models.reports.result import result_page
from models.reports.viewport import slice_picture
from models.web.access import AccessControl, AccessDenied, refuse_open_door
from models.web.access.access_control import LOG_IN, goes_on
from models.web.access.cookies import BROWSER as COOKIE
from models.web.access.cookies import cookie, cookie_of, form_token
from models.web.access.network import network_of, visitor_of
from models.web.access.request_timeouts import TOO_SLOW, OpenConnections, WithDeadlines
from models.web.answers import Answers
from models.web.fields import asked_anyway, asked_view, chosen_location, refuse_odd_fields, window
from models.web.progress import Searches, reporter
from models.web.queue import Queue
from models.web.settings import SETTINGS, read_settings
from models.web.store import ScanStore, new_token
from models.web.telemetry import Metrics, RequestLog, note, request_id, set_up, stage
from models.web.terminal import predict_command
from models.web.uploads import bounds_of, decoder_of, too_large, upload_request

ROOT = Path(__file__).parent
OWNER = re.compile(r"[\w-]{43}", re.ASCII)
UPLOADS = ("predict", "api_predict")  # endpoints to which files are sent
READINGS = ("predict", "api_predict", "sample", "find", "go_on")  # endpoints that read images
FEW_SLICES, PATIENCE_S = 3, 3  # the answer to an upload of so few slices waits so long for the search


def create_app(config=None):
    """Build the application, load the models and open the store.

    Parameters
    ----------
    config : dict, optional
        Settings by name (see `SETTINGS`), over those of the environment; ``REGISTRY`` passes a loaded
        `ModelRegistry`.
    """
    app = Flask(__name__)
    app.json.sort_keys = False  # answers keep the order of the contract
    app.url_map.merge_slashes = False  # //x would be sent on to whatever host the request names
    app.config.update(read_settings(SETTINGS, os.environ) | (config or {}))
    app.config.update(bounds_of(app.config))
    app.request_class = upload_request(Request, app.config)
    weights = ROOT / app.config["WEIGHTS"]
    app.decoder = decoder_of(app.config, weights)
    set_up(app.config["LOG"], app.logger, logging.getLogger("werkzeug"))
    app.metrics = Metrics(MODEL_KEYS)
    app.registry = app.config.get("REGISTRY") or ModelRegistry(weights)
    app.store = ScanStore(*(app.config[f"STORE{name}"] for name in ("", "_MINUTES", "_MB", "_SCANS")))
    app.queue = Queue(app.config["QUEUE"], app.metrics.queue.inc)
    app.answers = Answers(app.store, app.registry, app.queue)
    app.searches = Searches(app.store, app.registry.localiser, app.metrics.searches.track_inprogress)
    app.metrics.describe(__version__, app.registry, app.config["QUEUE"])
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=app.config["PROXIES"], x_proto=app.config["PROXIES"])
    for add in (add_door, add_pages, add_scan_pages, add_api, add_errors):
        add(app)
    app.before_request(queue_up)
    app.teardown_request(leave_queue)
    app.after_request(add_headers)
    app.context_processor(
        lambda: {"disclaimer": DISCLAIMER, "version": __version__, "models_list": model_rows(app.registry)}
    )
    app.cli.command("predict")(predict_command(decode, answer))
    app.wsgi_app = RequestLog(app.wsgi_app, app.metrics)  # outermost: it sees who really sends
    return app


def add_door(app):
    """Who is let in, log-in and log-out."""
    app.door = AccessControl(app.config, app.store.ended)
    app.template_global("form_token")(lambda: form_token(browser(new=True)))
    app.template_global("is_logged_in")(lambda: app.door.is_in(request))

    app.before_request(bound_body)
    app.before_request(lambda: app.door.check(request))
    if not app.config["PASSWORD"]:
        return

    @app.route(LOG_IN, methods=["GET", "POST"])
    def log_in():
        if request.method == "GET":
            return render_template("login.html", goes_on="/")
        done = redirect(goes_on(request), 303)
        for made in app.door.enter(request):
            done.set_cookie(**made)
        return done

    @app.post("/logout")
    def log_out():
        done = redirect("/", 303)
        done.headers["Clear-Site-Data"] = '"cache"'
        for gone in app.door.leave(request):
            done.set_cookie(**gone)
        return done


def add_pages(app):
    """The pages for people."""

    @app.get("/")
    def index():
        browser(new=True)
        return render_template("index.html", removed="removed" in request.args)

    @app.post("/predict")
    def predict():
        me = browser(new=True)
        report = reporter(app.store, request.form.get("job"), me)
        scan, spot, model, anyway = read_request(report, keep_doubted=True)
        whole = spot[:2] == (None, None) and not scan.is_crop
        roi = locate(scan, 0, 0, spot[2]) if whole else locate(scan, *spot)
        if not whole:
            return new_finding(*app.answers.first(scan, me, roi, model, address(), anyway))
        token = app.store.put(scan, me, address())
        return searched_page(token, scan)

    @app.post("/sample")
    def sample():
        me = browser(new=True)
        if (kind := request.form.get("kind")) not in KINDS:
            raise UserError("no_file", "There is no such sample.")
        files = [Source.of_bytes("phantom.png", to_png(draw_phantom(kind)))]
        scan = decode(files, spacing_mm=0.7, visitor=visitor())
        drawn = replace(scan, notices=(SAMPLE, *scan.notices))
        return new_finding(*app.answers.first(drawn, me, locate(scan), CONSENSUS, address()))

    @app.get("/models")
    def models():
        return render_template("models.html", **models_for_page(app.registry))

    @app.get("/progress/<job>")
    def progress(job):
        return jsonify(app.store.reported(job, browser(), {}))


def add_scan_pages(app):
    """The pages about one kept scan, for the browser that uploaded it; for all others there is none."""

    @app.get("/scan/<token>")
    def viewer(token):
        return scan_page(token)

    @app.get("/scan/<token>/slice/<int:index>.png")
    def picture(token, index):
        scan = app.store.get(token, browser())
        png = slice_picture(scan, locate(scan, 0, 0, index).slice, *window(request.args))
        cache = f"private, max-age={app.config['STORE_MINUTES'] * 60}, immutable"
        return Response(png, mimetype="image/png", headers={"Cache-Control": cache})

    @app.post("/scan/<token>/go-on")
    def go_on(token):
        """A scan that was refused for what it shows is read all the same."""
        scan, spot, model = app.store.get(token, browser()), asked_location(request.form), asked_model()
        if spot[:2] == (None, None) and not scan.is_crop:
            return searched_page(token, scan)
        return new_finding(token, *app.answers.new(token, browser(), locate(scan, *spot), model))

    @app.post("/scan/<token>/findings")
    def find(token):
        scan, model, anyway = app.store.get(token, browser()), asked_model(), asked_anyway(request.form)
        candidates = app.searches.state(token, browser())["candidates"]
        roi = chosen_location(request.form, scan, candidates)
        return new_finding(token, *app.answers.new(token, browser(), roi, model, anyway))

    @app.route("/scan/<token>/finding/<int:index>", methods=["GET", "POST"])
    def finding(token, index):
        return finding_page(token, index, kept_finding(token, index))

    @app.get("/scan/<token>/finding/<int:index>/download/<name>")
    def download(token, index, name):
        if name not in EXPORTS:
            raise NotFound()
        finding = kept_finding(token, index)
        data, media_type = export(
            name, finding, app.registry, render_template("caption.txt", finding=finding)
        )
        saved = {"Content-Disposition": f'attachment; filename="finding-{index + 1}-{name}"'}
        return Response(data, mimetype=media_type, headers=saved)

    @app.post("/scan/<token>/remove")
    def remove(token):
        app.store.remove(token, browser())
        done = redirect("/?removed=1", 303)
        done.headers["Clear-Site-Data"] = '"cache"'  # the browser forgets the slices, too
        return done

    @app.get("/scan/<token>/search")
    def search(token):
        return jsonify(app.searches.state(token, browser()))

    @app.post("/scan/<token>/search", defaults={"act": app.searches.start})
    @app.post("/scan/<token>/search/cancel", defaults={"act": app.searches.cancel})
    def steer_search(token, act):
        act(token, browser())
        return search(token) if is_program() else redirect(f"/scan/{token}", 303)


def add_api(app):
    """The JSON twin for programs."""
    app.add_url_rule("/api/v1/openapi.json", view_func=lambda: jsonify(contract(app.config)))

    @app.post("/api/v1/predict")
    def api_predict():
        refuse_odd_fields(request.args, request.form, request.files)
        return jsonify(finding_as_json(answer(*read_request())))

    @app.get("/api/v1/models")
    def api_models():
        return jsonify(models_as_json(app.registry))

    @app.get("/healthz")
    def healthz():
        problem = app.decoder.problem()
        needed = app.registry.problems | ({"decoder": problem} if problem else {})
        body = {"status": "unavailable" if needed else "ok", "unavailable": needed | app.registry.lost}
        return jsonify(body), 503 if needed else 200

    @app.get("/metrics")
    def metrics():
        return Response(app.metrics.text(), content_type=app.metrics.content_type)


def browser(new=False):
    """The browser that asks, by its cookie; where it has none, a new one goes with the answer."""
    me = g.get("new_browser") or cookie_of(request, COOKIE)
    if new and not OWNER.fullmatch(me):
        me = g.new_browser = new_token()
    return me


def visitor():
    """By what the visitor has its shares of queue and decoders."""
    return visitor_of(request, browser())


def address():
    """The visitor's address, as far as it has a share of the store."""
    return network_of(request.remote_addr or "")


def read_request(report=None, keep_doubted=False):
    """Of an upload: the scan, the place (row, col, slice; None where not given), the model and `anyway`."""
    model, spacing, spot = asked_model(), number(request.form, "spacing_mm"), asked_location(request.form)
    anyway = asked_anyway(request.form)
    return decode(uploaded_files(), spacing, report, visitor(), keep_doubted), spot, model, anyway


def uploaded_files():
    """The uploaded files, each to be opened when its turn comes."""
    files = [file for file in request.files.getlist("image") if file.filename]
    return [Source.of_stream(file.filename, file.stream) for file in files]


def decode(files, spacing_mm, report=None, visitor=(), keep_doubted=False):
    """The scan in the files, decoded in a process of its own."""
    with stage("decode"):
        return current_app.decoder.read(files, spacing_mm, report, visitor, keep_doubted)


def asked_model():
    """The model of the request, if it exists and can answer."""
    model = request.values.get("model") or CONSENSUS
    note(model=model)
    check_model(model, current_app.registry)
    return model


def answer(scan, place, model, anyway=False):
    """The finding at a place (row, col, slice) of a scan that is not kept."""
    roi = find_location(scan, current_app.registry.localiser, *place)
    return current_app.answers.once(scan, roi, model, anyway)


def searched_page(token, scan):
    """The viewer of a scan whose search for nodules begins; of a small one when it has ended."""
    search = current_app.searches.start(token, browser())
    if search and len(scan.slices) <= FEW_SLICES:
        search.join(PATIENCE_S)
    return scan_page(token)


def scan_page(token, error=None):
    """The viewer of a kept scan; its address for a script that uploaded it."""
    store, search = current_app.store, current_app.searches.state(token, browser())
    scan, found = store.get(token, browser()), current_app.answers.listed(token, browser())
    address = f"/scan/{token}"
    fields = {} if error else request.values
    if is_program():
        asked = urlencode({name: fields[name] for name in ("slice", "model") if fields.get(name)})
        return jsonify({"location": f"{address}?{asked}"})
    view = asked_view(fields, scan, search["candidates"], CONSENSUS if error else asked_model())
    context = viewer_page(scan, view, address, found, search)
    return render_template("viewer.html", error=error, **context), {"Content-Location": address}


def new_finding(token, index, finding):
    """The page with a finding that was just made; its address for a script."""
    if is_program():
        query = "?anyway=1" if finding.is_anyway else ""
        return jsonify({"location": f"/scan/{token}/finding/{index}{query}"})
    return finding_page(token, index, finding)


def kept_finding(token, index):
    """A finding of a kept scan, with the model in front that the request names."""
    model, anyway = request.values.get("model"), asked_anyway(request.values)
    try:
        return current_app.answers.again(token, browser(), index, model and asked_model(), anyway)
    except IndexError:
        raise NotFound() from None


def finding_page(token, index, finding):
    """The page with a finding of a kept scan; a form of a calculator is filled in, and not kept."""
    registry, here = current_app.registry, f"/scan/{token}/finding/{index}"
    case = case_of(finding, registry.evaluation, registry.localiser_report)
    is_drawn = request.args.get("overlay") != "off"
    context = result_page(finding, registry.evaluation, registry.saliency_report, case, is_drawn)
    context["calculators"] = calculators_of(finding, request.form, request.args.get("calculator"))
    page = render_template("result.html", here_now=here, address=f"/scan/{token}", **context)
    return page, {"Content-Location": here}


def add_errors(app):
    """One sentence a mistake: the page and the JSON twin say the same."""

    app.register_error_handler(UserError, error_answer)
    app.register_error_handler(ContentDoubted, doubted_answer)

    @app.errorhandler(RequestEntityTooLarge)
    def request_too_large(_):
        return error_answer(too_large(request, app.config))

    @app.errorhandler(HTTPException)
    def http_error(error):
        if isinstance(error.__context__, TimeoutError):
            return error_answer(TOO_SLOW)
        body = {"code": error.name.lower().replace(" ", "_"), "message": error.description}
        if error.code >= 500:
            body["request_id"] = request_id()
        if is_program():
            return jsonify({"error": body}), error.code
        return render_template("error.html", **body, status=error.code), error.code


def doubted_answer(error):
    """The refusal of what looks like no CT of the chest; a browser may go on with it."""
    kept = ""
    if error.scan is not None and request.endpoint == "predict":
        with suppress(UserError):  # where it cannot be kept, it has to be sent again
            kept = f"/scan/{current_app.store.put(error.scan, browser(), address())}"
    return error_answer(error, kept)


def error_answer(error, kept=""):
    """JSON for programs; for people the page again, with the sentence above it.

    `kept` is the address of a scan that is there to go on with.
    """
    note(code=error.code)
    headers = {"Retry-After": "5"} if error.code == "busy" else getattr(error, "headers", {})
    body, token = {"code": error.code, "message": error.message}, (request.view_args or {}).get("token")
    if is_program():
        page = jsonify({"error": body} | ({"kept": kept} if kept else {}))
    elif isinstance(error, AccessDenied):
        page = render_template(error.page, **body, error=body, goes_on=goes_on(request))
    elif error.code == "scan_gone":
        page = render_template("error.html", status=404, message=error.message, gone=True)
    elif token:
        try:
            page, _ = scan_page(token, error=body)
        except UserError:  # nor is there a scan to show
            page = render_template("error.html", status=STATUS[error.code], message=error.message)
    else:
        model = request.values.get("model") if "form" in vars(request) else None  # else it was not read
        chosen = model if model in MODEL_KEYS else CONSENSUS
        page = render_template("index.html", error=body, chosen_model=chosen, kept=kept)
    return page, STATUS[error.code], headers


def is_program():
    """Whether a program asks, or a script of a page."""
    return request.path.startswith("/api/") or "X-Requested-With" in request.headers


def bound_body():
    """Only an upload may be as large as one."""
    if request.endpoint not in UPLOADS:
        most = current_app.config["MAX_TEXT_KB"] * 1000
        request.max_content_length = min(most, current_app.config["MAX_CONTENT_LENGTH"])


def queue_up():
    """Refuse at once what would wait long. A place is taken once all is read: who sends slowly has none."""
    if request.method == "POST" and request.endpoint in READINGS:
        current_app.queue.refuse_when_full(visitor())
        if request.files or request.endpoint in ("sample", "find", "go_on"):  # else there is nothing to read
            current_app.queue.enter(visitor())
            g.queued = True


def leave_queue(_):
    """The next one, please."""
    if g.pop("queued", False):
        current_app.queue.leave()


def add_headers(response):
    """Security headers and the cookie; no cache keeps an answer about a patient."""
    for name, value in current_app.door.headers(request, "new_browser" in g).items():
        response.headers.setdefault(name, value)
    if response.location:  # nothing leads to another host, whatever the request calls this one
        response.location = "/" + urlsplit(response.location)._replace(scheme="", netloc="").geturl().lstrip(
            "/"
        )
    if "new_browser" in g:
        response.set_cookie(**cookie(COOKIE, g.new_browser, request.is_secure))
    if request.endpoint not in ("log_in", "log_out") and (renewal := current_app.door.renewal(request)):
        response.set_cookie(**renewal)
    return response


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # by way of atexit, where the store is emptied
    refuse_open_door(*map(read_settings(SETTINGS, os.environ).get, ("HOST", "PASSWORD", "OPEN")))
    tune_for_serving()
    application = create_app()
    settle()
    own = {"arrivals": OpenConnections(not application.config["PROXIES"])}
    patient = {"request_handler": type("Connection", (WithDeadlines, WSGIRequestHandler), own)}
    application.run(application.config["HOST"], application.config["PORT"], debug=False, **patient)
