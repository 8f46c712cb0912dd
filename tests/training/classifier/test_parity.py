"""Training and serving see the same patch of the same nodule."""

import numpy as np
from PIL import Image

from models.imaging.patch import cut_patch
from models.ingest.read import read_scan
from tests.training.conftest import disc
from training.classifier.train import largest_sections
from training.data.outlines import largest_section, load
from training.data.pictures import Slices
from training.data.prepare import build


def test_the_patch_in_training_is_the_patch_of_the_uploaded_slices(lidc, tmp_path):
    large = np.roll(disc(14), (9, -5), axis=(0, 1)).astype(np.uint8) * 255
    first = lidc.folder / "LIDC-IDRI-0001" / "nodule-0"
    Image.fromarray(large).save(first / "mask-0" / "slice-7.png")
    np.savez(tmp_path / "nodules.npz", **build(Slices(lidc.folder), lidc.rows, progress=False)[0])
    outlines = load(tmp_path / "nodules.npz")
    trained = largest_sections(outlines, np.arange(3))
    shown = []
    for i, (patient, nodule) in enumerate(zip(outlines.patient, outlines.nodule, strict=True)):
        images = lidc.folder / patient / nodule / "images"
        files = [(path.name, path.read_bytes()) for path in images.iterdir()]
        scan = read_scan(files, float(outlines.spacing_mm[i]))
        number, row, col = largest_section(outlines, i)
        shown.append((int(number - outlines.first[i]), row, col))
        served = cut_patch(scan.slices[shown[-1][0]], scan.spacing_mm, row, col)
        np.testing.assert_array_equal(served, trained[i])
    assert shown == [(7, 72.5, 58.5), (0, 63.5, 63.5), (0, 63.5, 63.5)]


def test_what_readers_said_and_what_they_saw_are_of_the_same_nodules(nodules, made):
    assert nodules.patient.tolist() == made.patient.tolist() == [f"P{n:02}" for n in range(14)]
    for name in ("nodule", "label", "spacing_mm", "diameter_mm", "n_readers"):
        assert getattr(nodules, name).tolist() == getattr(made, name).tolist()
