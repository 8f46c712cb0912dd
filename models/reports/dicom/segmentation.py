"""Findings' outlines as a DICOM Segmentation (PS3.3 A.51): binary masks on the source images' grid."""

from collections.abc import Sequence

import numpy as np
from highdicom import AlgorithmIdentificationSequence, PixelMeasuresSequence, PlanePositionSequence
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from models.errors import UserError
from models.imaging.scan import ImagePlane, Reference, Scan
from models.inference.finding import Finding
from models.inference.measurement.outline import within
from models.reports.dicom.common import EMPTY, Tracked, as_file, header, source_of, tracked, version_of

Outlines = dict[int, np.ndarray]  # by slice: vertices (row, col) in the file's pixels, shape (n, 2)
Masks = dict[int, np.ndarray]  # by slice: which pixels lie within
LATERALITY = {"right": codes.SCT.Right, "left": codes.SCT.Left}
MOST_BYTES = 1_000_000_000  # of masks that overlap
ELSEWHERE_MM = 1e5  # where frames of which no slice came are said to lie; none of them is written


def segmentation(*findings: Finding) -> bytes:
    """A DICOM file: a Segmentation of the outlines of one or more findings of a scan.

    Each outlined finding is a segment, with a frame for each slice that shows it; segments may overlap.
    Patient and study attributes but the Study Instance UID are empty.

    Raises
    ------
    UserError
        ``not_dicom`` where there is no image to refer to, or it does not say where it lies in the patient;
        ``not_outlined`` where no finding has an outline; ``too_large`` for very many that overlap.
    """
    plane = source_of(findings[0]).plane
    if plane is None:
        raise UserError(
            "not_dicom",
            "The images do not give their position in the patient, so a segmentation cannot be placed.",
        )
    drawn = [(each, masks) for each in tracked(findings) if (masks := _masks(each.finding))]
    if not drawn:
        raise UserError("not_outlined", "No nodule was outlined, so there is no segmentation.")
    return as_file(_written(drawn, plane))


def _masks(finding: Finding) -> Masks:
    shape = finding.scan.rows, finding.scan.cols
    masks = {index: within(polygon, shape) for index, polygon in outlines_of(finding).items()}
    return {index: mask for index, mask in masks.items() if mask.any()}


def outlines_of(finding: Finding) -> Outlines:
    """The outline in each slice that has one; of readings without those, that of the largest section."""
    reading = finding.reading
    found = {outline.slice: outline.polygon for outline in reading.outlines}
    if reading.outline is not None:
        found.setdefault(reading.roi.slice, np.array(reading.outline, float))
    return found


def _written(drawn: Sequence[tuple[Tracked, Masks]], plane: ImagePlane) -> Segmentation:
    finding = drawn[0][0].finding
    scan, what = finding.scan, "lung nodules" if len(drawn) > 1 else "a lung nodule"
    slices = sorted({index for _, masks in drawn for index in masks})
    references = [(scan.references or ())[index] for index in slices]
    image = Segmentation(
        source_images=_sources(scan, plane, references),
        pixel_array=_pixels([masks for _, masks in drawn], slices, (scan.rows, scan.cols)),
        segmentation_type="BINARY",
        segment_descriptions=[_segment(number, each) for number, (each, _) in enumerate(drawn, start=1)],
        pixel_measures=_measures(scan),
        plane_positions=[_position(reference.plane or plane) for reference in references],
        device_serial_number=version_of(finding)[:64],
        content_description=f"Outline of {what} (research use only)",
        content_label="LUNG_NODULE",
        **header(finding, "SEG", f"AI outline of {what} (research use only)"),
    )
    image.BodyPartExamined = "CHEST"
    return image


def _pixels(drawn: Sequence[Masks], slices: Sequence[int], shape: tuple[int, int]) -> np.ndarray:
    """The segments' numbers, shape (slices, rows, cols); a mask each along a last axis if they overlap."""
    at = {index: i for i, index in enumerate(slices)}
    labels = np.zeros((len(slices), *shape), np.min_scalar_type(len(drawn)))
    for number, masks in enumerate(drawn, start=1):
        if any(labels[at[index]][mask].any() for index, mask in masks.items()):
            break
        for index, mask in masks.items():
            labels[at[index]][mask] = number
    else:
        return labels
    if labels.size * len(drawn) > MOST_BYTES:
        raise UserError(
            "too_large",
            "The outlines overlap, and are too many for one segmentation. Delete those not needed.",
        )
    planes = np.zeros((len(slices), *shape, len(drawn)), np.uint8)
    for number, masks in enumerate(drawn):
        for index, mask in masks.items():
            planes[at[index], ..., number] = mask
    return planes


def _segment(number: int, each: Tracked) -> SegmentDescription:
    finding, side = each.finding, each.finding.reading.side
    algorithm = AlgorithmIdentificationSequence(
        name="Nodule localiser", family=codes.DCM.ArtificialIntelligence, version=version_of(finding)
    )
    segment = SegmentDescription(
        segment_number=number,
        segment_label=each.identifier.encode()[:64].decode(errors="ignore"),  # LO, in UTF-8
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Mass if finding.is_mass else codes.SCT.Nodule,
        algorithm_type="SEMIAUTOMATIC" if finding.reading.corrected else "AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=each.uid,
        tracking_id=each.identifier,
        anatomic_regions=[codes.SCT.Lung],
    )
    if side is not None:
        laterality = CodedConcept.from_code(LATERALITY[side])
        segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [laterality]
    return segment


def _measures(scan: Scan) -> PixelMeasuresSequence:
    between = scan.slice_spacing_mm
    return PixelMeasuresSequence(
        pixel_spacing=scan.spacing_mm,
        slice_thickness=scan.thickness_mm or between or 1.0,
        spacing_between_slices=between,
    )


def _position(plane: ImagePlane) -> PlanePositionSequence:
    return PlanePositionSequence("PATIENT", plane.position)


def _sources(scan: Scan, plane: ImagePlane, outlined: list[Reference]) -> list[Dataset]:
    """The source images, as far as highdicom asks for them: files of one frame each, or one of many."""
    if outlined[0].frame is None:
        return [_single(scan, plane, reference) for reference in outlined]
    name = outlined[0].sop_instance_uid
    frames = {each.frame: each for each in scan.references or () if each.sop_instance_uid == name}
    image = _image(scan, outlined[0], plane)
    image.NumberOfFrames = max(number for number in frames if number)
    shared, per_frame = Dataset(), []
    shared.PixelMeasuresSequence = _measures(scan)
    shared.PlaneOrientationSequence = [_with(ImageOrientationPatient=list(plane.orientation))]
    for number in range(1, image.NumberOfFrames + 1):
        known = frames[number].plane if number in frames else None
        position = known.position if known else (0, 0, ELSEWHERE_MM + number)
        place = _with(ImagePositionPatient=list(position))
        per_frame.append(_with(PlanePositionSequence=[place]))
    image.SharedFunctionalGroupsSequence, image.PerFrameFunctionalGroupsSequence = [shared], per_frame
    return [image]


def _single(scan: Scan, plane: ImagePlane, reference: Reference) -> Dataset:
    image = _image(scan, reference, plane)
    image.ImagePositionPatient = list((reference.plane or plane).position)
    image.ImageOrientationPatient = list(plane.orientation)
    image.PixelSpacing = list(scan.spacing_mm)
    image.SliceThickness = scan.thickness_mm or scan.slice_spacing_mm or 1.0
    return image


def _image(scan: Scan, reference: Reference, plane: ImagePlane) -> Dataset:
    image = _with(**dict.fromkeys(EMPTY))
    image.StudyInstanceUID, image.SeriesInstanceUID = reference.study_uid, reference.series_uid
    image.SOPClassUID, image.SOPInstanceUID = reference.sop_class_uid, reference.sop_instance_uid
    image.FrameOfReferenceUID, image.Modality = plane.frame_of_reference_uid, "CT"
    image.Rows, image.Columns = scan.rows, scan.cols
    return image


def _with(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset
