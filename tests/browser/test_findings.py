"""The table of findings in a real browser: renamed, marked, deleted, undone, and removal asked about."""

import pytest

from models.web import finding_list
from tests.browser.driving import by_id, complaints, over, read_result, stage_of, upload, wait_until
from tests.browser.test_axe import check, prefer
from tests.browser.test_reflow import OPEN, WIDER

pytestmark = pytest.mark.slow
WAIT_S = 120


@pytest.fixture
def scan(browser, server, series):
    """The viewer with two findings."""
    return with_findings(browser, server, series)


@pytest.fixture
def narrow(browser):
    """The browser at 390 px."""
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    prefer(browser, "")


def with_findings(driver, server, series):
    """Read two nodules of a series; the driver is left in the viewer."""
    driver.set_page_load_timeout(WAIT_S)
    upload(driver, server, series)
    stage_of(driver)
    for row, col in ((40, 200), (150, 60)):
        over(driver, stage_of(driver), row, col).click().perform()
        by_id(driver, "predict").click()
        read_result(driver)
        by_id(driver, "choose-again").click()
        stage_of(driver)
    return driver


def names(driver):
    return [name.text for name in driver.find_elements("css selector", "#findings tbody th a")]


def labels(driver):
    return [ring.text for ring in driver.find_elements("css selector", ".ring-found text")]


def edit(driver, index):
    driver.find_element("css selector", f"#change-{index} summary").click()


def focused(driver):
    return driver.switch_to.active_element.get_dom_attribute("id")


def test_a_finding_is_renamed_and_marked_as_leading(scan):
    assert names(scan) == ["F1", "F2"]
    assert not scan.find_elements("css selector", "#findings .leading")
    edit(scan, 1)
    field = by_id(scan, "name-1")
    field.clear()
    field.send_keys("Target 1\n")
    wait_until(scan, lambda page: names(page) == ["F1", "Target 1"])
    wait_until(scan, lambda page: focused(page) == "finding-1")
    assert labels(scan) == ["F1", "Target 1"]
    edit(scan, 1)
    by_id(scan, "lead-1").click()
    wait_until(scan, lambda page: page.find_elements("css selector", "#finding-1 .leading"))
    scan.find_element("css selector", "#finding-1 th a").click()
    assert by_id(scan, "finding-name").text.startswith("Finding Target 1")
    assert "Target" not in scan.current_url
    assert not complaints(scan)


def test_a_change_comes_back_to_the_slice_that_was_shown(scan):
    from selenium.webdriver import ActionChains, Keys

    scan.execute_script("document.getElementById('stage').focus()")
    ActionChains(scan, duration=0).send_keys(Keys.HOME, Keys.ARROW_UP, "2").perform()
    stage_of(scan, 1)
    wait_until(scan, lambda page: "slice=1&" in page.current_url)
    edit(scan, 0)
    by_id(scan, "delete-0").click()
    wait_until(scan, lambda page: names(page) == ["F2"])
    stage_of(scan, 1)
    assert scan.find_element("css selector", "[data-window=mediastinum]").get_dom_attribute("aria-current")


def test_a_deletion_counts_down_and_is_undone_by_the_keyboard(scan):
    from selenium.webdriver import ActionChains, Keys

    edit(scan, 0)
    by_id(scan, "delete-0").click()
    wait_until(scan, lambda page: names(page) == ["F2"])
    wait_until(scan, lambda page: focused(page) == "undo-delete-0")
    assert by_id(scan, "deleted-0-said").text == "F1 was deleted."
    assert labels(scan) == ["F2"]
    left = scan.find_element("css selector", "#deleted-0 [data-left]")
    wait_until(scan, lambda _: left.text in ("9 s", "8 s"))
    assert left.get_dom_attribute("aria-hidden") == "true"
    ActionChains(scan, duration=0).send_keys(Keys.ENTER).perform()
    wait_until(scan, lambda page: names(page) == ["F1", "F2"])
    wait_until(scan, lambda page: focused(page) == "finding-0")
    scan.find_element("css selector", "#finding-0 th a").click()
    assert read_result(scan)["place"] == pytest.approx((40, 200, 6), abs=0.6)
    assert not complaints(scan)


def test_after_ten_seconds_the_offer_is_gone(scan, monkeypatch):
    monkeypatch.setattr(finding_list, "UNDO_SECONDS", 2.0)
    edit(scan, 0)
    by_id(scan, "delete-0").click()
    by_id(scan, "undo-delete-0")
    wait_until(scan, lambda page: not page.find_elements("id", "undo-delete-0"))
    assert by_id(scan, "said").text == "F1 is deleted."
    assert focused(scan) == "findings-title"
    assert names(scan) == ["F2"]


def test_too_late_is_said_in_a_sentence(scan, monkeypatch):
    monkeypatch.setattr(finding_list, "UNDO_SECONDS", 5.0)
    monkeypatch.setattr(finding_list, "GRACE_SECONDS", -4.9)
    edit(scan, 0)
    by_id(scan, "delete-0").click()
    wait_until(scan, lambda page: names(page) == ["F2"])
    if not scan.find_elements("id", "undo-delete-0"):
        pytest.skip("the page took longer than a tenth of a second")
    by_id(scan, "undo-delete-0").click()
    assert "Too late" in by_id(scan, "error").text
    assert names(scan) == ["F2"]
    scan.get_log("browser")


def test_all_of_it_works_without_javascript(plain_browser, finder_server, series):
    driver = plain_browser
    upload(driver, finder_server, series)
    row_and_column = {"row": "60", "col": "180"}
    driver.find_element("css selector", "#by-numbers summary").click()
    for name, value in row_and_column.items():
        by_id(driver, name).clear()
        by_id(driver, name).send_keys(value)
    by_id(driver, "predict").click()
    read_result(driver)
    by_id(driver, "choose-again").click()
    assert names(driver) == ["F1"]
    edit(driver, 0)
    by_id(driver, "name-0").clear()
    by_id(driver, "name-0").send_keys("Target\n")
    wait_until(driver, lambda page: names(page) == ["Target"])
    edit(driver, 0)
    by_id(driver, "delete-0").click()
    wait_until(driver, lambda page: names(page) == [])
    assert "This can be undone for ten seconds." in by_id(driver, "deleted-0-said").text
    by_id(driver, "undo-delete-0").click()
    wait_until(driver, lambda page: names(page) == ["Target"])
    assert not by_id(driver, "remove").is_displayed()
    by_id(driver, "ask-remove-first").click()
    by_id(driver, "remove-not").click()
    assert not by_id(driver, "remove").is_displayed()
    by_id(driver, "ask-remove-first").click()
    by_id(driver, "remove").click()
    assert "removed" in by_id(driver, "removed").text


def test_on_a_phone_nothing_scrolls_sideways_and_no_rule_is_broken(narrow, server, series):
    with_findings(narrow, server, series)
    edit(narrow, 0)
    field = by_id(narrow, "name-0")
    field.clear()
    field.send_keys("n" * 40 + "\n")
    wait_until(narrow, lambda page: names(page) == ["n" * 40, "F2"])
    edit(narrow, 1)
    by_id(narrow, "lead-1").click()
    wait_until(narrow, lambda page: page.find_elements("css selector", "#finding-1 .leading"))
    narrow.execute_script(OPEN)
    wider, elements = narrow.execute_script(WIDER)
    assert wider <= 0, elements
    assert not elements
    check(narrow)


def test_with_an_offer_to_undo_no_rule_is_broken(scan):
    edit(scan, 0)
    by_id(scan, "delete-0").click()
    by_id(scan, "undo-delete-0")
    try:
        check(scan)
    finally:
        prefer(scan, "")


def test_removal_is_asked_about_and_can_be_thought_better_of(scan):
    from selenium.webdriver import ActionChains, Keys

    address = scan.current_url
    assert not by_id(scan, "remove").is_displayed()
    scan.execute_script("document.getElementById('ask-remove-first').focus()")
    ActionChains(scan, duration=0).send_keys(Keys.ENTER).perform()
    assert "This cannot be undone." in by_id(scan, "remove-question").text
    by_id(scan, "remove-not").click()
    wait_until(scan, lambda page: names(page) == ["F1", "F2"])
    assert not by_id(scan, "remove").is_displayed()
    by_id(scan, "ask-remove-first").click()
    by_id(scan, "remove").click()
    assert "removed" in by_id(scan, "removed").text
    scan.get(address)
    assert "no longer available" in by_id(scan, "message").text
    scan.get_log("browser")
