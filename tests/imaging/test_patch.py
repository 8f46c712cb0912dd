import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from models.imaging.patch import PATCH, PatchSpec, adjacent_slices, cut_patch, normalise, resample
from models.imaging.phantom import draw_phantom
from models.ingest.read import read_scan
from tests.ingest.dicom_files import make_ct

MIDDLE = (PATCH.pixels - 1) / 2


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
    return cut_patch([pixels] * 3, spacing_mm, (shape[0] - 1) / 2, (shape[1] - 1) / 2)


def as_png(hu):
    """The picture that LIDC-IDRI-slices would make of a crop: its own minimum to maximum, 8 bit."""
    low, high = float(hu.min()), float(hu.max())
    grey = np.round(255 * (hu - low) / (high - low)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "png")
    return buffer.getvalue()


def assert_same_within_8_bits(from_hu, from_png, hu_slices, hu_crops, spacing, row, col):
    """Equal but for what 8 bits lose.

    With a grey step of q HU, samples and both percentiles are off by at most q / 2, so that the
    numerator and the range R of the normalisation are off by at most q each, and values in [0, 1] by
    2 q / R.
    """
    for channel in range(3):
        samples, inside = resample(hu_slices[channel], spacing, row, col)
        low, high = np.percentile(samples[inside], PATCH.percentiles)
        step = (float(hu_crops[channel].max()) - float(hu_crops[channel].min())) / 255
        tolerance = 2 * step / (high - low) + 1e-5
        assert tolerance < 0.05
        difference = np.abs(from_hu[..., channel] - from_png[..., channel])
        assert difference.max() <= tolerance


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 9), (128, 128), (512, 400)])
def test_a_patch_is_float32_of_fixed_shape_that_fills_0_to_1(dtype, shape):
    patch = cut_patch([texture(shape, dtype)] * 3, 0.7, shape[0] / 2, shape[1] / 2)
    assert patch.shape == (64, 64, 3) == PATCH.shape
    assert patch.dtype == np.float32
    assert (patch.min(), patch.max()) == (0, 1)


def test_shape_follows_the_spec():
    spec = PatchSpec(pixels=32, field_mm=20.0)
    assert spec.shape == (32, 32, 3)
    assert cut_patch([texture((40, 40))] * 3, 0.7, 20, 20, spec).shape == (32, 32, 3)


def test_one_pixel_a_sample_copies_the_pixels():
    pixels = texture((100, 100))
    samples, inside = resample(pixels, 0.5, 40.5, 50.5)
    np.testing.assert_allclose(samples, pixels[9:73, 19:83], atol=1e-4)
    assert inside.all()


@pytest.mark.parametrize(("gain", "offset"), [(1, 1000), (2.5, 0), (0.01, -3), (255 / 4096, 64), (16, -1024)])
@pytest.mark.parametrize(("row", "col"), [(64, 64), (3.25, 100)])
def test_increasing_affine_maps_of_the_grey_values_change_nothing(gain, offset, row, col):
    slices = [texture((128, 128), seed=seed) for seed in range(3)]
    mapped = [(pixels * gain + offset).astype(np.float32) for pixels in slices]
    np.testing.assert_allclose(cut_patch(mapped, 0.7, row, col), cut_patch(slices, 0.7, row, col), atol=1e-5)


def test_each_channel_may_have_a_map_of_its_own():
    slices = [texture((128, 128), seed=seed) for seed in range(3)]
    mapped = [pixels * gain - gain for gain, pixels in zip((1, 3, 9), slices, strict=True)]
    np.testing.assert_allclose(cut_patch(mapped, 0.7, 64, 64), cut_patch(slices, 0.7, 64, 64), atol=1e-5)


def test_a_decreasing_map_is_another_patch():
    pixels = texture((128, 128))
    inverted = cut_patch([255 - pixels] * 3, 0.7, 64, 64)
    assert np.abs(inverted - cut_patch([pixels] * 3, 0.7, 64, 64)).max() > 0.5


@pytest.mark.parametrize(
    ("row", "col", "outside"),
    [
        (2, 30, np.s_[:29, :]),  # at 0.5 mm, sample k of an axis lies at centre + k - 31.5
        (97, 50, np.s_[35:, :]),
        (50, 2, np.s_[:, :29]),
        (50, 97, np.s_[:, 35:]),
    ],
)
def test_what_lies_beyond_the_image_is_0_and_the_nodule_stays_in_the_middle(row, col, outside):
    pixels = 40 + 20 * np.random.default_rng(3).random((100, 100))
    rows, cols = np.indices(pixels.shape)
    pixels += 400 * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 8)
    patch = cut_patch([pixels] * 3, 0.5, row, col)[..., 1]
    expected = np.zeros(patch.shape, bool)
    expected[outside] = True
    inside = resample(pixels, 0.5, row, col)[1]
    assert not inside[expected].any()
    assert not patch[expected].any()
    brightest = np.argwhere(patch > 0.8).mean(axis=0)
    assert brightest == pytest.approx((MIDDLE, MIDDLE), abs=1.0)


def test_the_percentiles_are_those_of_what_is_inside():
    samples, inside = resample(texture((50, 50)), 0.5, 25, 0)
    assert inside.sum() == 51 * 33  # samples on the edges of the outermost pixels count
    low, high = np.percentile(samples[inside], (2.0, 99.5))
    expected = np.where(inside, np.clip((samples - low) / (high - low), 0, 1), 0)
    np.testing.assert_allclose(normalise(samples, inside), expected, atol=1e-5)


@pytest.mark.parametrize(("row", "col"), [(-1000, 10), (10, 4000), (-1000, -1000)])
def test_a_place_far_from_the_image_gives_zeros(row, col):
    patch = cut_patch([texture((64, 64))] * 3, 0.7, row, col)
    assert not patch.any()


def test_the_same_disc_at_two_spacings_gives_nearly_the_same_patch():
    fine, coarse = disc_patch((120, 120), (0.5, 0.5)), disc_patch((60, 60), (1.0, 1.0))
    assert np.abs(fine - coarse).mean() < 0.012
    assert (coarse > 0.5).sum() == pytest.approx((fine > 0.5).sum(), rel=0.05)


def test_a_wrong_spacing_gives_another_patch():
    pixels = disc((120, 120), (0.5, 0.5), 12.0)
    right, wrong = (cut_patch([pixels] * 3, mm, 59.5, 59.5) for mm in (0.5, 1.0))
    assert (wrong > 0.5).sum() == pytest.approx(4 * (right > 0.5).sum(), rel=0.05)


@pytest.mark.parametrize("spacing_mm", [(1.0, 0.5), (0.5, 1.0), (0.8, 0.6)])
def test_row_and_column_spacing_are_each_heeded(spacing_mm):
    shape = tuple(round(60 / step) for step in spacing_mm)
    patch = disc_patch(shape, spacing_mm)
    assert np.abs(patch - disc_patch((120, 120), (0.5, 0.5))).mean() < 0.012
    rows, cols = np.nonzero(patch[..., 1] > 0.5)
    assert np.ptp(rows) == pytest.approx(np.ptp(cols), abs=1)


def test_a_disc_of_12_mm_covers_its_area_in_the_patch():
    covered = (disc_patch((120, 120), (0.5, 0.5))[..., 1] > 0.5).sum() * 0.5**2
    assert covered == pytest.approx(np.pi * 6**2, rel=0.02)


def test_a_single_slice_gives_three_equal_channels():
    stack = [texture((64, 64))]
    patch = cut_patch([stack[i] for i in adjacent_slices(1, 0)], 0.7, 32, 32)
    np.testing.assert_array_equal(patch[..., 0], patch[..., 1])
    np.testing.assert_array_equal(patch[..., 2], patch[..., 1])


def test_channels_are_the_slice_below_itself_and_above():
    stack = [texture((64, 64), seed=seed) for seed in range(3)]
    patch = cut_patch(stack, 0.7, 32, 32)
    for channel in range(3):
        alone = cut_patch([stack[channel]] * 3, 0.7, 32, 32)
        np.testing.assert_array_equal(patch[..., channel], alone[..., 0])


@pytest.mark.parametrize(
    ("n_slices", "index", "expected"),
    [
        (1, 0, (0, 0, 0)),
        (2, 0, (0, 0, 1)),
        (2, 1, (0, 1, 1)),
        (5, 0, (0, 0, 1)),
        (5, 2, (1, 2, 3)),
        (5, 4, (3, 4, 4)),
    ],
)
def test_neighbours(n_slices, index, expected):
    assert adjacent_slices(n_slices, index) == expected


@pytest.mark.parametrize("value", [0, 255, -1024.0, 1e6])
def test_a_constant_image_gives_zeros(value):
    patch = cut_patch([np.full((80, 80), value, np.float32)] * 3, 0.7, 40, 40)
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
    from_hu = cut_patch([dicom.slices[0]] * 3, spacing, row, col)
    from_png = cut_patch([png.slices[0]] * 3, spacing, 63.5, 63.5)
    hu = [dicom.slices[0]] * 3
    assert_same_within_8_bits(from_hu, from_png, hu, [crop] * 3, spacing, row, col)


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
        order = adjacent_slices(7, index)
        hu = [scans[i].slices[0] for i in order]
        crops = [pixels[top : top + 128, left : left + 128] for pixels in hu]
        from_hu = cut_patch(hu, spacing, row, col)
        from_png = cut_patch([png.slices[i] for i in order], spacing, 63.5, 63.5)
        assert_same_within_8_bits(from_hu, from_png, hu, crops, spacing, row, col)
