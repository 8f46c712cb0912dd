"""The result on one screen, and the parts that fold: what opens them, and what they remember."""

import pytest

from tests.browser.driving import by_id, complaints, sample, text_of, upload, wait_for_text, wait_until
from tests.browser.windows import DESKTOP, PHONE, box, height, window

pytestmark = pytest.mark.slow

FIRST = ("#verdict", "#worth", ".scale", "#switch", ".slice", ".close-up", ".patch", ".sizes", "#long-axis")
FOLDED = ("about-images", "characteristics", "agree", "outline", "case", "similar", "guidelines")
OPEN = """
    return Array.from(document.querySelectorAll("details.fold[open]")).map((part) => part.dataset.fold);
"""


def opened(driver):
    """Names of the parts that are open, in their order."""
    return driver.execute_script(OPEN)


def forget(driver):
    driver.execute_script("sessionStorage.clear()")


@pytest.fixture
def result(browser, server):
    """The page of the spiculated sample as somebody sees it who has opened nothing before."""
    browser.get(server + "/")
    forget(browser)
    with window(browser, DESKTOP):
        sample(browser, server)
        yield browser
        forget(browser)
    assert not complaints(browser)


@pytest.fixture
def models(browser, server):
    browser.get(server + "/models")
    forget(browser)
    browser.get(server + "/models")
    yield browser
    forget(browser)
    assert not complaints(browser)


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_verdict_worth_images_and_sizes_are_on_one_screen(browser, server, kind):
    with window(browser, DESKTOP):
        sample(browser, server, kind)
        for selector in FIRST:
            left, top, right, bottom = box(browser, selector)
            assert 0 <= left < right <= DESKTOP[0], selector
            assert 0 <= top < bottom <= DESKTOP[1], selector
        assert box(browser, ".close-up")[2] - box(browser, ".close-up")[0] > 240, "large enough to look at"


def test_warnings_are_on_the_first_screen_too(browser, server, picture):
    with window(browser, DESKTOP):
        upload(browser, server, picture(96))
        by_id(browser, "verdict")
        assert "assum" in text_of(browser, "warnings")
        for selector in ("#warnings", "#verdict", ".slice", ".patch", ".sizes"):
            assert box(browser, selector)[3] <= DESKTOP[1], selector


@pytest.mark.parametrize(("size", "most"), [(DESKTOP, 1900), (PHONE, 3800)])
def test_the_result_is_short(result, size, most):
    with window(result, size):
        assert height(result) <= most


@pytest.mark.parametrize(("size", "most"), [(DESKTOP, 3000), (PHONE, 5000)])
def test_the_page_of_the_models_is_short(models, size, most):
    with window(models, size):
        assert height(models) <= most


def test_all_but_the_first_screen_is_folded(result):
    folds = result.find_elements("css selector", "details.fold")
    assert [fold.get_dom_attribute("data-fold") for fold in folds] == list(FOLDED)
    assert opened(result) == []
    assert not result.find_element("id", "histogram").is_displayed()
    assert "all five say" in by_id(result, "agreement").text, "the answer stands beside the title"


def test_the_table_of_the_five_has_the_marks_of_each_probability(result):
    by_id(result, "agree-title").click()
    rows = result.find_elements("css selector", "#models-table tbody tr")
    assert len(rows) == 5
    for row in rows:
        lane = row.find_element("css selector", ".laned svg.lane")
        assert lane.is_displayed()
        said = float(row.find_elements("css selector", ".number")[0].text)
        mark = lane.find_element("css selector", "svg").get_dom_attribute("x")
        assert float(mark.removesuffix("%")) / 100 == pytest.approx(said, abs=0.006)
    assert not result.find_elements("id", "strip")


def test_a_link_opens_what_it_leads_to(result):
    by_id(result, "to-fleischner").click()
    wait_until(result, lambda page: opened(page) == ["guidelines"])
    assert by_id(result, "calculator-fleischner").get_dom_attribute("open") is not None
    top = box(result, "#calculator-fleischner")[1]
    assert -1 < top < DESKTOP[1]


@pytest.mark.parametrize("name", ["similar", "histogram", "about-images", "spacing", "case-title"])
def test_an_address_opens_what_it_leads_to(result, name):
    result.get(f"{result.current_url.partition('#')[0]}#{name}")
    wait_until(result, lambda page: page.find_element("id", name).is_displayed())
    left, top, _, _ = box(result, f"#{name}")
    assert -1 < top < DESKTOP[1]
    assert len(opened(result)) == 1


def test_a_correction_comes_back_with_its_part_open(result):
    by_id(result, "outline-title").click()
    by_id(result, "outline-larger").click()
    wait_until(result, lambda page: page.find_elements("id", "is-corrected"))
    assert result.current_url.endswith("#outline")
    assert by_id(result, "is-corrected").is_displayed()


def test_what_was_opened_stays_open(result, server):
    by_id(result, "similar-title").click()
    assert opened(result) == ["similar"]
    by_id(result, "show-vgg16").click()
    wait_for_text(result, "model-title", "VGG16")
    assert opened(result) == ["similar"], "with another model"
    result.refresh()
    assert opened(result) == ["similar"], "loaded anew"
    sample(result, server, "smooth")
    assert opened(result) == ["similar"], "on another finding"
    by_id(result, "similar-title").click()
    assert opened(result) == []
    result.refresh()
    assert opened(result) == []


def test_all_are_opened_and_closed_at_once(result):
    button = by_id(result, "expand-all")
    assert button.text == "Expand all"
    button.click()
    assert opened(result) == list(FOLDED)
    assert by_id(result, "histogram").is_displayed()
    wait_until(result, lambda _: button.text == "Collapse all")
    button.click()
    assert opened(result) == []
    wait_until(result, lambda _: button.text == "Expand all")


def test_contents_lead_to_each_part_of_the_models_page(models):
    links = models.find_elements("css selector", ".contents li a")
    names = [link.get_dom_attribute("href").removeprefix("#") for link in links]
    parts = models.find_elements("css selector", ".card > details.fold:first-child")
    assert names == [part.get_dom_attribute("data-fold") for part in parts]
    assert {"performance", "subgroups", "by-size", "search", "glossary"} <= set(names)
    assert opened(models) == []
    links[names.index("by-size")].click()
    wait_until(models, lambda page: opened(page) == ["by-size"])
    assert by_id(models, "by-size-table").is_displayed()


def test_summary_and_limits_stand_first_and_open(models):
    for name in ("in-short-title", "limits-title"):
        assert by_id(models, name).is_displayed()
    order = [heading.text for heading in models.find_elements("css selector", ".measured h2")][:3]
    assert order == ["In short: the consensus of the five", "Limits", "Contents"]


def test_the_viewer_leads_to_the_part_on_suggestions(browser, server):
    browser.get(server + "/models#search")
    wait_until(browser, lambda page: page.find_element("id", "froc-table").is_displayed())
    assert not complaints(browser)


def test_without_javascript_parts_open_by_press_by_address_and_all_at_once(plain_browser, server):
    driver = plain_browser
    sample(driver, server)
    here = driver.current_url
    assert opened(driver) == []
    by_id(driver, "agree-title").click()
    assert opened(driver) == ["agree"]
    driver.get(f"{here}#histogram")
    wait_until(driver, lambda page: page.find_element("id", "histogram").is_displayed())
    by_id(driver, "expand-all-link").click()
    wait_until(driver, lambda page: opened(page) == list(FOLDED))
    by_id(driver, "expand-all-link").click()
    wait_until(driver, lambda page: opened(page) == [])
    driver.get(server + "/models#term-auc")
    wait_until(driver, lambda page: page.find_element("id", "term-auc").is_displayed())
