"""The report in a real browser: from two findings to the text in the clipboard, plain ASCII, and on paper."""

import base64

import pypdfium2
import pytest

from tests.app.made_series import NODULE_AT, NODULE_SLICE, as_zip, chest_volume, series_files
from tests.browser.driving import by_id, complaints, upload, wait_for_text, wait_until
from tests.browser.test_axe import check

pytestmark = pytest.mark.slow
CLIPBOARD = "navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](`${error}`));"


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """A series that says where it lies in the patient, as a ZIP."""
    path = tmp_path_factory.mktemp("report") / "series.zip"
    tags = {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.3.9"}
    path.write_bytes(as_zip(series_files(chest_volume(12), **tags)))
    return path


def to_report(driver, server, path):
    """Upload, read two nodules, and go on to the report; the scan's address."""
    upload(driver, server, path)
    form = wait_until(driver, lambda page: page.find_element("id", "choose").get_dom_attribute("action"))
    address = server + form.removesuffix("/findings")
    row, col = NODULE_AT
    for at, model in ((col, "alexnet"), (col + 3, "vgg16")):
        driver.get(f"{address}?slice={NODULE_SLICE}&row={row}&col={at}&on={NODULE_SLICE}&model={model}")
        by_id(driver, "predict").click()
        by_id(driver, "verdict")
    by_id(driver, "to-report").click()
    by_id(driver, "report-text")
    return address


def report_text(driver):
    return by_id(driver, "text").get_property("value")


def test_from_two_findings_to_the_clipboard_and_plain_ascii(browser, finder_server, placed):
    address = to_report(browser, finder_server, placed)
    assert browser.current_url == f"{address}/report"
    text = report_text(browser)
    assert [name in text for name in ("F1: ", "F2: ", "slice 4 of 12", "(AlexNet)", "(VGG16)", " × ")] == [
        True
    ] * 6
    given = {"permission": {"name": "clipboard-read"}, "setting": "granted", "origin": finder_server}
    browser.execute_cdp_cmd("Browser.setPermission", given)
    by_id(browser, "copy").click()
    wait_for_text(browser, "copied", "Copied.")
    assert browser.execute_async_script(CLIPBOARD) == text
    by_id(browser, "plain-ascii").click()
    wait_until(browser, lambda page: page.current_url.endswith("?ascii=1"))
    plain = report_text(browser)
    assert plain.isascii()
    assert " x " in plain
    by_id(browser, "copy").click()
    wait_for_text(browser, "copied", "Copied.")
    assert browser.execute_async_script(CLIPBOARD) == plain
    by_id(browser, "with-symbols").click()
    wait_until(browser, lambda page: not page.current_url.endswith("?ascii=1"))
    assert report_text(browser) == text
    assert not complaints(browser)


def test_where_there_is_no_clipboard_the_text_is_selected(browser, finder_server, placed):
    to_report(browser, finder_server, placed)
    browser.execute_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined});"
        "document.execCommand = () => false;"
    )
    by_id(browser, "copy").click()
    wait_for_text(browser, "copied", "press Ctrl+C")
    assert browser.execute_script("return getSelection().toString()") == report_text(browser)


def test_no_page_breaks_a_rule_and_nothing_overflows_on_a_phone(phone, finder_server, placed):
    to_report(phone, finder_server, placed)
    assert phone.execute_script("return document.documentElement.scrollWidth") <= 360
    check(phone)


def test_what_is_printed_says_what_the_pdf_says(browser, finder_server, placed):
    address = to_report(browser, finder_server, placed)
    browser.execute_script(
        "const field = document.getElementById('study_date'); field.value = '2024-06-01';"
        "field.dispatchEvent(new Event('input'));"
    )
    options = {"printBackground": True, "preferCSSPageSize": True}
    printed = words_of(base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", options)["data"]))
    sheet = words_of(saved(browser, address))
    assert "2024-06-01" in sheet
    apart = {"Page", "1", "2", "of", "–", "—", "R", "L", "Made", "report", "on", "findings"}  # heads, feet
    assert sheet - printed - apart == set()


def saved(driver, address):
    """The PDF that the button on the report's page saves."""
    fetch = """
        const [address, done] = arguments;
        const body = new URLSearchParams(new FormData(document.getElementById('dated')));
        fetch(address, {method: 'POST', body}).then((answer) => answer.arrayBuffer()).then((data) =>
            done(btoa(Array.from(new Uint8Array(data), (byte) => String.fromCharCode(byte)).join(''))));
    """
    return base64.b64decode(driver.execute_async_script(fetch, f"{address}/report/report.pdf"))


def words_of(data):
    """The words of a PDF, without what stands around them, nor the minute in which it was made."""
    text = " ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(data))
    text = text.replace("\ufffe", "-").replace("•", " ")
    return {word.strip(".,:;()") for word in text.split()} - {"mm"}


def test_without_javascript_the_text_is_there_and_ascii_is_a_link(plain_browser, finder_server, placed):
    to_report(plain_browser, finder_server, placed)
    assert not plain_browser.find_element("id", "copy").is_displayed()
    by_id(plain_browser, "plain-ascii").click()
    wait_until(plain_browser, lambda page: page.current_url.endswith("?ascii=1"))
    assert report_text(plain_browser).isascii()
