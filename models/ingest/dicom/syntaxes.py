"""Transfer syntaxes: which decoder reads one, and what to say where none does (DICOM PS3.5 section 10).

pydicom decodes RLE, python-gdcm the JPEG family, pylibjpeg-openjpeg High-Throughput JPEG 2000.
"""

from pydicom import Dataset
from pydicom.pixels.decoders.base import Decoder, DecodeRunner, JPEGExtended12BitDecoder, get_decoder
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
)

from models.errors import UserError
from models.messages import Message

try:
    import gdcm
except ImportError:  # without it, Pillow and pylibjpeg-openjpeg still read JPEG Baseline and JPEG 2000
    gdcm = None
else:
    gdcm.Trace.WarningOff()  # its messages go to the log of the server, and may quote headers
    gdcm.Trace.ErrorOff()

NEEDED = {  # start of the UID: the package that reads it
    "1.2.840.10008.1.2.4.20": "pylibjpeg-openjpeg",
    "1.2.840.10008.1.2.4": "python-gdcm",
}
DECODER_DEPENDENCIES = {JPEGExtended12Bit: ("gdcm>=3.0.10",)}  # pydicom asks a plug-in's module for it
PLUGIN = "gdcm 12 bit"


def syntax_of(dataset: Dataset) -> UID:
    """The transfer syntax of a header: its own, or the plain one that it was read with."""
    uid = dataset.file_meta.get("TransferSyntaxUID")
    if uid:
        return UID(uid)
    implicit, little = dataset.original_encoding
    if not little:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def decoder_for(syntax: UID) -> Decoder:
    """pydicom's decoder of a transfer syntax.

    Raises
    ------
    UserError
        ``missing_decoder``, with the syntax and what would read it.
    """
    try:
        decoder = get_decoder(syntax)
    except (NotImplementedError, ValueError) as error:  # ValueError: a UID that is not a transfer syntax
        message = Message(
            "The pixels are compressed as {syntax}, which this app cannot decode. Export the image "
            "uncompressed (Explicit VR Little Endian) and send it again.",
            syntax=_named(syntax),
        )
        raise UserError("missing_decoder", message) from error
    if not decoder.is_available:
        message = Message(
            "The pixels are compressed as {syntax}, which needs the package {package}, not installed here. "
            "Export the image uncompressed (Explicit VR Little Endian) and send it again.",
            syntax=_named(syntax),
            package=next(package for start, package in NEEDED.items() if syntax.startswith(start)),
        )
        raise UserError("missing_decoder", message)
    return decoder


def _named(syntax: UID) -> Message:
    """The standard's name of a transfer syntax, and its number; what may be any text is not repeated."""
    if not syntax.is_valid:
        return Message("an unknown transfer syntax")
    if syntax.name == syntax:
        return Message("an unknown transfer syntax ({uid})", uid=str(syntax))
    return Message("{name} ({uid})", name=syntax.name, uid=str(syntax))


def is_available(uid: str) -> bool:
    """Whether the plug-in of this module reads a transfer syntax (asked by pydicom)."""
    return uid == JPEGExtended12Bit and gdcm is not None


def decode_extended(src: bytes, runner: DecodeRunner) -> bytes:
    """One frame of JPEG Extended with 12 bits, which GDCM reads though pydicom's own plug-in declines it.

    Parameters
    ----------
    src
        The JPEG code stream.

    Returns
    -------
    bytes
        The pixels in 16 bits each.
    """
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(src)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((runner.columns, runner.rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(
        gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    )
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, runner.pixel_representation))
    return image.GetBuffer().encode("utf-8", "surrogateescape")  # SWIG gives bytes as str


if PLUGIN not in JPEGExtended12BitDecoder.available_plugins:
    JPEGExtended12BitDecoder.add_plugin(PLUGIN, (__name__, "decode_extended"))
