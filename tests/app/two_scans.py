"""Two drawn scans of one patient as uploads: a nodule of 12 mm, and 92 days later one of 16 mm."""

from tests.app.made_series import as_zip
from tests.conftest import upload
from tests.inference.comparison.drawn import drawn_scan, nodule_in
from tests.ingest.dicom_files import make_ct

MOVED, Z_FROM = (7.0, -6.0, 9.0), 100.0
NOW = {"radius_mm": 8.0}
BEFORE = {"radius_mm": 6.0, "moved": MOVED, "spacing_mm": 1.2, "z_from": Z_FROM}
GROWTH = (8 / 6) ** 3  # of the drawn volume
DAYS = 92


def series_of(scan, study, **tags):
    """A scan as the bytes of a ZIP of its slices."""
    return as_zip(series_files(scan, study, **tags))


def series_files(scan, study, **tags):
    """Names and bytes of its slices."""
    usual = {"StudyInstanceUID": f"1.2.{study}", "SeriesInstanceUID": f"1.2.{study}.1"}
    files = []
    for i, hu in enumerate(scan.slices):
        place = {"ImagePositionPatient": [-180, -180, scan.positions_mm[i]], "InstanceNumber": i + 1}
        spacing = {"PixelSpacing": list(scan.spacing_mm)}
        files.append((f"{i:03}.dcm", make_ct(hu, **(usual | place | spacing | tags))))
    return files


def now_scan():
    return drawn_scan(**NOW)


def before_scan(**options):
    return drawn_scan(**(BEFORE | options))


def now_zip(**tags):
    """The later scan; its study has a date."""
    return series_of(now_scan(), 1, **({"StudyDate": "20240601"} | tags))


def before_zip(scan=None, study=2, **tags):
    """The earlier scan."""
    return series_of(scan or before_scan(), study, **({"StudyDate": "20240301"} | tags))


def place_now():
    """Row, column and slice of the nodule in the later scan, as fields of a form."""
    row, col, index = nodule_in(now_scan())
    return {"row": f"{row:.1f}", "col": f"{col:.1f}", "slice": str(index)}


def open_now(client, data=None):
    """Upload the later scan and read its nodule; the scan's address."""
    page = client.post("/predict", data={"image": upload(data or now_zip(), "now.zip")} | place_now())
    assert page.status_code == 200, page.text[:2000]
    return page.headers["Content-Location"].partition("/finding")[0]


def add(client, address, data, **fields):
    """Add another scan."""
    return client.post(f"{address}/comparison", data={"image": upload(data, "other.zip")} | fields)
