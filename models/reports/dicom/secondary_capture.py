"""A finding as a DICOM Secondary Capture: the slice as it is shown, with what was found drawn in."""

from highdicom.sc import SCImage
from pydicom.dataset import Dataset

from models.imaging.scan import Reference
from models.inference.finding import Finding
from models.reports.dicom.common import as_file, header, source_of
from models.reports.dicom.drawing import draw

DESCRIPTION = "AI reading of a lung nodule, image (research use only)"


def secondary_capture(
    finding: Finding, caption: str, series_uid: str | None = None, number: int = 1
) -> bytes:
    """A DICOM file: a Secondary Capture (PS3.3 A.8) of a finding's slice.

    Patient and study attributes but the Study Instance UID are empty.

    Parameters
    ----------
    finding : Finding
        Its `saliency`, where there is one and it is not empty, is laid over the image.
    caption : str
        What is written below the image, "research use only" and the verdict among it.
    series_uid : str, optional
        Of a series of several such pictures, of which this one has its own `number`.
    number : int

    Raises
    ------
    UserError
        ``not_dicom`` where there is no image to refer to.
    """
    source = source_of(finding)
    scan = finding.scan
    pixels, mm_per_pixel = draw(finding, caption)
    image = SCImage(
        pixel_array=pixels,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        pixel_spacing=None if scan.spacing_assumed else (mm_per_pixel, mm_per_pixel),
        study_instance_uid=source.study_uid,
        **header(finding, "OT", DESCRIPTION, series_uid, number),
    )
    if scan.positions_mm is None:  # it is shown as if the patient lay upright, but nothing says so
        image.PatientOrientation = []
    image.BodyPartExamined = "CHEST"  # not paired, so that Laterality is not asked for
    image.ConversionType = "WSD"  # made on a workstation (PS3.3 C.8.6.1)
    image.BurnedInAnnotation = "NO"  # text that would identify the patient is meant (PS3.3 C.7.6.1)
    image.DerivationDescription = _derivation(finding)
    image.SourceImageSequence = [_reference_to(source)]
    return as_file(image)


def _derivation(finding: Finding) -> str:
    found = finding.saliency
    colours = "" if found is None or found.is_empty else f", saliency map of {finding.title} ({found.method})"
    return f"Slice in the usual window, resampled; ring, outline{colours} and text drawn in"


def _reference_to(source: Reference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.sop_class_uid, source.sop_instance_uid
    if source.frame is not None:
        item.ReferencedFrameNumber = source.frame
    return item
