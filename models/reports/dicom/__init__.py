"""A finding as DICOM objects that refer to the source image: Structured Report and Secondary Capture."""

from models.reports.dicom.secondary_capture import secondary_capture
from models.reports.dicom.structured_report import structured_report

__all__ = ["secondary_capture", "structured_report"]
