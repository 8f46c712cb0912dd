"""Training and serving see the same patch of the same nodule."""

import numpy as np

from models.imaging.scan import locate
from models.inference.views import patch_at
from models.ingest.read import read_scan
from training.data.dataset import centre, load
from training.data.prepare import Slices, build, read_labels


def test_the_patch_in_training_is_the_patch_of_the_uploaded_slices(lidc, tmp_path):
    np.savez(tmp_path / "patches.npz", **build(Slices(lidc.tar), read_labels(lidc.labels))[0])
    nodules = load(tmp_path / "patches.npz")
    for i, (patient, nodule) in enumerate(zip(nodules.patient, nodules.nodule, strict=True)):
        images = lidc.folder / patient / nodule / "images"
        spacing = float(nodules.spacing_mm[i])
        scan = read_scan([(path.name, path.read_bytes()) for path in images.iterdir()], spacing)
        roi = locate(scan)
        assert len(scan.slices) == len(nodules.stacks[i])
        for index in range(len(scan.slices)):
            served = patch_at(scan.slices, scan.spacing_mm, roi.row, roi.col, index)
            trained = patch_at(nodules.stacks[i], spacing, *centre(nodules.stacks[i]), index)
            np.testing.assert_array_equal(served, trained)
