"""The pages in a real browser: clicks with and without JavaScript, on paper and on a phone."""

import base64
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from models.imaging.phantom import draw_phantom

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
WAIT_S = 120
PLACE = re.compile(r"row ([\d.]+), column ([\d.]+), slice (\d+)")
A4_INCHES = {"paperWidth": 8.27, "paperHeight": 11.69}

pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()) and not os.environ.get("CI"),
    reason="chromium and chromium-driver are not installed",
)


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


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = start_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def plain_browser(tmp_path_factory):
    """The browser of someone who has switched JavaScript off."""
    driver = start_browser(tmp_path_factory.mktemp("profile"), javascript=False)
    yield driver
    driver.quit()


@pytest.fixture
def picture(tmp_path):
    """Write a spiculated phantom of a size as PNG and return its path."""

    def write(size):
        path = tmp_path / f"phantom-{size}.png"
        Image.fromarray(draw_phantom("spiculated", size=size)).save(path)
        return path

    return write


def by_id(driver, name):
    """The element of that id, as soon as the page has it."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, WAIT_S).until(lambda page: page.find_element("id", name))


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
    place = by_id(driver, "place").text
    return {
        "verdict": verdict,
        "probability": float(by_id(driver, "probability").text),
        "threshold": float(by_id(driver, "threshold").text),
        "rows": driver.find_elements("css selector", "#models-table tbody tr"),
        "place": tuple(float(n) for n in PLACE.search(place).groups()),
    }


def check_result(result):
    assert result["verdict"] in ("Malignant-looking", "Benign-looking")
    assert 0 <= result["probability"] <= 1
    assert len(result["rows"]) == 5


def click_middle_of_slice(driver):
    """Click where the whole-slice phantom has its nodule: the middle of the picture."""
    image = by_id(driver, "click")
    assert image.size == {name: int(image.get_dom_attribute(name)) for name in ("width", "height")}
    image.click()


def complaints(driver):
    """What the browser has to say about the pages, content security policy included."""
    entries = driver.get_log("browser")
    return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]


def test_crop_is_classified(browser, server, picture):
    upload(browser, server, picture(96), model="vgg16")
    result = read_result(browser)
    check_result(result)
    assert by_id(browser, "model-title").text == "VGG16"
    assert result["place"] == (47.5, 47.5, 0)
    assert "VGG16" in result["rows"][0].text
    assert not complaints(browser)


def test_chosen_file_is_named_and_previewed(browser, server, picture):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(server + "/")
    by_id(browser, "image").send_keys(str(picture(96)))
    assert "phantom-96.png" in by_id(browser, "chosen").text
    preview = "return (document.querySelector('#chosen img') || {}).naturalWidth"
    WebDriverWait(browser, WAIT_S).until(lambda page: page.execute_script(preview) == 96)
    assert not complaints(browser)


def test_nodule_in_a_whole_slice_is_clicked(browser, server, picture):
    upload(browser, server, picture(256))
    click_middle_of_slice(browser)
    result = read_result(browser)
    check_result(result)
    assert result["place"] == pytest.approx((128, 128, 0), abs=2)
    assert not complaints(browser)


def test_nodule_in_a_whole_slice_is_given_by_keyboard(browser, server, picture):
    upload(browser, server, picture(256))
    by_id(browser, "click")
    by_id(browser, "row").send_keys("120")
    by_id(browser, "col").send_keys("131.5\n")
    assert read_result(browser)["place"] == (120, 131.5, 0)


def test_another_model_and_another_place(browser, server, picture):
    upload(browser, server, picture(256))
    click_middle_of_slice(browser)
    place = read_result(browser)["place"]
    browser.find_element("css selector", "#again option[value=resnet]").click()
    by_id(browser, "ask-again").click()
    wait_for_text(browser, "model-title", "ResNet")
    assert read_result(browser)["place"] == pytest.approx(place, abs=0.1)
    by_id(browser, "choose-again").click()
    click_middle_of_slice(browser)
    assert by_id(browser, "model-title").text == "ResNet"


def wait_for_text(driver, name, text):
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    wait = WebDriverWait(driver, WAIT_S, ignored_exceptions=[StaleElementReferenceException])
    wait.until(lambda page: page.find_element("id", name).text == text)


def test_works_without_javascript(plain_browser, server, picture):
    upload(plain_browser, server, picture(256), model="vgg16")
    assert not plain_browser.find_elements("css selector", "html.js"), "JavaScript ran"
    click_middle_of_slice(plain_browser)
    result = read_result(plain_browser)
    check_result(result)
    assert result["place"] == pytest.approx((128, 128, 0), abs=2)


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_sample_says_that_it_is_drawn(browser, server, kind):
    sample(browser, server, kind)
    check_result(read_result(browser))
    assert "not a patient" in by_id(browser, "sample-note").text
    assert not complaints(browser)


@pytest.fixture
def phone(browser):
    """The browser at 360 px, the width of a small phone."""
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def too_wide(driver):
    page = "document.documentElement"
    shown, needed = driver.execute_script(f"return [{page}.clientWidth, {page}.scrollWidth]")
    assert shown <= 360
    return needed > shown


def test_phone_needs_no_sideways_scrolling(phone, server, picture):
    for path in ("/", "/models"):
        phone.get(server + path)
        assert not too_wide(phone), path
    sample(phone, server)
    assert not too_wide(phone), "result"
    upload(phone, server, picture(512))
    by_id(phone, "click")
    assert not too_wide(phone), "choosing the nodule"


def test_result_prints_on_one_sheet(browser, server):
    sample(browser, server)
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", A4_INCHES)["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
