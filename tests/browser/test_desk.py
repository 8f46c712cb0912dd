"""At the reader's desk: calculators that ask once and answer in place, and whose study it is, on wish."""

import pytest

from tests.app.made_series import as_zip, chest_volume, series_files
from tests.browser.driving import by_id, complaints, sample, unfold, upload, wait_for_text, wait_until
from tests.browser.test_axe import check, prefer

pytestmark = pytest.mark.slow

DOE = {
    "PatientName": "Doe^Jane",
    "PatientID": "ID-4711",
    "PatientBirthDate": "19570912",
    "StudyDate": "20240229",
    "StudyInstanceUID": "1.2.3",
}
LUNG_RADS = {"exam": "complete", "change": "baseline", "benign": "no", "suspicious": "no"}


@pytest.fixture
def study(tmp_path):
    """A series of somebody."""
    path = tmp_path / "study.zip"
    path.write_bytes(as_zip(series_files(chest_volume(12), **DOE)))
    return path


@pytest.fixture
def clean(browser):
    """The browser, which has nothing to complain about."""
    browser.get_log("browser")
    yield browser
    prefer(browser, "")
    assert not complaints(browser)


def ask(driver, server, study):
    """Ask twice about the nodule of a study; the addresses of the findings."""
    upload(driver, server, study)
    by_id(driver, "whose")
    scan = driver.current_url.partition("?")[0]
    addresses = []
    for col in (76.5, 77.5):
        driver.get(f"{scan}?slice=3&row=127.5&col={col}&on=3")
        by_id(driver, "predict").click()
        by_id(driver, "verdict")
        addresses.append(driver.current_url.partition("?")[0])
    return addresses


def pick(driver, **answers):
    for name, value in answers.items():
        choice = f"input[name='{name}'][value='{value}'], #asked-{name} option[value='{value}']"
        driver.find_element("css selector", choice).click()


def fill_in(driver):
    """Patient and nodule, of which the kind is not sure."""
    unfold(driver, "asked-once-patient")
    by_id(driver, "asked-age").send_keys("62")
    pick(driver, female="woman", reason="screening")
    unfold(driver, "asked-once-nodule")
    pick(driver, nodule_type="unsure", spiculation="no")
    by_id(driver, "asked-diameter_mm").send_keys("16")
    unfold(driver, "calculator-lung_rads")
    pick(driver, **LUNG_RADS)


def calculate(driver, key):
    old = by_id(driver, f"calculate-{key}")
    old.click()
    wait_until(driver, lambda page: page.find_elements("id", f"{key}-result"))


def focused(driver):
    return driver.switch_to.active_element.get_dom_attribute("id")


def rows_of(driver):
    rows = driver.find_elements("css selector", "#lung_rads-result .kinds tr")
    return {row.get_dom_attribute("data-kind"): row.text for row in rows}


def test_what_was_answered_is_there_in_all_calculators_and_on_other_findings(clean, server, study):
    first, second = ask(clean, server, study)
    clean.get(first)
    fill_in(clean)
    calculate(clean, "lung_rads")
    clean.get(second)
    for key in ("brock", "mayo", "fleischner"):
        unfold(clean, f"calculator-{key}")
        shown = clean.find_element("css selector", f"#calculator-{key} [data-value-of=age]")
        assert shown.text == "62"
    unfold(clean, "asked-once-patient")
    assert by_id(clean, "asked-age").get_property("value") == "62"
    assert clean.find_element("css selector", "input[name=female][value=woman]").is_selected()
    unfold(clean, "asked-once-nodule")
    assert by_id(clean, "asked-nodule_type").get_property("value") == ""
    assert by_id(clean, "asked-diameter_mm").get_property("value") == ""


@pytest.mark.parametrize("which", ["browser", "plain_browser"])
def test_the_answer_comes_in_its_place_and_has_the_focus(request, which, server):
    driver = request.getfixturevalue(which)
    sample(driver, server)
    fill_in(driver)
    calculate(driver, "lung_rads")
    assert driver.current_url.endswith("?model=consensus#lung_rads-result")
    assert focused(driver) == "lung_rads-result"
    answer = by_id(driver, "lung_rads-result")
    assert "4B" in rows_of(driver)["solid"]
    assert "Category 2: benign" in rows_of(driver)["ground glass"]
    part_solid = rows_of(driver)["part-solid"]
    assert "below 6 mm: Category 3" in part_solid
    assert "from 6 mm: Category 4A" in part_solid
    assert "from 8 mm: Category 4B" in part_solid
    assert 0 <= answer.rect["y"] - scrolled(driver, answer) < 200
    driver.refresh()
    wait_until(driver, lambda page: "4B" in rows_of(page).get("solid", ""))


def scrolled(driver, element):
    """How far down the page is scrolled, as the rectangle of an element tells."""
    metrics = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})
    return metrics["cssVisualViewport"]["pageY"]


@pytest.mark.parametrize("which", ["browser", "plain_browser"])
def test_what_is_missing_is_told_in_place_and_leads_there(request, which, server):
    driver = request.getfixturevalue(which)
    sample(driver, server)
    unfold(driver, "calculator-mayo")
    calculate(driver, "mayo")
    assert driver.current_url.endswith("#mayo-result")
    assert focused(driver) == "mayo-result"
    assert "No result yet" in by_id(driver, "mayo-result").text
    driver.find_element("css selector", "#mayo-result a[href='#asked-age']").click()
    assert focused(driver) == "asked-age"


def test_a_measured_size_is_taken_over_without_leaving_the_page(clean, server):
    sample(clean, server)
    clean.execute_script("window.stays = true")
    unfold(clean, "asked-once-nodule")
    button = clean.find_element("css selector", "button[name=take][value=long_axis_mm]")
    button.click()
    value = by_id(clean, "asked-long_axis_mm").get_property("value")
    assert button.text == f"Use {value} mm"
    assert focused(clean) == "asked-long_axis_mm"
    assert clean.execute_script("return window.stays")
    unfold(clean, "calculator-mayo")
    shown = clean.find_element("css selector", "#calculator-mayo [data-value-of=long_axis_mm]")
    assert shown.text == value


def test_a_measured_size_is_taken_over_without_javascript(plain_browser, server):
    sample(plain_browser, server)
    unfold(plain_browser, "asked-once-nodule")
    button = plain_browser.find_element("css selector", "button[name=take][value=long_axis_mm]")
    words = button.text
    button.click()
    wait_until(plain_browser, lambda page: page.current_url.endswith("#asked-long_axis_mm"))
    assert words == f"Use {by_id(plain_browser, 'asked-long_axis_mm').get_dom_attribute('value')} mm"


def test_a_result_is_removed_from_the_report(clean, server):
    sample(clean, server)
    fill_in(clean)
    calculate(clean, "lung_rads")
    clean.find_element("css selector", "button[name=take_back]").click()
    wait_until(clean, lambda page: page.current_url.endswith("#calculator-lung_rads"))
    assert not clean.find_elements("id", "lung_rads-result")


@pytest.mark.parametrize("width", [1280, 360])
def test_calculators_break_no_rule_and_fit_their_window(clean, server, study, width):
    first, _ = ask(clean, server, study)
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    clean.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        clean.get(first)
        fill_in(clean)
        calculate(clean, "lung_rads")
        unfold(clean, "whose")
        by_id(clean, "study-header")
        check(clean)
        assert clean.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        clean.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_whose_study_it_is_is_shown_on_wish_and_gone_with_the_scan(clean, server, study):
    first, _ = ask(clean, server, study)
    clean.get(first)
    assert "Doe" not in clean.page_source
    unfold(clean, "whose")
    wait_for_text(clean, "whose-shown", "Doe, Jane")
    assert by_id(clean, "whose-shown").text.splitlines()[:4] == [
        "Patient",
        "Doe, Jane",
        "Patient ID",
        "ID-4711",
    ]
    by_id(clean, "whose").find_element("css selector", "summary").click()
    wait_until(clean, lambda page: "Doe" not in page.page_source)
    scan = first.partition("/finding")[0]
    clean.get(f"{scan}/study")
    assert "Doe, Jane" in by_id(clean, "study-header").text
    check(clean)
    clean.get(scan)
    by_id(clean, "ask-remove-first").click()
    by_id(clean, "remove").click()
    wait_until(clean, lambda page: "removed" in page.current_url)
    clean.get(f"{scan}/study")
    assert "no longer available" in by_id(clean, "main").text
    wait_until(clean, complaints)  # the browser itself notes an answer that is an error


def test_whose_study_it_is_without_javascript(plain_browser, server, study):
    upload(plain_browser, server, study)
    unfold(plain_browser, "whose")
    by_id(plain_browser, "to-study").click()
    assert "Doe, Jane" in by_id(plain_browser, "study-header").text


def test_it_is_printed_where_it_is_shown(clean, server, study):
    first, _ = ask(clean, server, study)
    clean.get(first)
    assert "Doe" not in printed(clean)
    unfold(clean, "whose")
    wait_for_text(clean, "whose-shown", "Doe, Jane")
    assert "Doe, Jane" in printed(clean)


def printed(driver):
    """The text of the page on paper."""
    import base64

    import pypdfium2

    pdf = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", {})["data"])
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
