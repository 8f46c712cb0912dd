"""One uploaded file, opened only when it is read, and what kind of file it is."""

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from models.ingest.dicom import looks_like_dicom
from models.ingest.spool import Part
from models.ingest.tiff import TIFF_STARTS
from models.ingest.volumes.formats import GZIP_START, is_volume

HEAD_BYTES = 512  # enough to tell the kind of a file
PICTURE_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", *TIFF_STARTS, b"BM")
ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
OTHER_ARCHIVES = (b"Rar!", b"7z\xbc\xaf", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
TAR_AT, TAR = 257, b"ustar"
STRAY = re.compile(r"(^|/)(__MACOSX/|\.(?!\.?/)|Thumbs\.db$|desktop\.ini$|DICOMDIR$)", re.IGNORECASE)
DISC = re.compile(r"(^|[/\\])DICOMDIR$", re.IGNORECASE)  # the list of the files of a medium, by name
DICOM_NAME = re.compile(r"\.(dcm|dicom|ima)$", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A file by its name and a function that opens it.

    Attributes
    ----------
    name
        As sent, folders included; orders pictures, and is never repeated to anyone.
    open
        Returns a seekable binary stream at its first byte. Calls may return one and the same stream, so
        only one reader at a time; the reader does not close it.
    part
        Where the file lies, if that is in a spool.
    """

    name: str
    open: Callable[[], BinaryIO]
    part: Part | None = None

    @classmethod
    def of_bytes(cls, name: str, data: bytes) -> "Source":
        """A file that is in memory already."""
        return cls(name, lambda: io.BytesIO(data))

    @classmethod
    def of_stream(cls, name: str, stream: BinaryIO | Part) -> "Source":
        """A file behind a seekable stream that stays open, such as a part of an upload."""
        if isinstance(stream, Part):
            return cls(name, stream.opened, stream)

        def rewound() -> BinaryIO:
            stream.seek(0)
            return stream

        return cls(name, rewound)

    @property
    def is_stray(self) -> bool:
        """Whether the name alone says that the file holds no image: what systems leave in folders."""
        return bool(STRAY.search(self.name.replace("\\", "/")))

    def kind(self) -> str:
        """What the first bytes say: empty, dicom, zip, gzip, archive (another), picture, volume or other."""
        return kind_of(self.open().read(HEAD_BYTES))


def kind_of(head: bytes) -> str:
    """See `Source.kind`."""
    if not head:
        return "empty"
    if head[128:132] == b"DICM":  # before it may stand anything, such as a TIFF's beginning (PS3.10, 7.1)
        return "dicom"
    if head.startswith(ZIP_STARTS):
        return "zip"
    if head.startswith(GZIP_START):
        return "gzip"
    if head.startswith(OTHER_ARCHIVES) or head[TAR_AT:].startswith(TAR):
        return "archive"
    if head.startswith(PICTURE_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "picture"
    if is_volume(head):
        return "volume"
    return "dicom" if looks_like_dicom(head) else "other"


def natural_key(name: str) -> list[tuple[bool, object]]:
    """Sort key that counts: ``slice-2`` comes before ``slice-10``, however many digits a number has."""
    return [
        (part.isdecimal(), _counted(part) if part.isdecimal() else part)
        for part in re.split(r"([0-9]+)", name.lower())
        if part
    ]


def _counted(digits: str) -> tuple[int, str]:
    """Orders whole numbers without converting them: Python refuses to convert thousands of digits."""
    digits = digits.lstrip("0")
    return len(digits), digits


def sources_at(paths: Iterable[Path]) -> list[Source]:
    """The files among paths, and those in folders among them."""
    found = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
    return [Source(str(file), partial(_open, file)) for file in found if file.is_file()]


def _open(path: Path) -> BinaryIO:
    return open(path, "rb")
