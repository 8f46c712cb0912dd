"""Tokens, the names under which things lie in the folder, and the errors of the store."""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import UserError

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
JOB = re.compile(r"[A-Za-z0-9_-]{16,64}")
NOTE = re.compile(r"(?!scan$)[a-z]{1,40}\d{0,9}")  # scan.json is the scan's own
OWNER_AT_MOST = 200  # characters
CANCEL, UPLOAD = "cancel", "upload"  # searches that are cancelled; the upload that a scan was read from
FROM_PACS = "pacs"  # that the scan came from there
PATIENT = "patient"  # what calculators were told of the patient
CALCULATED = "calculated"  # results of calculators
OF_NODULE = "answered"  # what calculators were told of a finding
FINDINGS = "findings"  # the list of them: positions and names stay, whatever is said of the slices
COMPARISON, COMPARED_WITH = "comparison", "comparedwith"  # of a scan and of the one that was added to it
# notes that do not follow from what a scan says of its slices
LASTING = (
    *(CANCEL, UPLOAD, FROM_PACS, PATIENT, CALCULATED, OF_NODULE),
    *(FINDINGS, COMPARISON, COMPARED_WITH),
)

logger = logging.getLogger(__name__)


def new_token() -> str:
    """A token nobody can guess: 256 random bits, in 43 characters that a URL can hold."""
    return secrets.token_urlsafe(32)


def scan_name(token: str, owner: str) -> str:
    """Name of a scan's folder, 64 hexadecimal digits; UserError ``scan_gone`` for what cannot be a key."""
    return _name(TOKEN, token, owner)


def job_name(job: str | None, owner: str) -> str:
    """Name of an upload's progress, 64 hexadecimal digits; UserError ``scan_gone`` likewise."""
    return _name(JOB, job, owner)


def note_name(name: str) -> str:
    """Name of a note's file; ValueError for another name: the program chooses it, never the user."""
    if not NOTE.fullmatch(name):
        expected = "a note's name is 1 to 40 of a-z, perhaps a number, and not 'scan'"
        raise ValueError(f"{expected}. Received: {name!r}")
    return f"{name}.json"


def lasts(name: str) -> bool:
    """Whether a note, of the scan or of one finding, stays where a scan says something else of its slices."""
    return name.rstrip("0123456789") in LASTING


def mark(key: bytes, text: str) -> str:
    """What stands for a text: the same for the same one, and no way back without the key."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()


def scan_gone() -> UserError:
    """The one answer to every key that opens nothing."""
    return UserError(
        "scan_gone",
        "This scan is no longer available: scans are kept only for a short time, and only for the browser "
        "that sent them. Upload it again.",
    )


def store_full() -> UserError:
    """The answer where the disk refuses."""
    return UserError(
        "store_full", "The server has no room for the scan at the moment; try again in a few minutes."
    )


@contextmanager
def translated_os_errors() -> Iterator[None]:
    """Turn the file system's errors, which name paths, into the store's."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise scan_gone() from None
    except OSError as error:
        logger.warning("The temporary store cannot be used: %s", error.strerror or type(error).__name__)
        raise store_full() from None


def _name(pattern: re.Pattern[str], key: str | None, owner: str) -> str:
    """Keyed hash (HMAC-SHA-256, RFC 2104): token and owner open the scan together, or not at all."""
    if not (isinstance(key, str) and pattern.fullmatch(key)):
        raise scan_gone()
    if not (isinstance(owner, str) and 0 < len(owner) <= OWNER_AT_MOST):
        raise scan_gone()
    return hmac.new(key.encode(), owner.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
