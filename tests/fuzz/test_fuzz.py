"""Broken uploads through the HTTP interface; ``python -m tests.fuzz`` sends more of them.

What is asked of each answer: see `tests.fuzz.checks`; of the server afterwards: `tests.fuzz.campaign`.
"""

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.campaign import Report, State, compared, good_answer, run
from tests.fuzz.checks import Answer, faults
from tests.fuzz.inputs import HTML, JSON, Input, make_input, multipart
from tests.fuzz.seeds import seeds

INPUTS, SEED, EVERY = 2000, 6, 80


def test_two_thousand_broken_uploads_are_refused_or_answered_and_leave_nothing(capsys):
    status = main(["--inputs", str(INPUTS), "--seed", str(SEED), "--every", str(EVERY)])
    said = capsys.readouterr().out
    assert status == 0, said
    assert f"{INPUTS} inputs of seed {SEED}" in said
    assert "200 answered" in said
    assert "422 corrupt_file" in said


@pytest.mark.parametrize("name", seeds())
def test_each_flavour_is_answered_while_it_is_whole(app, name):
    body, kind = multipart(seeds()[name], []), "multipart/form-data; boundary=----fuzz"
    answer = app.test_client().post(JSON, data=body, content_type=kind)
    assert (answer.status_code, answer.json.get("error")) == (200, None)


def test_an_input_is_the_same_each_time_and_another_for_each_number():
    assert make_input(3, 17) == make_input(3, 17)
    assert len({make_input(3, number).body for number in range(50)}) == 50


ASKED = Input(0, 0, JSON, b"", "", False)
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
    assert words in " ".join(faults(ASKED, answer))


def test_a_right_answer_is_none():
    assert faults(ASKED, Answer(422, ERROR, 0.1)) == []
    assert faults(ASKED, Answer(503, ERROR.replace("corrupt_file", "busy"), 0.1)) == []


class Grown:
    """A server that came to rest with more than it had."""

    files, memory, open_files = lambda self: ["upload"], lambda self: 2e9, lambda self: 30


def test_what_a_server_has_more_of_than_before_is_found():
    _, found = compared(State(10**9, 20, []), Grown(), patience=0)
    assert [sentence.partition(" grew")[0].partition(" were")[0] for sentence in found] == [
        "Memory",
        "Open files",
        "Files",
    ]


def test_a_server_that_is_gone_is_found(tmp_path):
    report = Report()
    run(1, SEED, range(2), EVERY, report, tmp_path)  # nobody listens at port 1
    assert len(report.failures) == 2
    assert all("There was no answer" in failure for failure in report.failures)
    assert len(list(tmp_path.iterdir())) == 4
    with pytest.raises(RuntimeError, match="does not answer a good picture"):
        good_answer(1)


def test_half_of_the_whole_requests_ask_for_a_page():
    whole = [make_input(SEED, EVERY * i, EVERY).url for i in range(4)]
    assert whole == [JSON, HTML, JSON, HTML]
