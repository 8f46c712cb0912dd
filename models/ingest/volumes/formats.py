"""Volume files to stored values and where they lie: NIfTI-1 and -2, NRRD, MetaImage."""

import io
import math
import re
import zlib
from collections.abc import Callable, Mapping

import nibabel
import nrrd
import numpy as np

from models.errors import UserError
from models.ingest.limits import Limits, refusing_damage
from models.ingest.volumes.grid import (
    DAMAGED,
    RAS_TO_LPS,
    StoredVolume,
    affine_of,
    array_of,
    check_shape,
    damaged,
    not_read,
)
from models.messages import Message

MM = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
GZIP_START = b"\x1f\x8b"
NRRD_START = b"NRRD000"
META_START = re.compile(rb"\s*(ObjectType|NDims|Comment)\s*=", re.IGNORECASE)
META_LINE = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*")
META_HEADER = 1 << 16  # bytes; no header is as long
META_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
SPACES = {  # of NRRD: signs to mm to the left, to the back, to the head
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}


def is_volume(head: bytes) -> bool:
    """Whether a file is a volume, or the header of one, by its first 512 bytes."""
    return _nifti_class(head) is not None or head.startswith(NRRD_START) or bool(META_START.match(head))


@refusing_damage(DAMAGED)
def read_grid(data: bytes, others: Mapping[str, Callable[[], bytes]], limits: Limits) -> StoredVolume:
    """Read a volume.

    Parameters
    ----------
    data
        Of the file, or of its header.
    others
        Functions that return the bytes of files beside it, by their names in lower case; what a header refers
        to is looked for there, and nowhere else.

    Raises
    ------
    UserError
        ``corrupt_file``, ``too_large``, ``unsupported_file`` or ``mixed_series``.
    """
    if nifti := _nifti_class(data):
        return _nifti(data, nifti, limits)
    if data.startswith(NRRD_START):
        return _nrrd(data, others, limits)
    return _meta(data, others, limits)


def _nifti_class(head: bytes) -> type[nibabel.Nifti1Image] | None:
    """The nibabel class for the first bytes of a NIfTI file; None for others."""
    if head[344:348] in (b"n+1\0", b"ni1\0") and 348 in _either_order(head):
        return nibabel.Nifti1Image
    if head[4:8] in (b"n+2\0", b"ni2\0") and 540 in _either_order(head):
        return nibabel.Nifti2Image
    return None


def _either_order(head: bytes) -> tuple[int, int]:
    return int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")


def _nifti(data: bytes, kind: type[nibabel.Nifti1Image], limits: Limits) -> StoredVolume:
    header = kind.header_class.from_fileobj(io.BytesIO(data))
    if b"ni" in (bytes(header["magic"].tobytes())[:2], data[4:6]):
        raise not_read(Message("The NIfTI's header and values are in two files"))
    sizes = check_shape(header.get_data_shape(), limits)
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise not_read(Message("The NIfTI contains colours or complex numbers"))
    stored = array_of(data[int(header.get_data_offset()) :], dtype, sizes)
    slope, intercept = (
        default if value is None else float(value)
        for value, default in zip(header.get_slope_inter(), (1.0, 0.0), strict=True)
    )
    affine = RAS_TO_LPS @ header.get_best_affine()
    affine[:3] *= MM[header.get_xyzt_units()[0]]
    return StoredVolume(
        stored, affine, slope, intercept, int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    )


def _nrrd(data: bytes, others: Mapping[str, Callable[[], bytes]], limits: Limits) -> StoredVolume:
    stream = io.BytesIO(data)
    header = nrrd.read_header(stream)
    sizes = check_shape(header["sizes"], limits)
    name = header.get("data file", header.get("datafile"))
    values = stream.read() if name is None else _beside(name, others)
    if header.get("line skip", header.get("lineskip", 0)):
        raise not_read(Message("The NRRD skips lines before its values"))
    dtype = nrrd.reader._determine_datatype(header)
    if dtype.kind not in "iuf":
        raise not_read(Message("The NRRD contains values that are not numbers"))
    n_bytes = math.prod(sizes) * dtype.itemsize
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    encoding = str(header.get("encoding", "")).lower()
    if encoding in ("gzip", "gz") and (name is None or values.startswith(GZIP_START)):  # else it was unpacked
        values = _inflated(values, n_bytes + max(skip, 0))
    elif encoding not in ("raw", "gzip", "gz"):
        raise not_read(Message("The NRRD uses a compression that is not supported"))
    values = _behind(values, skip, n_bytes)
    signs = SPACES.get(str(header.get("space", "")).lower())
    directions, origin = header.get("space directions"), header.get("space origin", (0, 0, 0))
    if directions is None:
        directions = np.diag(np.nan_to_num(header.get("spacings", (1.0, 1.0, 1.0)), nan=1.0)[:3])
    affine = affine_of(directions, origin)
    affine[:3] *= np.array(signs or (1, 1, 1))[:, None]
    return StoredVolume(array_of(values, dtype, sizes), affine, is_oriented=signs is not None)


def _meta(data: bytes, others: Mapping[str, Callable[[], bytes]], limits: Limits) -> StoredVolume:
    fields, end = _meta_fields(data)
    sizes = check_shape(fields["dimsize"].split(), limits)
    if fields.get("elementnumberofchannels", "1") != "1":
        raise not_read(Message("The MetaImage has several channels"))
    if fields.get("binarydata", "True").lower() == "false":
        raise not_read(Message("The MetaImage stores its values as text"))
    kind = META_TYPES[fields["elementtype"].upper()]
    is_big = (
        fields.get("binarydatabyteordermsb", fields.get("elementbyteordermsb", "False")).lower() == "true"
    )
    dtype = np.dtype((">" if is_big else "<") + kind)
    n_bytes, skip = math.prod(sizes) * dtype.itemsize, int(fields.get("headersize", "0"))
    where = fields["elementdatafile"]
    if where.upper() == "LIST" or "%" in where:
        raise not_read(Message("The MetaImage's values are in several files"))
    values = data[end:] if where.upper() == "LOCAL" else _beside(where, others)
    if fields.get("compresseddata", "False").lower() == "true":
        values = _inflated(values, n_bytes)
    elif skip:
        values = _behind(values, skip, n_bytes)
    spacing = _floats(fields.get("elementspacing", fields.get("elementsize", "1 1 1")), 3)
    turns = next(
        (fields[name] for name in ("transformmatrix", "rotation", "orientation") if name in fields), ""
    )
    directions = _floats(turns or "1 0 0 0 1 0 0 0 1", 9).reshape(3, 3) * spacing[:, None]
    origin = next((fields[name] for name in ("offset", "position", "origin") if name in fields), "0 0 0")
    affine = affine_of(directions, _floats(origin, 3))
    return StoredVolume(array_of(values, dtype, sizes), affine, is_oriented=bool(turns))


def _meta_fields(data: bytes) -> tuple[dict[str, str], int]:
    """Fields of a MetaImage's header by their names in lower case, and where it ends."""
    fields, at = {}, 0
    while at < min(len(data), META_HEADER):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line = META_LINE.fullmatch(data[at:end].decode("latin-1"))
        if not line:
            break
        at = end + 1
        fields[line[1].lower()] = line[2]
        if line[1].lower() == "elementdatafile":
            return fields, at
    raise damaged()


def _floats(text: str, count: int) -> np.ndarray:
    values = np.array(text.split(), float)
    if len(values) != count or not np.isfinite(values).all():
        raise damaged()
    return values


def own_name(name: str) -> str:
    """A file's name in lower case, without folders, by which a header and the files beside it are joined."""
    return str(name).replace("\\", "/").rpartition("/")[2].lower()


def _beside(name: str, others: Mapping[str, Callable[[], bytes]]) -> bytes:
    """The bytes of a file beside a header, by the last part of the name that the header gives."""
    name = own_name(name)
    name = name if name in others else name.removesuffix(".gz")  # of which files are named once unpacked
    if name not in others:
        raise UserError(
            "unsupported_file",
            "The file is the header of a volume whose values are in another file; send both together or "
            "as a ZIP.",
        )
    return others[name]()


def _behind(data: bytes, skip: int, n_bytes: int) -> bytes:
    """What lies behind so many bytes; behind all that are not needed for -1."""
    return data[-n_bytes:] if skip == -1 else data[skip:]


def _inflated(data: bytes, n_bytes: int) -> bytes:
    """So many bytes of what is packed by zlib or gzip."""
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, n_bytes)
