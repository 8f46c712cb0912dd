"""A reading day in one test: from the patient ID to the text in the clipboard and the report in the PACS."""

import io
import re
import socket
import threading
import time

import highdicom as hd
import pytest
from pydicom import dcmread
from pydicom.sr.codedict import codes

from tests.app.made_series import NODULE_AT, NODULE_SLICE
from tests.browser.driving import by_id, complaints, over, predict, stage_of, wait_for_text, wait_until
from tests.browser.test_pacs import log_in, room_at, wait_for_viewer
from tests.browser.test_report import CLIPBOARD, report_text
from tests.reports.dicom.test_several_findings import side_of
from tests.web.pacs.conftest import N_SLICES, STUDY, WHO, archive, odd_server  # noqa: F401  # a fixture

pytestmark = pytest.mark.slow
MODALITIES = ("SR", "SEG", "OT")
SOME_CAME = re.compile(rf"[1-9]\d* of {N_SLICES} images received\.")


def slowly(port, bytes_a_second=500_000):
    """Hand on to the PACS at a port what is asked, and its answers no faster than this."""

    def pump(source, target, is_slow):
        while data := source.recv(1 << 16):
            target.sendall(data)
            time.sleep(is_slow * len(data) / bytes_a_second)

    def behave(connection, request):
        with socket.create_connection(("127.0.0.1", port)) as pacs:
            pacs.sendall(request)
            threading.Thread(target=pump, args=(connection, pacs, False), daemon=True).start()
            pump(pacs, connection, True)
            connection.shutdown(socket.SHUT_RDWR)  # closed only, it would stay open for the other thread

    return behave


@pytest.fixture
def room(app, archive, tmp_path):  # noqa: F811
    """Address of the application with a PACS that is so slow that a person sees the series come."""
    with odd_server(slowly(archive.port)) as pacs:
        settings = archive.settings | {"DICOMWEB": f"{pacs}/dicom-web"}
        with room_at(settings, app, tmp_path) as address:
            yield address


def fetch(driver, room):
    """Log in, search by the patient's ID, open the study and its proposed series in the viewer."""
    from selenium.webdriver import ActionChains, Keys

    log_in(driver, room)
    by_id(driver, "open-pacs").click()
    by_id(driver, "patient_id")  # has the focus
    ActionChains(driver, duration=0).send_keys(WHO["PatientID"], Keys.ENTER).perform()
    by_id(driver, "studies-table")
    driver.find_element("css selector", "#studies-table button[aria-label*='2024-01-31']").click()
    by_id(driver, "fetch-proposed").click()
    said = by_id(driver, "fetch-text")
    wait_until(driver, lambda _: SOME_CAME.fullmatch(said.text))
    wait_for_viewer(driver)


def mark(driver):
    """Go to the nodule's slice by the keyboard, and click the nodule."""
    from selenium.webdriver import ActionChains, Keys

    stage = stage_of(driver)
    driver.execute_script("arguments[0].focus()", stage)
    ActionChains(driver, duration=0).send_keys(Keys.HOME, Keys.ARROW_UP * NODULE_SLICE).perform()
    over(driver, stage_of(driver, NODULE_SLICE), *NODULE_AT).click().perform()


def is_in_view(driver, name):
    """Whether an element can be clicked without scrolling."""
    box = by_id(driver, name).rect
    top, height = driver.execute_script("return [scrollY, innerHeight]")
    return top <= box["y"] and box["y"] + box["height"] <= top + height


def copied(driver, room):
    """Press Copy in the report; what the clipboard then has."""
    given = {"permission": {"name": "clipboard-read"}, "setting": "granted", "origin": room}
    driver.execute_cdp_cmd("Browser.setPermission", given)
    by_id(driver, "copy").click()
    wait_for_text(driver, "copied", "Copied.")
    return driver.execute_async_script(CLIPBOARD)


def test_from_the_patient_id_to_the_text_and_the_stored_report(browser, room, archive):  # noqa: F811
    before = {modality: archive.instances(STUDY, modality) for modality in MODALITIES}
    fetch(browser, room)
    mark(browser)
    browser.find_element("css selector", "#model option[value=alexnet]").click()  # whose map takes least
    predict(browser)
    assert is_in_view(browser, "report-at-once")
    by_id(browser, "report-at-once").click()
    by_id(browser, "report-text")
    text = report_text(browser)
    assert "F1: " in text
    assert "right lung" in text
    assert copied(browser, room) == text
    by_id(browser, "send-to-pacs").click()
    by_id(browser, "sent-list")
    assert browser.find_element("css selector", "h1").text == "Stored in the PACS"
    assert complaints(browser) == []

    report, outlines, picture = (
        only_new(archive.instances(STUDY, modality), before[modality]) for modality in MODALITIES
    )
    for stored in map(dcmread, map(io.BytesIO, (report, outlines, picture))):
        assert (str(stored.PatientName), stored.PatientID) == (WHO["PatientName"], WHO["PatientID"])
    (group,) = hd.sr.srread(io.BytesIO(report)).content.get_planar_roi_measurement_groups()
    (segment,) = dcmread(io.BytesIO(outlines)).SegmentSequence
    assert group.tracking_identifier == "F1"
    assert side_of(group.finding_sites[0]) == codes.SCT.Right
    assert group.tracking_uid == segment.TrackingUID


def only_new(files, before):
    """The one file that was not there before."""
    (new,) = [data for data in files if data not in before]
    return new
