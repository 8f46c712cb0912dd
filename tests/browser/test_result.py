"""The result in a real browser: another model in front, the map, explained terms, phone, dark and paper."""

import base64
import re

import pytest
from PIL import Image

from tests.browser.driving import by_id, complaints, sample, wait_for_text, wait_until
from tests.browser.test_browser import A4_INCHES

pytestmark = pytest.mark.slow

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
STYLE = "return getComputedStyle(document.getElementById(arguments[0]))[arguments[1]]"


@pytest.fixture
def result(browser, server):
    """The page of the spiculated sample."""
    sample(browser, server)
    yield browser
    assert not complaints(browser)


@pytest.fixture
def sized(browser):
    """Give the browser's window one of `SIZES` and a colour scheme."""

    def resize(size, scheme="light"):
        width, height = SIZES[size]
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    yield resize
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def current(driver):
    """The model that the page says is in front."""
    return driver.find_element("css selector", "#switch [aria-current]").get_dom_attribute("id")


def test_another_model_comes_to_the_front_on_the_same_page(result):
    result.execute_script("window.stays = true")
    by_id(result, "show-resnet").send_keys("\n")
    wait_for_text(result, "model-title", "ResNet")
    assert result.execute_script("return window.stays"), "the page was loaded anew"
    assert result.current_url.endswith("/finding/0?model=resnet")
    assert current(result) == "show-resnet"
    assert result.switch_to.active_element.get_dom_attribute("id") == "show-resnet"
    row = result.find_element("css selector", "#models-table .asked")
    assert row.get_dom_attribute("data-key") == "resnet"
    assert f"probability {by_id(result, 'probability').text}" in by_id(result, "said").get_property(
        "textContent"
    )


def test_the_page_stays_where_it_was_scrolled_to(result):
    link = by_id(result, "show-vgg19")
    result.execute_script("arguments[0].scrollIntoView({block: 'start'})", link)
    top = link.rect["y"] - result.execute_script("return scrollY")
    link.click()
    wait_for_text(result, "model-title", "VGG19")
    now = by_id(result, "show-vgg19").rect["y"] - result.execute_script("return scrollY")
    assert now == pytest.approx(top, abs=2)


def test_back_and_forward_go_through_the_models(result):
    for key, title in (("vgg16", "VGG16"), ("alexnet", "AlexNet")):
        by_id(result, f"show-{key}").click()
        wait_for_text(result, "model-title", title)
    result.back()
    wait_for_text(result, "model-title", "VGG16")
    result.back()
    wait_for_text(result, "model-title", "Consensus")
    result.forward()
    wait_for_text(result, "model-title", "VGG16")


def test_a_server_that_does_not_answer_is_not_passed_over(result):
    result.execute_script("window.fetch = () => Promise.reject(new TypeError('offline'))")
    by_id(result, "show-resnet").click()
    wait_for_text(result, "model-title", "ResNet")
    assert not result.execute_script("return window.fetch.toString().includes('offline')"), "loaded anew"


def test_the_map_is_switched_off_and_faded(result):
    assert result.execute_script(STYLE, "overlay", "opacity") == "0.45"
    opacity = by_id(result, "overlay-opacity")
    for _ in range(5):
        opacity.send_keys("\ue012")  # the left arrow
    assert float(result.execute_script(STYLE, "overlay", "opacity")) == pytest.approx(0.2)
    by_id(result, "overlay-on").click()
    assert result.execute_script(STYLE, "overlay", "display") == "none"
    by_id(result, "show-vgg16").click()
    wait_for_text(result, "model-title", "VGG16")
    assert result.execute_script(STYLE, "overlay", "display") == "none"
    by_id(result, "overlay-on").click()
    assert result.execute_script(STYLE, "overlay", "display") != "none"
    assert float(result.execute_script(STYLE, "overlay", "opacity")) == pytest.approx(0.2)


def test_a_map_that_the_address_leaves_out_is_fetched(result):
    result.get(result.current_url + "?overlay=off")
    assert not result.find_elements("id", "overlay")
    by_id(result, "overlay-on").click()
    by_id(result, "overlay")
    assert by_id(result, "overlay-on").is_selected()


def test_a_calculator_in_use_is_kept_when_the_model_changes(result):
    by_id(result, "guidelines-title").click()
    result.find_element("css selector", ".calculators summary").click()
    field = result.find_element("css selector", ".calculators details[open] input[type=text]")
    field.clear()
    field.send_keys("62")
    by_id(result, "show-vgg16").click()
    wait_for_text(result, "model-title", "VGG16")
    kept = result.find_element("css selector", ".calculators details[open] input[type=text]")
    assert kept.get_property("value") == "62"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window(sized, result, tmp_path, size, scheme):
    sized(size, scheme)
    result.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page = "document.documentElement"
    needed, shown = result.execute_script(f"return [{page}.scrollWidth, {page}.clientWidth]")
    assert needed == shown
    box = result.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1}
    shot = result.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    path = tmp_path / f"result-{size}-{scheme}.png"
    path.write_bytes(base64.b64decode(shot["data"]))
    with Image.open(path) as picture:
        assert picture.size == (round(box["width"]), round(box["height"]))
        brightness = picture.convert("L").resize((1, 1)).getpixel((0, 0))
    assert (brightness > 128) == (scheme == "light")


def pages_of(driver, path):
    data = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", A4_INCHES)["data"])
    path.write_bytes(data)
    return len(re.findall(rb"/Type\s*/Page\b", data))


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_it_prints_on_one_sheet_with_any_model_in_front(browser, server, tmp_path, kind):
    sample(browser, server, kind)
    assert pages_of(browser, tmp_path / f"{kind}.pdf") == 1
    by_id(browser, "show-efficientnet").click()
    wait_for_text(browser, "model-title", "EfficientNet")
    assert pages_of(browser, tmp_path / f"{kind}-efficientnet.pdf") == 1


def test_without_javascript_links_switch_model_and_map(plain_browser, server):
    driver = plain_browser
    sample(driver, server)
    assert not driver.find_elements("css selector", "html.js"), "JavaScript ran"
    assert not by_id(driver, "overlay-on").is_displayed()
    assert driver.execute_script(STYLE, "overlay", "opacity") == "0.45"
    by_id(driver, "show-vgg19").click()
    wait_for_text(driver, "model-title", "VGG19")
    assert driver.find_elements("id", "overlay")
    by_id(driver, "overlay-link").click()
    wait_until(driver, lambda page: not page.find_elements("id", "overlay"))
    by_id(driver, "show-resnet").click()
    wait_for_text(driver, "model-title", "ResNet")
    assert not driver.find_elements("id", "overlay"), "the map came back unasked"
    by_id(driver, "overlay-link").click()
    by_id(driver, "overlay")
    assert current(driver) == "show-resnet"
