"""What the browser prints of the result and of the models' page: whole tables and warnings, on two papers."""

import base64
import re

import pypdfium2
import pytest

from tests.browser.driving import by_id, complaints, sample, text_of, upload, wait_until
from tests.browser.test_desk import ask, calculate, fill_in, study, unfold  # noqa: F401
from tests.browser.windows import DESKTOP, PHONE, window

pytestmark = pytest.mark.slow

PAPERS = {"A4": (8.27, 11.69), "Letter": (8.5, 11.0)}
LEAST_MARGIN_PT = 20
LAST_CELLS = """
    for (const part of document.querySelectorAll("details.fold")) part.open = true;
    const shown = (element) => element.getClientRects().length > 0;
    return Object.fromEntries(Array.from(document.querySelectorAll("table")).filter(shown).map((table) => [
        table.id,
        Array.from(table.rows, (row) => Array.from(row.cells).filter(shown).at(-1).textContent),
    ]));
"""


def squeezed(text):
    """Without white space and soft hyphens, which the breaking of lines adds."""
    return re.sub(r"[\s\u00ad\u2060\ufffe\x02-]", "", text)


def pdf_of(driver, paper):
    """What the browser prints."""
    width, height = PAPERS[paper]
    asked = {"paperWidth": width, "paperHeight": height}
    return pypdfium2.PdfDocument(base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", asked)["data"]))


def printed(driver, paper):
    """Texts of the pages that are printed, squeezed; no character comes near an edge of the paper."""
    return [text_within(page) for page in pdf_of(driver, paper)]


def text_within(page):
    width, height = page.get_size()
    text = page.get_textpage()
    for i in range(text.count_chars()):
        left, bottom, right, top = text.get_charbox(i)
        if right <= left:  # of a white space
            continue
        near = text.get_text_range(max(0, i - 20), 21)
        assert left > LEAST_MARGIN_PT, near
        assert right < width - LEAST_MARGIN_PT, near
        assert bottom > LEAST_MARGIN_PT, near
        assert top < height - LEAST_MARGIN_PT, near
    return squeezed(text.get_text_bounded())


def last_cells(driver):
    """Texts of the last cells of each table that is printed, by the table's id."""
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    cells = driver.execute_script(LAST_CELLS)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    return cells


def check_tables(driver, pages, expected):
    text = "".join(pages)
    tables = last_cells(driver)
    assert expected <= set(tables)
    for table, cells in tables.items():
        for cell in cells:
            assert squeezed(cell) in text, f"{table}: {cell}"


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_result_is_printed_whole_from_any_window(browser, server, paper, size):
    with window(browser, size):
        sample(browser, server)
        pages = printed(browser, paper)
        assert len(pages) <= (1 if paper == "A4" else 2)
        check_tables(browser, pages, {"models-table", "characteristics-table", "rates-table"})
        text = "".join(pages)
        for name in (
            "verdict",
            "probability",
            "worth",
            "long-axis",
            "agreement",
            "trust",
            "placed",
            "sample-note",
        ):
            assert squeezed(text_of(browser, name)) in text, name
        assert "Researchuseonly" in text
        assert "Patientandstudy:" in text, "a line for the patient's label"
    assert not complaints(browser)


@pytest.mark.parametrize("paper", PAPERS)
def test_what_was_folded_is_folded_again_after_printing(browser, server, paper):
    sample(browser, server)
    browser.execute_script("sessionStorage.clear()")
    browser.refresh()
    by_id(browser, "similar-title").click()
    printed(browser, paper)
    opened = browser.execute_script("return document.querySelectorAll('details.fold[open]').length")
    assert opened == 1
    browser.execute_script("sessionStorage.clear()")


@pytest.mark.parametrize("paper", PAPERS)
def test_every_warning_is_printed(browser, server, picture, paper):
    upload(browser, server, picture(96))
    by_id(browser, "verdict")
    warnings = browser.find_elements("css selector", "#warnings li")
    assert warnings
    text = "".join(printed(browser, paper))
    for warning in warnings:
        assert squeezed(warning.get_property("textContent")) in text


@pytest.mark.parametrize("paper", PAPERS)
def test_the_models_page_is_printed_whole(browser, server, paper):
    browser.get(server + "/models")
    pages = printed(browser, paper)
    check_tables(
        browser, pages, {"measured-table", "robustness-table", "points-of-others-table", "froc-table"}
    )
    assert "Areaunder" in "".join(pages), "the glossary"


def test_figures_are_printed_though_they_were_folded(browser, server):
    browser.get(server + "/models")
    browser.execute_script("sessionStorage.clear()")
    browser.refresh()
    pages = list(pdf_of(browser, "A4"))
    for title in (
        "Sensitivity against false alarms",
        "Reliability diagrams",
        "Histograms of the probabilities",
    ):
        page = next(page for page in pages if squeezed(title) in text_within(page))
        _, saturation, _ = page.render(scale=0.5).to_pil().convert("HSV").split()
        coloured = sum(saturation.point(lambda value: 255 * (value > 100)).histogram()[255:])
        assert coloured > 200, title


def test_a_calculators_answer_is_printed_and_no_form(browser, server):
    sample(browser, server)
    fill_in(browser)
    calculate(browser, "lung_rads")
    by_id(browser, "guidelines-title").click()
    text = "".join(printed(browser, "A4"))
    for row in browser.find_elements("css selector", "#lung_rads-result .kinds tr"):
        assert squeezed(row.get_property("textContent")) in text
    assert "Calculate" not in text
    assert "Save" not in text


def test_whose_study_it_is_is_printed_while_it_is_shown(browser, server, study):  # noqa: F811
    browser.get(ask(browser, server, study)[0])
    text = "".join(printed(browser, "A4"))
    assert "Patientandstudy:" in text
    assert "Doe" not in text
    unfold(browser, "whose")
    wait_until(browser, lambda page: page.find_elements("id", "study-header"))
    text = "".join(printed(browser, "A4"))
    assert "Doe,Jane" in text
    assert "ID4711" in text, "hyphens are squeezed out"
    assert "Patientandstudy:" not in text


def test_without_javascript_folded_parts_are_printed_open(plain_browser, server):
    driver = plain_browser
    sample(driver, server)
    pages = printed(driver, "A4")
    for name in ("trust", "placed"):
        assert squeezed(text_of(driver, name)) in "".join(pages), name
    check_tables(driver, pages, {"models-table", "characteristics-table", "rates-table"})
