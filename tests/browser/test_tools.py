"""The tools of the viewer in a real browser: values, ruler, slabs, planes, fit, next nodule, pixel size."""

import json
import re

import pytest

from tests.app.made_series import NODULE_AT, NODULE_SLICE, as_zip, chest_volume, series_files
from tests.browser.driving import (
    by_id,
    complaints,
    marked,
    on_screen,
    over,
    show_whole_slice,
    stage_of,
    text_of,
    unfold,
    upload,
    wait_for_text,
    wait_until,
)

pytestmark = pytest.mark.slow

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
NODULE_ROW, NODULE_COL = NODULE_AT


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join)
def sized(request, browser):
    """The browser at desktop and phone width, light and dark."""
    size, scheme = request.param
    width, height = SIZES[size]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.fixture
def viewer(sized, server, series):
    """The viewer of a freshly uploaded series, on the slice with the nodule."""
    yield opened(sized, server, series)
    assert not complaints(sized)


@pytest.fixture
def desktop(browser, server, series):
    """The same at one size alone."""
    yield opened(browser, server, series)
    assert not complaints(browser)


def opened(driver, server, series):
    upload(driver, server, series)
    stage_of(driver)
    driver.get(re.sub(r"\?.*", "", driver.current_url) + f"?slice={NODULE_SLICE}")
    stage_of(driver, NODULE_SLICE)
    return driver


def keys(driver, *pressed):
    from selenium.webdriver import ActionChains

    driver.execute_script("document.getElementById('stage').focus()")
    ActionChains(driver, duration=0).send_keys(*pressed).perform()


def value(driver):
    """The value in the corner, once there is one."""
    return wait_until(driver, lambda page: text_of(page, "value"), "a value")


def drag(driver, begin, end):
    """Drag from one place (row, col) to another."""
    stage = by_id(driver, "stage")
    chain = over(driver, stage, *begin).click_and_hold()
    (x1, y1), (x2, y2) = (on_screen(driver, stage, *place) for place in (begin, end))
    chain.move_by_offset(round(x2) - round(x1), round(y2) - round(y1)).release().perform()


def fits(driver):
    page = "document.documentElement"
    shown, needed = driver.execute_script(f"return [{page}.clientWidth, {page}.scrollWidth]")
    return needed <= shown


def test_all_tools_at_each_width_and_in_each_scheme(viewer):
    over(viewer, by_id(viewer, "stage"), *NODULE_AT).perform()
    assert re.fullmatch(r"[4-7]\d HU", value(viewer)), "the nodule has 60 HU, its noise is 15"
    by_id(viewer, "ruler").click()
    drag(viewer, (127.5, 60), (127.5, 100))
    (length,) = viewer.find_elements("css selector", "#lengths li span")
    assert float(length.text.removesuffix(" mm")) == pytest.approx(40 * 1.4, abs=1.5)
    by_id(viewer, "ruler").click()
    by_id(viewer, "show-planes").click()
    wait_until(viewer, lambda page: page.find_element("id", "sagittal").get_dom_attribute("data-shown"))
    assert all(by_id(viewer, plane).is_displayed() for plane in ("coronal", "sagittal"))
    by_id(viewer, "slab").send_keys("MIP 15")
    wait_until(viewer, lambda page: text_of(page, "slab-now") == "MIP 15 mm")
    assert fits(viewer)


def touch(driver, begin, end=None):
    """Tap on a place of the slice, or draw a finger from there to another."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    stage = by_id(driver, "stage")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    box = driver.execute_script("return arguments[0].getBoundingClientRect()", stage)
    builder = ActionBuilder(driver, mouse=PointerInput("touch", "finger"), duration=0)
    for place, act in ((begin, "pointer_down"), (end or begin, "pointer_up")):
        x, y = on_screen(driver, stage, *place)
        builder.pointer_action.move_to_location(round(box["left"] + x), round(box["top"] + y))
        getattr(builder.pointer_action, act)()
    builder.perform()


def test_a_finger_marks_reads_and_measures(phone, server, series):
    opened(phone, server, series)
    touch(phone, NODULE_AT)
    assert marked(phone) == pytest.approx(NODULE_AT, abs=1.5)
    assert re.fullmatch(r"[4-7]\d HU", value(phone))
    by_id(phone, "ruler").click()
    touch(phone, (127.5, 60), (127.5, 100))
    (length,) = phone.find_elements("css selector", "#lengths li span")
    assert float(length.text.removesuffix(" mm")) == pytest.approx(40 * 1.4, abs=2.5)
    assert not complaints(phone)


def test_the_value_is_that_of_the_slab_that_is_shown(desktop):
    keys(desktop, "\ue013")  # the arrow up: to the next slice, of healthy lung
    stage_of(desktop, NODULE_SLICE + 1)
    over(desktop, by_id(desktop, "stage"), *NODULE_AT).perform()
    assert re.fullmatch(r"−8[3-6]\d HU", value(desktop))
    keys(desktop, "m", "m")  # 10 mm: the slice with the nodule is one of three
    over(desktop, by_id(desktop, "stage"), 127.5, 77).perform()
    wait_until(desktop, lambda page: re.fullmatch(r"[4-7]\d HU", text_of(page, "value")))
    keys(desktop, "m", "m")
    assert text_of(desktop, "slab-now") == ""


def test_a_click_on_a_mip_marks_the_slice_that_shines_through(desktop):
    keys(desktop, "\ue013", "m", "m")
    stage_of(desktop, NODULE_SLICE + 1)
    over(desktop, by_id(desktop, "stage"), *NODULE_AT).click().perform()
    wait_for_text(desktop, "marked", f"slice {NODULE_SLICE + 1} of 12")
    stage_of(desktop, NODULE_SLICE)
    wait_until(desktop, lambda page: re.search(rf"slice={NODULE_SLICE}&.*slab=mip-10", page.current_url))
    desktop.refresh()
    stage_of(desktop, NODULE_SLICE)
    assert text_of(desktop, "slab-now") == "MIP 10 mm"


def test_a_line_is_drawn_moved_and_deleted(desktop):
    by_id(desktop, "ruler").click()
    drag(desktop, (60, 60), (60, 90))
    drag(desktop, (60, 90), (60, 120))  # takes hold of its end
    (length,) = desktop.find_elements("css selector", "#lengths li span")
    assert float(length.text.removesuffix(" mm")) == pytest.approx(60 * 1.4, abs=1.5)
    assert marked(desktop) is None, "a line is no mark"
    keys(desktop, "\ue013")
    stage_of(desktop, NODULE_SLICE + 1)
    assert not desktop.find_elements("css selector", ".ruled")
    desktop.find_element("css selector", "#lengths a").click()
    stage_of(desktop, NODULE_SLICE)
    assert len(desktop.find_elements("css selector", ".ruled")) == 1
    desktop.find_element("css selector", "#lengths button").click()
    assert not desktop.find_elements("css selector", ".ruled")
    assert not by_id(desktop, "measured").is_displayed()


def test_the_keyboard_alone_measures(desktop):
    keys(desktop, "0", "d", "r", "d", "d", "d", "r")
    (length,) = desktop.find_elements("css selector", "#lengths li span")
    assert float(length.text.removesuffix(" mm")) == pytest.approx(12, abs=0.1)
    keys(desktop, "r", "d", "\ue00c")  # Escape gives the second one up
    assert len(desktop.find_elements("css selector", ".ruled")) == 1
    keys(desktop, "\ue017")  # Delete
    assert not desktop.find_elements("css selector", ".ruled")


def test_the_crosshair_is_shared_by_the_three_planes(desktop):
    from selenium.webdriver import ActionChains, Keys

    keys(desktop, "0", "v")
    over(desktop, by_id(desktop, "stage"), *NODULE_AT).click().perform()
    rows = {"coronal": int(NODULE_ROW + 0.5), "sagittal": int(NODULE_COL + 0.5)}
    for plane, expected in rows.items():
        wait_until(desktop, lambda page, plane=plane: by_id(page, plane).get_dom_attribute("data-shown"))
        assert abs(int(by_id(desktop, plane).get_dom_attribute("data-index")) - expected) <= 1
    coronal = by_id(desktop, "coronal")
    desktop.execute_script("arguments[0].focus()", coronal)
    ActionChains(desktop, duration=0).send_keys(Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_RIGHT).perform()
    stage_of(desktop, NODULE_SLICE + 2)
    index = int(by_id(desktop, "sagittal").get_dom_attribute("data-index"))
    assert abs(index - (rows["sagittal"] + 4)) <= 1
    ActionChains(desktop, duration=0).send_keys(Keys.PAGE_DOWN).perform()
    index = int(coronal.get_dom_attribute("data-index"))
    assert abs(index - (rows["coronal"] + 10)) <= 1
    ActionChains(desktop, duration=0).send_keys(Keys.ENTER).perform()
    assert by_id(desktop, "marked").text.startswith(f"Marked: slice {NODULE_SLICE + 3} of 12, row ")
    # a click at the very top of the coronal plane: the highest slice
    chain = ActionChains(desktop, duration=0)
    chain.move_to_element_with_offset(coronal, 0, 3 - coronal.rect["height"] // 2).click().perform()
    stage_of(desktop, 11)


def test_the_lungs_fill_the_stage_or_the_whole_slice_does(desktop):
    facts = json.loads(by_id(desktop, "viewer").get_dom_attribute("data-facts"))
    assert by_id(desktop, "fit").text == "Whole slice"
    x, y, width, height = facts["lungs"]
    stage = by_id(desktop, "stage")
    scale = float(stage.get_dom_attribute("data-scale"))
    expected = min(stage.size["width"] / width, stage.size["height"] / height)
    assert scale == pytest.approx(expected, rel=0.01)
    keys(desktop, "f")
    assert (by_id(desktop, "fit").text, by_id(desktop, "zoom-reset").text) == ("Fit lungs", "100 %")
    by_id(desktop, "fit").click()
    assert float(stage.get_dom_attribute("data-scale")) == pytest.approx(scale)


def test_n_and_p_walk_over_what_the_page_lists(browser, finder_server, tmp_path):
    volume = chest_volume(12)
    volume[8] = volume[NODULE_SLICE]
    two = tmp_path / "two.zip"
    two.write_bytes(as_zip(series_files(volume)))
    upload(browser, finder_server, two)
    wait_until(browser, lambda page: len(page.find_elements("css selector", "#candidates li")) == 2)
    first, second = browser.find_elements("css selector", "#candidates a[data-row]")
    assert {link.get_dom_attribute("data-slice") for link in (first, second)} == {"3", "8"}
    keys(browser, "\ue00c")  # Escape
    assert marked(browser) is None
    for key, link, title in (
        ("n", first, "S1"),
        ("n", second, "S2"),
        ("n", first, "S1"),
        ("p", second, "S2"),
    ):
        keys(browser, key)
        stage_of(browser, int(link.get_dom_attribute("data-slice")))
        assert link.get_dom_attribute("aria-current") == "true"
        assert f"Suggestion {title}" in by_id(browser, "marked").text
    by_id(browser, "mark-next").click()
    assert "Suggestion S1" in by_id(browser, "marked").text
    by_id(browser, "mark-previous").click()
    assert "Suggestion S2" in by_id(browser, "marked").text
    assert not complaints(browser)


def test_without_a_list_n_says_so(desktop):
    if desktop.find_elements("css selector", "#candidates a"):
        pytest.skip("the network has found something in the drawn chest")
    keys(desktop, "n")
    assert text_of(desktop, "said") == "There are no suggestions or findings to go to."


def test_the_pixel_size_is_measured_on_the_viewer(browser, server, picture):
    upload(browser, server, picture(256))
    stage_of(browser)
    show_whole_slice(browser)
    assert by_id(browser, "spacing-now").text == "0.70 mm per pixel, assumed, as the file does not give it."
    over(browser, by_id(browser, "stage"), 100, 100).perform()
    assert value(browser).startswith("grey value ")
    browser.find_element("css selector", "#spacing-details summary").click()
    by_id(browser, "measure-line").click()
    drag(browser, (100, 50), (100, 150))
    by_id(browser, "known-mm").send_keys("60")
    assert float(by_id(browser, "spacing-mm").get_property("value")) == pytest.approx(0.6, abs=0.02)
    by_id(browser, "set-spacing").click()
    wait_for_text(browser, "spacing-now", "entered by you")
    assert re.match(r"0\.(59|60|61) mm", by_id(browser, "spacing-now").text)
    assert not complaints(browser)


def test_the_pixel_size_is_measured_on_the_result_and_the_answer_computed_anew(browser, server, picture):
    from selenium.webdriver import ActionChains, Keys

    upload(browser, server, picture(96), model="vgg16")
    by_id(browser, "verdict")
    assert text_of(browser, "spacing") == "0.70 mm per pixel (assumed)"
    by_id(browser, "show-resnet").click()  # the form of the page that came in its place works, too
    wait_for_text(browser, "model-title", "ResNet")
    unfold(browser, "spacing-details")
    by_id(browser, "measure-line").click()
    ActionChains(browser, duration=0).send_keys(*[Keys.ARROW_RIGHT] * 3).perform()
    by_id(browser, "known-mm").send_keys("10")
    facts = browser.find_element("id", "spacing-form")
    per_unit = float(facts.get_dom_attribute("data-mm-per-unit"))
    width = float(by_id(browser, "slice-image").get_dom_attribute("viewBox").split()[2])
    expected = 0.7 * 10 / ((0.3 * width - 3) * per_unit)
    assert float(by_id(browser, "spacing-mm").get_property("value")) == pytest.approx(expected, rel=1e-3)
    by_id(browser, "set-spacing").click()
    wait_until(browser, lambda page: "entered by you" in text_of(page, "spacing"))
    assert by_id(browser, "model-title").text == "ResNet"
    assert f"{expected:.2f} mm per pixel" in text_of(browser, "spacing")
    assert not complaints(browser)


def test_the_pixel_size_is_typed_without_javascript(plain_browser, server, picture):
    driver = plain_browser
    upload(driver, server, picture(256))
    unfold(driver, "spacing-details")
    assert not by_id(driver, "measure-line").is_displayed()
    by_id(driver, "spacing-mm").send_keys("0.55\n")
    wait_for_text(driver, "spacing-now", "0.55 mm per pixel, entered by you")
