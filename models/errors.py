"""The exceptions that a user gets to read, and the HTTP status of each of its codes."""

STATUS = {
    code: status
    for status, codes in {
        400: "no_file unknown_model bad_number bad_field roi_outside mixed_series unknown_host",
        401: "password_needed wrong_password",
        403: "not_open other_origin",
        404: "scan_gone",
        405: "method_not_allowed",
        408: "too_slow",
        409: "not_dicom",
        413: "too_large",
        415: "unsupported_file missing_decoder",
        422: "corrupt_file no_pixels not_ct not_axial not_chest not_ct_image nodule_not_found",
        429: "too_many_tries",
        503: "busy model_unavailable decoder_unavailable store_full",
    }.items()
    for code in codes.split()
}


class UserError(Exception):
    """What is wrong with an upload or a request, in words for the person who sent it.

    Parameters
    ----------
    code : str
        Machine-readable code of the public contract, e.g. ``"corrupt_file"``.
    message : str
        One or two sentences for a clinician. Never contains patient data or file contents.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


class ContentDoubted(UserError):
    """What an upload shows does not look like a CT of the chest; who sees it may know better.

    Parameters
    ----------
    code, message : str
        As of UserError.
    scan : Scan
        What was read all the same, with a warning that stays on it.
    """

    def __init__(self, code: str, message: str, scan):
        super().__init__(code, message)
        self.scan = scan
