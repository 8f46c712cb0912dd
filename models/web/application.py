"""The Flask application, what it holds while it runs, and what is done before and after each request."""

from typing import cast
from urllib.parse import urlsplit

import flask
from flask import Flask, Response, g
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from werkzeug.routing import Rule

from models.inference.classifier import ModelRegistry
from models.ingest.sandbox.decoder import Decoder
from models.web.access import AccessControl
from models.web.access.cookies import BROWSER_COOKIE, cookie
from models.web.answers import Answers
from models.web.calculations import Calculations
from models.web.comparisons import Comparisons
from models.web.kept_uploads import KeptUploads
from models.web.progress import Searches
from models.web.queue import Queue
from models.web.routing import SAFE, Access, Route, route_of
from models.web.saliency_maps import SaliencyMaps
from models.web.store import ScanStore
from models.web.telemetry import Metrics
from models.web.uploads import UploadRequest
from models.web.visitor import visitor

request = cast(UploadRequest, flask.request)


class Application(Flask):
    """A Flask application whose routes say what holds for them (`Route`); `create_app` fills it."""

    request_class = UploadRequest
    url_rule_class: type[Rule] = Route
    access_control: AccessControl
    answers: Answers
    calculations: Calculations
    comparisons: Comparisons
    decoder: Decoder
    maps: SaliencyMaps
    metrics: Metrics
    queue: Queue
    registry: ModelRegistry
    searches: Searches
    store: ScanStore
    uploads: KeptUploads

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name, static_folder=None)  # that route, too, has to say what holds for it
        cast(DefaultJSONProvider, self.json).sort_keys = False  # answers keep the order of the contract
        self.url_map.merge_slashes = False  # //x would be sent on to whatever host the request names
        self.before_request(self._admit)
        self.after_request(self._add_headers)

    def dispatch_request(self) -> ResponseReturnValue:
        """Refuse at once what would wait long; who still sends has no place in the queue."""
        if request.url_rule is None or request.method in SAFE or not route_of(request).is_queued:
            return super().dispatch_request()
        self.queue.refuse_when_full(visitor())
        request.files  # noqa: B018  # reads all that is sent
        with self.queue.place(visitor()):
            return super().dispatch_request()

    def _admit(self) -> None:
        """Only an upload may be as large as one, and only who may ask is answered."""
        route = route_of(request)
        if not route.takes_uploads:
            bounds = self.config["MAX_TEXT_KB"] * 1000, self.config["MAX_CONTENT_LENGTH"]
            request.max_content_length = min(bounds)
        self.access_control.check(request, route)

    def _add_headers(self, response: Response) -> Response:
        """Security headers and cookies."""
        route = route_of(request)
        for name, value in self.access_control.headers(request, route, "new_browser" in g).items():
            response.headers.setdefault(name, value)
        if response.location:  # nothing leads to another host, whatever the request calls this one
            path = urlsplit(response.location)._replace(scheme="", netloc="").geturl()
            response.location = "/" + path.lstrip("/")
        if "new_browser" in g:
            response.set_cookie(**cookie(BROWSER_COOKIE, g.new_browser, request.is_secure))
        if route.access is not Access.LOG_IN and (renewal := self.access_control.renewal(request)):
            response.set_cookie(**renewal)
        return response


current_app = cast(Application, flask.current_app)
