"""How to find one's way on the pages of the PACS: from a series to the finding, and what a page says."""

import html
import re
import time

from tests.app.made_series import NODULE_AT, NODULE_SLICE
from tests.web.pacs.conftest import STUDY, THIN

SCRIPT = {"X-Requested-With": "fetch"}


def wait(client, address, states=("done", "failed", "cancelled"), seconds=60):
    """The state of a series, once it is one of these."""
    end = time.monotonic() + seconds
    while (found := client.get(address, headers=SCRIPT).json)["state"] not in states:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def fetch(client, study=STUDY, series=THIN):
    """Address of a series on its way."""
    started = client.post("/pacs/fetch", data={"study": study, "series": series})
    assert started.status_code == 303
    return started.headers["Location"]


def found_in(client, scan):
    """Address of the finding on the nodule of a fetched scan."""
    row, col = NODULE_AT
    fields = {"row": row, "col": col, "slice": NODULE_SLICE, "model": "alexnet"}
    page = client.post(f"{scan}/findings", data=fields)
    assert page.status_code == 200
    return page.headers["Content-Location"]


def text_of(answer):
    return html.unescape(answer.get_data(as_text=True))


def error_code(page):
    match = re.search(r'data-code="(\w+)"', page.get_data(as_text=True))
    return match and match[1]
