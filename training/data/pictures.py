"""The PNG files of LIDC-IDRI-slices, and where each nodule's slices are among them."""

import io
import re
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from training.data import NoduleKey, PrepareError


class Slices:
    """The PNG files of LIDC-IDRI-slices, whether unpacked or in their tar file."""

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        if not path.exists():
            raise PrepareError(f"{path} does not exist.")
        self.root, self.tar = path, None if path.is_dir() else _open_tar(path)
        self.index: dict[NoduleKey, dict[int, str]] = {}  # file by number of the slice
        self.outlines: dict[NoduleKey, dict[tuple[int, int], str]] = {}  # by reader and number
        for name in self._names():
            self._enter(name)
        if not self.index:
            raise PrepareError(
                f"{path} holds no PATIENT/nodule-K/images/slice-N.png; "
                "expected the layout of LIDC-IDRI-slices."
            )

    def _names(self) -> list[str]:
        if self.tar is not None:
            return _file_names(self.tar)
        return [str(p.relative_to(self.root)) for p in self.root.rglob("slice-*.png")]

    def _enter(self, name: str) -> None:
        parts, number = Path(name).parts, _slice_number(name)
        if len(parts) < 4 or number is None:
            return
        key, folder = (parts[-4], parts[-3]), parts[-2]
        if folder == "images":
            self.index.setdefault(key, {})[number] = name
        elif reader := re.fullmatch(r"mask-(\d+)", folder):
            self.outlines.setdefault(key, {})[int(reader[1]), number] = name

    def read(self, key: NoduleKey) -> np.ndarray:
        """All slices of one nodule, in order; (n, rows, cols) uint8."""
        return np.stack([self._pixels(name) for _, name in sorted(self.index[key].items())])

    def read_outlines(self, key: NoduleKey) -> np.ndarray:
        """Who outlined what in the slices of `read`; (n, rows, cols) uint8, of which bit r is reader r's."""
        numbers = sorted(self.index[key])
        bits = np.zeros_like(self.read(key))
        for (reader, number), name in self.outlines.get(key, {}).items():
            if number in self.index[key]:
                bits[numbers.index(number)] |= (self._pixels(name) > 127).astype(np.uint8) << reader
        return bits

    def _pixels(self, name: str) -> np.ndarray:
        try:
            data = _member(self.tar, name) if self.tar else (self.root / name).read_bytes()
            with Image.open(io.BytesIO(data)) as image:
                return np.asarray(image.convert("L"))
        except OSError as error:
            raise PrepareError(f"{name} is damaged: {error}") from error


def _open_tar(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path)
    except tarfile.ReadError as error:
        raise PrepareError(f"{path} is neither a folder nor a tar file.") from error


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    return file.read() if file else b""


def _file_names(tar: tarfile.TarFile) -> list[str]:
    try:
        return [member.name for member in tar if member.isfile()]
    except (tarfile.TarError, EOFError, OSError) as error:  # EOFError: a compressed tar file cut short
        raise PrepareError(f"{tar.name!s} is damaged: {error}.") from error


def _slice_number(name: str) -> int | None:
    match = re.fullmatch(r"slice-(\d+)\.png", Path(name).name)
    return int(match[1]) if match else None
