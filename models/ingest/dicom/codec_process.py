"""The child process of `models.ingest.dicom.codec`: requests on standard input, pixels on standard output.

A request and an answer are one line of JSON each, followed by as many bytes as it says.
"""

import json
import os
import sys

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import _get_jpg_parameters
from pydicom.uid import UID

from models.ingest.dicom.syntaxes import decoder_for

MAX_MEMORY = 4 * 2**30  # bytes; damaged code streams ask for anything
SINGLE = {"number_of_frames": 1, "samples_per_pixel": 1, "index": 0, "raw": True}
AS_CODED = {  # what lies above Bits Stored, and the sign, is seen to once for all decoders, by `code_stream`
    "correct_unused_bits": False,
    "apply_j2k_sign_correction": False,
    "apply_jls_sign_correction": False,
}


def main():
    """Answer on standard output until the input ends."""
    _limit_memory()
    source, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    serve(source, answers)


def serve(source, answers, before=lambda: None):
    """Answer requests until there are no more; `before` is called before each frame is decoded."""
    while line := source.readline():
        request = json.loads(line)
        data = source.read(request.pop("bytes"))
        before()
        try:
            pixels = decode(data, request)
            answer = {"dtype": pixels.dtype.str, "bytes": pixels.nbytes}
        except Exception:  # decoders raise many kinds on damaged data
            pixels, answer = np.empty(0), {}
        answers.write(json.dumps(answer).encode() + b"\n" + pixels.tobytes())
        answers.flush()


def decode(data, options):
    """Cells of one frame, (rows, columns), as coded, by pydicom's decoder of its transfer syntax."""
    size = _get_jpg_parameters(data)  # GDCM would fill in or cut off what JPEG-LS has less or more
    if size and (size["height"], size["width"]) != (options["rows"], options["columns"]):
        raise ValueError("The code stream is of another size than the header says.")
    if options["bits_stored"] < size.get("precision", 0) <= options["bits_allocated"]:
        options = {**options, "bits_stored": size["precision"]}  # else GDCM drops what lies above
    options = {**options, **SINGLE, **AS_CODED, "transfer_syntax_uid": UID(options["transfer_syntax_uid"])}
    return decoder_for(options["transfer_syntax_uid"]).as_array(encapsulate([data]), **options)[0]


def _limit_memory():
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


if __name__ == "__main__":
    main()
