"""What holds for each route; one that says nothing gets the strictest."""

import io

import pytest
from flask import request

from models.errors import CODES
from models.web.errors import STATUS
from models.web.routing import Access, route_of
from tests.conftest import make_app
from tests.web.test_queue import in_another_thread

PASSWORD = "a password for tests"
STRICT = (Access.PRIVATE, "personal", "queued")
SAID = {  # who may ask, and what else holds, where it is not the strictest
    "/": (Access.PRIVATE, "queued"),
    "/models": (Access.PRIVATE, "queued"),
    "/metrics": (Access.PRIVATE, "queued"),
    "/healthz": (Access.PROBE, "queued"),
    "/static/<path:filename>": (Access.PUBLIC, "queued"),
    "/language/<any(en,de):code>": (Access.PUBLIC, "queued"),
    "/login": (Access.LOG_IN, "personal"),
    "/logout": (Access.PRIVATE, "personal"),
    "/predict": (*STRICT, "uploads"),
    "/api/v1/predict": (*STRICT, "uploads"),
    "/scan/<token>/finding/<int:index>": (Access.PRIVATE, "personal"),
    "/scan/<token>/finding/<int:index>/outline": (Access.PRIVATE, "personal"),
    "/scan/<token>/finding/<int:index>/name": (Access.PRIVATE, "personal"),
    "/scan/<token>/finding/<int:index>/leading": (Access.PRIVATE, "personal"),
    "/scan/<token>/finding/<int:index>/delete": (Access.PRIVATE, "personal"),
    "/scan/<token>/finding/<int:index>/restore": (Access.PRIVATE, "personal"),
    "/scan/<token>/remove": (Access.PRIVATE, "personal"),
    "/scan/<token>/report/report.pdf": (Access.PRIVATE, "personal"),
    "/scan/<token>/comparison": (*STRICT, "uploads"),
    "/scan/<token>/comparison/undo": (Access.PRIVATE, "personal"),
    "/scan/<token>/comparison/interval": (Access.PRIVATE, "personal"),
    "/scan/<token>/comparison/end": (Access.PRIVATE, "personal"),
    "/scan/<token>/search": (Access.PRIVATE, "personal"),
    "/scan/<token>/search/cancel": (Access.PRIVATE, "personal"),
    "/series/<upload>/remove": (Access.PRIVATE, "personal"),
}


def said(route):
    properties = {
        "personal": route.is_personal,
        "queued": route.is_queued,
        "uploads": route.takes_uploads,
    }
    return (route.access, *(name for name, holds in properties.items() if holds))


@pytest.fixture(scope="module")
def locked(app, tmp_path_factory):
    """The application that asks for a password, with a route that says nothing; its queue has one place."""
    folder = tmp_path_factory.mktemp("routes") / "store"
    an_app = make_app({"REGISTRY": app.registry, "STORE": folder, "PASSWORD": PASSWORD, "QUEUE": 1})

    @an_app.route("/new/<name>", methods=["GET", "POST"])
    def new(name):
        return name + request.form.get("text", "")

    return an_app


def test_each_route_says_what_holds_for_it(locked):
    rules = [rule for rule in locked.url_map.iter_rules() if "GET" not in rule.methods or not rule.is_queued]
    rules += [rule for rule in locked.url_map.iter_rules() if rule not in rules]
    found = {}
    for rule in rules:  # what changes something first
        found.setdefault(rule.rule, said(rule))
    assert {rule: what for rule, what in found.items() if what != STRICT} == SAID


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/healthz", SAID["/healthz"]),
        ("PUT", "/healthz", SAID["/healthz"]),  # refused with any password, and without
        ("POST", "/static/x", SAID["/static/<path:filename>"]),
        ("GET", "/predict", STRICT),
        ("GET", "/nowhere", STRICT),
        ("GET", "/healthz/", STRICT),
        ("GET", "/loginx", STRICT),
        ("GET", "/new/x", STRICT),
    ],
)
def test_the_route_of_a_request_is_that_of_its_address(locked, method, path, expected):
    with locked.test_request_context(path, method=method):
        assert said(route_of(request)) == expected


def test_a_route_that_says_nothing_asks_for_the_password_and_no_cache_keeps_its_answer(app, locked):
    client = locked.test_client()
    assert client.get("/new/x").status_code == 401
    answer = client.get("/new/x", auth=("x", PASSWORD))
    assert (answer.status_code, answer.text, answer.headers["Cache-Control"]) == (200, "x", "no-store")


def test_a_route_that_says_nothing_takes_little_and_waits_for_its_turn(locked):
    client, auth = locked.test_client(), ("x", PASSWORD)
    assert client.post("/new/x", data={"text": "y"}, auth=auth).text == "xy"
    file = {"image": (io.BytesIO(bytes(600_000)), "a.png")}
    assert client.post("/new/x", data=file, auth=auth).status_code == 413
    with in_another_thread(locked.queue):
        assert client.post("/new/x", auth=auth).status_code == 503
        assert client.get("/new/x", auth=auth).status_code == 200
        assert client.post("/nowhere", auth=auth).status_code == 404


@pytest.mark.parametrize(
    ("path", "cached"),
    [("/", True), ("/models", True), ("/static/style.css", True), ("/healthz", True), ("/metrics", True)]
    + [("/api/v1/models", False), ("/scan/abc", False), ("/progress/abc", False), ("/nowhere", False)],
)
def test_without_a_password_pages_about_nobody_may_be_kept(app, path, cached):
    client = app.test_client()
    client.get("/")
    assert (client.get(path).headers.get("Cache-Control") != "no-store") is cached


def test_each_code_of_the_contract_has_a_status():
    assert set(STATUS) == CODES
