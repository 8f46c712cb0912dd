"""A finding as DICOM objects that refer to the source image: report, segmentation, picture."""

from models.reports.dicom.secondary_capture import secondary_capture
from models.reports.dicom.segmentation import segmentation
from models.reports.dicom.structured_report import structured_report

__all__ = ["secondary_capture", "segmentation", "structured_report"]
