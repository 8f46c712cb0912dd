"""What the browser tests share: how to start a browser, and how to find one's way on the pages."""

import json
import re
from pathlib import Path

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1400",
)
WAIT_S = 30
STAGED = [str(i) for i in range(1000)]
PLACE = re.compile(r"row ([\d.]+), column ([\d.]+), slice (\d+)")


def start_browser(profile, javascript=True):
    """A headless Chromium with a profile of its own."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.set_page_load_timeout(WAIT_S)
    return driver


def forget_cookies(driver):
    """Have the browser be nobody whom a server knows.

    Cookies hold for all ports of a host: a log-in at one server counts at every other with the same password.
    """
    driver.get("about:blank")  # the answer to what a page still asks for could bring one back
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})


def by_id(driver, name):
    """The element of that id, as soon as the page has it."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, WAIT_S).until(lambda page: page.find_element("id", name))


def text_of(driver, name):
    """The text of the element of that id, also where it is folded away."""
    return " ".join(by_id(driver, name).get_property("textContent").split())


def unfold(driver, name):
    """Open a part, and first what it lies in."""
    for part in by_id(driver, name).find_elements("xpath", "ancestor-or-self::details[not(@open)]"):
        part.find_element("css selector", "summary").click()


def upload(driver, server, path, model="consensus"):
    driver.get(server + "/")
    by_id(driver, "image").send_keys(str(path))
    driver.find_element("css selector", f"#model option[value={model}]").click()
    by_id(driver, "predict").click()


def sample(driver, server, kind="spiculated"):
    driver.get(server + "/")
    by_id(driver, f"sample-{kind}").click()
    by_id(driver, "verdict")


def read_result(driver):
    """What the result page says: verdict, probability, threshold, rows of the table, place."""
    verdict = by_id(driver, "verdict").text
    place = text_of(driver, "place")
    return {
        "verdict": verdict,
        "probability": float(by_id(driver, "probability").text),
        "threshold": float(by_id(driver, "threshold").text),
        "rows": driver.find_elements("css selector", "#models-table tbody tr"),
        "place": tuple(float(n) for n in PLACE.search(place).groups()),
    }


def check_result(result):
    assert result["verdict"].startswith(("Malignant-looking", "Benign-looking"))
    assert 0 <= result["probability"] <= 1
    assert len(result["rows"]) == 5


def complaints(driver):
    """What the browser has to say about the pages, content security policy included."""
    entries = driver.get_log("browser")
    return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]


def wait_until(driver, condition, message=""):
    """Wait until a condition on the driver holds; a page that is just left may say anything meanwhile."""
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(driver, WAIT_S, 0.05, ignored_exceptions=[WebDriverException])
    return wait.until(condition, message)


def wait_for_text(driver, name, text):
    """Wait until an element holds a text."""
    wait_until(driver, lambda page: text in page.find_element("id", name).text, f"{name}: {text}")


def stage_of(driver, shown=None):
    """The viewer's stage, once it shows a slice (counted from 0; default: any)."""
    stage = by_id(driver, "stage")
    expected = STAGED if shown is None else [str(shown)]
    wait_until(driver, lambda _: stage.get_dom_attribute("data-slice") in expected, f"slice {shown}")
    return stage


def over(driver, stage, row, col, rows=256, cols=256):
    """Actions that have moved the pointer over a place of an unturned slice, however enlarged."""
    from selenium.webdriver import ActionChains

    driver.execute_script("arguments[0].scrollIntoView({block: 'nearest'})", stage)
    box = driver.execute_script("return arguments[0].getBoundingClientRect()", stage)
    x, y = on_screen(driver, stage, row, col, rows, cols)
    x, y = box["left"] + x, box["top"] + y
    chain = ActionChains(driver, duration=0)
    chain.w3c_actions.pointer_action.move_to_location(round(x), round(y))
    chain.w3c_actions.key_action.pause()
    return chain


def on_screen(driver, stage, row, col, rows=256, cols=256):
    """Where (x, y) in the stage a place of a slice is shown."""
    facts = json.loads(by_id(driver, "viewer").get_dom_attribute("data-facts"))
    scale, left, top = (float(stage.get_dom_attribute(f"data-{name}")) for name in ("scale", "left", "top"))
    x, y = (col + 0.5) * facts["width"] / cols, (row + 0.5) * facts["height"] / rows
    return left + x * scale, top + y * scale


def show_whole_slice(driver):
    """Have the stage show all of the slice."""
    by_id(driver, "zoom-reset").click()


def marked(driver):
    """Row and column of the marked place; None where there is none."""
    values = [by_id(driver, name).get_property("value") for name in ("row", "col")]
    return tuple(map(float, values)) if all(values) else None


def predict(driver):
    """Press Predict in the viewer and read the result."""
    by_id(driver, "predict").click()
    return read_result(driver)
