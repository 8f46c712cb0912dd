import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from models.imaging.patch import CLOSE_MM, PATCH, WIDE_MM, PatchSpec, cut_patch, normalise
from models.imaging.phantom import draw_phantom
from models.imaging.two_fields import cut_fields
from models.ingest.read import read_scan
from tests.ingest.dicom_files import make_ct

MIDDLE = (PATCH.pixels - 1) / 2
CLOSE, WIDE = 0, 1  # channels


def texture(shape, dtype=np.float32, seed=0):
    """Smooth ground with a bright spot, within 0 to 250."""
    rows, cols = np.indices(shape)
    noise = np.random.default_rng(seed).uniform(0, 60, shape)
    spot = 190 * np.exp(-((rows - shape[0] / 2) ** 2 + (cols - shape[1] / 2) ** 2) / 50)
    return (noise + spot).astype(dtype)


def disc(shape, spacing_mm, diameter_mm):
    """A disc of 60 HU in lung of -850 HU in the middle of the image, edges antialiased."""
    fine = 8
    axes = [
        (np.arange(n * fine) - (n * fine - 1) / 2) * step / fine
        for n, step in zip(shape, spacing_mm, strict=True)
    ]
    inside = np.add.outer(axes[0] ** 2, axes[1] ** 2) <= (diameter_mm / 2) ** 2
    share = inside.reshape(shape[0], fine, shape[1], fine).mean(axis=(1, 3))
    return (-850 + 910 * share).astype(np.float32)


def disc_patch(shape, spacing_mm, diameter_mm=12.0):
    pixels = disc(shape, spacing_mm, diameter_mm)
    return cut_patch(pixels, spacing_mm, (shape[0] - 1) / 2, (shape[1] - 1) / 2)


def as_png(hu):
    """The picture that LIDC-IDRI-slices would make of a crop: its own minimum to maximum, 8 bit."""
    low, high = float(hu.min()), float(hu.max())
    grey = np.round(255 * (hu - low) / (high - low)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "png")
    return buffer.getvalue()


def assert_same_within_8_bits(from_hu, from_png, hu, crop, spacing, row, col):
    """Equal but for what 8 bits lose, in the close field, which lies within the crop.

    With a grey step of q HU, samples and both percentiles are off by at most q / 2, so that the
    numerator and the range R of the normalisation are off by at most q each, and values in [0, 1] by
    2 q / R.
    """
    samples = cut_fields([hu], spacing, row, col)[..., CLOSE]
    low, high = np.percentile(samples, PATCH.percentiles)
    step = (float(crop.max()) - float(crop.min())) / 255
    tolerance = 2 * step / (high - low) + 1e-5
    assert tolerance < 0.05
    assert np.abs(from_hu[..., CLOSE] - from_png[..., CLOSE]).max() <= tolerance


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 9), (128, 128), (512, 400)])
def test_a_patch_is_float32_of_fixed_shape_that_fills_0_to_1(dtype, shape):
    patch = cut_patch(texture(shape, dtype), 0.7, shape[0] / 2, shape[1] / 2)
    assert patch.shape == (48, 48, 2) == PATCH.shape
    assert patch.dtype == np.float32
    assert patch.min(axis=(0, 1)).tolist() == [0, 0]
    assert patch.max(axis=(0, 1)).tolist() == [1, 1]


def test_shape_follows_the_spec():
    spec = PatchSpec(pixels=32, fields_mm=(20.0,))
    assert spec.shape == (32, 32, 1)
    assert cut_patch(texture((40, 40)), 0.7, 20, 20, spec).shape == (32, 32, 1)


def test_one_pixel_a_sample_copies_the_pixels():
    pixels = texture((100, 100))
    spec = PatchSpec(pixels=64, fields_mm=(32.0,), percentiles=(0, 100))
    patch = cut_patch(pixels, 0.5, 40.5, 50.5, spec)[..., 0]
    expected = pixels[9:73, 19:83]
    np.testing.assert_allclose(patch, (expected - expected.min()) / np.ptp(expected), atol=1e-5)


@pytest.mark.parametrize(("gain", "offset"), [(1, 1000), (2.5, 0), (0.01, -3), (255 / 4096, 64), (16, -1024)])
@pytest.mark.parametrize(("row", "col"), [(64, 64), (3.25, 100)])
def test_increasing_affine_maps_of_the_grey_values_change_nothing(gain, offset, row, col):
    pixels = texture((128, 128))
    mapped = (pixels * gain + offset).astype(np.float32)
    np.testing.assert_allclose(cut_patch(mapped, 0.7, row, col), cut_patch(pixels, 0.7, row, col), atol=1e-5)


def test_each_field_has_percentiles_of_its_own():
    fields = cut_fields([texture((128, 128))], (0.7, 0.7), 64, 64)
    patch = cut_patch(texture((128, 128)), 0.7, 64, 64)
    for channel in (CLOSE, WIDE):
        np.testing.assert_array_equal(patch[..., channel], normalise(fields[..., channel]))


def test_a_decreasing_map_is_another_patch():
    pixels = texture((128, 128))
    inverted = cut_patch(255 - pixels, 0.7, 64, 64)
    assert np.abs(inverted - cut_patch(pixels, 0.7, 64, 64)).max() > 0.5


@pytest.mark.parametrize(("row", "col"), [(2, 50), (97, 50), (50, 2), (50, 97)])
def test_what_lies_beyond_the_image_is_its_mirror_image_and_the_nodule_stays_in_the_middle(row, col):
    pixels = 40 + 20 * np.random.default_rng(3).random((100, 100))
    rows, cols = np.indices(pixels.shape)
    pixels += 400 * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 2)
    patch = cut_patch(pixels, 0.5, row, col)
    mirrored = np.pad(pixels, 100, mode="symmetric")
    np.testing.assert_allclose(patch, cut_patch(mirrored, 0.5, row + 100, col + 100), atol=1e-5)
    assert patch[round(MIDDLE), round(MIDDLE), CLOSE] > 0.8


def test_what_is_between_the_percentiles_is_linear():
    samples = texture((50, 50))
    low, high = np.percentile(samples, (2.0, 99.5))
    expected = np.clip((samples - low) / (high - low), 0, 1)
    np.testing.assert_allclose(normalise(samples), expected, atol=1e-5)


def test_the_same_disc_at_two_spacings_gives_nearly_the_same_patch():
    fine, coarse = disc_patch((120, 120), (0.5, 0.5)), disc_patch((60, 60), (1.0, 1.0))
    assert np.abs(fine - coarse).mean() < 0.012
    assert (coarse > 0.5).sum() == pytest.approx((fine > 0.5).sum(), rel=0.05)


def test_a_wrong_spacing_gives_another_patch():
    pixels = disc((120, 120), (0.5, 0.5), 12.0)
    right, wrong = (cut_patch(pixels, mm, 59.5, 59.5)[..., CLOSE] for mm in (0.5, 1.0))
    assert (wrong > 0.5).sum() == pytest.approx(4 * (right > 0.5).sum(), rel=0.05)


@pytest.mark.parametrize("spacing_mm", [(1.0, 0.5), (0.5, 1.0), (0.8, 0.6)])
def test_row_and_column_spacing_are_each_heeded(spacing_mm):
    shape = tuple(round(60 / step) for step in spacing_mm)
    patch = disc_patch(shape, spacing_mm)
    assert np.abs(patch - disc_patch((120, 120), (0.5, 0.5))).mean() < 0.012
    rows, cols = np.nonzero(patch[..., CLOSE] > 0.5)
    assert np.ptp(rows) == pytest.approx(np.ptp(cols), abs=1)


@pytest.mark.parametrize(("channel", "field_mm"), [(CLOSE, CLOSE_MM), (WIDE, WIDE_MM)])
def test_a_disc_of_20_mm_covers_its_area_in_both_fields(channel, field_mm):
    covered = (disc_patch((200, 200), (0.5, 0.5), 20.0)[..., channel] > 0.5).sum()
    assert covered * (field_mm / PATCH.pixels) ** 2 == pytest.approx(np.pi * 10**2, rel=0.04)


def test_a_mass_of_70_mm_is_whole_in_the_wide_field_alone():
    patch = disc_patch((240, 240), (0.5, 0.5), 70.0)
    assert (patch[..., WIDE] > 0.5).mean() == pytest.approx(np.pi * 35**2 / WIDE_MM**2, rel=0.03)
    assert not patch[..., CLOSE].any()  # of one value throughout


@pytest.mark.parametrize("value", [0, 255, -1024.0, 1e6])
def test_a_constant_image_gives_zeros(value):
    patch = cut_patch(np.full((80, 80), value, np.float32), 0.7, 40, 40)
    assert patch.shape == PATCH.shape
    assert not patch.any()


def test_a_png_crop_gives_the_patch_of_its_dicom_slice(chest):
    top, left = 192, 90  # of a crop of 128 x 128 pixels with the nodule in its middle
    row, col = top + 63.5, left + 63.5
    chest = chest.copy()
    chest[top : top + 128, left : left + 128] = draw_phantom("spiculated") * 5.0 - 1000  # looks more like CT
    dicom = read_scan([("slice.dcm", make_ct(chest, PixelSpacing=[0.681641, 0.681641]))])
    np.testing.assert_array_equal(dicom.slices[0], chest)
    crop = chest[top : top + 128, left : left + 128].astype(float)
    png = read_scan([("slice-0.png", as_png(crop))], spacing_mm=0.681641)
    spacing = dicom.spacing_mm
    assert png.spacing_mm == pytest.approx(spacing)
    from_hu = cut_patch(dicom.slices[0], spacing, row, col)
    from_png = cut_patch(png.slices[0], spacing, 63.5, 63.5)
    assert_same_within_8_bits(from_hu, from_png, dicom.slices[0], crop, spacing, row, col)


def published_slices(tar_path, nodule, numbers):
    """PNG members of one nodule, read out of the tar file that holds the whole data set."""
    wanted = {f"{nodule}/images/slice-{number}.png": number for number in numbers}
    found = {}
    with tarfile.open(tar_path, "r:") as tar:
        for member in tar:
            if member.name in wanted:
                found[wanted[member.name]] = tar.extractfile(member).read()
                if len(found) == len(wanted):
                    break
    return [(f"slice-{number}.png", found[number]) for number in numbers]


def test_the_published_png_slices_give_the_patches_of_the_real_dicom_series(shared):
    tar_path = shared / "lidc" / "lidc-idri-slices.tar"
    nodule = "LIDC-IDRI-slices/LIDC-IDRI-0002/nodule-0"
    png = read_scan(published_slices(tar_path, nodule, range(21, 28)), spacing_mm=0.681641)
    paths = [shared / "dicom" / "lidc-0002" / f"{number:03}.dcm" for number in range(69, 62, -1)]
    scans = [read_scan([(path.name, path.read_bytes())]) for path in paths]
    assert all(scan.spacing_mm == (0.681641, 0.681641) for scan in scans)
    top, left, spacing = 299, 281, (0.681641, 0.681641)
    row, col = top + 63.5, left + 63.5
    for index in range(7):
        hu = scans[index].slices[0]
        crop = hu[top : top + 128, left : left + 128]
        from_hu = cut_patch(hu, spacing, row, col)
        from_png = cut_patch(png.slices[index], spacing, 63.5, 63.5)
        assert_same_within_8_bits(from_hu, from_png, hu, crop, spacing, row, col)
