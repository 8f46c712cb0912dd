"""What an answer to a broken upload must be like."""

import html
import json
import math
import re
from dataclasses import dataclass

from models.web.errors import STATUS
from tests.fuzz.inputs import JSON

SECONDS = 10.0
TRACES = re.compile(
    r"Traceback|\b\w*(?:Error|Exception|Warning)\b\s*[:(]|File \"|line \d+, in|Errno"
    r"|site-packages|object at 0x|/tmp/"
)
ERROR_BOX = re.compile(r'id="error" data-code="(\w*)">\s*<p><strong>[^<]*</strong> ([^<]*)</p>')
KNOWN = STATUS | {"bad_request": 400}  # of a body that is no form; all else is the contract's
ERROR_PAGE = re.compile(r'<p id="message">([^<]*)</p>')


@dataclass(frozen=True)
class Answer:
    """Status, text and the seconds that it took; status 0 where the connection ended without an answer."""

    status: int
    text: str
    seconds: float


def faults(url, answer):
    """What is wrong with an answer: sentences, none for a good one."""
    return [*_faults(url, answer)]


def _faults(url, answer):
    if answer.seconds > SECONDS:
        yield f"It took {answer.seconds:.1f} s."
    if answer.status >= 500 and answer.status != 503:
        yield f"The status is {answer.status}."
    if answer.status == 0:
        yield f"There was no answer: {answer.text}"
    if found := TRACES.search(answer.text):
        yield f"It tells of the program: {found[0]!r}."
    elif answer.status == 200:
        yield from _faults_of_finding(answer.text) if url == JSON else _faults_of_page(answer.text)
    elif answer.status:
        yield from _faults_of_error(url, answer)


def _faults_of_finding(text):
    try:
        finding = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        yield f"The answer is no JSON: {error}"
        return
    keys = [model["key"] for model in finding["models"]]
    if keys != ["vgg16", "vgg19", "resnet", "alexnet", "efficientnet"]:
        yield f"The answer has the models {keys}."
    for model in [finding, *finding["models"]]:
        if model["verdict"] == "no_nodule" and model["probability"] is None:
            continue
        if not (math.isfinite(model["probability"]) and 0 <= model["probability"] <= 1):
            yield f"A probability is {model['probability']}."
        if model["verdict"] not in ("benign", "malignant", "indeterminate", "no_nodule"):
            yield f"A verdict is {model['verdict']}."


def _no_number(word):
    raise ValueError(f"{word} stands for a number")


def _faults_of_page(text):
    if "</html>" not in text or ERROR_BOX.search(text.partition("<template")[0]):
        yield "A page of status 200 is cut short or shows an error."


def _faults_of_error(url, answer):
    code, message = error_of(url, answer)
    if KNOWN.get(code) != answer.status:
        yield f"The code {code!r} does not go with the status {answer.status}."
    if not message.endswith((".", "!")):
        yield f"There is no whole sentence: {message!r}"


def error_of(url, answer):
    """Code and sentence of an error; None and an empty one where there are none."""
    try:
        if url == JSON:
            error = json.loads(answer.text)["error"]
            more = {"series"} if error["code"] == "mixed_series" else set()
            return (
                (error["code"], error["message"]) if set(error) == {"code", "message"} | more else (None, "")
            )
    except (ValueError, KeyError, TypeError):
        return None, ""
    if page := ERROR_PAGE.search(answer.text):
        return "bad_request", html.unescape(page[1])
    box = ERROR_BOX.search(answer.text.partition("<template")[0])
    return (box[1], html.unescape(box[2])) if box else (None, "")
