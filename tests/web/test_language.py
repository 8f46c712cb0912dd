"""Which language a page speaks, and what stays English."""

import io

import pytest

from models.web.language import LANGUAGE_COOKIE

GERMAN = {"Accept-Language": "de-CH,de;q=0.9,en;q=0.5"}


def lang(page):
    return page.text.partition('<html lang="')[2].partition('"')[0]


@pytest.fixture
def browser(app):
    return app.test_client()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        *(("de-CH,de;q=0.9,en;q=0.5", "de"), ("en,de;q=0.9", "en"), ("fr", "en"), ("", "en"), ("*", "en")),
        *(("en-GB,de;q=0.9", "en"), ("de-AT,en;q=0.9", "de"), ("DE_de", "de"), ("de;q=0", "en")),
        *(("fr,de-DE;q=0.5,en-US;q=0.9", "en"), ("*,de;q=0.1", "de"), ("de;q=x, ,;;", "en")),
    ],
)
def test_a_page_speaks_the_language_that_the_browser_asks_for(browser, asked, code):
    assert lang(browser.get("/", headers={"Accept-Language": asked})) == code


def test_a_language_that_was_chosen_is_kept(browser):
    chosen = browser.get("/language/de?next=/models")
    assert (chosen.status_code, chosen.location) == (303, "/models")
    assert lang(browser.get("/models")) == "de"
    assert lang(browser.get("/", headers={"Accept-Language": "en"})) == "de"
    browser.get("/language/en")
    assert lang(browser.get("/", headers=GERMAN)) == "en"


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example", "/\\evil.example", "x", "/a\nb"])
def test_the_choice_leads_nowhere_else(browser, there):
    assert browser.get("/language/de", query_string={"next": there}).location == "/"


def test_there_are_no_other_languages(browser):
    assert browser.get("/language/xx").status_code == 404
    browser.set_cookie(LANGUAGE_COOKIE, "../../x")
    assert lang(browser.get("/")) == "en"


def test_a_page_links_the_other_language_and_leads_back(browser):
    page = browser.get("/models?x=1").text
    assert 'href="/language/de?next=/models?x%3D1"' in page or 'next=%2Fmodels%3Fx%3D1"' in page
    assert 'lang="de" hreflang="de"' in page
    assert "/language/en?" in browser.get("/models", headers=GERMAN).text


def test_caches_know_that_pages_differ_by_language(browser):
    assert {"Accept-Language", "Cookie"} <= set(browser.get("/").vary.as_set(preserve_casing=True))


def test_an_error_is_said_in_the_language_of_the_page(browser):
    english = browser.post("/predict", data={"image": (io.BytesIO(b"no"), "a.png")}).text
    german = browser.post("/predict", data={"image": (io.BytesIO(b"no"), "a.png")}, headers=GERMAN).text
    assert 'data-code="unsupported_file"' in english
    assert 'data-code="unsupported_file"' in german
    told = [page.partition('id="error"')[2].partition("</p>")[0] for page in (english, german)]
    assert told[0] != told[1]


def test_scripts_of_a_page_are_answered_in_its_language_and_programs_in_english(browser):
    def message(address, **headers):
        upload = {"image": (io.BytesIO(b"no"), "a.png")}
        return browser.post(address, data=upload, headers=headers).json["error"]["message"]

    english = message("/api/v1/predict")
    assert message("/api/v1/predict", **GERMAN) == english
    assert message("/predict", **{"X-Requested-With": "fetch"}) == english
    assert message("/predict", **GERMAN, **{"X-Requested-With": "fetch"}) != english
