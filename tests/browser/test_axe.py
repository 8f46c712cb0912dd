"""No page breaks a rule of WCAG 2.2 AA that axe can check, in light and in dark."""

from importlib.resources import files

import pytest

from tests.browser.driving import by_id, over, sample, stage_of, upload, wait_until
from tests.browser.windows import DESKTOP, PHONE, window

pytestmark = pytest.mark.slow

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """
    const [rules, done] = arguments;
    axe.run(document, {runOnly: {type: "tag", values: rules}, resultTypes: ["violations"]})
        .then((found) => done(found.violations));
"""


@pytest.fixture
def browser(browser):
    """The browser, which afterwards prefers no colour scheme."""
    yield browser
    prefer(browser, "")


def prefer(driver, scheme):
    """Become the browser of someone who prefers a colour scheme."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def violations(driver):
    """A line an element that breaks a rule: the rule, the element, and what to do."""
    driver.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true; });")
    driver.execute_script(AXE)
    found = driver.execute_async_script(RUN, RULES)
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]}\n  {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def check(driver):
    for scheme in ("light", "dark"):
        prefer(driver, scheme)
        is_dark = driver.execute_script("return matchMedia('(prefers-color-scheme: dark)').matches")
        assert is_dark == (scheme == "dark")
        found = violations(driver)
        assert not found, "\n".join([scheme, *found])


def test_rules_that_are_broken_are_found(browser, server):
    browser.get(server + "/")
    assert violations(browser) == []
    browser.execute_script("document.querySelector('label[for=model]').remove()")
    assert [line.partition(":")[0] for line in violations(browser)] == ["select-name"]


@pytest.mark.parametrize("path", ["/", "/?removed=1", "/models", "/nowhere", f"/scan/{'x' * 43}"])
def test_page_of_an_address(browser, server, path):
    browser.get(server + path)
    check(browser)
    browser.get_log("browser")  # the browser itself notes each answer that is an error


def test_upload_with_a_mistake(browser, server, tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear colleague")
    upload(browser, server, letter)
    by_id(browser, "error")
    check(browser)
    browser.get_log("browser")


def test_viewer_without_suggestions(browser, server, series):
    upload(browser, server, series)
    stage_of(browser)
    over(browser, stage_of(browser), 40, 200).click().perform()
    check(browser)


def test_viewer_with_suggestions_and_a_finding(browser, finder_server, series):
    upload(browser, finder_server, series)
    wait_until(browser, lambda page: page.find_elements("css selector", "#candidates li"))
    browser.find_element("css selector", "#candidates a").click()
    wait_until(browser, lambda page: "Suggestion S1" in page.find_element("id", "marked").text)
    by_id(browser, "predict").click()
    by_id(browser, "verdict")
    browser.back()
    browser.refresh()
    wait_until(browser, lambda page: page.find_elements("css selector", "#findings tbody tr"))
    stage_of(browser)
    check(browser)


def test_viewer_with_all_tools_in_use(browser, server, series):
    from selenium.webdriver import ActionChains

    upload(browser, server, series)
    stage_of(browser)
    browser.execute_script("document.getElementById('stage').focus()")
    ActionChains(browser, duration=0).send_keys("v", "m", "d", "r", "d", "r").perform()
    wait_until(browser, lambda page: page.find_elements("css selector", "#lengths li"))
    browser.execute_script("document.getElementById('stage').blur()")
    by_id(browser, "predict").click()
    assert by_id(browser, "mark-first").is_displayed()
    check(browser)


def test_viewer_of_a_picture_whose_pixel_size_is_measured(browser, server, picture):
    upload(browser, server, picture(256))
    stage_of(browser)
    browser.find_element("css selector", "#spacing-details summary").click()
    by_id(browser, "measure-line").click()
    check(browser)


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_result_of_a_sample(browser, server, kind):
    sample(browser, server, kind)
    check(browser)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_result_and_models_with_a_term_explained(browser, server, size):
    with window(browser, size):
        for page in ("result", "models"):
            sample(browser, server) if page == "result" else browser.get(server + "/models?unfold=1")
            check(browser)
            term = browser.find_element("css selector", ".term")
            browser.execute_script(
                "arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", term
            )
            assert browser.find_elements("css selector", ".explained:popover-open")
            check(browser)


def test_result_of_a_crop(browser, server, picture):
    upload(browser, server, picture(96))
    by_id(browser, "verdict")
    browser.find_element("css selector", "#spacing-details summary").click()
    by_id(browser, "measure-line").click()
    check(browser)
