"""The report of a scan: all its findings together, as text, page and PDF; the DICOM files are in `dicom`."""
