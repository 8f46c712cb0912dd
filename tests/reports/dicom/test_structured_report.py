"""The Structured Report, read back by pydicom and highdicom, and judged by dciodvfy."""

import io
from dataclasses import replace
from functools import partial

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.sr.codedict import codes

from models import __version__
from models.errors import UserError
from models.imaging.phantom import draw_phantom
from models.inference.finding import DISCLAIMER
from models.inference.reliability import Reliability, SameVerdict
from models.ingest.read import read_scan
from models.reports.dicom import structured_report
from tests.conftest import encode
from tests.reports.changed import changed
from tests.reports.dicom.conftest import SERIES, STUDY, WHO
from tests.reports.dicom.made_finding import (
    PROBABILITIES,
    ellipse,
    errors_of,
    make_finding,
    make_mass,
    make_nothing,
)

CT, ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"


def read_back(finding):
    """The document, and its only measurement group."""
    document = hd.sr.srread(io.BytesIO(structured_report(finding)))
    (group,) = document.content.get_planar_roi_measurement_groups()
    return document, group


def numbers(group, name):
    return [float(found.value) for found in group.get_measurements(name)]


def private(group):
    """Of the private scheme: evaluations by code, probabilities and their texts by algorithm."""
    evaluations = {item.name.value: item.value.value for item in group.get_qualitative_evaluations()}
    probabilities = {}
    for measurement in group.get_measurements():
        if measurement.name.value == "PROBABILITY":
            texts = {item.name.meaning: item.value for item in measurement[0].ContentSequence}
            probabilities[texts["Algorithm Name"]] = (float(measurement.value), texts)
    return evaluations, probabilities


def test_no_validator_objects(any_scan, tmp_path):
    for radii in ((4.0, 3.0), None):
        (tmp_path / "sr.dcm").write_bytes(structured_report(make_finding(any_scan, radii=radii)))
        assert errors_of(tmp_path / "sr.dcm") == []


@pytest.mark.parametrize("make", [make_nothing, partial(make_nothing, anyway=True), make_mass])
def test_no_validator_objects_without_a_nodule_or_to_a_mass(series, tmp_path, make):
    (tmp_path / "sr.dcm").write_bytes(structured_report(make(series)))
    assert errors_of(tmp_path / "sr.dcm") == []


def test_where_no_nodule_is_recognised_none_is_named_and_nothing_measured(series):
    document, group = read_back(make_nothing(series, row=12.25, col=17.5))
    assert (group.finding_type, list(group.finding_sites)) == (None, [])
    assert group.roi.graphic_type == hd.sr.GraphicTypeValues.POINT
    assert private(group) == ({"VERDICT": "NO_NODULE"}, {})
    (there,) = group.get_measurements()
    assert (there.name.value, float(there.value)) == ("NODULE_PROBABILITY", 0.0312)
    assert document.CompletionFlag == "PARTIAL"


def test_scores_that_are_asked_for_anyway_leave_the_verdict(series):
    _, group = read_back(make_nothing(series, anyway=True))
    assert group.finding_type is None
    evaluations, probabilities = private(group)
    assert evaluations["VERDICT"] == "NO_NODULE"
    assert len(probabilities) == 6
    assert numbers(group, codes.SCT.LongAxis) == [5.6]


def test_a_mass_is_coded_as_one(series):
    _, group = read_back(make_mass(series))
    assert group.finding_type == codes.SCT.Mass
    (verdict,) = [item for item in group.get_qualitative_evaluations() if item.name.value == "VERDICT"]
    assert (verdict.value.value, verdict.value.meaning) == (
        "MASS",
        "A mass: suspicious by size alone, whatever the models say",
    )
    assert private(read_back(make_mass(series, verdict="malignant"))[1])[0]["VERDICT"] == "LOOKS_MALIGNANT"


def test_the_outline_is_in_the_files_own_pixels_counted_from_their_corner(any_scan):
    _, group = read_back(make_finding(any_scan, 12.25, 17.5))
    assert group.roi.graphic_type == hd.sr.GraphicTypeValues.POLYLINE
    vertices = np.array(ellipse(12.25, 17.5, (4.0, 3.0)))
    expected = np.concatenate([vertices, vertices[:1]])[:, ::-1] + 0.5
    np.testing.assert_allclose(group.roi.value, expected, atol=1e-5)


def test_the_outline_ends_with_the_image(series):
    _, group = read_back(make_finding(series, 0, series.cols - 1))
    assert group.roi.value.min(axis=0).tolist() == [series.cols - 1 - 3 + 0.5, 0]
    assert group.roi.value.max(axis=0).tolist() == [series.cols, 4.5]


def test_a_very_long_outline_is_thinned_out_but_stays_closed(series):
    outline = tuple(map(tuple, ellipse(12, 16, (4.0, 3.0), n=20_000)))
    _, group = read_back(make_finding(series, outline=outline))
    assert 5000 < len(group.roi.value) < 8000
    np.testing.assert_array_equal(group.roi.value[0], group.roi.value[-1])


def test_a_nodule_without_outline_is_a_point_without_sizes(series):
    document, group = read_back(make_finding(series, 12.25, 17.5, radii=None))
    assert group.roi.graphic_type == hd.sr.GraphicTypeValues.POINT
    assert group.roi.value.tolist() == [[18.0, 12.75]]
    assert {item.name.value for item in group.get_measurements()} == {"PROBABILITY"}
    assert document.CompletionFlag == "PARTIAL"


@pytest.mark.parametrize("index", [0, 2])
def test_it_refers_to_the_image_of_the_nodules_slice(series, index):
    document, group = read_back(make_finding(series, index=index))
    uid = series.references[index].sop_instance_uid
    reference = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == (CT, uid)
    assert "ReferencedFrameNumber" not in reference
    assert document.get_evidence(current_procedure_only=True) == [(STUDY, SERIES, uid, CT)]
    assert document.StudyInstanceUID == STUDY
    assert document.SeriesInstanceUID != SERIES


def test_of_many_frames_it_refers_to_the_one(enhanced):
    _, group = read_back(make_finding(enhanced, index=1))
    reference = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == (ENHANCED_CT, "1.2.9")
    assert reference.ReferencedFrameNumber == 3


def test_finding_site_and_sizes_are_coded(series):
    finding = make_finding(series)
    _, group = read_back(finding)
    assert group.finding_type == codes.SCT.Nodule
    assert [site.value for site in group.finding_sites] == [codes.SCT.Lung]
    found = finding.reading.measurement
    assert numbers(group, codes.SCT.LongAxis) == [round(found.long_axis_mm, 1)] == [5.6]
    assert numbers(group, codes.SCT.ShortAxis) == [round(found.short_axis_mm, 1)] == [4.2]
    assert numbers(group, codes.SCT.Diameter) == [round(found.mean_diameter_mm, 1)] == [4.9]
    assert numbers(group, codes.DCM.AttenuationCoefficient) == [round(found.mean_hu, 1)]
    units = {item.name.meaning: item.unit.value for item in group.get_measurements()}
    assert (units["Long axis"], units["Diameter"]) == ("mm", "mm")
    assert units["Attenuation Coefficient"] == "[hnsf'U]"
    (diameter,) = group.get_measurements(codes.SCT.Diameter)
    assert diameter.derivation == codes.SCT.Mean


def test_sizes_that_are_not_known_are_left_out(series):
    _, group = read_back(make_finding(replace(series, spacing_assumed=True, is_hu=False)))
    assert {item.name.value for item in group.get_measurements()} == {"PROBABILITY"}
    assert [item.name.value for item in group.get_qualitative_evaluations()] == ["VERDICT"]


def test_each_models_probability_names_its_algorithm_and_version(series):
    finding = make_finding(series)
    _, group = read_back(finding)
    _, probabilities = private(group)
    expected = {"Consensus of the five": 0.75} | {
        answer.title: round(PROBABILITIES[answer.key], 4) for answer in finding.models
    }
    assert {name: value for name, (value, _) in probabilities.items()} == expected
    for name, (_, texts) in probabilities.items():
        assert texts["Algorithm Version"] == f"{__version__}, weights 0123abcd"
        threshold = "0.5000" if name == "Consensus of the five" else "0.4375"
        assert texts["Algorithm Parameters"] == f"operating point {threshold}"


def test_a_model_in_front_is_not_listed_twice_and_its_verdict_is_named(series):
    finding = make_finding(series, model="alexnet", title="AlexNet", verdict="indeterminate")
    _, group = read_back(finding)
    evaluations, probabilities = private(group)
    assert len(probabilities) == 5
    assert evaluations["VERDICT"] == "INDETERMINATE"
    (verdict,) = [item for item in group.get_qualitative_evaluations() if item.name.value == "VERDICT"]
    assert verdict.name.meaning == "Verdict of AlexNet (research use only)"


def test_a_model_that_did_not_answer_has_no_probability_and_makes_it_partial(series):
    finding = make_finding(series)
    first, *others = finding.models
    silent = replace(first, verdict=None, probability=None, threshold=None)
    document, group = read_back(replace(finding, models=(silent, *others)))
    assert first.title not in private(group)[1]
    assert document.CompletionFlag == "PARTIAL"


@pytest.mark.parametrize(
    ("texture", "code"), [("solid", "SOLID"), ("part-solid", "PART_SOLID"), ("ground glass", "GROUND_GLASS")]
)
def test_texture_is_an_impression_of_the_private_scheme(series, texture, code):
    finding = make_finding(series)
    finding = changed(finding, measurement=replace(finding.reading.measurement, texture=texture))
    assert private(read_back(finding)[1])[0]["TEXTURE"] == code


def test_private_codes_are_declared_and_none_speaks_of_cancer(series):
    document, _ = read_back(make_finding(series))
    (scheme,) = document.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == "99LUNGNODULE"
    values = {element.value for element in document.iterall() if element.keyword == "CodeValue"}
    assert not values & {"111047", "21594007", "30807003"}  # probability of cancer, malignant, benign


def test_it_says_what_the_numbers_are_and_every_warning(series):
    document, _ = read_back(make_finding(series))
    remarks = document.content[0].ContentSequence[-1]
    assert remarks.name.meaning == "Qualitative Evaluations"
    texts = [item.value for item in remarks.ContentSequence]
    assert texts == [str(DISCLAIMER), *(n.message for n in series.notices), "The slices are tilted by 5°."]


def test_what_the_verdict_is_worth_is_the_next_remark(series):
    worth = Reliability((6, 8), 103, 8, 0, SameVerdict(85, 6, 0.026, 0.147, False))
    document, _ = read_back(make_finding(series, verdict="benign", reliability=worth))
    assert document.content[0].ContentSequence[-1].ContentSequence[1].value == (
        "Of 103 nodules of 6 to 8 mm, 8 were rated malignant; the models recognised none of them: at this "
        "size a benign look says nothing more than the size does."
    )


def test_it_is_preliminary_and_nobody_has_verified_it(series):
    document, _ = read_back(make_finding(series))
    assert (document.PreliminaryFlag, document.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    assert document.CompletionFlag == "COMPLETE"
    (context,) = document.content.get_observer_contexts(codes.DCM.Device)
    assert context.observer_identifying_attributes.name == "Lung nodule classifier"


def test_nothing_about_the_patient_is_in_it(series):
    data = structured_report(make_finding(series))
    assert not [value for value in WHO.values() if value.encode() in data]
    dataset = dcmread(io.BytesIO(data))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        assert not dataset[keyword].value


def test_every_report_is_a_new_object_by_the_same_device(series):
    (one, group), (two, other) = (read_back(make_finding(series)) for _ in range(2))
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.SeriesInstanceUID != two.SeriesInstanceUID
    assert group.tracking_uid == other.tracking_uid  # of one nodule
    devices = {
        document.content.get_observer_contexts(codes.DCM.Device)[0].observer_identifying_attributes.uid
        for document in (one, two)
    }
    assert len(devices) == 1


def test_a_picture_has_no_image_to_refer_to():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    with pytest.raises(UserError) as caught:
        structured_report(make_finding(scan))
    assert caught.value.code == "not_dicom"
