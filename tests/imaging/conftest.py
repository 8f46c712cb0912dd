from pathlib import Path

import numpy as np
import pytest

from models.imaging.phantom import draw_phantom
from tests.imaging.dicom_files import chest_slice


@pytest.fixture(scope="session")
def shared():
    """The folder of real data that may lie beside the repository."""
    folder = Path(__file__).resolve().parents[2].parent / "shared"
    if not (folder / "dicom").is_dir():
        pytest.skip("the folder shared, with real data, is not beside the repository")
    return folder


@pytest.fixture(scope="session")
def chest():
    """HU of a whole chest slice, 512 x 512, read-only."""
    hu = chest_slice()
    hu.flags.writeable = False
    return hu


@pytest.fixture(scope="session")
def grey():
    """An 8-bit grey picture of 48 x 64 pixels, a nodule beside the chest wall, read-only; the wall is 250."""
    pixels = draw_phantom("spiculated", size=64, spacing_mm=1.3)[8:56]
    wall = (pixels >= 200) & (np.arange(64) >= 46)
    pixels = np.where(wall, 250, np.minimum(pixels, 249)).astype(np.uint8)
    pixels.flags.writeable = False
    return pixels
