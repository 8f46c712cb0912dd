"""What is sent: made files of the kinds that arrive, and files that must be refused."""

import io

from PIL import Image

from models.imaging.phantom import draw_phantom


def crop_png():
    """A nodule crop of 128 x 128 pixels."""
    stream = io.BytesIO()
    Image.fromarray(draw_phantom("spiculated")).save(stream, "PNG")
    return stream.getvalue()


def slice_dicom():
    """A chest slice of 512 x 512 pixels, and the place (row, col) of its nodule."""
    from tests.ingest.dicom_files import chest_slice, make_ct

    return make_ct(chest_slice()), (255.5, 153.3)


def series_zip():
    """A ZIP of five chest slices of 256 x 256 pixels, and the place (row, col, slice) of its nodule."""
    from tests.app.made_series import NODULE_AT, NODULE_SLICE, as_zip, series_files

    return as_zip(series_files()), (*NODULE_AT, NODULE_SLICE)


def bad_files():
    """(name, bytes) of files that are answered by 415 or 422."""
    picture = crop_png()
    return [
        ("cut.png", picture[: len(picture) // 2]),
        ("text.txt", b"not an image " * 50),
        ("cut.dcm", slice_dicom()[0][:3000]),
        ("cut.zip", series_zip()[0][:5000]),
        ("empty.png", b""),
    ]


def crop_patches():
    """The eight views of the crop: shape (8, pixels, pixels, 3), float32."""
    from models.imaging.scan import locate
    from models.inference.views import views
    from models.ingest.read import read_scan

    scan = read_scan([("crop.png", crop_png())])
    roi = locate(scan)
    return views(scan.slices, scan.spacing_mm, roi.row, roi.col, roi.slice)
