"""The whole way in German, from the link in the footer to the report's PDF, and back to English."""

import re

import pytest

from models.web.language import LANGUAGE_COOKIE
from tests.browser.driving import by_id, complaints, marked, stage_of, upload, wait_for_text, wait_until
from tests.browser.test_axe import check as check_rules
from tests.browser.test_axe import prefer
from tests.browser.test_desk import calculate, fill_in
from tests.browser.test_reflow import check as check_width
from tests.browser.test_report import CLIPBOARD, placed, report_text, saved, words_of  # noqa: F401  # a fixture
from tests.browser.windows import DESKTOP, PHONE, window

pytestmark = pytest.mark.slow


@pytest.fixture
def german(browser, finder_server):
    """The browser of someone who has chosen German on the start page; no other test gets to see it."""
    browser.get(finder_server + "/")
    browser.get_log("browser")
    choose(browser, "Deutsch")
    yield browser
    prefer(browser, "")
    browser.delete_cookie(LANGUAGE_COOKIE)


def choose(driver, name):
    """Choose a language in the footer; the page and its address stay."""
    here = driver.current_url
    old = driver.find_element("css selector", "#languages a")
    assert old.text == name
    old.click()
    wait_until(driver, lambda page: page.find_element("css selector", "#languages a").text != name)
    assert driver.current_url == here


def heading(driver):
    """The heading of a page in German."""
    assert driver.find_element("css selector", "html").get_dom_attribute("lang") == "de"
    return driver.find_element("css selector", "h1").text


def look(driver):
    """No rule is broken at a desk and on a phone, where nothing is wider than the page."""
    with window(driver, DESKTOP):
        check_rules(driver)
    with window(driver, PHONE):
        check_width(driver)
        check_rules(driver)
    prefer(driver, "")


def read(driver, server, path):
    """Upload a series, read the nodule that is suggested, and ask a calculator; the finding's address."""
    upload(driver, server, path, model="alexnet")  # whose map takes least
    stage_of(driver)
    assert "Rundherd" in heading(driver)
    wait_until(driver, lambda page: page.find_elements("css selector", "#candidates a"))
    driver.find_element("css selector", "#candidates a").click()
    wait_until(driver, marked)
    with window(driver, PHONE):
        check_width(driver)
    by_id(driver, "predict").click()
    assert by_id(driver, "verdict").text.startswith("Malignitätsverdächtig")
    assert re.fullmatch(r"[01],\d\d", by_id(driver, "probability").text)
    address = driver.current_url.partition("?")[0]
    fill_in(driver)
    calculate(driver, "lung_rads")
    assert "Kategorie 4B" in by_id(driver, "lung_rads-result").text
    return address


def test_the_whole_way_and_back_to_english(german, finder_server, placed, tmp_path):  # noqa: F811
    assert heading(german).startswith("Lungenrundherd")
    look(german)
    finding = read(german, finder_server, placed)
    look(german)

    by_id(german, "to-report").click()
    by_id(german, "report-text")
    assert heading(german) == "Bericht"
    text = report_text(german)
    assert "F1: rechte Lunge, Schicht 4 von 12" in text
    assert re.search(r"Wahrscheinlichkeit [01],\d\d \(AlexNet\)", text)
    given = {"permission": {"name": "clipboard-read"}, "setting": "granted", "origin": finder_server}
    german.execute_cdp_cmd("Browser.setPermission", given)
    by_id(german, "copy").click()
    wait_for_text(german, "copied", "Kopiert.")
    assert german.execute_async_script(CLIPBOARD) == text
    scan = finding.partition("/finding")[0]
    assert {"Lungenrundherde", "Thorax-CT", "Befunde"} <= words_of(saved(german, scan))
    look(german)

    german.get(finder_server + "/models")
    assert "Modelle" in heading(german)
    with window(german, PHONE):
        check_width(german)
    assert not complaints(german)

    letter = tmp_path / "letter.txt"
    letter.write_text("Dear colleague")
    upload(german, finder_server, letter)
    error = by_id(german, "error")
    assert error.get_dom_attribute("data-code") == "unsupported_file"
    assert "Die Datei ist" in error.text
    german.get_log("browser")  # the browser itself notes each answer that is an error

    german.get(f"{scan}/report")
    choose(german, "English")
    assert german.find_element("css selector", "html").get_dom_attribute("lang") == "en"
    assert german.find_element("css selector", "h1").text == "Report"
    assert not complaints(german)
