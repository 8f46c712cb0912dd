import numpy as np
import pytest
from PIL import Image

from tests.training.conftest import label_row
from training.localiser import outlines
from training.localiser.outlines import load


@pytest.fixture(scope="session")
def outlines_file(tmp_path_factory, make_lidc):
    """outlines.npz of 14 patients, two slices and two readers each; the second marks half of each disc."""
    rows = [label_row(f"P{n:02}", "1|2" if n % 2 else "5|4", 2) for n in range(14)]
    lidc = make_lidc(tmp_path_factory.mktemp("lidc"), rows)
    for row in rows:
        nodule = lidc.folder / row["patient_id"] / row["nodule"]
        disc = np.asarray(Image.open(nodule / "mask-0" / "slice-0.png"))
        half = np.where(np.arange(128) < 64, disc, 0).astype(np.uint8)
        (nodule / "mask-1").mkdir()
        Image.fromarray(disc).save(nodule / "mask-0" / "slice-1.png")
        Image.fromarray(half).save(nodule / "mask-1" / "slice-1.png")
    path = lidc.folder.parent / "outlines.npz"
    outlines.main(["--slices", str(lidc.folder), "--labels", str(lidc.labels), "--out", str(path)])
    return path


@pytest.fixture(scope="session")
def made(outlines_file):
    """The same outlines in memory."""
    return load(outlines_file)
