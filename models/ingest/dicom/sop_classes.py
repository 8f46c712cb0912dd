"""What kind of DICOM object a header describes, and whether it is an axial CT image."""

import re
from typing import NamedTuple

from pydicom import Dataset
from pydicom.uid import UID, MediaStorageDirectoryStorage

from models.errors import UserError
from models.imaging.geometry import is_axial
from models.ingest.dicom.file_header import HEADER
from models.ingest.dicom.frames import frame_value, frames_of
from models.ingest.limits import refusing_damage
from models.messages import Message

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
}
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
XRAY, SEGMENTATION, REPORT = Message("X-ray picture"), Message("segmentation"), Message("structured report")
PLAN, STATE = Message("radiotherapy plan"), Message("presentation state")
STRUCTURES = Message("radiotherapy structure set")
MODALITIES = {  # value of Modality (0008,0060): in words
    "CR": XRAY,
    "DX": XRAY,
    "DOC": Message("document"),
    "KO": Message("list of key images"),
    "MG": Message("mammogram"),
    "MR": Message("magnetic resonance (MR) image"),
    "NM": Message("nuclear medicine image"),
    "OT": Message("converted picture"),
    "PR": STATE,
    "PT": Message("positron emission (PET) image"),
    "REG": Message("registration"),
    "RTDOSE": Message("radiotherapy dose"),
    "RTIMAGE": Message("radiotherapy image"),
    "RTPLAN": PLAN,
    "RTSTRUCT": STRUCTURES,
    "SC": Message("secondary capture"),
    "SEG": SEGMENTATION,
    "SR": REPORT,
    "US": Message("ultrasound image"),
    "XA": Message("angiogram"),
}
HIDDEN = {  # sequence that no CT image has: the object that has it
    "SegmentSequence": SEGMENTATION,
    "StructureSetROISequence": STRUCTURES,
    "GraphicAnnotationSequence": STATE,
    "DoseReferenceSequence": PLAN,
}
DICOMDIR = Message("DICOMDIR")
NO_SLICES = re.compile("SCREENSAVE|^DOSE|PROT$|REPORT$|^VRT$|^SSD$|VOLUMERENDER")  # in Image Type
SLICE_KEYWORDS = (
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
PROJECTION = re.compile("MIP|MINIP|MAXIP|MAXIMUM|MINIMUM|MEAN|AVERAGE|AVG|.*PROJECTION.*")  # in Image Type
MAP = re.compile(  # in Image Type: computed from several images, and in units of its own
    "[NR]?R?CB[FV](MAP|CORR?)?|[NR]?MTT(MAP)?|[NR]?TTP(MAP)?|TTD|TTS|TMAX(MAP)?|KTRANS|PERMEABILITY|PENUMBRA|"
    ".*(BLOODFLOW|BLOODVOLUME|TRANSITTIME|TIMETOPEAK|PERFUSIONMAP)|PARAMETRIC(MAP)?|IODINE(MAP)?|ZEFF|RHOZ|"
    "(E|ELECTRON)DENSITY"
)
OTHER_PLANE = Message("coronal, sagittal or oblique plane")
MAP_SENTENCE = Message(
    "This DICOM file is not a CT image: its Image Type says that it is a map computed from several "
    "images, such as a perfusion map; send the slices themselves."
)
LABELS = {  # values of Body Part Examined (PS3.16 annex L) that show no lung or hardly any, letters only
    Message(
        "the head"
    ): "BRAIN|CEREBELLUM|CIRCLEOFWILLIS|CRANIUM|DENTAL|EAR|EYE|FACE|FACIAL(BONES?)?|HEAD|HEADBRAIN|"
    "HEADNECK|HEADANDNECK|IAC|INNEREAR|JAW|MANDIBLE|MASTOIDS?|MAXILLA|MAXILLOFACIAL|MOUTH|NASAL(BONES?)?|NOSE|"
    "ORBITS?|PAROTID|PITUITARY|SELLA|SINUS|SINUSES|NASALSINUS(ES)?|PARANASALSINUS(ES)?|PNS|SKULL|SKULLBASE|"
    "TEETH|TEMPORAL|TEMPORALBONES?|TMJ|ZYGOMA",
    Message("the neck"): "CAROTIDS?|LARYNX|NECK|PHARYNX|NASOPHARYNX|SOFTTISSUENECK|THYROID|TONGUE",
    Message(
        "the spine"
    ): "(CERVICAL|C|LUMBAR|L|LUMBO|LUMBOSACRAL|LS|SACRAL|THORACOLUMBAR)?SPINE|CSPINE|LSPINE|SSPINE|"
    "CERVICAL|LUMBAR|LUMBOSACRAL|SACRUM|COCCYX|VERTEBRA|SPINALCORD|SPINE(CERVICAL|LUMBAR)",
    Message(
        "an arm or a leg"
    ): "ANKLE|ARM|CALF|CALCANEUS|ELBOW|FEMUR|FIBULA|FINGER|FOREARM|FOOT|FEET|HANDS?|HUMERUS|"
    "KNEES?|LEGS?|LEGRUNOFF|RUNOFF|PATELLA|RADIUS|THIGH|THUMB|TIBIA|TOE|ULNA|WRIST|EXTREMITIES|"
    "(UPPER|LOWER)?EXTREMITY|(UPPER|LOWER)(ARM|LEG|LIMB)",
    Message(
        "a part of the abdomen"
    ): "APPENDIX|BLADDER|BOWEL|COLON|GALLBLADDER|ILEUM|INTESTINE|JEJUNUM|KIDNEYS?|KUB|"
    "PANCREAS|PROSTATE|RECTUM|RENAL|SMALLBOWEL|TESTIS|URETER|URINARYTRACT|UROGRAM|UTERUS",
    Message("the pelvis"): "GROIN|HIPS?|ILIUM|PELVIS|SIJOINTS?|SACROILIACJOINTS?",
}
REGIONS = {region: re.compile(names) for region, names in LABELS.items()}


class Objection(NamedTuple):
    """Why an object is not an axial CT slice: a noun ("localizer", "dose report", …), and the refusal."""

    noun: Message
    refusal: UserError


@refusing_damage(HEADER)
def objection_to(dataset: Dataset) -> Objection | None:
    """The first thing in a header that speaks against an axial CT slice; None where it may be one.

    Its refusal is ``not_ct``, ``no_pixels`` or ``not_axial``.

    Raises
    ------
    UserError
        ``corrupt_file``, where the header is damaged.
    """
    checks = (_other_object, _no_image, _other_plane)
    return next((objection for check in checks if (objection := check(dataset))), None)


def _other_object(dataset: Dataset) -> Objection | None:
    modality = str(dataset.get("Modality") or "").strip().upper()
    if modality and modality != "CT":
        noun = MODALITIES.get(modality) or Message("object of another modality")
    elif _sop_class(dataset) == MediaStorageDirectoryStorage:
        noun = DICOMDIR
    elif any(keyword in dataset for keyword in HIDDEN):
        noun = next(noun for keyword, noun in HIDDEN.items() if keyword in dataset)
    elif not ct_class(dataset):
        return _other_class(dataset)
    elif "ContentSequence" in dataset and not _has_pixels(dataset):
        noun = REPORT
    elif dataset.get("BitsAllocated") == 1:
        noun = SEGMENTATION
    elif _is_page(dataset):
        noun = Message("dose report, screen save or rendering")
    elif _is_map(dataset):
        return Objection(Message("derived map"), UserError("not_ct", MAP_SENTENCE))
    elif _is_colour(dataset):
        sentence = Message("The DICOM file is in colour; a CT image is greyscale.")
        return Objection(Message("colour picture"), UserError("not_ct", sentence))
    else:
        return None
    return Objection(noun, UserError("not_ct", _no_ct(noun)))


def _other_class(dataset: Dataset) -> Objection:
    uid = UID(str(_sop_class(dataset) or ""))
    if not uid or uid.name == uid:  # never the value itself, which may be anything
        sentence = Message("This DICOM file is not a CT image: its class is unknown.")
        return Objection(Message("object of an unknown class"), UserError("not_ct", sentence))
    if uid.name == "Secondary Capture Image Storage":
        sentence = Message(
            "The DICOM file is a secondary capture (such as a screenshot); send the original CT."
        )
        return Objection(Message("Secondary Capture Image"), UserError("not_ct", sentence))
    sentence = Message("This DICOM file is not a CT image: its class is {name}.", name=uid.name)
    return Objection(Message(uid.name.removesuffix(" Storage")), UserError("not_ct", sentence))


def _no_image(dataset: Dataset) -> Objection | None:
    if not _has_pixels(dataset):
        if "Rows" not in dataset:
            raise UserError("corrupt_file", "The DICOM file is damaged or incomplete: it has no image.")
        sentence = Message("The DICOM file has no pixel data, or ends before them.")
        return Objection(Message("header without pixel data"), UserError("no_pixels", sentence))
    if not all(0 < int(dataset.get(keyword) or 0) < 2**16 for keyword in ("Rows", "Columns")):
        raise UserError("corrupt_file", "The DICOM file is damaged: it does not say how large the image is.")
    if dataset.get("BitsAllocated") not in (8, 16, 32, 64):
        raise UserError(
            "corrupt_file", "The DICOM file is damaged: its number of bits per pixel is impossible."
        )
    return None


def _other_plane(dataset: Dataset) -> Objection | None:
    if any("LOCALIZER" in word or "SCOUT" in word for word in _image_type(dataset)):
        sentence = Message("The image is a localizer (scout view), not an axial slice.")
        return Objection(Message("localizer"), UserError("not_axial", sentence))
    orientations = [frame.orientation for frame in frames_of(dataset)]
    if any(orientation is None or is_axial(orientation) for orientation in orientations):
        return None
    sentence = Message("The image is a coronal, sagittal or oblique plane; send an axial slice.")
    return Objection(OTHER_PLANE, UserError("not_axial", sentence))


def form_of(dataset: Dataset) -> str:
    """How an image came to be, by its Image Type: ``original``, ``derived``, ``projection`` (MIP, mean)."""
    words = _image_type(dataset)
    if any(PROJECTION.fullmatch(word) for word in words):
        return "projection"
    return "derived" if "DERIVED" in words or "REFORMATTED" in words else "original"


def labelled_region(dataset: Dataset) -> Message | None:
    """Which part of the body the header names, where that is none with lung; else None.

    Scanners write what the protocol was made for, and chests are labelled HEAD or EXTREMITY: what the pixels
    show decides, and this is worth a warning.

    Returns
    -------
    Message or None
        One of `REGIONS`.
    """
    label = re.sub("[^A-Z]", "", str(dataset.get("BodyPartExamined") or "").upper())
    return next((region for region, names in REGIONS.items() if names.fullmatch(label)), None)


def ct_class(dataset: Dataset) -> str | None:
    """The SOP class of a CT image, by the data set or else by the file meta information; None for others.

    Programs that anonymise or convert lose or change the one in the data set; a file of which neither says
    anything is believed its modality.
    """
    uids = [str(uid or "").strip(" \0") for uid in _sop_classes(dataset)]
    found = next((uid for uid in uids if uid in CT_CLASSES), None)
    modality = str(dataset.get("Modality") or "").strip().upper()
    return found or ("1.2.840.10008.5.1.4.1.1.2" if modality == "CT" and not any(uids) else None)


def _sop_class(dataset: Dataset) -> str | None:
    return next(filter(None, _sop_classes(dataset)), None)


def _sop_classes(dataset: Dataset) -> tuple[str | None, str | None]:
    meta = getattr(dataset, "file_meta", None) or {}
    return dataset.get("SOPClassUID"), meta.get("MediaStorageSOPClassUID")


def _has_pixels(dataset: Dataset) -> bool:
    return any(keyword in dataset for keyword in PIXELS)


@refusing_damage(HEADER)
def is_text_likely(dataset: Dataset) -> bool:
    """Whether text may be burned into the pixels, a name perhaps, as far as the header says so.

    By Burned In Annotation (PS3.3 C.7.6.1.1); where it is silent, an image that was converted (Conversion
    Type, C.8.6.1) or whose type says that it was taken off a screen.
    """
    said = str(dataset.get("BurnedInAnnotation") or "").strip().upper()
    if said in ("YES", "NO"):
        return said == "YES"
    return bool(dataset.get("ConversionType")) or any("SCREEN" in word for word in _image_type(dataset))


def _is_colour(dataset: Dataset) -> bool:
    photometric = str(dataset.get("PhotometricInterpretation") or "").upper()
    return int(dataset.get("SamplesPerPixel") or 1) != 1 or photometric.startswith(("RGB", "YBR", "PALETTE"))


def _is_page(dataset: Dataset) -> bool:
    """Whether the image is text or a rendering: its type says so, or it has nothing of a slice."""
    words = _image_type(dataset)
    bare = not any(keyword in dataset for keyword in SLICE_KEYWORDS)
    return any(NO_SLICES.search(word) for word in words) or ("SECONDARY" in words and bare)


def _is_map(dataset: Dataset) -> bool:
    """Whether the image was computed from several and shows no attenuation: perfusion, iodine, ..."""
    words = _image_type(dataset)
    of_perfusion = "DERIVED" in words and any("PERFUSION" in word for word in words)
    return of_perfusion or any(MAP.fullmatch(word) for word in words)


def _image_type(dataset: Dataset) -> list[str]:
    """The values of Image Type and of the first frame's Frame Type, as letters only."""
    words = []
    for value in (dataset.get("ImageType"), frame_value(dataset, 0, "CTImageFrameTypeSequence", "FrameType")):
        words += [value] if isinstance(value, str) else list(value or ())
    return [re.sub("[^A-Z0-9]", "", str(word).upper()) for word in words]


def _no_ct(noun: Message) -> Message:
    if noun.text[0] in "aeiouX":
        return Message("This DICOM file is not a CT image: it is an {noun}.", noun=noun)
    return Message("This DICOM file is not a CT image: it is a {noun}.", noun=noun)
