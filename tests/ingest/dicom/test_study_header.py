"""Whose study it is, as the files say in their own character sets."""

import io

import pytest
from pydicom import dcmread

from models.imaging.phantom import draw_phantom
from models.imaging.scan import describe
from models.imaging.study_header import StudyHeader
from models.ingest.dicom import read_header
from models.ingest.dicom.study_header import study_header_of
from models.ingest.read import read_scan
from models.ingest.sandbox.decoder import Decoder
from tests.conftest import encode
from tests.ingest.dicom_files import chest_slice, make_ct
from tests.ingest.series_files import make_series, make_slice

DOE = {
    "PatientName": "Doe^Jane^Ann^Dr^PhD",
    "PatientID": "ID-4711",
    "PatientBirthDate": "19570912",
    "PatientSex": "F",
    "StudyDate": "20240229",
    "StudyDescription": "CT thorax",
    "AccessionNumber": "A1",
    "SeriesDescription": "Lung 1.0",
}
HEADER = StudyHeader(
    patient_name="Doe, Dr Jane Ann, PhD",
    patient_id="ID-4711",
    birth_date="1957-09-12",
    sex="F",
    study_date="2024-02-29",
    study_description="CT thorax",
    accession_number="A1",
    series_description="Lung 1.0",
)
NOBODY = dict.fromkeys(DOE, "")


def header_in(data):
    return study_header_of(read_header(io.BytesIO(data)))


def test_all_eight_are_read():
    assert header_in(make_slice(0, **DOE)) == HEADER


def test_where_nothing_is_said_there_is_no_header():
    assert header_in(make_slice(0, **NOBODY)) is None


@pytest.mark.parametrize(  # PS3.5 annexes H, I and K, and PS3.3 C.12.1.1.2
    ("charset", "name", "shown"),
    [
        ("ISO_IR 100", "Buc^Jérôme", "Buc, Jérôme"),
        ("ISO_IR 144", "Люкceмбypг", "Люкceмбypг"),
        ("ISO_IR 126", "Διονυσιος", "Διονυσιος"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东", "Wang, XiaoDong (王, 小东)"),
        ("ISO_IR 192", "ميلاد^علي", "ميلاد, علي"),
        (
            ["", "ISO 2022 IR 87"],
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            "Yamada, Tarou (山田, 太郎; やまだ, たろう)",
        ),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", "Hong, Gildong (洪, 吉洞; 홍, 길동)"),
        ("GB18030", "Wang^XiaoDong=王^小东", "Wang, XiaoDong (王, 小东)"),
    ],
)
def test_names_in_other_scripts(charset, name, shown):
    data = make_slice(0, SpecificCharacterSet=charset, **NOBODY | {"PatientName": name})
    assert header_in(data).patient_name == shown


def test_other_texts_have_the_same_character_set():
    tags = NOBODY | {"StudyDescription": "КТ груди"}
    assert header_in(make_slice(0, SpecificCharacterSet="ISO_IR 144", **tags)).study_description == "КТ груди"


@pytest.mark.filterwarnings("ignore")
def test_a_character_set_that_there_is_not_costs_letters_and_no_scan():
    dataset = dcmread(io.BytesIO(make_slice(0, SpecificCharacterSet="ISO_IR 192", **DOE)))
    dataset.PatientName = "Müller^Jürgen"
    stream = io.BytesIO()
    dataset.save_as(stream)
    data = stream.getvalue().replace(b"ISO_IR 192", b"ISO_IR 777")
    assert header_in(data).patient_id == "ID-4711"
    assert header_in(data).patient_name.startswith("M")


@pytest.mark.filterwarnings("ignore")
def test_strange_and_huge_values_are_cut():
    tags = {
        "PatientName": "A" * 500 + "^B",
        "PatientID": "x\u202egnp\r\n<b>\0\x1b[31m y",
        "StudyDescription": "d" * 9999,
        "PatientBirthDate": "20230231",
        "StudyDate": "yesterday",
        "PatientSex": "unknown to us",
    }
    header = header_in(make_slice(0, SpecificCharacterSet="ISO_IR 192", **NOBODY | tags))
    assert header.patient_name == "A" * 199 + "…"
    assert header.patient_id == "x gnp <b> [31m y"
    assert header.study_description == "d" * 63 + "…"
    assert (header.birth_date, header.study_date, header.sex) == ("20230231", "yesterday", "unknown to us")


@pytest.mark.filterwarnings("ignore")
def test_a_value_of_another_kind_costs_no_scan():
    dataset = dcmread(io.BytesIO(make_slice(0, **DOE)))
    dataset.add_new(0x00100010, "LO", "a name that is none")
    dataset.add_new(0x00100020, "LO", ["ID-1", "ID-2"])
    stream = io.BytesIO()
    dataset.save_as(stream)
    header = header_in(stream.getvalue())
    assert (header.patient_name, header.study_date) == ("a name that is none", "2024-02-29")
    assert header.patient_id == "ID-1; ID-2"


def test_a_scan_carries_it_and_its_description_does_not():
    scan = read_scan(make_series(4, **DOE))
    assert scan.header == HEADER
    assert "header" not in describe(scan)
    for text in (repr(scan), repr(HEADER), str(describe(scan))):
        assert not any(part in text for part in ("Doe", "4711", "1957", "2024-02-29"))


def test_slices_of_two_patients_have_none():
    files = [*make_series(3, **DOE), ("other.dcm", make_slice(9, **DOE | {"PatientID": "ID-4712"}))]
    assert read_scan(files).header is None


def test_pictures_have_none():
    assert read_scan([("a.png", encode(draw_phantom("smooth")))]).header is None


def test_it_comes_out_of_the_process_that_decodes():
    decoder = Decoder()
    assert decoder.read([("a.dcm", make_ct(chest_slice(), **DOE))]).header == HEADER
    assert decoder.read([("a.dcm", make_ct(chest_slice(), **NOBODY))]).header is None
