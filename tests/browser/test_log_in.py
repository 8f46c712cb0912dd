"""Log-in, as a person does it, with and without JavaScript."""

import pytest

from app import create_app
from tests.browser.driving import by_id, complaints, read_result
from tests.browser.test_axe import check
from tests.conftest import served

PASSWORD = "a password for tests"


@pytest.fixture(scope="module")
def locked(app, tmp_path_factory):
    """Address of the application that asks for a password."""
    folder = tmp_path_factory.mktemp("locked") / "store"
    with served(create_app({"BANK": app.bank, "STORE": folder, "PASSWORD": PASSWORD})) as address:
        yield address


def enter(driver, password):
    by_id(driver, "password").send_keys(password)
    by_id(driver, "enter").click()


@pytest.mark.parametrize("kind", ["browser", "plain_browser"])
def test_a_person_logs_in_reads_an_answer_and_logs_out(request, locked, kind):
    driver = request.getfixturevalue(kind)
    driver.get(locked + "/models")
    check(driver)
    enter(driver, "a guess")
    assert by_id(driver, "error").get_dom_attribute("data-code") == "wrong_password"
    check(driver)
    enter(driver, PASSWORD)
    by_id(driver, "models-table" if driver.find_elements("id", "models-table") else "log-out")
    assert driver.current_url == locked + "/models"
    check(driver)
    driver.get_log("browser")  # the browser itself notes each answer that is an error
    driver.get(locked + "/")
    by_id(driver, "sample-smooth").click()
    assert read_result(driver)["verdict"] == "Benign-looking"
    assert complaints(driver) == []
    here = driver.current_url
    by_id(driver, "log-out").click()
    by_id(driver, "password")
    driver.get(here)
    assert driver.find_element("css selector", "h1").text == "Log in"
    driver.get_log("browser")
