"""The pages in a real browser: uploads, results, with and without JavaScript, on paper and on a phone."""

import base64
import re

import pytest

from tests.browser.driving import (
    by_id,
    check_result,
    complaints,
    marked,
    over,
    predict,
    read_result,
    sample,
    stage_of,
    upload,
    wait_for_text,
    wait_until,
)

A4_INCHES = {"paperWidth": 8.27, "paperHeight": 11.69}


def test_crop_is_classified(browser, server, picture):
    upload(browser, server, picture(96), model="vgg16")
    result = read_result(browser)
    check_result(result)
    assert by_id(browser, "model-title").text == "VGG16"
    assert result["place"] == (47.5, 47.5, 0)
    assert "VGG16" in result["rows"][0].get_property("textContent")
    assert re.search(r"/scan/[\w-]{43}/finding/0$", browser.current_url)
    assert not complaints(browser)


def test_chosen_file_is_named_and_previewed(browser, server, picture):
    browser.get(server + "/")
    by_id(browser, "image").send_keys(str(picture(96)))
    assert "phantom-96.png" in by_id(browser, "chosen").text
    preview = "return (document.querySelector('#chosen img') || {}).naturalWidth"
    wait_until(browser, lambda page: page.execute_script(preview) == 96)
    assert not complaints(browser)


def test_nodule_in_a_whole_slice_is_clicked(browser, server, picture):
    upload(browser, server, picture(256))
    over(browser, stage_of(browser), 128, 128).click().perform()
    result = predict(browser)
    check_result(result)
    assert result["place"] == pytest.approx((128, 128, 0), abs=1)
    assert not complaints(browser)


def test_nodule_in_a_whole_slice_is_given_by_numbers(browser, server, picture):
    upload(browser, server, picture(256))
    stage_of(browser)
    browser.find_element("css selector", "#by-numbers summary").click()
    for name, value in (("row", "120"), ("col", "131.5")):
        by_id(browser, name).clear()
        by_id(browser, name).send_keys(value)
    by_id(browser, "col").send_keys("\n")
    assert read_result(browser)["place"] == (120, 131.5, 0)


def test_another_model_and_another_place(browser, server, picture):
    upload(browser, server, picture(256))
    over(browser, stage_of(browser), 128, 128).click().perform()
    place = predict(browser)["place"]
    by_id(browser, "show-resnet").click()
    wait_for_text(browser, "model-title", "ResNet")
    assert read_result(browser)["place"] == place
    by_id(browser, "choose-again").click()
    over(browser, stage_of(browser), 60, 90).click().perform()
    assert predict(browser)["place"] == pytest.approx((60, 90, 0), abs=1)
    assert by_id(browser, "model-title").text == "ResNet"


def test_where_no_nodule_is_recognised_the_scores_are_one_press_away(browser, strict_server, picture):
    upload(browser, strict_server, picture(256))
    over(browser, stage_of(browser), 128, 60).click().perform()
    by_id(browser, "predict").click()
    assert by_id(browser, "verdict").text == "No nodule recognised here"
    assert not browser.find_elements("id", "probability")
    by_id(browser, "anyway").click()
    assert 0 <= float(by_id(browser, "probability").text) <= 1
    assert by_id(browser, "verdict").text == "No nodule recognised here"
    assert not complaints(browser)


def test_a_mistake_is_told_without_losing_what_was_chosen(browser, server, tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear colleague")
    upload(browser, server, letter, model="vgg19")
    error = by_id(browser, "error")
    assert error.get_dom_attribute("data-code") == "unsupported_file"
    assert browser.current_url == server + "/"
    assert "letter.txt" in by_id(browser, "chosen").text
    assert by_id(browser, "model").get_property("value") == "vgg19"
    assert by_id(browser, "predict").is_displayed()
    browser.get_log("browser")  # the browser itself notes each answer that is an error


def test_nothing_chosen_is_told(browser, server):
    browser.get(server + "/")
    by_id(browser, "predict").click()
    assert by_id(browser, "error").get_dom_attribute("data-code") == "no_file"


def test_an_upload_shows_how_far_it_is_and_is_cancelled(browser, server, series):
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    try:
        upload(browser, server, series)
        share = "return document.getElementById('progress-bar').value"
        wait_until(browser, lambda page: 0 < page.execute_script(share) < 1)
        assert re.match(r"Uploading: [\d.]+ [kM]B of [\d.]+ MB", by_id(browser, "progress-text").text)
        assert not by_id(browser, "predict").is_displayed()
        by_id(browser, "cancel").click()
    finally:
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    assert not by_id(browser, "progress").is_displayed()
    assert series.name in by_id(browser, "chosen").text
    by_id(browser, "predict").click()
    stage_of(browser)
    browser.get_log("browser")  # the browser itself notes the request that was cancelled


def test_a_folder_is_uploaded(browser, server, folder):
    browser.get(server + "/")
    by_id(browser, "folder").send_keys(str(folder))
    wait_for_text(browser, "chosen", "12 files")
    assert f"{folder.name}/" in by_id(browser, "chosen").text
    by_id(browser, "predict").click()
    stage_of(browser)
    assert "of 12" in by_id(browser, "where").text
    assert not complaints(browser)


def test_files_are_dropped(browser, server, picture):
    browser.get(server + "/")
    script = """
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], "dropped.png", {type: "image/png"}));
        const form = document.getElementById("upload");
        form.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
    """
    browser.execute_script(script, base64.b64encode(picture(96).read_bytes()).decode())
    wait_for_text(browser, "chosen", "dropped.png")
    by_id(browser, "predict").click()
    check_result(read_result(browser))


@pytest.mark.parametrize("kind", ["smooth", "spiculated"])
def test_sample_says_that_it_is_drawn(browser, server, kind):
    sample(browser, server, kind)
    check_result(read_result(browser))
    assert "not from a patient" in by_id(browser, "sample-note").text
    assert not complaints(browser)


def too_wide(driver):
    page = "document.documentElement"
    shown, needed = driver.execute_script(f"return [{page}.clientWidth, {page}.scrollWidth]")
    assert shown <= 360
    return needed > shown


def test_phone_needs_no_sideways_scrolling(phone, server, picture, series):
    for path in ("/", "/models"):
        phone.get(server + path)
        assert not too_wide(phone), path
    sample(phone, server)
    assert not too_wide(phone), "result"
    upload(phone, server, picture(512))
    stage_of(phone)
    assert not too_wide(phone), "one slice"
    upload(phone, server, series)
    over(phone, stage_of(phone), 127, 76).click().perform()
    assert marked(phone) == pytest.approx((127, 76), abs=1)
    assert not too_wide(phone), "a series"
    predict(phone)
    assert not too_wide(phone), "result of a whole slice"


def test_result_prints_on_one_sheet(browser, server):
    sample(browser, server)
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", A4_INCHES)["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
