"""Uploaded files to a scan."""

import re

import numpy as np

from models.errors import ScanError
from models.imaging.dicom import looks_like_dicom, read_dicom
from models.imaging.picture import read_picture
from models.imaging.scan import ASSUMED_SPACING_MM, SPACING_BOUNDS_MM, Notice, Scan

LIDC_SPACING_MM = (0.46, 0.98)


def read_scan(files, spacing_mm=None, max_pixels=64_000_000):
    """Decode an upload: one picture, several pictures of one stack, or one DICOM slice.

    Parameters
    ----------
    files : list of (str, bytes)
        Names and contents. Several pictures are ordered naturally by name: slice-2 before slice-10.
    spacing_mm : float, optional
        mm per pixel, for files that do not carry it.
    max_pixels : int
        Bound on the pixels of all files together.

    Raises
    ------
    ScanError
        See `models.imaging.picture` and `models.imaging.dicom`; ``no_file``, ``bad_number`` and
        ``mixed_series`` besides.
    """
    files = [(name, data) for name, data in files if name or data]
    if not files:
        raise ScanError("no_file", "No file was sent; choose a CT image first.")
    _check_spacing(spacing_mm)
    if any(not data for _, data in files):
        raise ScanError("corrupt_file", "The file is empty.")
    kinds = {looks_like_dicom(data) for _, data in files}
    if kinds == {True, False}:
        raise ScanError("mixed_series", "The upload mixes DICOM files and pictures; send one or the other.")
    if kinds == {True}:
        return _dicom_scan(files, spacing_mm, max_pixels)
    return _picture_scan(files, spacing_mm, max_pixels)


def _check_spacing(spacing_mm):
    low, high = SPACING_BOUNDS_MM
    if spacing_mm is not None and not low <= spacing_mm <= high:
        raise ScanError("bad_number", f"The pixel spacing must be between {low} and {high} mm.")


def _dicom_scan(files, spacing_mm, max_pixels):
    if len(files) > 1:
        raise ScanError(
            "unsupported_file",
            "Several DICOM files at once are not read yet; send the slice that shows the nodule.",
        )
    pixels, found, notices = read_dicom(files[0][1], max_pixels)
    return _scan([pixels], found, spacing_mm, True, notices)


def _picture_scan(files, spacing_mm, max_pixels):
    slices = []
    for _, data in sorted(files, key=lambda file: natural_key(file[0])):
        pages = read_picture(data, max_pixels)
        max_pixels -= sum(page.size for page in pages)
        slices += pages
    if len({pixels.shape for pixels in slices}) > 1:
        raise ScanError(
            "mixed_series", "The pictures differ in size; the slices of one stack all have the same size."
        )
    return _scan(slices, None, spacing_mm, False, [])


def _scan(slices, found, given, is_hu, notices):
    spacing = found or (given and (given, given))
    assumed = spacing is None
    if assumed:
        spacing = (ASSUMED_SPACING_MM, ASSUMED_SPACING_MM)
        message = f"The file does not say how large a pixel is; {ASSUMED_SPACING_MM} mm was assumed."
        notices = [*notices, Notice("spacing_assumed", message)]
    elif not LIDC_SPACING_MM[0] <= min(spacing) <= max(spacing) <= LIDC_SPACING_MM[1]:
        message = "A pixel is {:g} x {:g} mm; the models were trained on {} to {} mm.".format(
            *spacing, *LIDC_SPACING_MM
        )
        notices = [*notices, Notice("spacing_unusual", message)]
    return Scan(np.stack(slices), tuple(spacing), assumed, is_hu, tuple(notices))


def natural_key(name):
    """Sort key that counts: ``slice-2`` comes before ``slice-10``."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else part)
        for part in re.split(r"([0-9]+)", name.lower())
        if part
    ]
