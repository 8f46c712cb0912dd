"""Pictures that are no CT and ship with Python packages: photographs, scans, microscopy, MR, maps, icons.

Needs scikit-image, scikit-learn, matplotlib and pydicom; nothing is downloaded.
"""

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

FOLDERS = {"skimage": "data", "sklearn": "datasets/images", "matplotlib": "mpl-data", "networkx": "drawing"}
ENDINGS = {".png", ".jpg", ".jpeg", ".tif"}
LEAST_EDGE = 24
NO_CT_SAMPLES = (  # of pydicom: MR, ultrasound, dose, waveforms' pictures, secondary captures
    "MR_small.dcm",
    "examples_overlay.dcm",
    "examples_palette.dcm",
    "examples_rgb_color.dcm",
    "examples_ybr_color.dcm",
    "examples_jpeg2k.dcm",
    "rtdose.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "GDCMJ2K_TextGBR.dcm",
)


def sources():
    """Every source picture in grey: dict of name to float32 array of shape (rows, cols), 0 to 1."""
    found = {}
    for package, folder in FOLDERS.items():
        root = _root(package) / folder
        for path in sorted(path for path in root.rglob("*") if path.suffix.lower() in ENDINGS):
            _enter(
                found, f"{package}/{path.stem}", lambda path=path: np.asarray(Image.open(path).convert("RGB"))
            )
    _enter_arrays(found)
    for name in NO_CT_SAMPLES:
        _enter(found, f"pydicom/{name}", lambda name=name: _sample(name))
    return found


def _root(package):
    return Path(importlib.util.find_spec(package).origin).parent


def _enter(found, name, read):
    """Add a picture unless it is unreadable (a link to something not shipped), tiny or of one value."""
    try:
        pixels = np.asarray(read(), np.float32)
    except (OSError, ValueError, AttributeError, NotImplementedError, RuntimeError):
        return
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        pixels = pixels[..., :3] @ np.float32([0.299, 0.587, 0.114])
    if pixels.ndim == 2 and min(pixels.shape) >= LEAST_EDGE and np.ptp(pixels) > 0:
        found[name] = (pixels - pixels.min()) / np.ptp(pixels)


def _enter_arrays(found):
    from sklearn.datasets import load_digits

    samples = _root("matplotlib") / "mpl-data" / "sample_data"
    _enter(found, "matplotlib/topobathy", lambda: np.load(samples / "topobathy.npz")["topo"])
    _enter(found, "matplotlib/jacksboro", lambda: np.load(samples / "jacksboro_fault_dem.npz")["elevation"])
    _enter(found, "matplotlib/brain", lambda: _brain(samples / "s1045.ima.gz"))
    faces = np.load(_root("skimage") / "data" / "lfw_subset.npy")
    _enter(found, "skimage/faces", lambda: _mosaic(faces[:36]))
    _enter(found, "skimage/no_faces", lambda: _mosaic(faces[-36:]))
    _enter(found, "sklearn/digits", lambda: _mosaic(load_digits().images[:64]))


def _brain(path):
    import gzip

    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint16).reshape(256, 256)


def _mosaic(pictures):
    edge = int(len(pictures) ** 0.5)
    return np.vstack([np.hstack(pictures[row * edge : (row + 1) * edge]) for row in range(edge)])


def _sample(name):
    import pydicom

    path = _root("pydicom") / "data" / "test_files" / name  # never by pydicom's downloader
    pixels = pydicom.dcmread(path).pixel_array
    return pixels[len(pixels) // 2] if pixels.ndim == 3 and pixels.shape[2] > 4 else pixels
