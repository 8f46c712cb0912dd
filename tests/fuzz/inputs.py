"""Broken uploads as Hypothesis draws them: whole files of every flavour, edited in a few places."""

import io
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.fuzz.seeds import packed, seeds

JSON, HTML = "/api/v1/predict", "/predict"
BOUNDARY = "----fuzz"
HUGE = "9" * 5000  # digits: more than Python converts
NUMBERS = ("NaN", "inf", "-inf", "1e308", "-1e308", "1e-320", "", " ", "0", "-0", "-1", "0,5", "1e9", HUGE)
NUMBERS += ("0x10", "1_0", "٣", "½", "x", "\0", "null", "[1]", "1;2", "9" * 400, "\ud800", "<b>")
MODELS = ("vgg16", "consensus", "", "VGG16", "../vgg16", "nosuch", "vgg16\0", "𝔳", "<script>", "m" * 10_000)
FIELDS = ("row", "col", "slice", "spacing_mm", "series", "model", "job", "click.x", "\0", "image")
NAMES = ("", " ", ".", "..", "../../etc/passwd", "C:\\a\\b.dcm", "x.dcm", "DICOMDIR", ".hidden", "a" * 5000)
NAMES += ("__MACOSX/._a.png", "ä ö.png", "\ud800.png", 'quo"te.png', "semi;colon.png", "new\nline.png")
NAMES += ("٣.png", "²", "%00.png", "\0.png", HUGE, "a\r\nX-Evil: 1", "..\\..\\x.zip", "-rf", "|id")
NAMES += ("<img src=x onerror=alert(1)>", "slice-{}.png", "%s%n")
ENTRIES = re.compile(  # where the parts of a file begin, of ZIP, PNG, DICOM and JPEG: lengths stand near
    rb"PK[\1\3\5][\2\4\6]|....(?:IHDR|PLTE|tRNS|IDAT|IEND)|[\2\x08\x18\x20\x28\x52\xe0\xfe\x7f]\0..[A-Z]{2}"
    rb"|\xfe\xff[\0\r\xdd]\xe0|\xff[\xc0-\xfe]",
    re.DOTALL,
)
EDGES = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
DEFLATED = b"1.2.840.10008.1.2.1.99"


@dataclass(frozen=True)
class Upload:
    """A request: where it goes, its multipart/form-data body, and how it was made."""

    url: str
    body: bytes = field(repr=False)
    story: str

    def _repr_pretty_(self, printer, _):
        """What Hypothesis shows of it: not the body, which is long."""
        printer.text(repr(self))


@st.composite
def uploads(draw, wants_verdict):
    """A request with broken files.

    One that wants no verdict names a location outside the image: all is decoded, and no model is asked.
    """
    name = draw(st.sampled_from(sorted(seeds())))
    files, other = list(seeds()[name]), seeds()[draw(st.sampled_from(sorted(seeds())))][0][1]
    at = draw(st.integers(0, len(files) - 1))
    files[at] = files[at][0], draw(broken(files[at][1], other))
    fields = [] if wants_verdict else [("row", "-1"), ("col", "0")]
    if draw(one_in(7)):
        files = [(draw(st.sampled_from(NAMES)), data) for _, data in files]
    if draw(one_in(12)):
        odd = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4))
        fields = [(key, draw(st.sampled_from(MODELS if key == "model" else NUMBERS))) for key in odd] + fields
    if len(files) > 1 and draw(one_in(10)):
        files *= 2
    body = multipart(files, fields)
    if draw(one_in(50)):
        body = body[: -draw(st.integers(1, 200))]
    names = [name[:40] for name, _ in files]
    return Upload(draw(st.sampled_from((JSON, HTML))), body, f"{name}, file {at} of {names}; {fields}"[:400])


def one_in(n):
    """True that often."""
    return st.integers(0, n - 1).map(lambda number: number == n - 1)


@st.composite
def broken(draw, data, other):
    """An edited file; half the time the edits are within what a ZIP or a deflated DICOM file packs."""
    if data[:2] == b"PK" and draw(st.booleans()):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            method = archive.infolist()[0].compress_type
            files = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
        at = draw(st.integers(0, len(files) - 1))
        name = draw(st.sampled_from(NAMES[3:])) if draw(one_in(10)) else files[at][0]
        files[at] = name.encode("utf-8", "replace").decode(), draw(edited(files[at][1], other))
        return packed(files, method)
    if DEFLATED in data[:400] and draw(st.booleans()):
        end = 144 + int.from_bytes(data[140:144], "little")
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        inner = draw(edited(zlib.decompress(data[end:], -zlib.MAX_WBITS), other))
        return data[:end] + deflater.compress(inner) + deflater.flush()
    return draw(edited(data, other))


@st.composite
def edited(draw, data, other):
    """One to three edits: bits, numbers, ends, and whole stretches dropped, repeated, moved or exchanged."""
    entries = [found.start() for found in ENTRIES.finditer(data)] or [0]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)) | st.sampled_from(entries))
        at = min(at + draw(st.integers(0, 12)), max(len(data) - 1, 0))
        size = draw(st.sampled_from((1, 2, 4)) | st.integers(1, 2000))
        piece, rest = data[at : at + size], data[at + size :]
        way = draw(st.sampled_from((*WAYS, "number", "number")))
        if way == "bits":
            mask = draw(st.integers(1, 255))
            data = data[:at] + bytes(byte ^ mask for byte in piece[:16]) + piece[16:] + rest
        elif way == "number":
            data = data[:at] + draw(number(data[at : at + min(size, 4)])) + data[at + min(size, 4) :]
        elif way == "cut":
            data = draw(st.sampled_from((data[:at], data[: -min(size, 16)])))
        elif way == "head":
            data = other[:size] + draw(st.sampled_from((data[size:], data)))
        else:
            start = draw(st.integers(0, max(len(other) - size, 0)))
            to = draw(st.sampled_from(entries))
            moved = rest[:to] + piece + rest[to:]
            data = (
                data[:at]
                + {
                    "drop": rest,
                    "repeat": piece * draw(st.sampled_from((2, 3, 50))) + rest,
                    "move": moved,
                    "splice": other[start : start + size] + draw(st.sampled_from((rest, piece + rest))),
                }[way]
            )
    return mended(data) if data[:4] == b"\x89PNG" and not draw(one_in(5)) else data


WAYS = ("bits", "number", "cut", "head", "drop", "repeat", "move", "splice")


def number(old):
    """Bytes of the same length that are another number, in either byte order."""
    order = st.sampled_from(("little", "big"))
    near = order.flatmap(
        lambda name: st.sampled_from((1, -1)).map(lambda step: (int.from_bytes(old, name) + step, name))
    )
    far = st.tuples(st.sampled_from(EDGES) | st.integers(0, 2**32 - 1), order)
    return (near | far).map(lambda pair: (pair[0] % (1 << (8 * len(old)))).to_bytes(len(old), pair[1]))


def mended(data):
    """A PNG file whose checksums are right, lest every change end at them."""
    changed, at = bytearray(data), 8
    while at + 12 <= len(changed):
        end = at + 8 + int.from_bytes(changed[at : at + 4], "big")
        if end + 4 <= len(changed):
            changed[end : end + 4] = struct.pack(">I", zlib.crc32(changed[at + 4 : end]))
        at = end + 4
    return bytes(changed)


def multipart(files, fields):
    """The body of a request; names and values go as they are, however odd."""
    parts = []
    for name, value in fields:
        parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}')
    parts = [part.encode("utf-8", "surrogatepass") for part in parts]
    for name, data in files:
        head = f'Content-Disposition: form-data; name="image"; filename="{name}"\r\n'
        head += "Content-Type: application/octet-stream\r\n\r\n"
        parts.append(head.encode("utf-8", "surrogatepass") + data)
    mark = f"--{BOUNDARY}".encode()
    return b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
