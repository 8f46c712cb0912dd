"""Everything by keyboard alone: from the upload to the files of the result, the focus always in sight."""

import json

import pytest

from tests.app.made_series import NODULE_SLICE
from tests.browser.driving import by_id, marked, stage_of, wait_for_text, wait_until

pytestmark = pytest.mark.slow

MOST_TABS = 80
FOCUS = """
    const focused = document.activeElement;
    const ringed = (element) => {
        const style = getComputedStyle(element);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    };
    const shown = (element) => {
        const {left, right, top, bottom, width, height} = element.getBoundingClientRect();
        const inside = right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
        return inside && width > 1 && height > 1;
    };
    const bearers = [focused, ...(focused.labels || [])];
    return {
        id: focused.id,
        name: focused.outerHTML.slice(0, 120),
        nth: Array.from(document.querySelectorAll("*")).indexOf(focused),
        inSight: bearers.some((element) => ringed(element) && shown(element)),
    };
"""


def press(driver, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(driver, duration=0).send_keys(*keys).perform()


def tab(driver, backwards=False):
    """Go to the next element, whose focus must be seen; what it is."""
    from selenium.webdriver import ActionChains, Keys

    chain = ActionChains(driver, duration=0)
    if backwards:
        chain = chain.key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT)
    else:
        chain = chain.send_keys(Keys.TAB)
    chain.perform()
    focused = driver.execute_script(FOCUS)
    assert focused["name"].startswith("<body") or focused["inSight"], focused["name"]
    return focused


def tab_to(driver, name):
    """Press Tab until the element of that id has the focus."""
    passed = []
    for _ in range(MOST_TABS):
        passed.append(tab(driver))
        if passed[-1]["id"] == name:
            return
    raise AssertionError(f"{name} is not reached: {[focused['name'] for focused in passed]}")


def round_trip(driver):
    """Press Tab from the top until the focus has left the page; what had it, none of them twice."""
    driver.execute_script("document.body.tabIndex = -1; document.body.focus(); document.body.blur()")
    passed = []
    for _ in range(MOST_TABS):
        focused = tab(driver)
        if focused["name"].startswith("<body") or (passed and focused["nth"] == passed[0]):
            break
        passed.append(focused["nth"])
    else:
        raise AssertionError("the focus does not leave the page")
    assert len(set(passed)) == len(passed)
    return passed


@pytest.fixture
def downloads(browser, tmp_path):
    """The folder that files are saved in."""
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    yield tmp_path
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "default"})


def test_the_skip_link_leads_past_the_header(browser, server):
    from selenium.webdriver import Keys

    browser.get(server + "/")
    first = tab(browser)
    assert 'class="skip"' in first["name"]
    press(browser, Keys.ENTER)
    assert browser.switch_to.active_element.get_dom_attribute("id") == "main"
    assert tab(browser)["id"] == "image"


@pytest.mark.parametrize("path", ["/", "/models", "/nowhere"])
def test_nothing_holds_the_focus(browser, server, path):
    browser.get(server + path)
    there = round_trip(browser)
    assert len(there) >= 4
    back = [tab(browser, backwards=True)["nth"] for _ in range(2)]
    assert back[-1] in there
    browser.get_log("browser")  # the browser itself notes an address that is no page


def test_from_the_upload_to_the_files(browser, server, series, downloads):
    from selenium.webdriver import Keys

    browser.get(server + "/")
    tab_to(browser, "image")
    by_id(browser, "image").send_keys(str(series))  # what the dialog of the system would do
    tab_to(browser, "predict")
    press(browser, Keys.ENTER)

    stage_of(browser)
    wait_until(browser, lambda page: page.execute_script(FOCUS)["id"] == "stage")
    press(browser, Keys.HOME, *[Keys.ARROW_UP] * NODULE_SLICE)
    stage_of(browser, NODULE_SLICE)
    press(browser, "d", "s", Keys.ENTER)
    assert marked(browser)
    round_trip(browser)
    tab_to(browser, "predict")
    press(browser, Keys.ENTER)

    by_id(browser, "verdict")
    tab_to(browser, "show-resnet")
    press(browser, Keys.ENTER)
    wait_for_text(browser, "model-title", "ResNet")
    assert browser.execute_script(FOCUS)["id"] == "show-resnet"
    tab_to(browser, "download-json")
    press(browser, Keys.ENTER)
    wait_until(browser, lambda _: list(downloads.glob("*.json")), "a file is saved")
    assert json.loads(next(downloads.glob("*.json")).read_text())["model"] == "resnet"
    round_trip(browser)
