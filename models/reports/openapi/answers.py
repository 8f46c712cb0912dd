"""The answers of each operation: what is found, and what can be wrong, by status."""

from http import HTTPStatus

from models.errors import STATUS
from models.reports.openapi.others import error_schema
from models.reports.openapi.shapes import ref

PAGES_ONLY = ("scan_gone", "not_dicom", "method_not_allowed")  # of kept scans and of public addresses
DOOR = (
    "unknown_host",
    "password_needed",
    "wrong_password",
    "not_open",
    "other_origin",
    "too_many_tries",
)
UNFORESEEN = {400: "bad_request", 500: "internal_server_error"}  # of HTTP itself, in no table of ours
HTML = {"text/html": {"schema": {"type": "string", "description": "A page with the sentence."}}}
HEADERS = {
    "X-Request-Id": {
        "description": "Names this request in the server's log.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-fA-F-]{16,36}$"},
    },
    "Retry-After": {
        "description": "Seconds after which to try again; missing where waiting would not help.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "The ways to give the password.",
        "required": True,
        "schema": {"type": "string"},
    },
}
OF_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def found(name, about, example=None):
    """The answer 200: JSON of the schema of that name."""
    content = {"schema": ref(name)} | ({"example": example} if example else {})
    return {"200": answer(200, about, {"application/json": content})}


def answer(status, about, content):
    """One answer with its headers."""
    headers = {
        name: {"$ref": f"#/components/headers/{name}"}
        for name in ("X-Request-Id", *OF_STATUS.get(status, ()))
    }
    return {"description": about, "headers": headers, "content": content}


def refusals(codes, is_page=False):
    """Answers by status to what is wrong in a request, for these codes; as pages or as JSON.

    Parameters
    ----------
    codes : iterable of str
        Of `models.errors.STATUS`.
    """
    by_status = {status: [code] for status, code in UNFORESEEN.items()}
    for code in codes:
        by_status.setdefault(STATUS[code], []).append(code)
    return {str(status): _refusal(status, sorted(by_status[status]), is_page) for status in sorted(by_status)}


def _refusal(status, codes, is_page):
    example = {"error": {"code": codes[0], "message": "What is wrong, and what to do about it."}}
    content = {"application/json": {"schema": error_schema(codes), "example": example}}
    return answer(status, HTTPStatus(status).phrase + ".", HTML if is_page else content)
