"""Structured Report, Segmentation and pictures of several findings, as they are read back."""

import io
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.sr.codedict import codes

from models.errors import UserError
from models.imaging.scan import Roi
from models.inference.finding import DISCLAIMER
from models.inference.measurement.outline import within
from models.ingest.read import read_scan
from models.reports.dicom import segmentation, structured_report
from models.reports.scan_report.exports import REPORT_EXPORTS, pictures_sc
from tests.ingest.series_files import make_enhanced
from tests.reports.changed import changed
from tests.reports.dicom.conftest import NAMED, SERIES, STUDY
from tests.reports.dicom.made_finding import errors_of, make_finding
from tests.reports.scan_report.made_report import findings_of, named, report_of, series_scan

CAPTIONS = ("F1, right lung", "F2, left lung", "F3", "F4")


@pytest.fixture(scope="module")
def scan():
    return series_scan()


@pytest.fixture(scope="module")
def findings(scan):
    return findings_of(scan)


@pytest.fixture
def enhanced():
    """Three frames of one file."""
    placed = NAMED | {"FrameOfReferenceUID": "1.2.826.0.1.77", "SOPInstanceUID": "1.2.9"}
    return read_scan([("a", make_enhanced([8, 2, 6], **placed))])


def read_report(findings):
    return hd.sr.srread(io.BytesIO(structured_report(*findings)))


def read_outlines(findings):
    return hd.seg.segread(io.BytesIO(segmentation(*findings)))


def tracked_in(document):
    """Tracking identifiers and UIDs of the measurement groups, in their order."""
    groups = document.content.get_planar_roi_measurement_groups()
    return [(group.tracking_identifier, group.tracking_uid) for group in groups]


def side_of(site):
    """The laterality that a finding site has, or None."""
    found = [item.value for item in getattr(site, "ContentSequence", []) if item.name == codes.SCT.Laterality]
    return found[0] if found else None


def comments_of(document):
    return [
        item.TextValue
        for item in document.content[0].ContentSequence[-1].ContentSequence
        if item.ValueType == "TEXT"
    ]


def test_no_validator_objects(findings, tmp_path):
    pictures = pictures_sc(report_of(findings), CAPTIONS)
    for data in (structured_report(*findings), segmentation(*findings), *pictures):
        (tmp_path / "x.dcm").write_bytes(data)
        assert errors_of(tmp_path / "x.dcm") == []


def test_no_validator_objects_to_frames_of_one_file(enhanced, tmp_path):
    findings = [named(f"F{i + 1}", make_finding(enhanced, 10 + i, 9, index=i)) for i in range(3)]
    for data in (structured_report(*findings), segmentation(*findings)):
        (tmp_path / "x.dcm").write_bytes(data)
        assert errors_of(tmp_path / "x.dcm") == []


def test_the_files_belong_together(findings, tmp_path):
    """Patient, study and series agree among all of them, as dcentvfy of dicom3tools sees it."""
    if not shutil.which("dcentvfy"):
        pytest.skip("dcentvfy of dicom3tools is not installed")
    files = (
        structured_report(*findings),
        segmentation(*findings),
        *pictures_sc(report_of(findings), CAPTIONS),
    )
    for number, data in enumerate(files):
        (tmp_path / f"{number}.dcm").write_bytes(data)
    paths = sorted(map(str, tmp_path.iterdir()))
    found = subprocess.run(["dcentvfy", *paths], capture_output=True, text=True, check=False)
    said = (found.stdout + found.stderr).splitlines()
    assert [line for line in said if line.startswith("Error")] == []


def test_each_finding_is_a_group_with_its_name_its_side_and_its_slice(scan, findings):
    document = read_report(findings)
    groups = document.content.get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == ["F1", "F2", "F3", "F4"]
    assert len({group.tracking_uid for group in groups}) == 4
    assert [group.finding_type for group in groups] == [
        codes.SCT.Nodule,
        codes.SCT.Nodule,
        None,
        codes.SCT.Mass,
    ]
    sites = [[(site.value, side_of(site)) for site in group.finding_sites] for group in groups]
    lung = codes.SCT.Lung
    assert sites == [[(lung, codes.SCT.Right)], [(lung, codes.SCT.Left)], [], [(lung, None)]]
    referred = [group.roi.ContentSequence[0].ReferencedSOPSequence[0] for group in groups]
    expected = [scan.references[index].sop_instance_uid for index in (1, 2, 0, 0)]
    assert [item.ReferencedSOPInstanceUID for item in referred] == expected
    (volume,) = groups[0].get_measurements(codes.SCT.Volume)
    assert (float(volume.value), volume.unit.value) == (640.2, "mm3")


def test_the_evidence_names_each_image_once(scan, findings):
    evidence = read_report(findings).get_evidence(current_procedure_only=True)
    assert {(study, series) for study, series, *_ in evidence} == {(STUDY, SERIES)}
    images = [uid for _, _, uid, _ in evidence]
    assert sorted(images) == sorted(reference.sop_instance_uid for reference in scan.references)


def test_of_several_findings_on_frames_of_one_file_the_evidence_is_that_file(enhanced):
    findings = [named(f"F{i + 1}", make_finding(enhanced, index=i)) for i in range(3)]
    document = read_report(findings)
    assert [uid for _, _, uid, _ in document.get_evidence()] == ["1.2.9"]
    groups = document.content.get_planar_roi_measurement_groups()
    frames = [group.roi.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber for group in groups]
    assert frames == [2, 3, 1]


def test_what_is_said_of_some_findings_begins_with_their_names(findings):
    comments = comments_of(read_report(findings))
    assert comments[0] == str(DISCLAIMER)
    assert comments.count("The slices are tilted by 5°.") == 1
    grown = [text for text in comments if "between the scans" in text]
    assert grown == ["F1: Earlier scan: 123 days between the scans, from the two study dates"]


def test_it_is_complete_only_if_each_part_is(scan, findings):
    assert read_report(findings).CompletionFlag == "PARTIAL"
    assert read_report(findings[:2]).CompletionFlag == "COMPLETE"


def test_each_outlined_finding_is_a_segment_tracked_as_in_the_report(scan, findings):
    image = read_outlines(findings)
    tracked = dict(tracked_in(read_report(findings)))
    segments = [(s.SegmentNumber, s.SegmentLabel, s.TrackingID, s.TrackingUID) for s in image.SegmentSequence]
    assert segments == [(1, "F1", "F1", tracked["F1"]), (2, "F2", "F2", tracked["F2"])]
    sides = [s.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0] for s in image.SegmentSequence]
    assert [side.CodeMeaning for side in sides] == ["Right", "Left"]
    assert image.SegmentsOverlap == "NO"
    shape = scan.rows, scan.cols
    for number, finding in enumerate(findings[:2], start=1):
        index = finding.reading.roi.slice
        uid = scan.references[index].sop_instance_uid
        pixels = image.get_pixels_by_source_instance([uid], segment_numbers=[number])[0, ..., 0]
        np.testing.assert_array_equal(pixels, within(np.array(finding.reading.outline), shape))


def test_outlines_that_overlap_stay_whole(scan):
    one, other = make_finding(scan, 12, 16, radii=(5, 5)), make_finding(scan, 14, 18, radii=(5, 5))
    image = read_outlines([named("F1", one), named("F2", other)])
    assert image.SegmentsOverlap == "YES"
    uid = scan.references[0].sop_instance_uid
    pixels = image.get_pixels_by_source_instance([uid], segment_numbers=[1, 2])[0]
    for number, finding in enumerate((one, other)):
        expected = within(np.array(finding.reading.outline), (scan.rows, scan.cols))
        np.testing.assert_array_equal(pixels[..., number], expected)


def test_one_location_asked_for_twice_is_tracked_twice(scan):
    twice = [named("F1", make_finding(scan)), named("F2", make_finding(scan), duplicate=1)]
    tracked = tracked_in(read_report(twice))
    assert len({uid for _, uid in tracked}) == 2
    segments = read_outlines(twice).SegmentSequence
    assert [(s.TrackingID, s.TrackingUID) for s in segments] == tracked
    assert tracked_in(read_report(twice[::-1])) == tracked[::-1]
    for finding, its_own in zip(twice, tracked, strict=True):
        assert tracked_in(read_report([finding])) == [its_own]


def test_a_finding_is_tracked_by_where_it_was_asked_for_whatever_is_read_there(scan):
    one = changed(make_finding(scan, 12, 16, index=1), given=Roi(10.0, 15.0, 0, "given"))
    read_elsewhere = changed(make_finding(scan, 13, 17, index=2), given=Roi(10.04, 15.0, 0, "given"))
    asked_elsewhere = changed(make_finding(scan, 12, 16, index=1), given=Roi(10.0, 15.0, 1, "given"))
    uids = [tracked_in(read_report([each]))[0][1] for each in (one, read_elsewhere, asked_elsewhere)]
    assert uids[0] == uids[1] != uids[2]


def test_without_any_outline_there_is_no_segmentation(scan):
    none = [named(f"F{i}", make_finding(scan, 5 + i, 5, radii=None)) for i in (1, 2)]
    with pytest.raises(UserError) as refused:
        segmentation(*none)
    assert refused.value.code == "not_outlined"


def test_very_many_that_overlap_are_refused(scan, monkeypatch):
    monkeypatch.setattr(sys.modules[segmentation.__module__], "MOST_BYTES", 2 * scan.rows * scan.cols - 1)
    twice = [named("F1", make_finding(scan)), named("F2", make_finding(scan))]
    with pytest.raises(UserError) as refused:
        segmentation(*twice)
    assert refused.value.code == "too_large"


def test_the_pictures_are_one_series_and_each_is_of_its_slice(scan, findings):
    make, media_type = REPORT_EXPORTS["pictures.sc.zip"]
    with zipfile.ZipFile(io.BytesIO(make(report_of(findings), CAPTIONS))) as archive:
        assert archive.namelist() == [f"finding-{number}.sc.dcm" for number in (1, 2, 3, 4)]
        pictures = [dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    assert media_type == "application/zip"
    assert len({picture.SeriesInstanceUID for picture in pictures}) == 1
    assert len({picture.SOPInstanceUID for picture in pictures}) == 4
    assert [picture.InstanceNumber for picture in pictures] == [1, 2, 3, 4]
    sources = [picture.SourceImageSequence[0].ReferencedSOPInstanceUID for picture in pictures]
    assert sources == [scan.references[index].sop_instance_uid for index in (1, 2, 0, 0)]


def test_a_name_stays_whatever_a_reader_called_it(scan, tmp_path):
    long = "Größter Knoten im rechten Oberlappen, dorsal an der Pleura, mit Ausläufern bis zum Hilus"
    finding = replace(changed(make_finding(scan), side="left"), name=long)
    document = read_report([finding])
    assert tracked_in(document)[0][0] == long
    (segment,) = read_outlines([finding]).SegmentSequence
    assert (segment.TrackingID, segment.SegmentLabel) == (long, long[:62])
    for data in (structured_report(finding), segmentation(finding)):
        (tmp_path / "x.dcm").write_bytes(data)
        assert errors_of(tmp_path / "x.dcm") == []
