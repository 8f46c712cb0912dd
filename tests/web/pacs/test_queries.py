"""What a form asks for, and which series is proposed."""

import pytest

from models.errors import UserError
from models.web.pacs.queries import Series, query_of, series_of, shown_name, study_of, with_proposal


@pytest.mark.parametrize(
    ("fields", "filters"),
    [
        ({"patient_id": " 4711 "}, {"PatientID": "4711"}),
        ({"patient_name": "Doe"}, {"PatientName": "Doe*"}),
        ({"patient_name": "Doe, Jane"}, {"PatientName": "Doe*Jane*"}),
        ({"patient_name": "Doe^Jane"}, {"PatientName": "Doe*Jane*"}),
        ({"patient_name": "Doe,"}, {"PatientName": "Doe*"}),
        ({"patient_name": "*oe"}, {"PatientName": "*oe*"}),
        ({"patient_name": "Müller"}, {"PatientName": "M*ller*"}),
        ({"patient_name": "山田"}, {"PatientName": "山田*"}),
        ({"date_from": "2024-01-31"}, {"StudyDate": "20240131-"}),
        ({"date_to": "20240131"}, {"StudyDate": "-20240131"}),
        ({"date_from": "2024-01-31", "date_to": "2024-01-31"}, {"StudyDate": "20240131"}),
        ({"accession": "A", "patient_name": "*"}, {"AccessionNumber": "A"}),
    ],
)
def test_filters(fields, filters):
    assert query_of(fields).filters == filters


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"patient_name": " "},
        {"patient_name": "*", "patient_id": "?"},
        {"patient_id": "a\\b"},
        {"patient_id": "a" * 65},
        {"patient_name": "a\nb"},
        {"date_from": "31.1.2024"},
        {"date_from": "2024-02-30"},
        {"date_from": "2024-02-02", "date_to": "2024-02-01"},
    ],
)
def test_what_cannot_be_looked_for_is_refused(fields):
    with pytest.raises(UserError) as refused:
        query_of(fields)
    assert refused.value.code == "bad_field"


def series(uid, kernel="", mm=None, slices=300, plane="axial", description=""):
    return Series(uid, "1", description, kernel, mm, slices, plane)


@pytest.mark.parametrize(
    ("found", "proposed"),
    [
        ([series("soft", "B31f", 1.0), series("lung", "B70f", 1.25)], "lung"),
        ([series("thick", "LUNG", 5.0), series("thin", "STANDARD", 1.25)], "thin"),
        ([series("thick", "STANDARD", 5.0), series("middle", "STANDARD", 2.5)], "middle"),
        ([series("named", mm=1.0, description="Lung 1 mm"), series("other", mm=0.9)], "named"),
        ([series("coronal", "B70f", 1.0, plane="coronal"), series("axial", "B31f", 5.0)], "axial"),
        ([series("few", "B70f", 1.0, 3), series("many", "B70f", 1.0, 400)], "many"),
        ([series("too many", "B70f", 0.5, 2500), series("fit", "B70f", 1.0, 400)], "fit"),
        ([series("unknown", slices=None, plane="")], "unknown"),
        ([series("scout", mm=1.0, slices=2, plane="localizer")], None),
        ([], None),
    ],
)
def test_the_proposed_series_comes_first(found, proposed):
    ranked = with_proposal(found, 2000)
    assert [s.uid for s in ranked if s.is_proposed] == ([proposed] if proposed else [])
    assert len(ranked) == len(found)
    if proposed:
        assert ranked[0].uid == proposed


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"00100010": None, "00080020": {"Value": "x"}, "00200011": {"Value": [None]}},
        {"00180050": {"Value": ["thick"]}, "00201209": {"Value": [{}]}, "00200037": {"Value": [1, 0, 0]}},
        {"00200037": {"vr": "DS", "Value": [0, 0, 0, 0, 0, 0]}, "00181210": {"Value": [["B70f"]]}},
    ],
)
def test_answers_of_odd_form_are_read_as_far_as_they_go(entry):
    assert study_of(entry).patient_name == ""
    found = series_of(entry, {})
    assert (found.thickness_mm, found.slices, found.kernel) == (None, None, "")


def test_names_are_shown_as_people_write_them():
    assert shown_name("Doe^Jane^Q^Dr") == "Doe, Jane Q Dr"
    assert shown_name("Yamada^Tarou=山田^太郎") == "Yamada, Tarou"
    assert shown_name("") == ""
