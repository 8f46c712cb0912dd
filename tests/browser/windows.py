"""Sizes of windows for the tests of the result and of the models' page."""

from contextlib import contextmanager

DESKTOP, PHONE = (1440, 900), (390, 844)


@contextmanager
def window(driver, size):
    """The browser with a window of this size (width, height), in CSS pixels."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield driver
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def box(driver, selector):
    """Left, top, right and bottom of the first element of that selector in the window."""
    script = """
        const {left, top, right, bottom} = document.querySelector(arguments[0]).getBoundingClientRect();
        return [left, top, right, bottom];
    """
    return driver.execute_script(script, selector)


def height(driver):
    """Of the whole page."""
    return driver.execute_script("return document.documentElement.scrollHeight")
