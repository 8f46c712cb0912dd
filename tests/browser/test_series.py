"""The list of an upload of several series: looked at, chosen from, and come back to."""

import pytest

from tests import several_series as made
from tests.browser.driving import by_id, complaints, stage_of, upload, wait_for_text
from tests.browser.test_axe import check, prefer
from tests.browser.test_browser import too_wide

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def disc(tmp_path_factory):
    """A CD with four series, as a ZIP."""
    path = tmp_path_factory.mktemp("disc") / "cd.zip"
    path.write_bytes(made.disc_zip())
    return path


@pytest.fixture(scope="module")
def disc_folder(tmp_path_factory):
    """The same as a folder."""
    folder = tmp_path_factory.mktemp("disc") / "CD"
    for name, data in made.disc():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def selected(driver):
    """The number that is selected."""
    by_id(driver, "choose-series")
    return driver.find_element("css selector", "#choose-series input:checked").get_dom_attribute("value")


def test_a_series_is_chosen_looked_at_and_changed_by_the_keyboard(browser, finder_server, disc):
    from selenium.webdriver import Keys

    upload(browser, finder_server, disc, model="alexnet")
    assert selected(browser) == "2"
    assert "because it shows lung" in by_id(browser, "why").text
    pictures = browser.find_elements("css selector", "#choose-series img")
    widths = [browser.execute_script("return arguments[0].naturalWidth", each) for each in pictures]
    assert widths == [128, 128, 128, 128]
    browser.find_element("css selector", "#choose-series input:checked").send_keys(Keys.ARROW_DOWN)
    assert selected(browser) == "3"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    stage_of(browser)
    assert "of 3" in by_id(browser, "where").text
    assert "5 mm thick" in by_id(browser, "series").text
    assert by_id(browser, "model").get_property("value") == "alexnet"
    first = browser.current_url.partition("?")[0]
    browser.refresh()
    stage_of(browser)
    by_id(browser, "other-series").click()
    assert selected(browser) == "3"
    by_id(browser, "series-2").click()
    by_id(browser, "open-series").click()
    stage_of(browser)
    assert "of 9" in by_id(browser, "where").text
    by_id(browser, "other-series").click()
    by_id(browser, "series-3").click()
    by_id(browser, "open-series").click()
    stage_of(browser)
    assert browser.current_url.partition("?")[0] == first
    by_id(browser, "ask-remove-first").click()
    by_id(browser, "remove").click()
    assert "removed" in by_id(browser, "removed").text
    assert not complaints(browser)


def test_a_folder_of_several_series_is_listed(browser, finder_server, disc_folder):
    browser.get(finder_server + "/")
    by_id(browser, "folder").send_keys(str(disc_folder))
    wait_for_text(browser, "chosen", "files")
    by_id(browser, "predict").click()
    assert selected(browser) == "2"


def test_the_list_breaks_no_rule_and_fits_a_phone(browser, phone, finder_server, disc):
    upload(browser, finder_server, disc)
    by_id(browser, "choose-series")
    try:
        check(browser)
    finally:
        prefer(browser, "")
    assert not too_wide(phone)


def test_a_series_without_lung_is_told_on_the_list_and_opened_all_the_same(browser, finder_server, disc):
    upload(browser, finder_server, disc)
    by_id(browser, "series-4").click()
    by_id(browser, "open-series").click()
    assert by_id(browser, "error").get_dom_attribute("data-code") == "not_chest"
    assert selected(browser) == "4"
    by_id(browser, "go-on").click()
    stage_of(browser)
    assert "Head 0.6" in by_id(browser, "series").text
    browser.get_log("browser")  # the browser itself notes each answer that is an error


def test_all_of_it_works_without_javascript(plain_browser, finder_server, disc):
    driver = plain_browser
    upload(driver, finder_server, disc, model="vgg16")
    assert selected(driver) == "2"
    by_id(driver, "open-series").click()
    wait_for_text(driver, "where", "of 9")
    by_id(driver, "other-series").click()
    by_id(driver, "series-3").click()
    by_id(driver, "open-series").click()
    wait_for_text(driver, "where", "of 3")
    by_id(driver, "other-series").click()
    by_id(driver, "ask-remove-first").click()
    by_id(driver, "remove").click()
    assert "removed" in by_id(driver, "removed").text
