import re

import pytest

from models.web.access import AccessControl, AccessDenied
from models.web.access.access_control import LOG_IN_BYTES, next_path
from models.web.routing import STRICTEST, Access, Route
from tests.web.access.requests import PASSWORD, SETTINGS, made

ROUTES = {  # tests/app/test_routes.py holds those of the application
    "/": Route("/", personal=False),
    "/models": Route("/models", personal=False),
    "/healthz": Route("/healthz", access=Access.PROBE, personal=False),
    "/login": Route("/login", access=Access.LOG_IN),
    **dict.fromkeys(["/static/x", "/static/style.css"], Route("/", access=Access.PUBLIC, personal=False)),
}
BASIC, BEARER = 'Basic realm="nodule", charset="UTF-8"', 'Bearer realm="nodule"'


def access_control(**settings):
    return AccessControl(SETTINGS | settings)


def judged(control, path="/", *args, **options):
    """The code with which a request is refused, None where it is let in."""
    try:
        return control.check(made(path, *args, **options), ROUTES.get(path, STRICTEST))
    except AccessDenied as error:
        return error.code


@pytest.fixture
def locked():
    return access_control(PASSWORD=PASSWORD)


def session(control, url="http://localhost:5000"):
    given = control.enter(made("/login", "POST", url, data={"password": PASSWORD}))
    return {each["key"]: each["value"] for each in given[:1]}


def test_without_a_password_this_machine_uses_it_freely():
    assert judged(access_control()) is None
    assert judged(access_control(), "/predict", "POST") is None
    assert judged(access_control(), address="192.0.2.1") == "not_open"
    assert judged(access_control(OPEN=1), address="192.0.2.1") is None
    assert judged(access_control(), url="http://evil.example") == "unknown_host"
    assert judged(access_control(OPEN=1), url="http://evil.example") == "unknown_host"
    assert judged(access_control(HOSTS="ct.example.org, CT2"), url="http://ct2:80") is None


def test_with_one_other_machines_may_ask_under_any_name_unless_names_are_set(locked):
    assert judged(locked, url="http://any.example", address="192.0.2.1") == "password_needed"
    assert judged(locked, url="http://any.example", address="192.0.2.1", auth=("x", PASSWORD)) is None
    named = access_control(PASSWORD=PASSWORD, HOSTS="ct")
    assert judged(named, url="http://any.example", auth=("x", PASSWORD)) == "unknown_host"
    assert judged(named, url="http://ct", auth=("x", PASSWORD)) is None


ASKED = ["/", "/models", "/nowhere", "/predict", "/metrics", "/healthz/", "/logout", "/loginx"]


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_everything_asks_for_the_password(locked, path, method):
    assert judged(locked, path, method) == "password_needed"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
@pytest.mark.parametrize("path", ["/healthz", "/static/x", "/static/style.css"])
def test_nothing_is_sent_to_a_public_address(locked, path, method):
    for control in (access_control(), locked):
        assert judged(control, path, method) == "method_not_allowed"


@pytest.mark.parametrize("path", ["/healthz", "/static/style.css", "/login"])
def test_but_the_health_the_style_and_the_log_in(locked, path):
    assert judged(locked, path) is None


def test_a_container_engine_asks_for_the_health_under_any_name():
    assert judged(access_control(), "/healthz", url="http://nodule-7f9c", address="10.0.0.9") is None


def test_programs_give_the_password_with_any_name_or_as_bearer(locked):
    assert judged(locked, auth=("anyone", PASSWORD)) is None
    assert judged(locked, auth=("", PASSWORD)) is None
    assert judged(locked, auth=("anyone", PASSWORD + " ")) == "wrong_password"
    assert judged(locked, auth=(PASSWORD, "")) == "wrong_password"
    plain = access_control(PASSWORD="plain")
    assert judged(plain, headers={"Authorization": "Bearer plain"}) is None
    assert judged(plain, headers={"Authorization": "Bearer other"}) == "wrong_password"
    assert judged(plain, headers={"Authorization": "Digest username=x"}) == "password_needed"
    assert judged(plain, headers={"Authorization": "Basic !!"}) == "password_needed"


@pytest.mark.parametrize(
    ("path", "headers", "challenge"),
    [
        ("/api/v1/predict", {}, f"{BASIC}, {BEARER}"),
        ("/api/v1/predict", {"Sec-Fetch-Mode": "navigate"}, BEARER),
        ("/", {}, BEARER),
    ],
)
def test_the_challenge_makes_no_browser_open_a_window_of_its_own(locked, path, headers, challenge):
    for given in ({}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(AccessDenied) as caught:
            locked.check(made(path, headers=headers | given), STRICTEST)
        assert caught.value.headers == {"WWW-Authenticate": challenge}
        assert caught.value.page == "login.html"


def test_a_session_lets_in_until_it_is_changed(locked):
    cookies = session(locked)
    assert judged(locked, cookies=cookies) is None
    assert locked.is_in(made(cookies=cookies))
    assert judged(locked, cookies={name: value[:-1] for name, value in cookies.items()}) == "password_needed"
    assert judged(access_control(PASSWORD=PASSWORD), cookies=cookies) is None  # another process
    assert not access_control().is_in(made(cookies=cookies))


def test_a_session_over_tls_has_a_name_that_no_other_host_can_set(locked):
    cookies = session(locked, "https://ct")
    assert [*cookies] == ["__Host-nodule_session"]
    assert judged(locked, url="https://ct", cookies=cookies) is None
    plain = {"nodule_session": cookies["__Host-nodule_session"]}
    assert judged(locked, url="https://ct", cookies=plain) == "password_needed"


def test_a_wrong_password_on_the_form_opens_nothing_and_is_counted(locked):
    for _ in range(10):
        with pytest.raises(AccessDenied) as caught:
            locked.enter(made("/login", "POST", data={"password": "guess"}))
        assert caught.value.code == "wrong_password"
    assert judged(locked, auth=("x", PASSWORD)) == "too_many_tries"
    assert judged(locked, auth=("x", PASSWORD), address="192.0.2.1") is None


def test_who_was_here_before_gets_in_while_others_guess_from_the_same_address(locked):
    form = {"password": PASSWORD}
    _, known = locked.enter(made("/login", "POST", data=form, address="192.0.2.5"))
    assert (known["key"], known["max_age"]) == ("nodule_known", 180 * 86_400)
    cookies = {known["key"]: known["value"]}
    [judged(locked, auth=("x", "guess")) for _ in range(12)]
    with pytest.raises(AccessDenied) as caught:
        locked.enter(made("/login", "POST", data=form))
    assert caught.value.code == "too_many_tries"
    assert [each["key"] for each in locked.enter(made("/login", "POST", data=form, cookies=cookies))] == [
        "nodule_session"
    ]
    assert judged(locked, auth=("x", PASSWORD)) is None  # and now the address is known, too


def test_a_log_out_ends_the_session_and_its_copies(locked):
    cookies = session(locked)
    gone = locked.leave(made("/logout", "POST", cookies=cookies))
    assert {each["key"]: each["max_age"] for each in gone} == {"nodule_session": 0, "nodule_browser": 0}
    assert judged(locked, cookies=cookies) == "password_needed"


def test_sessions_go_on_while_guesses_are_refused(locked):
    cookies = session(locked)
    codes = [judged(locked, auth=("x", "guess"), address="192.0.2.6") for _ in range(12)]
    assert codes == ["wrong_password"] * 10 + ["too_many_tries"] * 2
    assert judged(locked, cookies=cookies) is None


def test_someone_who_is_let_in_must_still_come_from_this_site(locked):
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert judged(locked, "/predict", "POST", cookies=session(locked), headers=headers) == "other_origin"
    assert judged(locked, "/login", "POST", headers=headers) == "other_origin"
    assert judged(locked, "/predict", "POST", cookies=session(locked)) == "other_origin"


def test_who_is_not_let_in_yet_sends_little(locked):
    request = made("/login", "POST")
    locked.check(request, ROUTES["/login"])
    assert request.max_content_length == LOG_IN_BYTES
    request = made("/predict", "POST", auth=("x", PASSWORD))
    locked.check(request, STRICTEST)
    assert request.max_content_length is None


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ("/scan/abc/finding/0", "/scan/abc/finding/0"),
        ("/", "/"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("/é", "/"),
        ("/login", "/"),
    ],
)
def test_the_log_in_leads_on_within_this_server_only(asked, path):
    assert next_path(made("/login", "POST", data={"next": asked})) == path


def test_the_log_in_leads_to_the_page_that_was_asked_for_unless_it_was_to_change_something():
    assert next_path(made("/scan/abc?slice=2")) == "/scan/abc"
    assert next_path(made("/scan/abc/remove", "POST")) == "/"
    assert next_path(made("//evil.example/")) == "/"


@pytest.mark.parametrize(
    ("path", "method", "is_new", "without", "with_one"),
    [
        ("/", "GET", False, None, "no-store"),
        ("/", "GET", True, "no-store", "no-store"),
        ("/predict", "POST", False, "no-store", "no-store"),
        ("/scan/abc", "GET", False, "no-store", "no-store"),
        ("/scan/abc/finding/0/download/report.pdf", "GET", False, "no-store", "no-store"),
        ("/progress/abc", "GET", False, "no-store", "no-store"),
        ("/api/v1/models", "GET", False, "no-store", "no-store"),
        ("/login", "GET", False, "no-store", "no-store"),
        ("/models", "GET", False, None, "no-store"),
        ("/static/style.css", "GET", False, None, None),
    ],
)
def test_no_cache_keeps_what_is_about_someone(locked, path, method, is_new, without, with_one):
    for control, expected in ((access_control(), without), (locked, with_one)):
        headers = control.headers(made(path, method), ROUTES.get(path, STRICTEST), is_new)
        assert headers.get("Cache-Control") == expected


def test_every_answer_says_what_a_browser_must_not_do():
    headers = access_control().headers(made(), ROUTES["/"], False)
    policy = dict(rule.split(" ", 1) for rule in headers.pop("Content-Security-Policy").split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert re.fullmatch(r"([a-z-]+=\(\)(, |$))+", headers.pop("Permissions-Policy"))
    assert headers == {
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    over_tls = access_control().headers(made(url="https://ct"), ROUTES["/"], False)
    assert over_tls["Strict-Transport-Security"] == "max-age=31536000"
