"""Everything without JavaScript: links step, a click on the picture predicts."""

import re

import pytest

from tests.app.made_series import NODULE_AT, NODULE_SLICE
from tests.browser.driving import by_id, check_result, read_result, text_of, upload, wait_for_text

pytestmark = pytest.mark.slow


def click_on(driver, row, col, rows=256, cols=256):
    """Click on a place of the slice that is shown."""
    from selenium.webdriver import ActionChains

    image = by_id(driver, "click")
    assert image.size == {name: int(image.get_dom_attribute(name)) for name in ("width", "height")}
    across = (col + 0.5) / cols * image.size["width"] - image.size["width"] / 2
    down = (row + 0.5) / rows * image.size["height"] - image.size["height"] / 2
    ActionChains(driver).move_to_element_with_offset(image, round(across), round(down)).click().perform()


def test_a_picture_is_uploaded_and_clicked(plain_browser, server, picture):
    upload(plain_browser, server, picture(256), model="vgg16")
    assert not plain_browser.find_elements("css selector", "html.js"), "JavaScript ran"
    click_on(plain_browser, 128, 128)
    result = read_result(plain_browser)
    check_result(result)
    assert result["place"] == pytest.approx((128, 128, 0), abs=1)


def test_a_series_is_stepped_through_and_several_nodules_are_clicked(plain_browser, server, series):
    driver = plain_browser
    upload(driver, server, series, model="alexnet")
    wait_for_text(driver, "where", "Slice ")
    by_id(driver, "first").click()
    wait_for_text(driver, "where", "Slice 1 of 12")
    by_id(driver, "next").click()
    wait_for_text(driver, "where", "Slice 2 of 12")
    by_id(driver, "nth").clear()
    by_id(driver, "nth").send_keys("4\n")
    wait_for_text(driver, "where", "Slice 4 of 12")
    driver.find_element("css selector", "[data-window=bone]").click()
    source = by_id(driver, "click").get_dom_attribute("src")
    assert re.search(r"/slice/3\.png\?level=400&width=1800$", source)
    click_on(driver, *NODULE_AT)
    assert read_result(driver)["place"] == pytest.approx((*NODULE_AT, NODULE_SLICE), abs=1)
    by_id(driver, "choose-again").click()
    wait_for_text(driver, "where", "Slice 4 of 12")
    by_id(driver, "predict").click()
    assert by_id(driver, "error").text.endswith("Click the nodule first, or give its row and column.")
    wait_for_text(driver, "where", "Slice 4 of 12")
    driver.find_element("css selector", "#by-numbers summary").click()
    by_id(driver, "row").clear()
    by_id(driver, "row").send_keys("60")
    by_id(driver, "col").clear()
    by_id(driver, "col").send_keys("180\n")
    assert read_result(driver)["place"] == (60, 180, 3)
    by_id(driver, "choose-again").click()
    assert len(driver.find_elements("css selector", "#findings tbody tr")) == 2
    by_id(driver, "ask-remove-first").click()
    by_id(driver, "remove").click()
    assert "removed" in by_id(driver, "removed").text


def test_a_suggestion_is_taken(plain_browser, finder_server, series):
    driver = plain_browser
    upload(driver, finder_server, series)
    for _ in range(200):
        if by_id(driver, "search").get_dom_attribute("data-state") == "done":
            break
        driver.find_element("link text", "Reload to see the progress").click()
    driver.find_element("css selector", "#candidates a").click()
    assert by_id(driver, "marked").text.startswith("Suggestion S1 selected")
    by_id(driver, "predict").click()
    assert read_result(driver)["place"] == pytest.approx((*NODULE_AT, NODULE_SLICE), abs=1.5)
    assert "suggested by the app" in text_of(driver, "place")


def test_a_mistake_is_told(plain_browser, server, tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear colleague")
    upload(plain_browser, server, letter)
    assert by_id(plain_browser, "error").get_dom_attribute("data-code") == "unsupported_file"
