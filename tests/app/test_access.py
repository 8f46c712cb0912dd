"""Password, origins, names and headers, as they are met over HTTP."""

import html
import os
import re
import subprocess
import sys
import time

import pytest
from flask.testing import FlaskClient

from app import ROOT
from models.web.access.cookies import BROWSER_COOKIE, form_token
from models.web.store import new_token
from tests.conftest import make_app, post, upload

PASSWORD = "a password for tests"
MARK = re.compile(r"""<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:""", re.I)


@pytest.fixture(scope="module")
def locked(app, tmp_path_factory):
    """The application that asks for a password; behind one proxy."""
    folder = tmp_path_factory.mktemp("locked") / "store"
    return make_app({"REGISTRY": app.registry, "STORE": folder, "PASSWORD": PASSWORD, "PROXIES": 1})


def visitor(an_app, address):
    """A browser at an address of its own: wrong passwords are counted by address."""
    client = an_app.test_client()
    client.environ_base["HTTP_X_FORWARDED_FOR"] = address
    return client


def log_in(client, password=PASSWORD, **fields):
    return client.post("/login", data={"password": password, **fields})


def cookies_of(answer):
    """Name and all else of the cookies that an answer sets."""
    return dict(cookie.split("=", 1) for cookie in answer.headers.getlist("Set-Cookie"))


def test_a_page_asks_for_the_password_and_the_log_in_leads_back_to_it(locked):
    client = visitor(locked, "192.0.2.1")
    asked = client.get("/models?x=1")
    assert asked.status_code == 401
    assert asked.headers["WWW-Authenticate"] == 'Bearer realm="nodule"'
    assert asked.headers["Cache-Control"] == "no-store"
    assert 'id="error"' not in asked.text
    assert 'name="next" value="/models"' in asked.text
    assert "AUC" not in asked.text
    entered = log_in(client, next="/models")
    assert (entered.status_code, entered.headers["Location"]) == (303, "/models")
    assert re.fullmatch(
        r"\d+\.\d+\.[\w-]{22}\.[\w-]{43}; Expires=[^;]*; Max-Age=43200; HttpOnly; Path=/; SameSite=Strict",
        cookies_of(entered)["nodule_session"],
    )
    page = client.get("/models")
    assert page.status_code == 200
    assert 'id="log-out"' in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_a_wrong_password_is_told_on_both_faces_with_one_sentence(locked):
    client = visitor(locked, "192.0.2.2")
    page = log_in(client, "a guess", next="/models")
    told = client.get("/api/v1/models", auth=("doctor", "a guess"))
    assert (page.status_code, told.status_code) == (401, 401)
    assert told.json["error"] == {
        "code": "wrong_password",
        "message": "Wrong password.",
    }
    assert told.json["error"]["message"] in html.unescape(page.text)
    assert 'data-code="wrong_password"' in page.text
    assert 'name="next" value="/models"' in page.text
    assert "a guess" not in page.text
    assert told.headers["WWW-Authenticate"].startswith('Basic realm="nodule", charset="UTF-8", Bearer')
    assert log_in(client, next="//evil.example").headers["Location"] == "/"


def test_programs_give_the_password_with_each_request(locked, crop_png):
    client = visitor(locked, "192.0.2.3")
    refused = post(client, upload(crop_png))
    assert (refused.status_code, refused.json["error"]["code"]) == (401, "password_needed")
    data = {"image": upload(crop_png), "model": "alexnet"}
    assert client.post("/api/v1/predict", data=data, auth=("doctor", PASSWORD)).json["model"] == "alexnet"
    bearer = {"Authorization": f"Bearer {PASSWORD.replace(' ', '-')}"}
    assert client.get("/api/v1/models", headers=bearer).json["error"]["code"] == "wrong_password"


def test_guesses_are_bounded_by_the_address_that_the_proxy_states(locked):
    client = visitor(locked, "192.0.2.4")
    statuses = [log_in(client, f"guess {i}").status_code for i in range(11)]
    assert statuses == [401] * 10 + [429]
    page, told = log_in(client), client.get("/api/v1/models", auth=("x", PASSWORD))
    assert (page.status_code, told.status_code, told.json["error"]["code"]) == (429, 429, "too_many_tries")
    assert page.headers["Retry-After"] == "1"
    assert told.json["error"]["message"] in page.text
    assert log_in(visitor(locked, "192.0.2.5")).status_code == 303


def test_the_right_password_of_someone_known_is_looked_at_whoever_guesses_beside_it(locked):
    program, browser, stranger = (visitor(locked, "192.0.2.40") for _ in range(3))
    assert log_in(browser).status_code == 303
    assert [log_in(stranger, "guess").status_code for _ in range(30)] == [401] * 30
    assert log_in(browser).status_code == 303
    assert program.get("/api/v1/models", auth=("x", PASSWORD)).status_code == 200
    elsewhere = visitor(locked, "192.0.2.41")
    assert [log_in(elsewhere, "guess").status_code for _ in range(11)] == [401] * 10 + [429]
    browser.environ_base["HTTP_X_FORWARDED_FOR"] = "192.0.2.41"
    assert log_in(browser).status_code == 303


def test_a_copied_session_ends_with_the_log_out_in_all_processes(app, locked):
    client, thief = visitor(locked, "192.0.2.42"), visitor(locked, "192.0.2.43")
    log_in(client)
    thief.set_cookie("nodule_session", client.get_cookie("nodule_session").value)
    settings = {name: locked.config[name] for name in ("STORE", "PASSWORD", "PROXIES")}
    other = make_app({"REGISTRY": app.registry, **settings})
    elsewhere = visitor(other, "192.0.2.43")
    elsewhere.set_cookie("nodule_session", client.get_cookie("nodule_session").value)
    assert [one.get("/models").status_code for one in (thief, elsewhere)] == [200, 200]
    client.post("/logout")
    assert [one.get("/models").status_code for one in (client, thief, elsewhere)] == [401] * 3


def test_a_session_in_use_is_written_anew(locked, monkeypatch):
    client = visitor(locked, "192.0.2.44")
    log_in(client)
    client.get("/")
    assert "Set-Cookie" not in client.get("/models").headers
    now = time.time()
    monkeypatch.setattr(locked.access_control._sessions, "_clock", lambda: now + 3500)
    assert list(cookies_of(client.get("/models"))) == ["nodule_session"]
    monkeypatch.setattr(locked.access_control._sessions, "_clock", lambda: now + 7000)
    assert client.get("/models").status_code == 200
    monkeypatch.setattr(locked.access_control._sessions, "_clock", lambda: now + 10_700)
    assert client.get("/models").status_code == 401


def test_after_the_log_out_neither_pages_nor_scans_are_there(locked, crop_png):
    client = visitor(locked, "192.0.2.6")
    log_in(client)
    client.get("/")
    page = post(client, upload(crop_png), url="/predict", model="alexnet")
    here = page.headers["Content-Location"]
    assert client.get(here).status_code == 200
    left = client.post("/logout")
    assert (left.status_code, left.headers["Location"]) == (303, "/")
    assert left.headers["Clear-Site-Data"] == '"cache"'
    assert {name: value.split("; ")[2] for name, value in cookies_of(left).items()} == {
        "nodule_session": "Max-Age=0",
        BROWSER_COOKIE: "Max-Age=0",
    }
    assert client.get(here).status_code == 401
    log_in(client)
    assert client.get(here).status_code == 404


def test_over_tls_cookies_are_bound_to_the_host_and_browsers_stay_with_tls(locked):
    client = visitor(locked, "192.0.2.7")
    client.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
    entered = log_in(client)
    assert "; Secure; HttpOnly; Path=/; SameSite=Strict" in cookies_of(entered)["__Host-nodule_session"]
    assert entered.headers["Strict-Transport-Security"] == "max-age=31536000"
    page = client.get("/", base_url="https://localhost")
    assert page.status_code == 200
    assert "; Secure; HttpOnly; Path=/; SameSite=Strict" in cookies_of(page)[f"__Host-{BROWSER_COOKIE}"]
    assert "Strict-Transport-Security" not in visitor(locked, "192.0.2.7").get("/").headers


def test_health_and_style_ask_for_no_password_and_say_nothing_of_it(locked):
    client = visitor(locked, "192.0.2.8")
    assert client.get("/healthz").json == {"status": "ok", "unavailable": {}}
    assert client.get("/static/style.css").status_code == 200
    assert client.get("/nowhere").status_code == 401
    assert log_in(client, "x" * 20_000).status_code == 413


def test_without_a_password_there_is_no_log_in(client):
    assert client.get("/login").status_code == 404
    assert client.post("/logout").status_code == 404
    assert 'id="log-out"' not in client.get("/").text


@pytest.mark.parametrize(
    ("request_", "status", "code", "sentence"),
    [
        ({"base_url": "http://evil.example"}, 400, "unknown_host", "its names are set with NODULE_HOSTS"),
        (
            {"environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}},
            403,
            "not_open",
            "answers only its own machine",
        ),
        ({"headers": {"X-Forwarded-For": "192.0.2.1"}}, 403, "not_open", "answers only its own machine"),
    ],
)
def test_strangers_and_other_names_are_refused_with_one_sentence(client, request_, status, code, sentence):
    page, told = client.get("/", **request_), client.get("/api/v1/models", **request_)
    assert (page.status_code, told.status_code, told.json["error"]["code"]) == (status, status, code)
    assert told.json["error"]["message"] in page.text
    assert sentence in page.text
    assert client.get("/healthz", **request_).status_code == 200


def old(an_app, owner):
    """A browser that says nothing of where a request comes from, but carries its cookie."""
    client = FlaskClient(an_app, an_app.response_class, use_cookies=True)
    client.set_cookie(BROWSER_COOKIE, owner)
    return client


def test_an_old_browser_sends_the_forms_of_this_site_and_no_others(app, crop_png):
    client = old(app, owner := new_token())
    sample = {"kind": "smooth"}
    assert client.post("/sample", data=sample).status_code == 403
    assert client.post("/sample", data=sample | {"form_token": form_token(new_token())}).status_code == 403
    token = re.search(r'name="form_token" value="([\w-]{43})"', client.get("/").text)[1]
    assert token == form_token(owner)
    page = client.post("/predict", data={"image": upload(crop_png), "model": "alexnet", "form_token": token})
    assert page.status_code == 200
    told = client.post("/api/v1/predict", data={"image": upload(crop_png)}, headers={"Origin": "http://evil"})
    assert (told.status_code, told.json["error"]["code"]) == (403, "other_origin")
    for text in (
        client.get("/").text,
        page.text,
        client.get(page.headers["Content-Location"].split("/find")[0]).text,
    ):
        forms = re.findall(r'<form[^>]*method="post".*?</form>', text, re.S)
        assert forms
        assert [form for form in forms if f'name="form_token" value="{token}"' not in form] == []


def test_a_program_without_cookies_needs_no_token(app, crop_png):
    client = FlaskClient(app, app.response_class, use_cookies=False)
    assert post(client, upload(crop_png), model="alexnet").status_code == 200


class Unread:
    """The body of a request that must not be read."""

    def read(self, *_):
        raise AssertionError("The body was read.")

    readline = readinto = __iter__ = read


@pytest.mark.parametrize(
    ("path", "headers", "with_password", "status"),
    [
        ("/predict", {"Sec-Fetch-Site": "cross-site"}, False, 403),
        ("/predict", {"Origin": "null"}, False, 403),
        ("/static/x", {"Origin": "null"}, False, 405),
        ("/static/x", {"Origin": "null"}, True, 405),
        ("/static/style.css", {}, True, 405),
        ("/healthz", {}, True, 405),
        ("/predict", {}, True, 401),
        ("/nowhere", {"Origin": "null"}, True, 401),
        ("/api/v1/predict", {"Authorization": "Bearer guess"}, True, 401),
        ("/logout", {"Cookie": "nodule_session=x; nodule_browser=y"}, True, 401),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_nothing_is_read_of_who_is_not_let_in(app, locked, path, headers, with_password, status, method):
    client = FlaskClient(locked if with_password else app, app.response_class, use_cookies=False)
    body = {"wsgi.input": Unread(), "CONTENT_LENGTH": "599000000", "HTTP_X_FORWARDED_FOR": "192.0.2.9"}
    if not with_password:
        del body["HTTP_X_FORWARDED_FOR"]
    kind = "multipart/form-data; boundary=x"
    answer = client.open(path, method=method, headers=headers, content_type=kind, environ_overrides=body)
    assert answer.status_code == status
    if status == 405:
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["//x", "//evil.example/%2e%2e", "/models/", ""])
def test_with_a_password_no_host_in_a_request_is_led_to(locked, path):
    client = visitor(locked, "192.0.2.45")
    for _ in range(2):
        answer = client.get("/", environ_overrides={"PATH_INFO": path, "HTTP_HOST": "evil.example"})
        assert answer.status_code in (401, 404, 308)
        assert answer.headers.get("Location", "/") == "/"
        log_in(client)


def test_what_is_no_upload_is_small(app):
    client = FlaskClient(app, app.response_class, use_cookies=False)
    body = {"wsgi.input": Unread(), "CONTENT_LENGTH": "599000000"}
    for path in ("/sample", f"/scan/{'a' * 43}/finding/0"):
        answer = client.post(path, content_type="multipart/form-data; boundary=x", environ_overrides=body)
        assert (answer.status_code, "larger than 500 kB" in answer.text) == (413, True)
    assert "larger than 500 kB" in client.post("/sample", data={"kind": "x" * 600_000}).text


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_no_template_needs_what_the_policy_forbids(path):
    assert MARK.findall(path.read_text()) == []


def test_what_the_policy_forbids_is_found():
    for text in (
        '<p style="x">',
        "<style>",
        "<script>",
        "<script defer>",
        '<a onclick="x">',
        'href="javascript:x"',
    ):
        assert MARK.search(text)
    assert not MARK.search('<script src="x" defer></script><p data-on="1" class="style">')


def test_the_server_does_not_start_for_strangers_without_a_password():
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NODULE_")}
    command, environ = [sys.executable, "app.py"], environ | {"NODULE_HOST": "0.0.0.0", "NODULE_PORT": "0"}
    result = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)
    assert result.returncode == 1
    assert (
        result.stderr.strip()
        .splitlines()[-1]
        .startswith("NODULE_HOST is 0.0.0.0, where other machines reach")
    )
