"""Log-in, as a person does it, with and without JavaScript."""

import pytest

from app import create_app
from tests.browser.driving import by_id, complaints, forget_cookies, read_result
from tests.browser.test_axe import check, prefer
from tests.conftest import served

pytestmark = pytest.mark.slow

PASSWORD = "a password for tests"


@pytest.fixture(scope="module")
def locked(app, tmp_path_factory):
    """Address of the application that asks for a password."""
    folder = tmp_path_factory.mktemp("locked") / "store"
    with served(create_app({"REGISTRY": app.registry, "STORE": folder, "PASSWORD": PASSWORD})) as address:
        yield address


def enter(driver, password):
    by_id(driver, "password").send_keys(password)
    by_id(driver, "enter").click()


def visit(driver, address, look=lambda driver: None):
    """From the log-in to the log-out; `look` at each page on the way."""
    driver.get(address + "/models")
    look(driver)
    enter(driver, "a guess")
    assert by_id(driver, "error").get_dom_attribute("data-code") == "wrong_password"
    look(driver)
    enter(driver, PASSWORD)
    by_id(driver, "log-out")
    assert driver.current_url == address + "/models"
    driver.get_log("browser")  # the browser itself notes each answer that is an error
    driver.get(address + "/")
    look(driver)
    by_id(driver, "sample-smooth").click()
    assert read_result(driver)["verdict"].startswith("Benign-looking")
    assert complaints(driver) == []
    here = driver.current_url
    by_id(driver, "log-out").click()
    by_id(driver, "password")
    driver.get(here)
    assert driver.find_element("css selector", "h1").text == "Log in"
    driver.get_log("browser")


def test_a_person_logs_in_reads_an_answer_and_logs_out(browser, locked):
    visit(browser, locked, check)
    prefer(browser, "")


def test_it_goes_without_javascript(plain_browser, locked):
    visit(plain_browser, locked)


def test_a_browser_without_its_cookies_is_asked_again(browser, locked):
    browser.get(locked + "/models")
    enter(browser, PASSWORD)
    by_id(browser, "log-out")
    forget_cookies(browser)
    browser.get(locked + "/models")
    by_id(browser, "password")
    browser.get_log("browser")
