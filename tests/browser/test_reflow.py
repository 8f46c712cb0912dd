"""No page scrolls sideways: on a phone, and with text twice as large."""

import pytest

from tests.browser.driving import by_id, sample, stage_of, upload

pytestmark = pytest.mark.slow

WIDER = """
    const page = document.documentElement;
    const scrollers = ".scroller, .stage-scroller, .unseen, .skip, svg, select, details:not([open])";
    return [
        page.scrollWidth - page.clientWidth,
        Array.from(document.querySelectorAll("body *"))
            .filter((element) => element.getBoundingClientRect().right > page.clientWidth + 1)
            .filter((element) => !element.closest(scrollers))
            .map((element) => element.outerHTML.slice(0, 100)),
    ];
"""
OPEN = "document.querySelectorAll('details').forEach((part) => { part.open = true; });"


@pytest.fixture(params=["phone", "large-text"])
def browser(request, browser):
    """The browser at 390 px; or at 1280 px with a standard text size of 32 px in place of 16 px."""
    width, size = {"phone": (390, 16), "large-text": (1280, 32)}[request.param]
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    style = (
        f"addEventListener('DOMContentLoaded', () => document.documentElement.style.fontSize = '{size}px')"
    )
    script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": style})
    yield browser
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def check(driver):
    driver.execute_script(OPEN)
    wider, elements = driver.execute_script(WIDER)
    assert wider <= 0, elements
    assert not elements


@pytest.mark.parametrize("path", ["/", "/models", "/nowhere"])
def test_page_of_an_address(browser, server, path):
    browser.get(server + path)
    check(browser)
    browser.get_log("browser")  # the browser itself notes an address that is no page


def test_viewer(browser, server, series):
    upload(browser, server, series)
    stage_of(browser)
    check(browser)


def test_upload_with_a_mistake(browser, server, tmp_path):
    letter = tmp_path / f"letter-{'long' * 20}.txt"
    letter.write_text("Dear colleague")
    upload(browser, server, letter)
    by_id(browser, "error")
    check(browser)
    browser.get_log("browser")


def test_result(browser, server):
    sample(browser, server)
    check(browser)
