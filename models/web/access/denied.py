"""The error of a request that is not let in."""

from models.errors import STATUS, UserError


class AccessDenied(UserError):
    """Why a request is not answered, in words for the person who sent it.

    Attributes
    ----------
    headers : dict of str to str
    page : str
        The template of the page that says so: with the form for the password, where that is what is missing.

    Parameters
    ----------
    code, message : str
        As of `UserError`.
    headers : dict of str to str, optional
        What goes with the answer, e.g. ``Retry-After``.
    """

    def __init__(self, code, message, headers=None):
        super().__init__(code, message)
        self.headers = headers or {}
        self.page = "login.html" if STATUS[code] in (401, 429) else "error.html"
