"""Pictures that are no CT and ship with packages: photographs, microscopy, MR, ultrasound, maps, icons.

Needs scikit-image, scikit-learn, matplotlib, nibabel and pydicom; nothing is downloaded.
"""

import gzip
import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
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


def sources() -> dict[str, np.ndarray]:
    """Every source picture in grey, by name: float32 of shape (rows, cols), 0 to 1.

    What is unreadable (a link to something not shipped), tiny or of one value is left out.
    """
    found = {}
    for name, read in [*_files(), *_arrays()]:
        try:
            pixels = np.asarray(read(), np.float32)
        except (OSError, ValueError, AttributeError, NotImplementedError, RuntimeError):
            continue
        if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
            pixels = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
        if pixels.ndim == 2 and min(pixels.shape) >= LEAST_EDGE and np.ptp(pixels) > 0:
            found[name] = (pixels - pixels.min()) / np.ptp(pixels)
    return found


def _files() -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    for package, folder in FOLDERS.items():
        for path in sorted((_root(package) / folder).rglob("*")):
            if path.suffix.lower() in ENDINGS:
                yield f"{package}/{path.stem}", partial(_picture, path)
    for name in NO_CT_SAMPLES:  # never by pydicom's downloader
        yield f"pydicom/{name}", partial(_dicom, _root("pydicom") / "data" / "test_files" / name)
    scans = _root("nibabel") / "tests" / "data"
    yield "nibabel/0.dcm", partial(_dicom, scans / "0.dcm")
    for name in ("example4d.nii.gz", "anatomical.nii"):
        yield f"nibabel/{name}", partial(_middle_of_nifti, scans / name)


def _arrays() -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    from sklearn.datasets import load_digits

    samples = _root("matplotlib") / "mpl-data" / "sample_data"
    yield "matplotlib/topobathy", lambda: np.load(samples / "topobathy.npz")["topo"]
    yield "matplotlib/jacksboro", lambda: np.load(samples / "jacksboro_fault_dem.npz")["elevation"]
    yield "matplotlib/brain", lambda: _brain(samples / "s1045.ima.gz")
    faces = np.load(_root("skimage") / "data" / "lfw_subset.npy")
    yield "skimage/faces", lambda: _mosaic(faces[:36])
    yield "skimage/no_faces", lambda: _mosaic(faces[-36:])
    yield "sklearn/digits", lambda: _mosaic(load_digits().images[:64])


def _root(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed")
    return Path(spec.origin).parent


def _picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def _dicom(path: Path) -> np.ndarray:
    import pydicom

    pixels = pydicom.dcmread(path).pixel_array
    return pixels[len(pixels) // 2] if pixels.ndim == 3 and pixels.shape[2] > 4 else pixels


def _middle_of_nifti(path: Path) -> np.ndarray:
    import nibabel

    values = np.asarray(nibabel.Nifti1Image.from_filename(path).dataobj)
    volume = values.reshape(*values.shape[:3], -1)[..., 0]
    return volume[:, :, volume.shape[2] // 2].T


def _brain(path: Path) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint16).reshape(256, 256)


def _mosaic(pictures: np.ndarray) -> np.ndarray:
    edge = int(len(pictures) ** 0.5)
    return np.vstack([np.hstack([*pictures[row * edge : (row + 1) * edge]]) for row in range(edge)])
