"""Terms are explained where they stand, by mouse, finger and keyboard, with JavaScript and without."""

import pytest

from tests.browser.driving import by_id, complaints, sample, wait_until
from tests.browser.windows import DESKTOP, PHONE, window

pytestmark = pytest.mark.slow

TERM = "button.term[popovertarget=explain-probability]"
SHOWN = """
    return Array.from(document.querySelectorAll(".explained:popover-open"), (one) => {
        const {left, top, right, bottom} = one.getBoundingClientRect();
        return {id: one.id, inside: left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight};
    });
"""
OFF = """
    const {left, right, top, bottom} = arguments[0].getBoundingClientRect();
    const other = document.querySelector(":popover-open").getBoundingClientRect();
    return Math.max(0, other.top - bottom, top - other.bottom, other.left - right, left - other.right);
"""


def shown(driver):
    """Ids of the explanations that are open; each lies within the window."""
    found = driver.execute_script(SHOWN)
    assert all(one["inside"] for one in found), found
    return [one["id"] for one in found]


def press(driver, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(driver, duration=0).send_keys(*keys).perform()


def away(driver):
    """Take the mouse to where nothing is explained."""
    from selenium.webdriver import ActionChains

    ActionChains(driver, duration=0).move_to_element(by_id(driver, "main")).move_by_offset(-400, 0).perform()


@pytest.fixture
def result(browser, server):
    with window(browser, DESKTOP):
        sample(browser, server)
        yield browser
    assert not complaints(browser)


def test_a_press_explains_in_place_and_escape_gives_the_focus_back(result):
    from selenium.webdriver import Keys

    here = result.current_url
    term = result.find_element("css selector", TERM)
    result.execute_script("arguments[0].focus()", term)
    assert shown(result) == [], "the focus alone opens nothing"
    press(result, Keys.ENTER)
    assert shown(result) == ["explain-probability"]
    explanation = by_id(result, "explain-probability")
    assert "not the probability of cancer" in explanation.text
    assert result.switch_to.active_element == explanation, "so that it is read aloud"
    assert result.execute_script(OFF, term) < 20, "beside the term"
    press(result, Keys.ESCAPE)
    assert shown(result) == []
    assert result.switch_to.active_element == term
    assert result.current_url == here


def test_an_explanation_closes_where_the_focus_or_a_press_goes_elsewhere(result):
    from selenium.webdriver import Keys

    term = result.find_element("css selector", TERM)
    term.click()
    assert shown(result) == ["explain-probability"]
    term.click()
    assert shown(result) == []
    term.click()
    press(result, Keys.TAB, Keys.TAB)  # by way of the link to all terms
    wait_until(result, lambda page: shown(page) == [])
    term.click()
    by_id(result, "images-title").click()
    assert shown(result) == []


def test_the_mouse_explains_while_it_rests_on_a_term(result):
    from selenium.webdriver import ActionChains

    away(result)
    before = result.switch_to.active_element
    ActionChains(result).move_to_element(result.find_element("css selector", TERM)).perform()
    wait_until(result, lambda page: shown(page) == ["explain-probability"])
    assert result.switch_to.active_element == before, "the focus stays"
    ActionChains(result).move_to_element(by_id(result, "explain-probability")).perform()
    assert shown(result) == ["explain-probability"], "it can be reached, and enlarged"
    away(result)
    wait_until(result, lambda page: shown(page) == [])


def test_two_terms_with_one_explanation_each_open_it(result):
    first, second = result.find_elements("css selector", ".sizes [popovertarget=explain-long-axis]")[:2]
    for term in (first, second):
        result.execute_script("arguments[0].click()", term)
        assert shown(result) == ["explain-long-axis"]
        assert result.execute_script(OFF, term) < 20


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_every_explanation_fits_the_window(browser, server, size):
    with window(browser, size):
        sample(browser, server)
        away(browser) if size == DESKTOP else None
        browser.execute_script(
            "document.querySelectorAll('details').forEach((part) => { part.open = true; })"
        )
        terms = browser.find_elements("css selector", ".term")
        assert len(terms) > 20
        for term in terms:
            browser.execute_script(
                "arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", term
            )
            assert shown(browser) == [term.get_dom_attribute("popovertarget")]
            browser.execute_script("document.querySelector(':popover-open').hidePopover()")


@pytest.mark.parametrize("path", ["/", "/models"])
def test_without_javascript_a_press_explains_in_place(plain_browser, server, path):
    from selenium.webdriver import Keys

    driver = plain_browser
    if path == "/":
        sample(driver, server)
        term = driver.find_element("css selector", TERM)
    else:
        driver.get(server + "/models?unfold=1")
        term = driver.find_element("css selector", "#descriptors button.term")
    here = driver.current_url
    name = term.get_dom_attribute("popovertarget")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", term)
    term.click()
    assert shown(driver) == [name]
    assert driver.execute_script(OFF, term) < 20
    press(driver, Keys.ESCAPE)
    assert shown(driver) == []
    assert driver.switch_to.active_element == term
    assert driver.current_url == here
    assert not driver.find_elements("css selector", "html.js"), "JavaScript ran"
