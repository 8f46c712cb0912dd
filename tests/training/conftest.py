import csv
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from models.imaging.phantom import draw_phantom
from models.networks.scales import DESCRIPTOR_SCALES
from training.data import outlines
from training.data.dataset import load
from training.data.prepare import Slices, build
from training.intervals import bootstrap_by_patient


def disc(radius):
    """The pixels of a disc in the middle of 128 x 128."""
    rows, cols = np.indices((128, 128)) - 63.5
    return rows**2 + cols**2 <= radius**2


def nodule_pixels(n_slices, radius, seed):
    """A bright disc, soft and noisy as CT is, on drawn lung in slices of 128 x 128 pixels, uint8."""
    lung = np.stack([draw_phantom("smooth", seed=100 * seed + i) for i in range(n_slices)])
    share = gaussian_filter(disc(radius).astype(float), 0.7)
    bright = 220 + np.random.default_rng(seed).normal(0, 6, lung.shape)
    return np.clip((1 - share) * lung + share * bright, 0, 255).round().astype(np.uint8)


def label_row(patient, malignancy, n_slices, **values):
    """A row of nodules.csv; `malignancy` holds the readers' ratings joined by bars."""
    readers = malignancy.count("|") + 1
    row = {
        "patient_id": patient,
        "nodule": "nodule-0",
        "n_slices": str(n_slices),
        "pixel_spacing_mm": "0.7",
        "slice_thickness_mm": "2.5",
        "contrast": "0",
        "masks_match": "1",
        "malignancy": malignancy,
        "diameter_mm": "|".join(["8.5"] * readers),
    }
    row |= {name: "|".join([str(low)] * readers) for name, (low, _) in DESCRIPTOR_SCALES.items()}
    return row | values


def write_labels(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def make_lidc():
    """A function that writes LIDC-IDRI-slices in small: a folder, its tar file and its labels."""

    def make(parent, rows):
        folder, stacks = parent / "LIDC-IDRI-slices", {}
        for number, row in enumerate(rows):
            radius = 12 if float(row["malignancy"].split("|")[0]) > 3 else 5
            stack = nodule_pixels(int(row["n_slices"]), radius, seed=number)
            images = folder / row["patient_id"] / row["nodule"] / "images"
            images.mkdir(parents=True)
            for index, pixels in enumerate(stack):
                Image.fromarray(pixels).save(images / f"slice-{index}.png")
            mask = images.parent / "mask-0"
            mask.mkdir()
            Image.fromarray(disc(radius).astype(np.uint8) * 255).save(mask / "slice-0.png")
            stacks[row["patient_id"], row["nodule"]] = stack
        with tarfile.open(parent / "slices.tar", "w") as tar:
            tar.add(folder, folder.name)
        write_labels(parent / "nodules.csv", rows)
        return SimpleNamespace(
            folder=folder,
            tar=parent / "slices.tar",
            labels=parent / "nodules.csv",
            stacks=stacks,
            rows=rows,
        )

    return make


@pytest.fixture
def lidc(tmp_path, make_lidc):
    """Three usable nodules of two patients, and a row whose masks do not match."""
    rows = [
        label_row("LIDC-IDRI-0001", "5|5|4|4", 11, diameter_mm="30|31|32|33"),
        label_row("LIDC-IDRI-0001", "3", 1, nodule="nodule-1", pixel_spacing_mm="0.5"),
        label_row("LIDC-IDRI-0007", "1|2", 2, pixel_spacing_mm="0.9"),
        label_row("LIDC-IDRI-0009", "4|4|4", 1, masks_match="0"),
    ]
    return make_lidc(tmp_path, rows)


@pytest.fixture(scope="session")
def nodules_file(tmp_path_factory, make_lidc):
    """nodules.npz of 14 patients, half of them benign, two slices each; a second reader marks half a disc."""
    rows = [label_row(f"P{n:02}", "1|2" if n % 2 else "5|4", 2) for n in range(14)]
    lidc = make_lidc(tmp_path_factory.mktemp("lidc"), rows)
    for row in rows:
        nodule = lidc.folder / row["patient_id"] / row["nodule"]
        disc = np.asarray(Image.open(nodule / "mask-0" / "slice-0.png"))
        half = np.where(np.arange(128) < 64, disc, 0).astype(np.uint8)
        (nodule / "mask-1").mkdir()
        Image.fromarray(disc).save(nodule / "mask-0" / "slice-1.png")
        Image.fromarray(half).save(nodule / "mask-1" / "slice-1.png")
    path = lidc.folder.parent / "nodules.npz"
    np.savez(path, **build(Slices(lidc.folder), rows, progress=False)[0])
    return path


@pytest.fixture(scope="session")
def made(nodules_file):
    """Their outlines in memory."""
    return outlines.load(nodules_file)


@pytest.fixture(scope="session")
def nodules(nodules_file):
    """What the readers said of them, in memory."""
    return load(nodules_file)


@pytest.fixture(scope="module")
def few_draws():
    """Intervals from 40 bootstrap draws instead of 2000, for tests that look at other figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(bootstrap_by_patient.__kwdefaults__, "repeats", 40)
        yield
