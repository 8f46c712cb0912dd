import io
from contextlib import suppress

import pytest

from models.web.access import AccessDenied
from models.web.access.cookies import BROWSER_COOKIE, form_token
from models.web.access.origins import HEAD_BYTES, refuse_other_origins
from tests.web.access.requests import made

MINE, OTHERS = "a" * 43, "b" * 43
OWN = "http://localhost:5000"
SCRIPT = {"X-Requested-With": "fetch"}


def passes(headers=None, browser="", has_session=False, method="POST", **options):
    request = made(method=method, headers=headers or {}, **options)
    try:
        refuse_other_origins(request, browser, has_session)
    except AccessDenied:
        return False
    return True


@pytest.mark.parametrize("browser", ["", MINE])
@pytest.mark.parametrize(
    ("site", "passed"), [("same-origin", True), ("none", True), ("same-site", False), ("cross-site", False)]
)
def test_what_the_browser_says_of_the_site_decides(site, passed, browser):
    data = {"form_token": form_token(MINE)}
    for origin in ({}, {"Origin": OWN}, {"Origin": "http://evil.example"}, SCRIPT):
        assert passes({"Sec-Fetch-Site": site, **origin}, browser, data=data) is passed


@pytest.mark.parametrize(
    ("url", "origin", "passed"),
    [
        (OWN, OWN, True),
        (OWN, "HTTP://LocalHost:5000", True),
        (OWN, "http://localhost:5001", False),
        (OWN, "http://localhost", False),
        (OWN, "https://localhost:5000", False),
        (OWN, "http://127.0.0.1:5000", False),
        (OWN, "http://localhost:5000.evil.example", False),
        (OWN, "null", False),
        ("https://ct.example.org", "https://ct.example.org", True),
        ("https://ct.example.org:443", "https://ct.example.org", True),
        ("https://ct.example.org", "http://ct.example.org", False),
    ],
)
@pytest.mark.parametrize("browser", ["", MINE])
def test_else_the_origin_must_be_the_server_with_scheme_and_port(url, origin, passed, browser):
    assert passes({"Origin": origin}, browser, url=url) is passed


@pytest.mark.parametrize("headers", [{}, {"Origin": "null"}], ids=["silent", "null"])
def test_an_old_browser_needs_the_token_of_a_form_made_for_it(headers):
    assert passes(headers, MINE, data={"form_token": form_token(MINE)})
    assert not passes(headers, MINE, data={"form_token": form_token(OTHERS)})
    assert not passes(headers, MINE, data={"form_token": MINE})
    assert not passes(headers, MINE, data={"form_token": "é"})
    assert not passes(headers, MINE)
    assert not passes(headers, "", has_session=True, data={"form_token": ""})


def test_a_script_of_the_page_needs_none_for_other_sites_cannot_add_its_header():
    assert passes(SCRIPT, MINE)
    assert passes({**SCRIPT, "Origin": "null"}, MINE)
    assert not passes({**SCRIPT, "Origin": "http://evil.example"}, MINE)


def test_a_program_without_cookies_passes_and_so_does_what_changes_nothing():
    assert passes()
    for method in ("GET", "HEAD", "OPTIONS"):
        assert passes({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, MINE, method=method)
    for method in ("PUT", "DELETE", "PATCH"):
        assert not passes({"Sec-Fetch-Site": "cross-site"}, MINE, method=method)


def test_the_body_is_not_read_where_headers_decide():
    for headers in (
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": OWN},
        SCRIPT,
        {},
    ):
        request = made(method="POST", headers=headers, data={"form_token": "x"})
        browser = MINE if headers else ""
        with suppress(AccessDenied):
            refuse_other_origins(request, browser, False)
        assert request.stream.read() == b"form_token=x"


def test_no_more_is_read_than_a_token_needs_and_the_form_still_has_it():
    token = {"form_token": form_token(MINE)}
    request = made(method="POST", data=token | {"image": (io.BytesIO(bytes(1_000_000)), "a.png")})
    refuse_other_origins(request, MINE, False)
    assert request.environ["wsgi.input"].tell() == HEAD_BYTES
    assert request.form.to_dict() == token
    assert request.files["image"].read() == bytes(1_000_000)
    late = bytes(20_000) + b"\r\n" + form_token(MINE).encode()
    for browser, data, read in ((MINE, late, HEAD_BYTES), (MINE, {"x": "y"}, 3), ("", token, 0)):
        request = made(method="POST", headers={"Origin": "null"}, data=data)
        with pytest.raises(AccessDenied):
            refuse_other_origins(request, browser, False)
        assert request.environ["wsgi.input"].tell() == read


def test_the_refusal_is_a_sentence():
    with pytest.raises(
        AccessDenied, match="Another site sent this request; use the form on this site."
    ) as caught:
        refuse_other_origins(made(method="POST", headers={"Origin": "null"}), "", False)
    assert (caught.value.code, caught.value.page) == ("other_origin", "error.html")


def test_the_token_does_not_give_the_cookie_away():
    assert len(form_token(MINE)) == 43
    assert MINE not in form_token(MINE)
    assert form_token("") == ""
    assert BROWSER_COOKIE == "nodule_browser"  # changing it would lose every scan that is kept
