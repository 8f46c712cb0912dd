"""The calculators over HTTP: answered once for a scan, kept for its report, corrected with the outline."""

import re
from html import unescape

import msgspec
import pytest

from models.clinical.forms import FIELDS
from models.imaging.phantom import draw_phantom
from models.reports.calculators import Calculated
from models.web import finding_list
from tests.app.conftest import new_visitor
from tests.app.made_series import NODULE_AT, NODULE_SLICE, series_files
from tests.conftest import encode, post, upload
from tests.reports.calculators.forms import BROCK_FORM, FLEISCHNER, LUNG_RADS, MAYO
from tests.web.interrupted import Interrupted

MM = {"spacing_mm": "0.7"}


@pytest.fixture
def crop(visitor):
    """Address of the finding of a picture, measured."""
    return post(visitor, [upload(encode(draw_phantom("smooth")))], "/predict", **MM).headers[
        "Content-Location"
    ]


@pytest.fixture
def two(visitor):
    """Addresses of two findings of one scan."""
    row, col = NODULE_AT
    files = [upload(data, name) for name, data in series_files()]
    first = post(visitor, files, "/predict", row=row, col=col, slice=NODULE_SLICE).headers["Content-Location"]
    place = {"row": row, "col": col, "slice": NODULE_SLICE}
    second = visitor.post(f"{first.partition('/finding')[0]}/findings", data=place)
    return first, second.headers["Content-Location"]


def field_of(page, name):
    """What a text field or the pressed button of a group holds."""
    text = re.search(rf'id="asked-{name}" name="{name}" value="([^"]*)"', page.text)
    pressed = re.search(rf'type="radio" name="{name}" value="([^"]*)" checked', page.text)
    chosen = re.search(rf'<select id="asked-{name}".*?</select>', page.text, re.DOTALL)
    chosen = chosen and re.search(r'<option value="([^"]*)" selected', chosen[0])
    found = text or pressed or chosen
    return found and found[1]


def form_of(page, **changed):
    """What a browser sends of the calculators' form as the page has it, but for what its user changed."""
    form = page.text.partition('id="calculators"')[2].partition("</form>")[0]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    fields = {name: field_of(page, name) for name in FIELDS}
    empty = {name: "" for name in FIELDS if f'id="asked-{name}" name="{name}"' in form}  # no group of buttons
    held = {name: text for name, text in fields.items() if text is not None}
    return {name: unescape(text) for name, text in hidden} | empty | held | changed


def is_in_report(page, key):
    return f'name="take_back" value="{key}"' in page.text


def test_a_result_leads_back_to_its_own_place_and_stays(visitor, crop):
    assert "3.09 %" not in visitor.get(crop).text
    asked = visitor.post(crop, data=BROCK_FORM | {"model": "vgg16"})
    assert asked.status_code == 303
    assert asked.headers["Location"] == f"{crop}?model=vgg16#brock-result"
    page = visitor.get(crop)
    assert "3.09 %" in page.text
    assert 'id="brock-result" tabindex="-1"' in page.text
    assert is_in_report(page, "brock")


SAID = {
    "en": (
        "<strong>Category 4A</strong>: suspicious",
        "Low-dose CT in 3 months. PET/CT may be considered:",
        "Mean diameter (mm): 9.0;",
        "The Fleischner guideline does not apply: it is for incidental nodules.",
        "<strong>3.09 %</strong> estimated risk of cancer",
    ),
    "de": (
        "<strong>Kategorie 4A</strong>: suspekt",
        "Niedrigdosis-CT in 3 Monaten. PET/CT kann erwogen werden:",
        "Mittlerer Durchmesser (mm): 9,0;",
        "Die Fleischner-Empfehlungen sind nicht anwendbar: Sie gelten für zufällig entdeckte Rundherde.",
        "<strong>3,09 %</strong> geschätztes Krebsrisiko",
    ),
}


@pytest.mark.parametrize("order", [("de", "en", "de"), ("en", "de", "en")])
def test_an_answer_is_said_in_the_language_of_each_page(finder, visitor, crop, order):
    for form in (LUNG_RADS | {"diameter_mm": "9.0"}, FLEISCHNER | {"reason": "screening"}, BROCK_FORM):
        visitor.post(crop, data=form | {"reason": "screening"})
    finder.jinja_env.cache.clear()  # no template has been in use in another language
    for asked in order:
        page = visitor.get(crop, headers={"Accept-Language": asked}).text
        said = {code: [sentence in page for sentence in SAID[code]] for code in SAID}
        assert said == {code: [code == asked] * len(SAID[code]) for code in SAID}


def test_an_answer_that_is_missing_keeps_the_rest(visitor, crop):
    page = visitor.post(crop, data=BROCK_FORM | {"count": ""})
    assert page.status_code == 200
    assert 'role="alert" id="brock-result"' in page.text
    assert (field_of(page, "age"), field_of(page, "nodule_type")) == ("62", "solid")
    again = visitor.get(crop)
    assert (field_of(again, "age"), field_of(again, "nodule_type")) == ("62", "solid")
    assert not is_in_report(again, "brock")


def test_answers_about_the_patient_are_given_once_for_a_scan(visitor, two):
    first, second = two
    visitor.post(first, data=BROCK_FORM | {"immunosuppressed": "no"})
    page = visitor.get(second)
    assert [field_of(page, name) for name in ("age", "female", "immunosuppressed")] == ["62", "woman", "no"]
    assert [field_of(page, name) for name in ("nodule_type", "upper_lobe")] == [None, None]
    assert field_of(page, "long_axis_mm") == ""
    assert not is_in_report(page, "brock")


def test_the_patients_data_corrected_on_one_finding_correct_the_others(visitor, two):
    first, second = two
    visitor.post(first, data=BROCK_FORM)
    visitor.post(second, data=BROCK_FORM | {"calculator": "", "age": "70"})
    assert "3.09 %" not in visitor.get(first).text
    assert "Age (years): 70;" in visitor.get(first).text


def test_another_scan_and_another_browser_know_nothing_of_it(finder, visitor, crop):
    visitor.post(crop, data=BROCK_FORM)
    other = post(visitor, [upload(encode(draw_phantom("smooth")))], "/predict", **MM).headers[
        "Content-Location"
    ]
    assert field_of(visitor.get(other), "age") == ""
    stranger = new_visitor(finder)
    assert stranger.get(crop).status_code == 404
    assert stranger.post(crop, data=BROCK_FORM).status_code == 404


def test_a_result_is_replaced_and_taken_back(finder, visitor, crop):
    token, owner = crop.split("/")[2], visitor.owner
    for form in (BROCK_FORM, MAYO, BROCK_FORM | {"age": "70"}):
        visitor.post(crop, data=form)
    kept = msgspec.convert(finder.store.read(token, owner, "calculated0"), list[Calculated])
    assert [(each.key, each.fields["age"]) for each in kept] == [("mayo", "65"), ("brock", "70")]
    taken = visitor.post(crop, data={"take_back": "brock"})
    assert taken.headers["Location"] == f"{crop}?model=consensus#calculator-brock"
    page = visitor.get(crop)
    assert (is_in_report(page, "brock"), is_in_report(page, "mayo")) == (False, True)
    assert field_of(page, "age") == "70"


def test_a_measured_size_is_taken_over_without_javascript(visitor, crop):
    measured = re.search(r'value="diameter_mm" data-take="([\d.]+)"', visitor.get(crop).text)[1]
    taken = visitor.post(crop, data={"take": "diameter_mm", "age": "62"})
    assert taken.headers["Location"] == f"{crop}?model=consensus#asked-diameter_mm"
    page = visitor.get(crop)
    assert (field_of(page, "diameter_mm"), field_of(page, "age")) == (measured, "62")
    assert field_of(page, "long_axis_mm") == ""


@pytest.mark.parametrize("form", [LUNG_RADS, FLEISCHNER])
def test_results_follow_a_corrected_outline(finder, visitor, two, form):
    address, token = two[0], two[0].split("/")[2]
    measured = visitor.get(f"{address}/download/finding.json").json["nodule"]["mean_diameter_mm"]
    visitor.post(address, data=form | {"diameter_mm": f"{measured:.1f}", "calculator": form["calculator"]})
    axes = {"outline": "axes", "long_axis_mm": "21", "short_axis_mm": "15"}
    assert visitor.post(f"{address}/outline", data=axes).status_code == 303
    with finder.test_request_context():
        finding = finder.answers.again(token, visitor.owner, 0)
        (kept,) = finder.calculations.remembered(token, visitor.owner, 0, finding).calculated
    assert kept.fields["diameter_mm"] == "18.0"
    page = visitor.get(address)
    assert "Mean diameter (mm): 18.0;" in page.text
    assert field_of(page, "diameter_mm") == "18.0"
    assert ("Category 4B" in page.text) == (form is LUNG_RADS)


def test_what_was_answered_outlasts_another_pixel_size(visitor):
    crop = post(visitor, [upload(encode(draw_phantom("smooth")))], "/predict").headers["Content-Location"]
    visitor.post(crop, data=BROCK_FORM)
    changed = visitor.post(f"{crop.partition('/finding')[0]}/spacing", data={"spacing_mm": "0.5"})
    assert changed.status_code == 303
    page = visitor.get(crop)
    assert "3.09 %" in page.text
    assert field_of(page, "age") == "62"


def test_only_answers_are_written_beside_the_scan(finder, visitor, crop, tmp_path):
    visitor.post(crop, data=BROCK_FORM | {"age": "Doe^Jane", "benign": "Doe^Jane", "name": "Doe^Jane"})
    folder = finder.store._lifetime.lock().folder
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b'"emphysema": "no"' in written
    assert b"Doe^Jane" not in written


def test_what_is_saved_is_told_where_it_was_asked(visitor, crop):
    saved = visitor.post(crop, data={"save": "patient", "age": "62", "female": "woman"})
    assert saved.headers["Location"] == f"{crop}?model=consensus#asked-once-patient"
    said = re.search(r'Patient and CT<span class="hint">: (.*?)</span>', visitor.get(crop).text)
    assert said[1] == "Age (years): 62; Sex: Woman."


def test_what_cannot_be_saved_is_told_and_stays_typed(visitor, crop):
    page = visitor.post(crop, data={"save": "patient", "age": "17", "female": "woman"})
    assert page.status_code == 200
    assert "Not saved yet" in page.text
    assert "Please enter a number from 18 to 110." in page.text
    assert (field_of(page, "age"), field_of(page, "female")) == ("17", "woman")
    assert field_of(visitor.get(crop), "age") == ""


def test_a_size_that_cannot_be_is_told_where_the_other_is_taken_over(visitor, crop):
    page = visitor.post(crop, data={"take": "diameter_mm", "long_axis_mm": "0"})
    assert "Please enter a number from 1 to 150." in page.text
    assert field_of(page, "long_axis_mm") == "0"
    assert float(field_of(page, "diameter_mm")) > 1


def test_nothing_is_kept_of_a_finding_that_is_forgotten_meanwhile(finder, visitor, two, monkeypatch):
    token, findings = two[1].split("/")[2], finder.answers.findings

    def meanwhile():
        findings.delete(token, visitor.owner, 1)
        assert findings.entries(token, visitor.owner)[1] is None

    monkeypatch.setattr(finding_list, "UNDO_SECONDS", 0)
    monkeypatch.setattr(finding_list, "GRACE_SECONDS", 0)
    monkeypatch.setattr(finder, "answers", Interrupted(finder.answers, "again", meanwhile))
    assert visitor.post(two[1], data=BROCK_FORM).status_code == 404
    kept = [finder.store.read(token, visitor.owner, name) for name in ("answered1", "calculated1")]
    assert kept == [None, None]


def test_a_page_loaded_earlier_takes_nothing_away_that_was_answered_since(visitor, two):
    first, second = two
    stale = visitor.get(second)
    sent = form_of(visitor.get(first), save="patient", age="62", female="woman", cancer="none", count="1")
    assert visitor.post(first, data=sent).status_code == 303
    assert visitor.post(second, data=form_of(stale, save="nodule", upper_lobe="yes")).status_code == 303
    page = visitor.get(second)
    kept = [field_of(page, name) for name in ("age", "female", "cancer", "count", "upper_lobe")]
    assert kept == ["62", "woman", "none", "1", "yes"]


def test_a_page_loaded_earlier_brings_nothing_back_that_was_changed_since(visitor, two):
    first, second = two
    visitor.post(first, data=form_of(visitor.get(first), save="patient", age="62", count="1", cancer="none"))
    stale, now = visitor.get(second), visitor.get(first)
    visitor.post(first, data=form_of(now, save="patient", age="63", count="", cancer=""))
    visitor.post(second, data=form_of(stale, save="nodule", nodule_type="solid"))
    page = visitor.get(second)
    assert [field_of(page, name) for name in ("age", "count", "cancer")] == ["63", "", None]
    assert field_of(page, "nodule_type") == "solid"


def test_the_later_one_of_two_changes_of_one_answer_holds(visitor, two):
    first, second = two
    stale = visitor.get(second)
    visitor.post(first, data=form_of(visitor.get(first), save="patient", age="62"))
    visitor.post(second, data=form_of(stale, save="patient", age="70"))
    assert field_of(visitor.get(first), "age") == "70"


def test_a_result_from_a_page_loaded_earlier_counts_what_was_answered_since(visitor, two):
    first, second = two
    stale = visitor.get(second)
    visitor.post(first, data=form_of(visitor.get(first), save="patient", age="62", female="woman"))
    rest = {name: text for name, text in BROCK_FORM.items() if name not in ("age", "female")}
    asked = visitor.post(second, data=form_of(stale, **rest))
    assert (asked.status_code, asked.headers["Location"].partition("#")[2]) == (303, "brock-result")
    assert "3.09 %" in visitor.get(second).text


def test_what_is_missing_on_a_page_loaded_earlier_is_asked_for_beside_what_was_answered_since(visitor, two):
    first, second = two
    stale = visitor.get(second)
    visitor.post(first, data=form_of(visitor.get(first), save="patient", age="62"))
    page = visitor.post(second, data=form_of(stale, calculator="mayo", count="many"))
    assert (page.status_code, field_of(page, "age")) == (200, "62")
    assert 'href="#asked-age"' not in page.text.partition("Please complete:")[2].partition("</ul>")[0]
    visitor.post(second, data=form_of(page, save="patient", age="", count="2"))
    again = visitor.get(first)
    assert (field_of(again, "age"), field_of(again, "count")) == ("", "2")


def test_two_pages_of_one_finding_do_not_undo_each_other(visitor, crop):
    stale = visitor.get(crop)
    visitor.post(crop, data=form_of(visitor.get(crop), save="nodule", take="diameter_mm"))
    measured = field_of(visitor.get(crop), "diameter_mm")
    visitor.post(crop, data=form_of(stale, save="nodule", nodule_type="solid"))
    page = visitor.get(crop)
    assert measured
    assert (field_of(page, "diameter_mm"), field_of(page, "nodule_type")) == (measured, "solid")


def test_a_measured_size_is_taken_over_by_a_page_that_shows_it_while_another_was_typed(visitor, crop):
    visitor.post(crop, data=form_of(visitor.get(crop), take="diameter_mm"))
    stale = visitor.get(crop)
    measured = field_of(stale, "diameter_mm")
    visitor.post(crop, data=form_of(stale, save="nodule", diameter_mm="9"))
    assert field_of(visitor.get(crop), "diameter_mm") == "9"
    visitor.post(crop, data=form_of(stale, take="diameter_mm"))
    assert field_of(visitor.get(crop), "diameter_mm") == measured


def test_an_answer_is_taken_back_where_its_field_is_emptied(visitor, crop):
    visitor.post(crop, data=form_of(visitor.get(crop), save="patient", age="62", cancer="none", count="1"))
    visitor.post(crop, data=form_of(visitor.get(crop), save="patient", age="", cancer=""))
    page = visitor.get(crop)
    assert [field_of(page, name) for name in ("age", "cancer", "count")] == ["", None, "1"]
