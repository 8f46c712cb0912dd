"""Compressed frames to pixels, where a damaged one ends no more than it must.

The libraries that decode JPEG, JPEG-LS and JPEG 2000 are C and C++ code: some damaged files end the process
(about one in a hundred files with random bytes changed, in GDCM 3.2.6), others keep it busy for minutes.
Where an upload has a process of its own (`models.ingest.sandbox`), frames are decoded in it, and the upload
ends; elsewhere a child process decodes them, ``python -m models.ingest.dicom.codec``. It reads requests on
standard input and writes pixels to standard output: one line of JSON each, then as many bytes as it says.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import _get_jpg_parameters
from pydicom.uid import UID

from models.ingest.dicom.syntaxes import decoder_for

FRAME_SECONDS = 30  # a whole slice takes 0.01 to 0.05 s, starting the child one second
ROOT = Path(__file__).resolve().parents[3]
MAX_MEMORY = 4 * 2**30  # bytes; damaged code streams ask for anything
SINGLE = {"number_of_frames": 1, "samples_per_pixel": 1, "index": 0, "raw": True}
AS_CODED = {  # what lies above Bits Stored, and the sign, is seen to once for all decoders, by `code_stream`
    "correct_unused_bits": False,
    "apply_j2k_sign_correction": False,
    "apply_jls_sign_correction": False,
}
Options = dict[str, Any]  # pydicom's decoding options, all of which are JSON values


def decode_frame(data: bytes, options: Options) -> np.ndarray:
    """Decode one frame, in this process if it is one that may end, else in a child.

    Parameters
    ----------
    data
        The frame's code stream.
    options
        Of a single frame; `transfer_syntax_uid`, `rows` and `columns` among them.

    Returns
    -------
    ndarray of shape (rows, columns)
        Cells as coded; see `models.ingest.dicom.code_stream.stored_values`.

    Raises
    ------
    ValueError
        The frame cannot be decoded, or not in time.
    """
    if not _may_end:
        return _codec.decode(data, options)
    try:
        return _decode(data, options)
    except Exception as error:  # decoders raise many kinds on damaged data
        raise ValueError("The frame cannot be decoded.") from error


def decode_here() -> None:
    """From now on decode frames in this process, which may end with a damaged one."""
    global _may_end
    _may_end = True


class Codec:
    """A child process that decodes one frame after the other, started with the first one.

    Parameters
    ----------
    seconds
        For one frame.
    """

    def __init__(self, seconds: float = FRAME_SECONDS) -> None:
        self._seconds, self._lock = seconds, threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0  # the process that started it, from which this one may be forked

    def decode(self, data: bytes, options: Options) -> np.ndarray:
        """See `decode_frame`."""
        with self._lock:
            again = self._running() is not None  # an earlier frame may have left this child unwell
            while True:
                try:
                    dtype, pixels = self._ask(data, options)
                    break
                except (OSError, EOFError):
                    if not again:
                        raise ValueError("The frame ended its decoder.") from None
                    again = False
        return np.frombuffer(pixels, dtype).reshape(options["rows"], options["columns"])

    def close(self) -> None:
        """End the child process."""
        if self._child and self._owner == os.getpid():
            self._child.kill()
            self._child.communicate()
        self._child = None

    def _running(self) -> subprocess.Popen[bytes] | None:
        is_mine = self._child is not None and self._owner == os.getpid() and self._child.poll() is None
        return self._child if is_mine else None

    def _start(self) -> subprocess.Popen[bytes]:
        self.close()
        self._owner = os.getpid()
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "models.ingest.dicom.codec"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where the libraries write what displeases them
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return self._child

    def _ask(self, data: bytes, options: Options) -> tuple[str, bytes]:
        """Type and bytes of a frame's pixels; OSError or EOFError, and no child any more, where it ends."""
        child = self._running() or self._start()
        timer = threading.Timer(self._seconds, child.kill)
        timer.start()
        try:
            if child.stdin is None or child.stdout is None:
                raise EOFError
            return _exchange(child.stdin, child.stdout, data, options)
        except (OSError, EOFError):
            self.close()
            raise
        finally:
            timer.cancel()


def _exchange(requests: IO[bytes], answers: IO[bytes], data: bytes, options: Options) -> tuple[str, bytes]:
    """Send a frame; type and bytes of the pixels that come back."""
    requests.write(json.dumps({**options, "bytes": len(data)}).encode() + b"\n" + data)
    requests.flush()
    line = answers.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    answer = json.loads(line)
    if "dtype" not in answer:
        raise ValueError("The frame cannot be decoded.")
    pixels = answers.read(answer["bytes"])
    if len(pixels) < answer["bytes"]:
        raise EOFError
    return answer["dtype"], pixels


def _decode(data: bytes, options: Options) -> np.ndarray:
    """Cells of one frame, as coded, by pydicom's decoder of its transfer syntax."""
    size = _get_jpg_parameters(data)  # GDCM would fill in or cut off what JPEG-LS has less or more
    if size and (size["height"], size["width"]) != (options["rows"], options["columns"]):
        raise ValueError("The code stream differs in size from what the header says.")
    if options["bits_stored"] < size.get("precision", 0) <= options["bits_allocated"]:
        options = {**options, "bits_stored": size["precision"]}  # else GDCM drops what lies above
    options = {**options, **SINGLE, **AS_CODED, "transfer_syntax_uid": UID(options["transfer_syntax_uid"])}
    return decoder_for(options["transfer_syntax_uid"]).as_array(encapsulate([data]), **options)[0]


def main() -> None:
    """In the child: answer on standard output until the input ends."""
    _limit_memory()
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    while line := requests.readline():
        options = json.loads(line)
        data = requests.read(options.pop("bytes"))
        try:
            pixels = _decode(data, options)
            answer = {"dtype": pixels.dtype.str, "bytes": pixels.nbytes}
        except Exception:  # decoders raise many kinds on damaged data
            pixels, answer = np.empty(0), {}
        answers.write(json.dumps(answer).encode() + b"\n" + pixels.tobytes())
        answers.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


_may_end = False
_codec = Codec()
atexit.register(_codec.close)

if __name__ == "__main__":
    main()
