"""The one exception a user gets to read."""


class ScanError(Exception):
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
