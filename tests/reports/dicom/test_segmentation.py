"""The Segmentation, read back by highdicom, judged by dciodvfy, and laid over the images by its header."""

import io

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread

from models.errors import UserError
from models.imaging.phantom import draw_phantom
from models.inference.measurement.outline import area, within
from models.inference.reading import Correction, outlines_of
from models.ingest.read import read_scan
from models.reports.dicom import segmentation, structured_report
from tests.conftest import encode
from tests.ingest.dicom_files import rewritten
from tests.ingest.series_files import make_enhanced, make_series
from tests.reports.changed import changed
from tests.reports.dicom.conftest import NAMED, STUDY
from tests.reports.dicom.made_finding import ellipse, errors_of, make_finding, make_mass, make_nothing

SPACE = "1.2.826.0.1.77"
PLACED = {**NAMED, "FrameOfReferenceUID": SPACE}
KINDS = {
    "series": lambda: make_series(4, **PLACED),
    "turned": lambda: make_series(4, **PLACED, ImageOrientationPatient=[0, -1, 0, -1, 0, 0]),
    "tilted": lambda: make_series(4, **PLACED, ImageOrientationPatient=[1, 0, 0, 0, 0.96, -0.28]),
    "one file": lambda: make_series(1, **PLACED),
    "enhanced": lambda: [("a", make_enhanced([8, 2, 6], **PLACED, SOPInstanceUID="1.2.9"))],
}


@pytest.fixture(params=KINDS)
def placed(request):
    """Scans that say where they lie, of every kind, and their files by SOP Instance UID."""
    files = KINDS[request.param]()
    headers = [dcmread(io.BytesIO(data)) for _, data in files]
    return read_scan(files), {header.SOPInstanceUID: header for header in headers}


def read_back(finding):
    return hd.seg.segread(io.BytesIO(segmentation(finding)))


def geometry_in_file(header, frame):
    """Position, orientation and spacing as the source file itself says them."""
    if frame is None:
        return header.ImagePositionPatient, header.ImageOrientationPatient, header.PixelSpacing
    groups = header.PerFrameFunctionalGroupsSequence[frame - 1]
    shared = header.SharedFunctionalGroupsSequence[0]
    return (
        groups.PlanePositionSequence[0].ImagePositionPatient,
        groups.PlaneOrientationSequence[0].ImageOrientationPatient,
        shared.PixelMeasuresSequence[0].PixelSpacing,
    )


def in_patient(points, geometry):
    """Patient coordinates (n, 3) of (row, col), by the formula of PS3.3 C.7.6.2.1.1."""
    position, orientation, spacing = (np.array(values, float) for values in geometry)
    across, down = orientation[:3], orientation[3:]
    points = np.asarray(points, float)
    return position + points[:, :1] * spacing[0] * down + points[:, 1:] * spacing[1] * across


def marked_in_patient(image, frame=0):
    """Patient coordinates of a frame's marked pixels, by the segmentation's own header."""
    groups, shared = image.PerFrameFunctionalGroupsSequence[frame], image.SharedFunctionalGroupsSequence[0]
    geometry = (
        groups.PlanePositionSequence[0].ImagePositionPatient,
        shared.PlaneOrientationSequence[0].ImageOrientationPatient,
        shared.PixelMeasuresSequence[0].PixelSpacing,
    )
    pixels = image.pixel_array.reshape(-1, image.Rows, image.Columns)[frame]
    return in_patient(np.argwhere(pixels), geometry)


def test_no_validator_objects(placed, tmp_path):
    scan, _ = placed
    (tmp_path / "seg.dcm").write_bytes(segmentation(make_finding(scan, index=len(scan.slices) - 1)))
    assert errors_of(tmp_path / "seg.dcm") == []


def test_it_lies_where_the_nodule_lies(placed):
    scan, headers = placed
    index = len(scan.slices) // 2
    finding = make_finding(scan, 9.0, 20.0, index=index, radii=(5.0, 3.5))
    image = read_back(finding)
    reference = scan.references[index]
    geometry = geometry_in_file(headers[reference.sop_instance_uid], reference.frame)
    outline = np.array(finding.reading.outline)
    expected = in_patient(np.argwhere(within(outline, (scan.rows, scan.cols))), geometry)
    np.testing.assert_allclose(marked_in_patient(image), expected, atol=1e-3)
    centre = in_patient(np.array([[9.0, 20.0]]), geometry)[0]
    np.testing.assert_allclose(marked_in_patient(image).mean(axis=0), centre, atol=0.1)
    covered = len(expected) * np.prod(geometry[2])
    assert covered == pytest.approx(area(outline * np.array(geometry[2], float)), rel=0.1)


def test_it_refers_to_the_image_of_its_slice_and_names_nobody(placed):
    scan, headers = placed
    image = read_back(make_finding(scan, index=0))
    (group,) = image.PerFrameFunctionalGroupsSequence
    (item,) = group.DerivationImageSequence[0].SourceImageSequence
    reference = scan.references[0]
    assert item.ReferencedSOPInstanceUID == reference.sop_instance_uid
    assert item.get("ReferencedFrameNumber") == reference.frame
    assert (image.StudyInstanceUID, image.FrameOfReferenceUID) == (STUDY, SPACE)
    assert (image.PatientName, image.PatientID, image.AccessionNumber) == ("", "", "")


def test_each_outlined_slice_is_a_frame(placed):
    scan, headers = placed
    finding = make_finding(scan)
    outlines = {i: np.array(ellipse(10 + i, 16, (4.0, 3.0))) for i in range(len(scan.slices))}
    image = read_back(changed(finding, outlines=outlines_of(outlines), outline=None))
    assert image.NumberOfFrames == len(outlines)
    found = [marked_in_patient(image, frame).mean(axis=0) for frame in range(image.NumberOfFrames)]
    centres = []
    for i, reference in enumerate(scan.references):
        geometry = geometry_in_file(headers[reference.sop_instance_uid], reference.frame)
        centres.append(in_patient(np.array([[10.0 + i, 16.0]]), geometry)[0])
    np.testing.assert_allclose(sorted(map(tuple, found)), sorted(map(tuple, centres)), atol=0.1)


def test_what_it_is_and_who_drew_it_is_said(placed):
    (segment,) = read_back(make_finding(placed[0])).SegmentSequence
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Nodule"
    assert segment.AnatomicRegionSequence[0].CodeMeaning == "Lung"
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    corrected = changed(make_finding(placed[0]), corrected=Correction())
    assert read_back(corrected).SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    (mass,) = read_back(make_mass(placed[0])).SegmentSequence
    assert mass.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Mass"


def test_segmentation_and_report_track_one_nodule(placed):
    finding = make_finding(placed[0])
    (segment,) = read_back(finding).SegmentSequence
    assert segment.TrackingUID in str(dcmread(io.BytesIO(structured_report(finding))))
    (other,) = read_back(make_finding(placed[0], 5, 5)).SegmentSequence
    assert other.TrackingUID != segment.TrackingUID


def test_without_an_outline_there_is_none(placed):
    for finding in (make_finding(placed[0], radii=None), make_nothing(placed[0])):
        with pytest.raises(UserError) as refused:
            segmentation(finding)
        assert refused.value.code == "not_outlined"


@pytest.mark.parametrize("lacking", ["ImagePositionPatient", "FrameOfReferenceUID"])
def test_images_that_do_not_say_where_they_lie_are_refused(lacking):
    files = [(name, rewritten(data, **{lacking: None})) for name, data in make_series(1, **PLACED)]
    scan = read_scan(files)
    with pytest.raises(UserError, match="do not give their position"):
        segmentation(make_finding(scan))


def test_pictures_are_refused():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    with pytest.raises(UserError) as refused:
        segmentation(make_finding(scan))
    assert refused.value.code == "not_dicom"
