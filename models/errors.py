"""The exceptions that a user gets to read."""

from typing import Any

from models.messages import Message, as_message

NAMES = """
bad_field bad_number busy corrupt_file decoder_unavailable method_not_allowed missing_decoder mixed_series
model_unavailable no_file no_pixels nodule_not_found not_axial not_chest not_comparable not_ct not_ct_image
not_dicom not_open not_outlined other_origin pacs_denied pacs_not_found pacs_slow pacs_unavailable
password_needed roi_outside scan_gone store_full too_large too_late too_many_tries too_slow
unknown_host unknown_model unsupported_file wrong_password
"""
CODES = frozenset(NAMES.split())  # of the public contract


class UserError(Exception):
    """What is wrong with an upload or a request, in words for the person who sent it.

    Parameters
    ----------
    code
        Machine-readable code of the public contract, e.g. ``"corrupt_file"``.
    message
        One or two sentences for a clinician. Never contains patient data or file contents.

    Attributes
    ----------
    text
        The sentences, to be said in any language.
    message
        The sentences in English.
    """

    def __init__(self, code: str, message: str | Message) -> None:
        self.code = code
        self.text = as_message(message)
        self.message = str(self.text)
        super().__init__(self.message)


class SeveralSeries(UserError):
    """An upload holds several series, and nothing says which of them to read.

    Parameters
    ----------
    message
        As of UserError; the code is ``mixed_series``.
    listing
        The series, and what there is beside them: a `models.ingest.series.listing.Listing`.
    """

    def __init__(self, message: str | Message, listing: Any) -> None:
        super().__init__("mixed_series", message)
        self.listing = listing


class ContentDoubted(UserError):
    """What an upload shows does not look like a CT of the chest; who sees it may know better.

    Parameters
    ----------
    code, message
        As of UserError.
    scan
        What was read all the same, with a warning that stays on it.
    """

    def __init__(self, code: str, message: str | Message, scan: Any) -> None:
        super().__init__(code, message)
        self.scan = scan
