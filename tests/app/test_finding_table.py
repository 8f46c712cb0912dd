"""The table of a scan's findings over HTTP: names, which one leads, deletion, and the time to undo it."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from models.web import finding_list
from tests.app.conftest import new_visitor
from tests.app.made_series import NODULE_AT, NODULE_SLICE
from tests.app.test_scan_pages import row_of, text_of
from tests.web.interrupted import Interrupted

PLACE = {"row": NODULE_AT[0], "col": NODULE_AT[1], "slice": NODULE_SLICE}


@pytest.fixture
def address(visitor, kept):
    """Of a scan with two findings."""
    address = kept()
    for model in ("vgg16", "alexnet"):
        assert visitor.post(f"{address}/findings", data=PLACE | {"model": model}).status_code == 200
    return address


@pytest.fixture
def hurried(monkeypatch):
    """A deletion can be undone for 0.2 seconds, the grace included."""
    monkeypatch.setattr(finding_list, "UNDO_SECONDS", 0.1)
    monkeypatch.setattr(finding_list, "GRACE_SECONDS", 0.1)


def rows(page):
    return re.findall(r'<tr[^>]* id="finding-(\d+)"', page.text)


def act(visitor, address, index, what, **fields):
    return visitor.post(f"{address}/finding/{index}/{what}", data=fields)


def test_a_row_says_what_was_found_and_where(visitor, address):
    page = visitor.get(address)
    found = visitor.get(f"{address}/finding/0/download/finding.json").json
    row = row_of(page, 0)
    nodule = found["nodule"]
    assert row.startswith("F1 ")
    assert f"Slice {nodule['slice'] + 1} " in row
    assert f" {nodule['long_axis_mm']:.1f} mm" in row
    assert f" {found['probability']:.2f} " in row
    assert f" {nodule['volume_mm3']:.0f} mm³" in row
    assert "VGG16" in row
    assert f'<a href="{address}/finding/0">F1</a>' in page.text
    assert "Since the earlier scan" not in page.text  # there is none


def test_the_side_is_told_where_it_is_known(visitor, address):
    side = visitor.get(f"{address}/finding/0/download/finding.json").json["nodule"]["side"]
    assert f"F1 {(side or '–').capitalize()} " in row_of(visitor.get(address), 0)


def test_without_findings_there_is_no_table(visitor, kept):
    assert 'id="findings"' not in visitor.get(kept()).text


def test_a_name_stands_wherever_the_finding_does(visitor, address):
    answer = act(visitor, address, 1, "name", name="  the <b>other</b> one ")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{address}#finding-1")
    page = visitor.get(address)
    assert row_of(page, 1).startswith("the <b>other</b> one ")
    assert "<b>other" not in page.text
    ring = re.findall(r'<g class="ring ring-found">.*?</g>', visitor.get(f"{address}?slice=3").text, re.S)
    assert any("the &lt;b&gt;other&lt;/b…</text>" in one for one in ring)
    result = text_of(visitor.get(f"{address}/finding/1"))
    assert "Finding the <b>other</b> one" in result
    act(visitor, address, 1, "name", name="")
    assert row_of(visitor.get(address), 1).startswith("F2 ")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("F1", "The app gives names such as F1 itself."),
        ("x" * 41, "The name must have at most 40 characters."),
        ("a\x07b", "The name must not contain a backslash or invisible characters."),
        ("mine", "Another finding of this scan has this name already."),
    ],
)
def test_a_name_that_cannot_be_is_told_on_the_same_page(visitor, address, name, sentence):
    act(visitor, address, 0, "name", name="mine")
    answer = act(visitor, address, 1, "name", name=name)
    assert answer.status_code == 400
    assert sentence in text_of(answer)
    assert row_of(answer, 1).startswith("F2 ")
    row = re.search(r'<tr[^>]* id="finding-1".*?</tr>', answer.text, re.S)[0]
    assert sentence in row  # beside what was typed, which is still there
    assert re.search(rf'id="name-1"[^>]* value="{re.escape(name)}"[^>]* aria-invalid="true" autofocus', row)
    assert answer.text.count('id="error"') == 1


def test_nothing_leads_until_the_reader_says_so(visitor, address):
    assert "No leading finding is marked" in text_of(visitor.get(address))
    assert act(visitor, address, 1, "leading", leading="1").status_code == 303
    page = visitor.get(address)
    assert re.findall(r'id="finding-(\d)"[^>]*data-leading', page.text) == ["1"]
    assert row_of(page, 1).startswith("F2 Leading ")
    assert "(leading finding)" in text_of(visitor.get(f"{address}/finding/1"))
    assert "(leading finding)" not in text_of(visitor.get(f"{address}/finding/0"))
    act(visitor, address, 1, "leading", leading="0")
    assert "data-leading" not in visitor.get(address).text


@pytest.mark.parametrize("fields", [{}, {"leading": "yes"}, {"leading": ""}])
def test_what_is_neither_yes_nor_no_is_refused(visitor, address, fields):
    assert act(visitor, address, 0, "leading", **fields).status_code == 400


def test_a_deleted_finding_is_gone_from_every_page_and_comes_back(visitor, address):
    act(visitor, address, 0, "name", name="mine")
    visitor.post(f"{address}/finding/0/outline", data={"outline": "larger"})
    before = row_of(visitor.get(address), 0)
    assert "corrected" in before
    answer = act(visitor, address, 0, "delete", slice="2", level="40", width="400")
    assert answer.status_code == 303
    where = urlsplit(answer.headers["Location"])
    assert (where.path, where.fragment) == (address, "undo-delete-0")
    assert parse_qs(where.query) == {"slice": ["2"], "level": ["40"], "width": ["400"]}
    page = visitor.get(answer.headers["Location"])
    assert rows(page) == ["1"]
    assert "mine was deleted." in text_of(page)
    assert 5 <= int(re.search(r'id="deleted-0"[^>]*data-seconds="(\d+)"', page.text)[1]) <= 10
    assert 'ring-found"' in visitor.get(f"{address}?slice={NODULE_SLICE}").text
    for path in ("", "/download/report.pdf", "/download/finding.json", "/saliency/vgg16.png"):
        assert visitor.get(f"{address}/finding/0{path}").status_code == 404
    gone = visitor.get(f"{address}/finding/0", headers={"Accept": "text/html"})
    assert "This finding is not on the scan; it may have been deleted." in text_of(gone)
    assert f'href="{address}">Back to the scan</a>' in gone.text
    assert visitor.post(f"{address}/finding/0/outline", data={"outline": "larger"}).status_code == 404
    for what, fields in (("name", {"name": "x"}), ("leading", {"leading": "1"})):
        assert act(visitor, address, 0, what, **fields).status_code == 404
    assert act(visitor, address, 0, "delete").status_code == 303  # pressed twice
    answer = act(visitor, address, 0, "restore")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{address}#finding-0")
    assert row_of(visitor.get(address), 0) == before
    assert visitor.get(f"{address}/finding/0").status_code == 200


def test_after_its_time_it_is_too_late_and_nothing_is_left(finder, visitor, address, hurried):
    act(visitor, address, 0, "delete")
    time.sleep(0.3)
    answer = act(visitor, address, 0, "restore")
    assert answer.status_code == 410
    assert "Too late" in text_of(answer)
    assert rows(answer) == ["1"]
    assert "was deleted" not in text_of(answer)
    assert finder.store.read(address[6:], visitor.owner, "reading0") is None
    assert visitor.get(f"{address}/finding/0").status_code == 404
    assert act(visitor, address, 0, "delete").status_code == 404
    visitor.post(f"{address}/findings", data=PLACE | {"model": "vgg16"})
    assert rows(visitor.get(address)) == ["1", "2"]
    assert row_of(visitor.get(address), 2).startswith("F3 ")


def test_the_last_finding_can_come_back_too(visitor, address):
    for index in (0, 1):
        act(visitor, address, index, "delete")
    page = visitor.get(address)
    assert rows(page) == []
    assert "No finding is left." in text_of(page)
    assert re.findall(r'id="undo-delete-(\d)"', page.text) == ["0", "1"]


def test_a_stranger_does_nothing_to_a_finding(finder, visitor, address):
    stranger = new_visitor(finder)
    for what in ("name", "leading", "delete", "restore"):
        assert act(stranger, address, 0, what, name="x", leading="1").status_code == 404
    assert row_of(visitor.get(address), 0).startswith("F1 ")


@pytest.mark.parametrize("what", ["name", "leading", "delete", "restore"])
def test_there_is_no_finding_that_was_not_asked_for(visitor, address, what):
    assert act(visitor, address, 7, what, name="x", leading="1").status_code == 404


def test_names_go_to_no_log_and_no_address(visitor, address, caplog):
    with caplog.at_level("DEBUG"):
        answer = act(visitor, address, 1, "name", name="Mrs Miller’s nodule")
        refused = act(visitor, address, 0, "name", name="Mrs Miller’s nodule")
        act(visitor, address, 1, "delete")
    assert refused.status_code == 400
    assert "Miller" not in answer.headers["Location"]
    assert "Miller" not in caplog.text


def test_removing_the_scan_is_asked_about_once(visitor, address):
    page = visitor.get(address).text
    asked = re.search(r'<details class="ask" id="ask-remove">.*?</details>', page, re.S)[0]
    assert " open" not in asked.partition(">")[0]
    assert "This cannot be undone." in asked
    assert f'action="{address}/remove" method="post"' in asked
    assert 'id="remove"' in asked
    assert page.count(f'action="{address}/remove"') == 1


def test_a_finding_that_is_deleted_while_its_outline_is_corrected_is_not_found(
    visitor, address, finder, monkeypatch
):
    answers = finder.answers

    def meanwhile():
        answers.findings.delete(address.rpartition("/")[2], visitor.owner, 0)

    monkeypatch.setattr(answers, "_store", Interrupted(answers._store, "get", meanwhile))
    assert act(visitor, address, 0, "outline", outline="larger").status_code == 404
