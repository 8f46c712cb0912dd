"""From the PACS and back, as a person does it: search, viewer, finding, and the stored report."""

import io

import pytest
from pydicom import dcmread

from app import create_app
from tests.app.made_series import NODULE_AT, NODULE_SLICE, BrightSpots, WithLocaliser
from tests.browser.driving import by_id, complaints, predict, stage_of, wait_until
from tests.browser.test_axe import check, prefer
from tests.browser.test_log_in import PASSWORD, enter
from tests.browser.test_reflow import check as check_width
from tests.conftest import served
from tests.web.pacs.conftest import STUDY, archive  # noqa: F401  # a fixture

pytestmark = pytest.mark.slow


def room_at(pacs, app, folder):
    """Serve the application with a password and the settings of a PACS; what is bright is a nodule."""
    registry = WithLocaliser(app.registry, BrightSpots())
    settings = {"REGISTRY": registry, "STORE": folder / "store", "PASSWORD": PASSWORD}
    return served(create_app(settings | pacs))


@pytest.fixture(scope="module")
def reading_room(app, archive, tmp_path_factory):  # noqa: F811
    """Address of the application with a PACS."""
    with room_at(archive.settings, app, tmp_path_factory.mktemp("room")) as address:
        yield address


def log_in(driver, address):
    driver.get(address + "/")
    if driver.find_elements("id", "password"):
        enter(driver, PASSWORD)
        by_id(driver, "log-out")
        driver.get_log("browser")


def search(driver, address, **fields):
    """From the first page to what the search finds."""
    log_in(driver, address)
    by_id(driver, "open-pacs").click()
    for name, value in fields.items():
        by_id(driver, name).send_keys(value)
    by_id(driver, "search-pacs").click()


def look(driver):
    check(driver)
    prefer(driver, "")


def read_and_send(driver, address, archive, look=lambda driver: None):  # noqa: F811
    """The whole way; `look` at each page."""
    before = len(archive.instances(STUDY, "SR"))
    search(driver, address, patient_name="Müller, Ä")
    by_id(driver, "studies-table")
    look(driver)
    driver.find_element("css selector", "#studies-table tbody tr:first-child button").click()
    by_id(driver, "series-table")
    look(driver)
    assert by_id(driver, "patient_name").get_property("value") == "Müller, Ä"
    assert "?" not in driver.current_url
    by_id(driver, "fetch-proposed").click()
    wait_for_viewer(driver)
    return before


def wait_for_viewer(driver):
    """Without JavaScript, whoever waits reloads."""
    from selenium.common.exceptions import NoSuchElementException

    def is_there(page):
        try:
            page.find_element("id", "viewer")
            return True
        except NoSuchElementException:
            for link in page.find_elements("css selector", "#fetch a.no-js"):
                if link.is_displayed():
                    link.click()
            return False

    wait_until(driver, is_there)


def test_from_the_search_to_the_stored_report(browser, reading_room, archive):  # noqa: F811
    before = read_and_send(browser, reading_room, archive, look)
    stage_of(browser)
    wait_until(browser, lambda page: page.find_elements("css selector", "#candidates a"))
    browser.find_element("css selector", "#model option[value=alexnet]").click()  # whose map takes least
    browser.find_element("css selector", "#candidates a").click()
    predict(browser)
    look(browser)
    by_id(browser, "send-to-pacs").click()
    sent = by_id(browser, "sent-list")
    assert "Structured Report: stored." in sent.text
    look(browser)
    assert complaints(browser) == []
    reports = archive.instances(STUDY, "SR")
    assert len(reports) == before + 1
    assert str(dcmread(io.BytesIO(reports[-1])).PatientName) == "Müller^Änne"
    by_id(browser, "back-to-finding").click()
    by_id(browser, "verdict")


def test_it_goes_without_javascript(plain_browser, reading_room, archive):  # noqa: F811
    before = read_and_send(plain_browser, reading_room, archive)
    plain_browser.get(f"{plain_browser.current_url.partition('?')[0]}?slice={NODULE_SLICE}")
    plain_browser.find_element("css selector", "#by-numbers summary").click()
    for name, value in zip(("row", "col"), NODULE_AT, strict=True):
        by_id(plain_browser, name).clear()
        by_id(plain_browser, name).send_keys(str(value))
    plain_browser.find_element("css selector", "#model option[value=alexnet]").click()
    by_id(plain_browser, "predict").click()
    by_id(plain_browser, "send-to-pacs").click()
    assert "Structured Report: stored." in by_id(plain_browser, "sent-list").text
    assert len(archive.instances(STUDY, "SR")) == before + 1


def test_on_a_phone_nothing_is_wider_than_the_page(phone, reading_room):
    search(phone, reading_room, patient_id="MRN-4711")
    by_id(phone, "studies-table")
    check_width(phone)
    search(phone, reading_room, accession="ACC-12")
    by_id(phone, "series-table")
    check_width(phone)


def test_a_mistake_is_told_beside_what_was_typed(browser, reading_room):
    search(browser, reading_room, accession="ACC-13")
    assert "no CT series" in by_id(browser, "error").text
    assert by_id(browser, "accession").get_property("value") == "ACC-13"
    look(browser)
    browser.get_log("browser")  # the browser itself notes each answer that is an error
