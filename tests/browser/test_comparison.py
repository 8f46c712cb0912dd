"""Two scans side by side in a real browser: the whole way, linked scrolling, and without JavaScript."""

import pytest

from tests.app.two_scans import BEFORE, MOVED, Z_FROM, before_scan, before_zip, now_scan, now_zip
from tests.browser.driving import by_id, complaints, upload, wait_until
from tests.inference.comparison.drawn import nodule_in

pytestmark = pytest.mark.slow
WAIT_S = 120


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of the later and of the earlier scan."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "now.zip").write_bytes(now_zip())
    (folder / "before.zip").write_bytes(before_zip())
    return folder / "now.zip", folder / "before.zip"


def compare(driver, server, files):
    """From the first page to the comparison, whose nodule was read on the later scan."""
    driver.set_page_load_timeout(WAIT_S)  # two series are read, and aligned
    upload(driver, server, files[0])
    row, col, index = nodule_in(now_scan())
    # without JavaScript the viewer is the answer to the upload itself, at another address
    form = wait_until(driver, lambda page: page.find_element("id", "choose").get_dom_attribute("action"))
    address = server + form.removesuffix("/findings")
    driver.get(f"{address}?slice={index}&row={row:.1f}&col={col:.1f}&on={index}")
    by_id(driver, "predict").click()
    by_id(driver, "verdict")
    by_id(driver, "add-scan").click()
    by_id(driver, "added-files").send_keys(str(files[1]))
    by_id(driver, "add-now").click()
    wait_until(driver, lambda page: page.find_elements("id", "panes"))
    return address


def shown(driver):
    """The slices that both panes show, counted from 1."""
    texts = [driver.find_element("css selector", f"#pane-{name} .at").text for name in ("before", "now")]
    return [int(text.split()[1]) for text in texts]


def test_the_whole_way_in_the_browser(browser, finder_server, files):
    from selenium.webdriver import ActionChains, Keys

    compare(browser, finder_server, files)
    assert "92 days" in by_id(browser, "interval-now").text
    card = by_id(browser, "pair-1")
    row = card.find_element("css selector", "tr[data-name=volume]")
    assert "+1" in row.text
    rule = card.find_element("css selector", "[data-rule=bts_doubling]")
    assert rule.get_dom_attribute("data-outcome") == "fast"
    before, now = shown(browser)
    by_id(browser, "next").click()
    wait_until(browser, lambda page: shown(page)[1] == now + 1)
    scroller = browser.find_element("css selector", "#pane-now .stage-scroller")
    browser.execute_script("arguments[0].focus()", scroller)
    ActionChains(browser, duration=0).send_keys(Keys.PAGE_UP).perform()
    wait_until(browser, lambda page: shown(page)[1] == now + 11)
    moved = shown(browser)[0] - before
    assert moved == pytest.approx(11 * 2.5 / 2.5, abs=1)
    by_id(browser, "linked").click()
    ActionChains(browser, duration=0).send_keys(Keys.PAGE_DOWN).perform()
    browser.execute_script("arguments[0].focus()", scroller)
    ActionChains(browser, duration=0).send_keys(Keys.PAGE_DOWN).perform()
    wait_until(browser, lambda page: shown(page)[1] < now + 11)
    assert shown(browser)[0] == before + moved
    by_id(browser, "undo-1").click()
    wait_until(browser, lambda page: not page.find_elements("id", "undo-1"))
    by_id(browser, "seek-now-0").click()
    by_id(browser, "seeking")
    row, col, index = nodule_in(before_scan(), MOVED, Z_FROM)
    slider = by_id(browser, "slider-before")
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider, index + 1
    )
    wait_until(browser, lambda page: shown(page)[0] == index + 1)
    image = browser.find_element("css selector", "#pane-before input.slice")
    n, size = int(360 / BEFORE["spacing_mm"]), image.size
    x, y = ((at + 0.5) / n for at in (col, row))
    action = ActionChains(browser, duration=0)
    action.move_to_element_with_offset(
        image, (x - 0.5) * size["width"], (y - 0.5) * size["height"]
    ).click().perform()
    wait_until(browser, lambda page: page.find_elements("id", "undo-1"))
    assert "The second location was marked by you" in by_id(browser, "pair-1").text
    assert not complaints(browser)


def test_at_the_width_of_a_phone_nothing_overflows(phone, finder_server, files):
    address = compare(phone, finder_server, files)
    assert phone.execute_script("return document.documentElement.scrollWidth") <= 360
    phone.get(f"{address}/finding/0")
    by_id(phone, "since")
    assert phone.execute_script("return document.documentElement.scrollWidth") <= 360
    assert not complaints(phone)


def test_without_javascript_links_scroll_both_and_a_click_pairs(plain_browser, finder_server, files):
    from selenium.webdriver import ActionChains

    compare(plain_browser, finder_server, files)
    before, now = shown(plain_browser)
    by_id(plain_browser, "next").click()
    wait_until(plain_browser, lambda page: shown(page)[1] == now + 1)
    by_id(plain_browser, "seek-now-0").click()
    image = by_id(plain_browser, "clicking").find_element("css selector", "input[type=image]")
    row, col, _ = nodule_in(before_scan(), MOVED, Z_FROM)
    n, size = int(360 / BEFORE["spacing_mm"]), image.size
    x, y = ((at + 0.5) / n for at in (col, row))
    action = ActionChains(plain_browser, duration=0)
    action.move_to_element_with_offset(
        image, (x - 0.5) * size["width"], (y - 0.5) * size["height"]
    ).click().perform()
    wait_until(plain_browser, lambda page: "second location was marked by you" in by_id(page, "pair-1").text)
