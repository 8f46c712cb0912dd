"""Browsers with and without JavaScript, a phone, and files to upload."""

import os

import pytest
from PIL import Image

from app import create_app
from models.imaging.phantom import draw_phantom
from tests.app.made_series import BrightSpots, WithLocaliser, as_zip, chest_volume, series_files
from tests.browser.driving import CHROMIUM, DRIVER, forget_cookies, start_browser
from tests.conftest import served


def pytest_collection_modifyitems(items):
    if (CHROMIUM.exists() and DRIVER.exists()) or os.environ.get("CI"):
        return
    missing = pytest.mark.skip(reason="chromium and chromium-driver are not installed")
    for item in items:
        if "/browser/" in str(item.path):
            item.add_marker(missing)


@pytest.fixture(scope="session")
def finder_server(finder):
    """Address of the application that takes bright spots for nodules."""
    with served(finder) as address:
        yield address


@pytest.fixture(scope="session")
def server(app, tmp_path_factory):
    """Address of the application to which every place may be a nodule."""
    registry, store = (
        WithLocaliser(app.registry, app.registry.localiser, BrightSpots()),  # chests here are drawn
        tmp_path_factory.mktemp("any") / "store",
    )
    with served(create_app({"REGISTRY": registry, "STORE": store})) as address:
        yield address


@pytest.fixture(scope="session")
def strict_server(app):
    """Address of the application as it is."""
    with served(app) as address:
        yield address


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    driver = start_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def plain_chromium(tmp_path_factory):
    driver = start_browser(tmp_path_factory.mktemp("profile"), javascript=False)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def browser(chromium):
    """A browser that has no cookies of other modules' tests."""
    forget_cookies(chromium)
    return chromium


@pytest.fixture(scope="module")
def plain_browser(plain_chromium):
    """The browser of someone who has switched JavaScript off."""
    forget_cookies(plain_chromium)
    return plain_chromium


@pytest.fixture
def phone(browser):
    """The browser at 360 px, the width of a small phone."""
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture
def picture(tmp_path):
    """Write a spiculated phantom of a size as PNG and return its path."""

    def write(size):
        path = tmp_path / f"phantom-{size}.png"
        Image.fromarray(draw_phantom("spiculated", size=size)).save(path)
        return path

    return write


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with a series of 12 slices as DICOM files; slice 3 shows a nodule."""
    path = tmp_path_factory.mktemp("study")
    for name, data in series_files(chest_volume(12)):
        (path / name).write_bytes(data)
    return path


@pytest.fixture(scope="session")
def series(folder):
    """The same as a ZIP."""
    path = folder.with_suffix(".zip")
    path.write_bytes(as_zip([(file.name, file.read_bytes()) for file in sorted(folder.iterdir())]))
    return path
