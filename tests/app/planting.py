"""Files that carry a mark wherever a file can say whose it is, so that it can be looked for later."""

import io
import struct
import zipfile

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom import config, dcmread, dcmwrite
from pydicom.datadict import DicomDictionary, RepeatersDictionary, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from models.imaging.phantom import draw_phantom
from tests.ingest.dicom_files import NODULE, chest_slice, make_ct

MARK, FORM_MARK = "QXJV", "QFRM"  # begins each planted word; what is typed into a form has its own
DATE, TIME, NUMBER, UID_ROOT = "19070311", "031759.427133", "7744.7144", "1.2.826.0.77447144"
PIXELS = (MARK + "PIXELROW").encode() * 4  # a row of pixels as they lie in the file
KEPT_UIDS = {
    "StudyInstanceUID": "1.2.392.7.1",
    "SeriesInstanceUID": "1.2.392.7.2",
    "FrameOfReferenceUID": "1.2.392.7.4",
}
PLANTED = MARK, DATE, TIME, NUMBER, UID_ROOT
VALUES = {
    **dict.fromkeys(("LO", "LT", "PN", "ST", "UC", "UR", "UT", "SH", "AE", "CS"), MARK + "{:04d}"),
    "DA": DATE,
    "TM": TIME,
    "DT": DATE + TIME,
    "UI": UID_ROOT + ".{:d}",
}
STRUCTURAL = {  # without these a file would be another, or none
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ConvolutionKernel",  # told where two series differ in nothing else
    "BurnedInAnnotation",
}
LAYOUT = 0x0028  # the group of what says how pixels lie
IDENTIFYING = (  # sequences
    "OtherPatientIDsSequence",
    "IssuerOfPatientIDQualifiersSequence",
    "ReferencedPatientSequence",
    "ReferencedStudySequence",
    "PhysiciansOfRecordIdentificationSequence",
    "ReferringPhysicianIdentificationSequence",
    "OperatorIdentificationSequence",
    "InstitutionCodeSequence",
    "RequestAttributesSequence",
    "PatientInsurancePlanCodeSequence",
    "OriginalAttributesSequence",
    "PersonIdentificationCodeSequence",
)
NUMBERS = ("PatientWeight", "PatientSize", "AcquisitionNumber")


def marked_ct(number=0, folder_mark=MARK, **tags):
    """A CT slice as DICOM bytes with marks in every element of text, private ones, overlays and some pixels.

    Slice 1 shows a nodule at row and column 127.5, 76.5 of 256.
    """
    dataset = dcmread(io.BytesIO(make_ct(chest_slice((256, 256)), **KEPT_UIDS)))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.392.7.3.{number + 1}"
    dataset.ImagePositionPatient = [-180, -180, -90 + 2 * number]
    dataset.InstanceNumber = number + 1
    with unchecked():
        plant(dataset)
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
        dataset.PixelData = PIXELS + dataset.PixelData[len(PIXELS) :]
        dataset.file_meta.SourceApplicationEntityTitle = MARK + "AET"
        dataset.file_meta.PrivateInformationCreatorUID = UID_ROOT + ".2"
        dataset.file_meta.PrivateInformation = (MARK + "META").encode()
        dataset.preamble = (MARK * 32).encode()
        stream = io.BytesIO()
        dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def plant(dataset):
    """Set every element of text that the dictionary knows; the repeating groups once."""
    known = [(tag, vr, keyword) for tag, (vr, _, _, _, keyword) in DicomDictionary.items()]
    known += [
        (int(mask.replace("x", "0"), 16), vr, keyword)
        for mask, (vr, _, _, _, keyword) in RepeatersDictionary.items()
        if mask[:2] in ("50", "60")
    ]
    for i, (tag, vr, keyword) in enumerate(sorted(known)):
        is_layout = tag >> 16 == LAYOUT
        if vr in VALUES and tag >> 16 > 4 and keyword not in STRUCTURAL and not is_layout:
            dataset.add_new(tag, vr, VALUES[vr].format(i))
    for keyword in NUMBERS:
        setattr(dataset, keyword, NUMBER if keyword != "AcquisitionNumber" else 7)
    for keyword in IDENTIFYING:
        setattr(dataset, keyword, [person(keyword)])
    block = dataset.private_block(0x0011, MARK + " CREATOR", create=True)
    block.add_new(1, "LO", MARK + "PRIVATE")
    block.add_new(2, "UN", (MARK + "UNKNOWN ").encode())
    dataset.add_new(0xFFFCFFFC, "OB", (MARK + "PADDING ").encode())


def person(keyword):
    """An item that names someone."""
    item = Dataset()
    item.PatientName, item.PatientID = f"{MARK}^{keyword}", MARK + "ITEM"
    item.CodeMeaning, item.InstitutionName = MARK + keyword, MARK + "HOSPITAL"
    return item


class unchecked:
    """Within it, pydicom writes whatever is given."""

    def __enter__(self):
        self.before = config.settings.reading_validation_mode, config.settings.writing_validation_mode
        config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE

    def __exit__(self, *_):
        config.settings.reading_validation_mode, config.settings.writing_validation_mode = self.before


def marked_series():
    """Three slices as a ZIP whose names and comments carry marks, too."""
    return as_zip([(f"{MARK}DIR/{MARK}NAME{i}.dcm", marked_ct(i)) for i in range(3)])


def as_zip(files):
    """Files as the bytes of a ZIP, with comments on it and on each."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.comment = (MARK + "COMMENT").encode()
        for name, data in files:
            entry = zipfile.ZipInfo(name)
            entry.comment = (MARK + "MEMBER").encode()
            archive.writestr(entry, data)
    return stream.getvalue()


def marked_picture(kind):
    """A nodule crop whose metadata carry marks: PNG text and EXIF, JPEG comment, TIFF tags, WebP XMP."""
    image, exif, options = Image.fromarray(draw_phantom("spiculated")), Image.Exif(), {}
    for tag in (0x010E, 0x013B, 0x013C, 0x8298):  # description, artist, host computer, copyright
        exif[tag] = f"{MARK}EXIF{tag}"
    if kind == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_text("Patient", MARK + "TEXT")
        options["pnginfo"].add_itxt("Comment", MARK + "ITXT")
        options["pnginfo"].add_text("Zipped", MARK + "ZTXT", zip=True)
    if kind == "TIFF":
        options["tiffinfo"] = {270: MARK + "DESCRIPTION", 315: MARK + "ARTIST", 65000: MARK + "OWN"}
    if kind == "JPEG":
        options["comment"] = MARK + "COMMENT"
    if kind == "WEBP":
        options |= {"xmp": f"<x>{MARK}</x>".encode(), "lossless": True}
    stream = io.BytesIO()
    image.save(stream, kind, **(options if kind == "TIFF" else options | {"exif": exif}))
    return stream.getvalue()


def with_broken_metadata():
    """A TIFF whose metadata point beyond its end, which readers remark on."""
    data = bytearray(marked_picture("TIFF"))
    start = struct.unpack_from("<I", data, 4)[0]
    for i in range(struct.unpack_from("<H", data, start)[0]):
        tag, _, _, _ = struct.unpack_from("<HHII", data, start + 2 + 12 * i)
        if tag in (270, 315, 65000):
            struct.pack_into("<I", data, start + 2 + 12 * i + 8, len(data) + 1000)
    return bytes(data)


def odd_dicom():
    """Files with values that are not what they should be, which readers quote: by what is wrong with them."""
    text = MARK + " NOT WHAT IT SHOULD BE"
    elements = {
        "date": {"PatientBirthDate": text, "StudyDate": text},
        "number": {"PatientWeight": text},
        "name": {"PatientName": "\x00=".join([text] * 5)},
        "charset": {"SpecificCharacterSet": MARK + " CHARSET"},
        "age": {"PatientAge": text},
        "kind": {"Modality": MARK},
        "class": {"SOPClassUID": MARK},
        "study": {"StudyInstanceUID": MARK, "SOPInstanceUID": MARK},
        "region": {"BodyPartExamined": MARK * 20},
        "scale": {"RescaleType": MARK},
        "spacing": {"PixelSpacing": [MARK, MARK]},
        "position": {"ImagePositionPatient": [MARK] * 3},
        "slope": {"RescaleSlope": MARK},
        "frames": {"NumberOfFrames": MARK},
        "photometric": {"PhotometricInterpretation": MARK},
    }
    files = {name: raw(marked_ct(), tags) for name, tags in elements.items()}
    whole = marked_ct()
    files["short"] = whole[: len(whole) // 2]
    files["header"] = whole[:20_000]
    files["bits"] = whole[:1000] + bytes(255 - byte for byte in whole[1000:1100]) + whole[1100:]
    files["syntax"] = whole.replace(b"1.2.840.10008.1.2.1\x00", (MARK * 5).encode(), 1)
    return files


def raw(data, tags):
    """The file with elements of any text, whatever they should hold."""
    dataset = dcmread(io.BytesIO(data))
    with unchecked():
        for keyword, value in tags.items():
            dataset.add_new(tag_for_keyword(keyword), "LO", value)
        stream = io.BytesIO()
        dcmwrite(stream, dataset)
    data = stream.getvalue()
    for keyword in tags:  # the type that the element should be of
        tag = struct.pack("<HH", *divmod(tag_for_keyword(keyword), 2**16))
        data = data.replace(tag + b"LO", tag + dictionary_VR(keyword).encode())
    return data


def bright_at(row, col):
    """Whether the made slices show the nodule there: that the planting left it."""
    dataset = dcmread(io.BytesIO(marked_ct()))
    return abs(int(dataset.pixel_array[row, col]) - 1024 - NODULE) < 20


def row_in_hu():
    """The marked row as the store would hold it: int16 HU."""
    return (np.frombuffer(PIXELS, "<u2").astype(np.int32) - 1024).astype("<i2").tobytes()
