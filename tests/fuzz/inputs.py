"""The inputs: each is made from a seed and its number alone, as the body of a request."""

import io
import random
import zipfile
import zlib
from dataclasses import dataclass

from tests.fuzz.mutations import mutate, truncate
from tests.fuzz.seeds import packed, seeds

JSON, HTML = "/api/v1/predict", "/predict"
BOUNDARY = "----fuzz"
HUGE = "9" * 5000  # digits: more than Python converts
NUMBERS = ("NaN", "inf", "-inf", "1e308", "-1e308", "1e-320", "", " ", "0", "-0", "-1", "0,5", "1e9", HUGE)
NUMBERS += ("0x10", "1_0", "٣", "½", "x", "\0", "null", "[1]", "1;2", "9" * 400, "\ud800", "<b>")
MODELS = ("vgg16", "consensus", "", "VGG16", "../vgg16", "nosuch", "vgg16\0", "𝔳", "<script>", "m" * 10_000)
NAMES = ("", " ", ".", "..", "../../etc/passwd", "C:\\a\\b.dcm", "x.dcm", "DICOMDIR", ".hidden", "a" * 5000)
NAMES += ("__MACOSX/._a.png", "ä ö.png", "\ud800.png", 'quo"te.png', "semi;colon.png", "new\nline.png")
NAMES += ("٣.png", "²", "%00.png", "\0.png", HUGE, "a\r\nX-Evil: 1", "..\\..\\x.zip", "-rf", "|id")
NAMES += ("<img src=x onerror=alert(1)>", "slice-{}.png", "%s%n")


@dataclass(frozen=True)
class Input:
    """A request.

    Attributes
    ----------
    seed, number : int
        From which it is made.
    url : str
        `JSON` or `HTML`.
    body : bytes
        multipart/form-data with `BOUNDARY`.
    story : str
        What it was made from, and how.
    whole : bool
        Whether it asks for an answer; the others name a place outside the image, so that all is decoded
        and no model is asked.
    """

    seed: int
    number: int
    url: str
    body: bytes
    story: str
    whole: bool


def make_input(seed, number, every=8):
    """Input `number` of a campaign, of which each `every`-th asks for an answer: JSON and HTML by turns."""
    chance = random.Random(f"{seed}-{number}")
    whole = number % every == 0
    url = (JSON, HTML)[number // every % 2] if whole else chance.choice((JSON, HTML))
    name, files = chance.choice(sorted(seeds().items()))
    other = chance.choice(sorted(seeds().items()))[1]
    files, ways = broken(files, chance, other[0][1])
    fields = [] if whole else [("row", "-1"), ("col", "0")]
    if chance.random() < 0.15:
        files = [(chance.choice(NAMES), data) for _, data in files]
        ways.append("names")
    if chance.random() < 0.08:
        fields = _odd_fields(chance) + fields
        ways.append("fields")
    body = multipart(files, fields)
    if chance.random() < 0.02:
        body = truncate(body, chance)
        ways.append("body")
    return Input(seed, number, url, body, f"{name}: {', '.join(ways)}", whole)


def broken(files, chance, other):
    """The files of a request, one of them broken; and the names of the ways."""
    files = list(files)
    at = chance.randrange(len(files))
    name, data = files[at]
    inside = INSIDE.get(data[:2]) or INSIDE.get(data[128:132])
    if inside and chance.random() < 0.5:
        data, ways = inside(data, chance, other)
    else:
        data, ways = mutate(data, chance, other)
    files[at] = name, data
    if len(files) > 1 and chance.random() < 0.1:
        files = files * 2
        ways.append("twice")
    return files, ways


def _in_zip(data, chance, other):
    """A member broken, and packed again as if nothing had happened."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
        method = archive.infolist()[0].compress_type
    at = chance.randrange(len(files))
    changed, ways = mutate(files[at][1], chance, other)
    name = chance.choice(NAMES[3:]) if chance.random() < 0.1 else files[at][0]
    files[at] = name.encode("utf-8", "replace").decode(), changed
    return packed(files, method), ["in ZIP", *ways]


def _in_deflated(data, chance, other):
    """The data set of a deflated DICOM file broken, and deflated again; other DICOM files just broken."""
    end = 144 + int.from_bytes(data[140:144], "little")
    if b"1.2.840.10008.1.2.1.99" not in data[:end]:
        return mutate(data, chance, other)
    inner = bytes(128) + b"DICM" + zlib.decompress(data[end:], -zlib.MAX_WBITS)
    changed, ways = mutate(inner, chance, other)
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return data[:end] + deflater.compress(changed[132:]) + deflater.flush(), ["in deflated", *ways]


INSIDE = {b"PK": _in_zip, b"DICM": _in_deflated}


def _odd_fields(chance):
    """Up to four form fields that make no sense."""
    names = ("row", "col", "slice", "spacing_mm", "model", "job", "click.x", "\0", "image")
    return [
        (name, chance.choice(MODELS if name == "model" else NUMBERS))
        for name in chance.choices(names, k=chance.randint(1, 4))
    ]


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
