from pathlib import Path

import numpy as np
import pytest

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
    """An 8-bit grey picture of 48 x 64 pixels with many levels, read-only."""
    pixels = np.add.outer(3 * np.arange(48), np.arange(64)).astype(np.uint8)
    pixels[10:20, 30:50] = 250
    pixels.flags.writeable = False
    return pixels
