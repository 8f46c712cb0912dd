"""The CT slices of LIDC-IDRI as The Cancer Imaging Archive ships them: DICOM files in a folder a patient.

A patient has several series, radiographs among them; which one was read is known by its UID only, and
file names say nothing about the order of slices.
"""

import logging
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
from pydicom.pixels.processing import apply_modality_lut
from tqdm import tqdm

from training.data import NoduleKey, PrepareError
from training.data.annotations import EDGE, SHAPE, Nodule

SAME_SLICE_MM = 0.1  # positions that differ less are of one slice; no two slices of LIDC-IDRI are this near
TAGS = ["SeriesInstanceUID", "ImagePositionPatient", "InstanceNumber"]

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote header values


class SliceFile(NamedTuple):
    """One CT slice: its z in mm, its InstanceNumber and its file."""

    z_mm: float
    number: int
    path: Path


class DicomSlices:
    """The slices of annotated nodules, to be read like those of `training.data.pictures.Slices`.

    Attributes
    ----------
    rows : list of dict
        Rows of nodules.csv, of the nodules whose series is there.
    index : dict
        (patient, nodule): list of its slices, by ascending z.
    absent : set of str
        Annotated patients whose series is not there.
    """

    def __init__(self, folder: str | Path, nodules: list[Nodule], progress: bool = True) -> None:
        """Look through all files of a folder; only headers are read.

        Parameters
        ----------
        folder : path
            Is searched with all its subfolders.

        Raises
        ------
        PrepareError
            If the folder does not exist or holds no annotated series, or if a series lacks a slice.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise PrepareError(f"{folder} is no folder.")
        series = _find_series(folder, {nodule.series_uid for nodule in nodules}, progress)
        if not series:
            raise PrepareError(f"{folder} holds no CT series that the annotations are of.")
        present = [nodule for nodule in nodules if nodule.series_uid in series]
        self.absent = {nodule.row["patient_id"] for nodule in nodules if nodule.series_uid not in series}
        self.rows = [nodule.row for nodule in present]
        self.index = {_key(nodule): _choose(nodule, series[nodule.series_uid]) for nodule in present}
        self._nodules = {_key(nodule): nodule for nodule in present}

    def read(self, key: NoduleKey) -> np.ndarray:
        """All slices of one nodule, in order; (n, EDGE, EDGE) uint8, scaled by `to_grey`."""
        top, left = self._nodules[key].corner
        window = slice(top, top + EDGE), slice(left, left + EDGE)
        return np.stack([to_grey(_hounsfield(file, "/".join(key))[window]) for file in self.index[key]])

    def read_outlines(self, key: NoduleKey) -> np.ndarray:
        """Who outlined what in the slices of `read`; see `training.data.annotations.Nodule.masks`."""
        return self._nodules[key].masks()


def to_grey(hu: np.ndarray) -> np.ndarray:
    """HU to 0 to 255, from the least to the greatest value of this crop; halves are rounded up.

    So are the PNG files of LIDC-IDRI-slices made: all seven slices of LIDC-IDRI-0002 that could be compared
    come out equal in every pixel. Padding outside the field of view counts like any other value.

    Parameters
    ----------
    hu : ndarray of shape (rows, cols)

    Returns
    -------
    ndarray of shape (rows, cols), uint8
    """
    low, high = float(hu.min()), float(hu.max())
    scaled = 255 * (hu.astype(float) - low) / ((high - low) or 1)
    return np.floor(scaled + 0.5).astype(np.uint8)


def _find_series(folder: Path, wanted: set[str], progress: bool) -> dict[str, list[SliceFile]]:
    """Slices of the wanted series, {SeriesInstanceUID: list of SliceFile}."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    series: dict[str, list[SliceFile]] = {}
    for path in tqdm(files, desc="headers", disable=not progress, file=sys.stderr):
        found = _header(path)
        if found and found[0] in wanted:
            series.setdefault(found[0], []).append(found[1])
    return series


def _header(path: Path) -> tuple[str, SliceFile] | None:
    """(SeriesInstanceUID, SliceFile) of a DICOM image; None of anything else."""
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
        uid, z_mm = str(header.SeriesInstanceUID).strip(), float(header.ImagePositionPatient[2])
        return uid, SliceFile(z_mm, int(header.get("InstanceNumber") or 0), path)
    except Exception:  # pydicom raises many kinds on damaged headers, and on files of other kinds
        return None


def _choose(nodule: Nodule, files: list[SliceFile]) -> list[SliceFile]:
    """The nodule's slices among those of its series; of two at one position, as pylidc, the lower number."""
    chosen = []
    for z_mm in nodule.slices_mm:
        nearest = min(files, key=lambda file: (abs(file.z_mm - z_mm), file.number))
        if abs(nearest.z_mm - z_mm) > SAME_SLICE_MM:
            raise PrepareError(
                f"{'/'.join(_key(nodule))} lacks a slice: the series has none at z = {z_mm:g} mm."
            )
        chosen.append(nearest)
    return chosen


def _key(nodule: Nodule) -> NoduleKey:
    return nodule.row["patient_id"], nodule.row["nodule"]


def _hounsfield(file: SliceFile, name: str) -> np.ndarray:
    """HU of one slice, its padding as it is: `models.ingest.dicom` makes it air, the PNG files do not."""
    try:
        dataset = pydicom.dcmread(file.path)
        hu = np.asarray(apply_modality_lut(dataset.pixel_array, dataset))
    except Exception as error:  # decoders raise many kinds on damaged data
        raise PrepareError(f"{name}: the slice at z = {file.z_mm:g} mm is damaged or cut short.") from error
    if hu.shape != SHAPE:
        expected, received = (" x ".join(map(str, shape)) for shape in (SHAPE, hu.shape))
        raise PrepareError(
            f"{name}: the slice at z = {file.z_mm:g} mm must have {expected} pixels. Received: {received}."
        )
    return hu
