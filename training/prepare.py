"""LIDC-IDRI slices and labels -> one compact file of crops.

    python -m training.prepare --slices DIR_OR_TAR --labels nodules.csv --out patches.npz

Reads the published layout of LIDC-IDRI-slices (``PATIENT/nodule-K/images/slice-N.png``, 128 x 128
pixels at the scan's spacing) from a folder or a tar file. Keeps the middle `CROP_MM` of each slice, as
lossless WebP, so that all slices of 700 patients take some 50 MB. Rows with ``masks_match`` 0 are left
out and counted.
"""

import argparse
import csv
import io
import math
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from models.networks.scales import DESCRIPTOR_SCALES

CROP_MM = 60.0
MAX_READERS = 8
COLUMNS = {"patient_id", "nodule", "n_slices", "pixel_spacing_mm", "masks_match", "malignancy", "diameter_mm"}


class PrepareError(Exception):
    """What is wrong with the source data, in one sentence."""


class Slices:
    """The PNG files of LIDC-IDRI-slices, whether unpacked or in their tar file."""

    def __init__(self, path):
        path = Path(path)
        if not path.exists():
            raise PrepareError(f"{path} does not exist.")
        self.root = path if path.is_dir() else None
        self.tar = None if path.is_dir() else _open_tar(path)
        self.index = {}
        for key, name in self._names():
            self.index.setdefault(key, {})[_slice_number(name)] = name
        if not self.index:
            raise PrepareError(
                f"{path} holds no PATIENT/nodule-K/images/slice-N.png; "
                "expected the layout of LIDC-IDRI-slices."
            )

    def _names(self):
        if self.tar is not None:
            names = _file_names(self.tar)
        else:
            names = [str(p.relative_to(self.root)) for p in self.root.rglob("images/slice-*.png")]
        for name in names:
            parts = Path(name).parts
            if len(parts) >= 4 and parts[-2] == "images" and _slice_number(name) is not None:
                yield (parts[-4], parts[-3]), name

    def read(self, key):
        """All slices of one nodule, in order; (n, rows, cols) uint8."""
        return np.stack([self._pixels(name) for _, name in sorted(self.index[key].items())])

    def _pixels(self, name):
        try:
            data = self.tar.extractfile(name).read() if self.tar else (self.root / name).read_bytes()
            with Image.open(io.BytesIO(data)) as image:
                return np.asarray(image.convert("L"))
        except OSError as error:
            raise PrepareError(f"{name} is damaged: {error}") from error


def _open_tar(path):
    try:
        return tarfile.open(path)
    except tarfile.ReadError as error:
        raise PrepareError(f"{path} is neither a folder nor a tar file.") from error


def _file_names(tar):
    try:
        return [member.name for member in tar if member.isfile()]
    except (tarfile.TarError, EOFError, OSError) as error:  # EOFError: a compressed tar file cut short
        raise PrepareError(f"{tar.name} is damaged: {error}.") from error


def _slice_number(name):
    match = re.fullmatch(r"slice-(\d+)\.png", Path(name).name)
    return int(match[1]) if match else None


def read_labels(path):
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


def crop(stack, spacing_mm, field_mm=CROP_MM):
    """The middle `field_mm` of a stack (n, rows, cols); all of it where it is smaller."""
    half = math.ceil(field_mm / spacing_mm / 2)
    window = [slice(max(0, n // 2 - half), n // 2 + half) for n in stack.shape[1:]]
    return stack[:, window[0], window[1]]


def encode(stack):
    """One lossless WebP a stack, the slices one below the other, as bytes."""
    blob = io.BytesIO()
    Image.fromarray(stack.reshape(-1, stack.shape[2])).save(blob, "webp", lossless=True, method=4)
    return blob.getvalue()


def build(slices, rows, progress=True):
    """Crops and labels of all usable rows, as arrays of one length; see `training.dataset` for their use."""
    usable = [row for row in rows if row["masks_match"] == "1"]
    columns = {name: [] for name in ("patient", "nodule", "spacing_mm", "n_slices", "blob_bytes")}
    readings = {name: [] for name in ("malignancy", "diameter_mm", *DESCRIPTOR_SCALES)}
    blobs = []
    for row in tqdm(usable, desc="nodules", disable=not progress, file=sys.stderr):
        try:
            stack = _read_row(slices, row)
            spacing = float(row["pixel_spacing_mm"])
            for name, column in readings.items():
                column.append(_per_reader(row[name]))
        except ValueError as error:
            raise PrepareError(f"{row['patient_id']}/{row['nodule']}: {error}.") from error
        blobs.append(encode(crop(stack, spacing)))
        values = (row["patient_id"], row["nodule"], spacing, len(stack), len(blobs[-1]))
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    return (
        {name: np.array(column) for name, column in columns.items()}
        | {name: np.array(column, dtype=np.float32) for name, column in readings.items()}
        | {"blobs": np.frombuffer(b"".join(blobs), dtype=np.uint8)}
    ), len(rows) - len(usable)


def _read_row(slices, row):
    key = (row["patient_id"], row["nodule"])
    found = len(slices.index.get(key, ()))
    if found == 0:
        raise PrepareError(f"No slices for {'/'.join(key)}, which the labels name.")
    if found != int(row["n_slices"]):
        raise PrepareError(f"{'/'.join(key)} has {found} slices; the labels say {row['n_slices']}.")
    return slices.read(key)


def _per_reader(text):
    values = [float(value) for value in text.split("|")]
    return values + [np.nan] * (MAX_READERS - len(values))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--slices", required=True, help="folder or tar file of LIDC-IDRI-slices")
    parser.add_argument("--labels", required=True, help="nodules.csv")
    parser.add_argument("--out", required=True, help="file to write, e.g. patches.npz")
    args = parser.parse_args(argv)
    try:
        arrays, left_out = build(Slices(args.slices), read_labels(args.labels))
    except PrepareError as error:
        sys.exit(f"error: {error}")
    with open(args.out, "wb") as file:
        np.savez(file, **arrays)
    print(
        f"{args.out}: {len(arrays['patient'])} nodules of {len(set(arrays['patient']))} patients, "
        f"{arrays['n_slices'].sum()} slices, {Path(args.out).stat().st_size / 1e6:.1f} MB; "
        f"{left_out} rows left out (masks_match 0)"
    )


if __name__ == "__main__":
    main()
