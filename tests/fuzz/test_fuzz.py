"""Broken uploads through the HTTP interface; ``python -m tests.fuzz`` sends more of them.

What is asked of each answer: see `tests.fuzz.checks`; of the server afterwards: `tests.fuzz.__main__`.
"""

from collections import Counter

import pytest

from tests.fuzz.__main__ import State, compared, fuzz, good_answer, main
from tests.fuzz.checks import Answer, faults
from tests.fuzz.inputs import BOUNDARY, JSON, multipart
from tests.fuzz.seeds import SEVERAL, seeds


@pytest.mark.slow
def test_two_thousand_broken_uploads_are_refused_or_answered_and_leave_nothing(capsys):
    status = main(["--inputs", "2000", "--seed", "6", "--every", "80"])
    said = capsys.readouterr().out
    assert status == 0, said
    assert "200 answered" in said
    assert "422 corrupt_file" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", seeds())
def test_each_flavour_is_answered_while_it_is_whole(app, name):
    body, kind = multipart(seeds()[name], []), f"multipart/form-data; boundary={BOUNDARY}"
    answer = app.test_client().post(JSON, data=body, content_type=kind)
    if name == SEVERAL:
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "mixed_series")
        assert [series["slices"] for series in answer.json["error"]["series"]] == [5, 3]
    else:
        assert (answer.status_code, answer.json.get("error")) == (200, None)


ERROR = '{"error": {"code": "corrupt_file", "message": "It is damaged."}}'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(422, ERROR, 11.0), "It took 11.0 s."),
        (Answer(500, ERROR, 0.1), "The status is 500."),
        (Answer(0, "reset", 0.1), "There was no answer: reset"),
        (Answer(422, ERROR.replace("It is", "ValueError: it is"), 0.1), "It tells of the program"),
        (Answer(400, ERROR, 0.1), "does not go with the status 400"),
        (Answer(422, ERROR.replace("damaged.", "damaged"), 0.1), "There is no whole sentence"),
        (Answer(200, "{", 0.1), "The answer is no JSON"),
    ],
)
def test_a_wrong_answer_is_found(answer, words):
    assert words in " ".join(faults(JSON, answer))


def test_a_right_answer_is_none():
    assert faults(JSON, Answer(422, ERROR, 0.1)) == []
    assert faults(JSON, Answer(503, ERROR.replace("corrupt_file", "busy"), 0.1)) == []


class Grown:
    """A server that came to rest with more than it had."""

    files, memory, open_files = lambda self: ["upload"], lambda self: 2e9, lambda self: 30


def test_what_a_server_has_more_of_than_before_is_found():
    found = compared(State(10**9, 20, []), Grown(), patience=0)
    assert [sentence.split(" from ")[0].split(": ")[0] for sentence in found] == [
        "Memory grew",
        "Open files grew",
        "Files were left behind",
    ]


def test_a_server_that_is_gone_is_found_and_the_upload_kept(tmp_path):
    kept, outcomes = tmp_path / "body", Counter()
    with pytest.raises(AssertionError, match="There was no answer"):
        fuzz(1, 2, 0, False, kept, outcomes)  # nobody listens at port 1
    assert b"Content-Disposition" in kept.read_bytes()
    assert set(outcomes) == {"0 None"}
    with pytest.raises(RuntimeError, match="does not answer a good picture"):
        good_answer(1)
