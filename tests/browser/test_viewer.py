"""The viewer of a series in a real browser: looking around, marking, suggestions."""

import re
import time

import pytest

from app import create_app
from tests.app.made_series import NODULE_AT, NODULE_SLICE, BrightSpots, WithLocaliser
from tests.browser.driving import (
    by_id,
    complaints,
    marked,
    on_screen,
    over,
    predict,
    read_result,
    show_whole_slice,
    stage_of,
    text_of,
    upload,
    wait_until,
)
from tests.conftest import served

pytestmark = pytest.mark.slow

PIXEL = """
    const copy = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    copy.drawImage(document.querySelector("#stage canvas"), -arguments[0], -arguments[1]);
    return copy.getImageData(0, 0, 1, 1).data[0];
"""


@pytest.fixture
def viewer(browser, server, series):
    """The browser on a freshly uploaded series, slice 7 of 12 in view, nothing marked."""
    upload(browser, server, series)
    stage_of(browser)
    browser.get(re.sub(r"\?.*", "", browser.current_url) + "?slice=6")
    stage_of(browser, 6)
    show_whole_slice(browser)
    browser.execute_script("window.scrollTo(0, 0)")
    yield browser
    assert not complaints(browser)


def keys(driver, *pressed):
    from selenium.webdriver import ActionChains

    by_id(driver, "stage")
    driver.execute_script("document.getElementById('stage').focus()")
    ActionChains(driver, duration=0).send_keys(*pressed).perform()


def window_now(driver):
    return driver.find_element("id", "window-now").get_property("textContent")


def state(driver):
    return driver.find_element("id", "search").get_dom_attribute("data-state")


def grey_in_the_middle_of_lung(driver):
    """What the canvas shows at row 127.5, column 178.5: lung."""
    x, y = on_screen(driver, by_id(driver, "stage"), 127.5, 178.5)
    return driver.execute_script(PIXEL, round(x), round(y))


def test_keys_wheel_slider_and_links_step_through_the_slices(viewer):
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    for key, shown in (
        (Keys.ARROW_UP, 7),
        (Keys.ARROW_DOWN, 6),
        (Keys.PAGE_UP, 11),
        (Keys.PAGE_DOWN, 1),
        (Keys.END, 11),
        (Keys.HOME, 0),
    ):
        keys(viewer, key)
        stage_of(viewer, shown)
    assert by_id(viewer, "where").text == "Slice 1 of 12"
    assert by_id(viewer, "position").text == "z = −90.0 mm"
    origin = ScrollOrigin.from_element(by_id(viewer, "stage"))
    ActionChains(viewer).scroll_from_origin(origin, 0, -180).perform()
    stage_of(viewer, 3)
    by_id(viewer, "slider").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    stage_of(viewer, 5)
    by_id(viewer, "previous").click()
    stage_of(viewer, 4)
    by_id(viewer, "last").click()
    stage_of(viewer, 11)
    wait_until(viewer, lambda page: "slice=11" in page.current_url)
    viewer.refresh()
    stage_of(viewer, 11)


def test_presets_and_drag_change_the_window(viewer):
    lung = grey_in_the_middle_of_lung(viewer)
    assert 70 < lung < 100  # -850 HU in the lung window
    keys(viewer, "2")
    wait_until(viewer, lambda page: grey_in_the_middle_of_lung(page) == 0)
    assert window_now(viewer) == "L 40  W 400"
    assert viewer.find_element("css selector", "[data-window][aria-current]").text == "Mediastinum"
    viewer.find_element("css selector", "[data-window=lung]").click()
    wait_until(viewer, lambda page: grey_in_the_middle_of_lung(page) == lung)
    from selenium.webdriver import Keys

    chain = over(viewer, by_id(viewer, "stage"), 100, 100).key_down(Keys.SHIFT).click_and_hold()
    chain.move_by_offset(50, 100).release().key_up(Keys.SHIFT).perform()
    wait_until(
        viewer,
        lambda page: page.find_element("id", "window-now").get_property("textContent") == "L −400  W 1700",
    )
    assert marked(viewer) is None


def test_a_place_is_marked_moved_and_taken_away(viewer):
    from selenium.webdriver import Keys

    stage = by_id(viewer, "stage")
    over(viewer, stage, 40, 200).perform()
    assert by_id(viewer, "readout").get_property("textContent") == "row 40, column 200"
    over(viewer, stage, 40, 200).click().perform()
    assert marked(viewer) == pytest.approx((40, 200), abs=0.6)
    assert by_id(viewer, "marked").text.startswith("Marked: slice 7 of 12, row ")
    over(viewer, stage, 90, 30).click().perform()
    assert marked(viewer) == pytest.approx((90, 30), abs=0.6)
    keys(viewer, Keys.ARROW_UP)
    stage_of(viewer, 7)
    assert not viewer.find_elements("css selector", ".ring-marked"), "the mark is on the slice before"
    keys(viewer, Keys.ARROW_DOWN)
    stage_of(viewer, 6)
    assert len(viewer.find_elements("css selector", ".ring-marked")) == 1
    keys(viewer, Keys.ESCAPE)
    assert marked(viewer) is None
    by_id(viewer, "predict").click()
    assert by_id(viewer, "mark-first").text == "Click the nodule first."
    assert viewer.switch_to.active_element.get_dom_attribute("id") == "stage"
    assert "/finding/" not in viewer.current_url
    over(viewer, stage, 40, 200).click().perform()
    assert not by_id(viewer, "mark-first").is_displayed()


def test_zoom_pans_scales_the_bar_and_keeps_places_true(viewer):
    stage = by_id(viewer, "stage")

    def bar():
        return by_id(viewer, "scale-bar").text

    assert re.fullmatch(r"\d+ mm", bar())
    whole = int(bar().split()[0])
    over(viewer, stage, 60, 60).perform()
    for _ in range(3):
        by_id(viewer, "zoom-in").click()
    assert by_id(viewer, "zoom-reset").text == "338 %"
    assert int(bar().split()[0]) < whole
    over(viewer, stage, 127.5, 127.5).click().perform()
    assert marked(viewer) == pytest.approx((127.5, 127.5), abs=0.6)
    step = 50 / (min(stage.size["width"], stage.size["height"]) / 256 * 1.5**3)
    chain = over(viewer, stage, 127.5, 127.5).click_and_hold().move_by_offset(50, -50)
    chain.release().move_by_offset(-50, 50).click().perform()
    assert marked(viewer) == pytest.approx((127.5 + step, 127.5 - step), abs=0.6)
    keys(viewer, "0")
    assert bar() == f"{whole} mm"


def test_the_keyboard_alone_places_the_mark_and_predicts(viewer):
    from selenium.webdriver import ActionChains, Keys

    keys(viewer, "d", "s", "s", Keys.ENTER)
    row, col = marked(viewer)
    assert (row, col) == pytest.approx((127.5 + 2 * 4 / 1.4, 127.5 + 4 / 1.4), abs=0.2)
    ActionChains(viewer).key_down(Keys.SHIFT).send_keys("w").key_up(Keys.SHIFT).send_keys(
        Keys.ENTER
    ).perform()
    assert marked(viewer)[0] == pytest.approx(row - 0.5 / 1.4, abs=0.15)
    by_id(viewer, "model").send_keys("VGG16")
    by_id(viewer, "predict").send_keys(Keys.ENTER)
    result = read_result(viewer)
    assert result["place"][2] == 6
    assert by_id(viewer, "model-title").text == "VGG16"


def test_several_nodules_one_after_the_other(viewer):
    from selenium.webdriver import Keys

    over(viewer, by_id(viewer, "stage"), 40, 200).click().perform()
    assert predict(viewer)["place"] == pytest.approx((40, 200, 6), abs=0.6)
    viewer.back()
    stage_of(viewer, 6)
    keys(viewer, Keys.ARROW_UP)
    over(viewer, stage_of(viewer, 7), 150, 60).click().perform()
    assert predict(viewer)["place"] == pytest.approx((150, 60, 7), abs=0.6)
    by_id(viewer, "choose-again").click()
    stage_of(viewer, 7)
    assert [tag.text for tag in viewer.find_elements("css selector", "#findings tbody th")] == ["F1", "F2"]
    assert [ring.text for ring in viewer.find_elements("css selector", ".ring-found text")] == ["F2"]
    viewer.find_element("css selector", "#findings tr:first-child a[data-row]").click()
    stage_of(viewer, 6)
    viewer.find_element("css selector", "#findings tr:first-child a").click()
    assert read_result(viewer)["place"] == pytest.approx((40, 200, 6), abs=0.6)


def test_a_scan_is_removed(viewer):
    address = viewer.current_url
    by_id(viewer, "ask-remove-first").click()
    by_id(viewer, "remove").click()
    assert "removed" in by_id(viewer, "removed").text
    viewer.get(address)
    assert "no longer available" in by_id(viewer, "message").text
    viewer.get_log("browser")  # the browser itself notes that the page is gone


def test_a_chosen_suggestion_is_marked_until_another_place_is(browser, finder_server, series):
    upload(browser, finder_server, series)
    wait_until(
        browser, lambda page: page.find_element("id", "search").get_dom_attribute("data-state") == "done"
    )
    stage = stage_of(browser, NODULE_SLICE)
    assert marked(browser) is None  # which one is meant is for the reader to say
    browser.find_element("css selector", "#candidates a").click()
    wait_until(browser, lambda page: "Suggestion S1" in page.find_element("id", "marked").text)
    assert marked(browser) == pytest.approx(NODULE_AT, abs=1.5)
    assert [ring.text for ring in browser.find_elements("css selector", ".ring-suggested text")] == ["S1"]
    over(browser, stage, 40, 200).click().perform()
    assert by_id(browser, "marked").text.startswith("Marked: ")
    by_id(browser, "first").click()
    stage_of(browser, 0)
    browser.find_element("css selector", "#candidates a").click()
    stage_of(browser, NODULE_SLICE)
    predict(browser)
    assert "suggested by the app, not by a person" in text_of(browser, "place")
    assert re.fullmatch(r"[\d.]+ mm", by_id(browser, "long-axis").text)
    assert by_id(browser, "largest").text == "largest in slice 4"
    assert browser.find_elements("css selector", "#close-up polygon")
    assert not complaints(browser)


class Slow(BrightSpots):
    """Takes its time, so that a test can look on."""

    def maps(self, fields):
        time.sleep(1)
        return super().maps(fields)


def test_a_search_shows_how_far_it_is_and_is_cancelled(browser, app, series, tmp_path):
    slow = create_app({"REGISTRY": WithLocaliser(app.registry, Slow()), "STORE": tmp_path / "store"})
    with served(slow) as address:
        upload(browser, address, series)
        stage_of(browser)
        wait_until(browser, lambda page: state(page) == "running")
        wait_until(browser, lambda page: page.find_element("id", "search-done").text in tuple("23456789"))
        by_id(browser, "search-cancel").click()
        wait_until(browser, lambda page: state(page) == "cancelled")
        by_id(browser, "search-start").click()
        wait_until(browser, lambda page: state(page) == "running")
        by_id(browser, "search-cancel").click()
        wait_until(browser, lambda page: state(page) == "cancelled")
        assert not complaints(browser)
        browser.get("about:blank")
    slow.store.close()
