"""Where the parts of a file and their lengths are: what a mutation must hit to get past the first check."""

import re
import struct
from dataclasses import dataclass, field

LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"UN", b"SQ", b"UT")


@dataclass
class Layout:
    """Numbers (offset, bytes, byte order) and parts (start, end) of a file, both as offsets in bytes."""

    numbers: list = field(default_factory=list)
    parts: list = field(default_factory=list)

    def add(self, *numbers, part=None):
        """Note some numbers, and the part that they belong to."""
        self.numbers += numbers
        if part:
            self.parts.append(part)


def layout(data):
    """The `Layout` of a file of any kind; an empty one where nothing is recognised."""
    for starts, look in KINDS:
        if any(data[at : at + len(word)] == word for at, word in starts):
            found = look(data)
            found.numbers = [number for number in found.numbers if number[0] + number[1] <= len(data)]
            return found
    return Layout()


def _png(data):
    found, at = Layout(), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.add((at, 4, "big"), part=(at, min(at + 12 + length, len(data))))
        if data[at + 4 : at + 8] == b"IHDR":
            found.add((at + 8, 4, "big"), (at + 12, 4, "big"), *((at + 16 + i, 1, "big") for i in range(5)))
        at += 12 + length
    return found


def _jpeg(data):
    found, at = Layout(), 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.add((at + 2, 2, "big"), part=(at, min(at + 2 + length, len(data))))
        if data[at + 1] in (0xC0, 0xC1, 0xC2, 0xC3, 0xF7):  # frame: precision, height, width, components
            found.add((at + 4, 1, "big"), (at + 5, 2, "big"), (at + 7, 2, "big"), (at + 9, 1, "big"))
        if data[at + 1] == 0xDA:
            break
        at += 2 + length
    return found


def _tiff(data):
    order, mark = ("little", "<") if data[:2] == b"II" else ("big", ">")
    found, seen = Layout(), set()
    found.add((4, 4, order))
    (at,) = struct.unpack_from(mark + "I", data, 4)
    while 0 < at <= len(data) - 2 and at not in seen:
        seen.add(at)
        (count,) = struct.unpack_from(mark + "H", data, at)
        found.add((at, 2, order))
        for entry in range(at + 2, min(at + 2 + 12 * count, len(data) - 16), 12):
            parts = (entry, 2), (entry + 2, 2), (entry + 4, 4), (entry + 8, 4)
            found.add(*((start, size, order) for start, size in parts), part=(entry, entry + 12))
        last = at + 2 + 12 * count
        found.add((last, 4, order))
        at = struct.unpack_from(mark + "I", data, last)[0] if last + 4 <= len(data) else 0
    return found


def _bmp(data):
    found = Layout()
    found.add(*((at, 4, "little") for at in (2, 10, 14, 18, 22, 30, 34, 46)), part=(14, 54))
    found.add((26, 2, "little"), (28, 2, "little"))
    return found


def _webp(data):
    found, at = Layout(), 12
    found.add((4, 4, "little"))
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        found.add((at + 4, 4, "little"), (at + 8, 4, "little"), (at + 12, 4, "little"))
        found.add(part=(at, min(at + 8 + length + length % 2, len(data))))
        at += 8 + length + length % 2
    return found


def _zip(data):
    found = Layout()
    for header in re.finditer(rb"PK(\x03\x04|\x01\x02|\x05\x06)", data):
        at, kind = header.start(), header[1]
        places = {  # of flags, method, checksum, sizes, lengths of names, offset
            b"\x03\x04": [(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)],
            b"\x01\x02": [
                (8, 2),
                (10, 2),
                (16, 4),
                (20, 4),
                (24, 4),
                (28, 2),
                (30, 2),
                (32, 2),
                (38, 4),
                (42, 4),
            ],
            b"\x05\x06": [(4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)],
        }[kind]
        found.add(*((at + start, size, "little") for start, size in places))
        following = data.find(b"PK", at + 4)
        found.add(part=(at, following if following > 0 else len(data)))
    return found


def _dicom(data):
    """Elements of a file of explicit VR; of another one, those of its meta information."""
    found, at = Layout(), 132
    while at + 12 <= len(data):
        group, vr, order = data[at : at + 2], data[at + 4 : at + 6], "little"
        if not vr.isalpha() and group != b"\xfe\xff":
            break
        if group[0] == 0 and group != b"\0\0":  # a group of low number, its bytes the other way round
            order = "big"
        if vr in LONG_VRS:
            where, size = at + 8, 4
        else:
            where, size = (at + 4, 4) if group == b"\xfe\xff" else (at + 6, 2)
        length = int.from_bytes(data[where : where + size], order)
        nested = length == 0xFFFFFFFF or vr == b"SQ" or group == b"\xfe\xff"
        end = where + size if nested else min(where + size + length, len(data))
        found.add((where, size, order), part=(at, end))
        if vr == b"US":
            found.add((where + size, 2, order))
        at = end
    return found


KINDS = (
    (((0, b"\x89PNG"),), _png),
    (((0, b"\xff\xd8"),), _jpeg),
    (((128, b"DICM"),), _dicom),
    (((0, b"II*\0"), (0, b"MM\0*")), _tiff),
    (((0, b"BM"),), _bmp),
    (((8, b"WEBP"),), _webp),
    (((0, b"PK\x03\x04"),), _zip),
)
