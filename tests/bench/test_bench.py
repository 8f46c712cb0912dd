"""The benchmark command measures what it says, and its table tells which bounds hold."""

import psutil
import pytest

from tests.bench import load_client
from tests.bench.__main__ import main
from tests.bench.load import rows_of
from tests.bench.memory import TWENTY, Visitor, mixture
from tests.bench.profile import NETWORKS, verdict_rows
from tests.bench.server import Server
from tests.bench.table import Row, as_json, as_text, from_json
from tests.bench.timing import percentile, side_by_side


@pytest.mark.parametrize(
    ("bounds", "holds"),
    [
        ({}, None),
        ({"at_most": 2.0}, True),
        ({"at_most": 1.9}, False),
        ({"at_least": 2.0}, True),
        ({"at_least": 2.1}, False),
    ],
)
def test_a_bound_holds_up_to_its_value(bounds, holds):
    assert Row("section", "name", 2.0, **bounds).holds is holds


ROWS = [
    Row("one", "quick", 1.2, "x", at_most=1.3),
    Row("one", "slow", 1234.5, "ms", at_least=2000, detail="why"),
    Row("two", "plain", 3.0),
]


def test_the_table_says_what_is_missed_and_why():
    assert as_text(ROWS).splitlines() == [
        "",
        "one",
        "  quick      1.20 x     at most 1.3    holds",
        "  slow       1234 ms    at least 2000  MISSED why",
        "",
        "two",
        "  plain      3.00 ms",
    ]


def test_a_file_gives_the_same_table_again(tmp_path, capsys):
    path = tmp_path / "bench.json"
    path.write_text(as_json(ROWS, {"cores": 2}))
    assert from_json(path.read_text()) == (ROWS, {"cores": 2})
    assert main(["--table", str(path)]) == 1
    assert capsys.readouterr().out == f"{as_text(ROWS)}\n\ncores 2\n1 of 2 bounds missed\n"


def test_an_unknown_section_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--only", "http,nothing"])
    assert "no such section: nothing" in capsys.readouterr().err


def test_sides_take_turns_and_may_time_themselves():
    calls = []
    sides = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b") or 0.25}
    seconds = side_by_side(sides, repeats=3, warm=1)
    assert calls == ["b", "a", "a", "b", "b", "a", "a", "b"]
    assert seconds["b"] == [0.25] * 3
    assert len(seconds["a"]) == 3
    assert max(seconds["a"]) < 0.2


@pytest.mark.parametrize(("percent", "expected"), [(50, 50.0), (95, 95.0), (99, 99.0)])
def test_percentiles(percent, expected):
    assert percentile([float(i) for i in range(101)], percent) == pytest.approx(expected)


def test_load_counts_verdicts_refusals_and_errors():
    crowd = [(0.0, 200, 0.5, None)] * 4 + [(0.1, 503, 0.004, "5")] * 3
    crowd += [(0.2, 503, 0.004, None), (0.3, 0, 0.1, None), (1.9, 200, 0.2, None)]
    rows = rows_of({1: [(0.0, 200, 0.5, None)] * 5, 16: crowd}, seconds=2.0)
    found = {(row.section, row.name): row for row in rows}
    many = "load: 16 clients for 2 s"
    assert found["load: 1 client for 2 s", "verdicts a second"].value == 2.5
    assert found[many, "verdicts a second"].value == 2.0  # the last one came after the time
    assert found[many, "verdicts a second"].detail == "0: 1, 200: 5, 503: 4"
    assert (found[many, "errors but 503"].value, found[many, "errors but 503"].holds) == (1, False)
    assert found[many, "p50 of a refusal"].value == pytest.approx(4)
    assert found[many, "refusals with Retry-After"].value == 0.75
    assert found["load: all", "throughput at 16 / the best"].value == pytest.approx(0.8)


def test_a_crowd_is_answered_or_refused_with_a_time_to_wait(server):
    seen = load_client.ask_for(int(server.rpartition(":")[2]), 2, 0.5)
    assert len(seen) >= 2
    assert {status for _, status, *_ in seen} <= {200, 503}
    assert all((wait is not None) == (status == 503) for _, status, _, wait in seen)


def test_the_mixture_holds_each_kind_in_its_share():
    kinds = mixture(200)
    assert {kind: kinds.count(kind) for kind in TWENTY} == {kind: 10 * n for kind, n in TWENTY.items()}
    assert kinds == mixture(200)


def test_every_kind_of_request_gets_the_expected_answer(server):
    visitor = Visitor(int(server.rpartition(":")[2]))
    for kind in TWENTY:
        for _ in range(5 if kind == "bad file" else 1):
            visitor.ask(kind)
    visitor.close()


def test_an_unexpected_answer_ends_the_measurement(server):
    visitor = Visitor(int(server.rpartition(":")[2]))
    visitor._crop = (b"", "multipart/form-data; boundary=x")
    with pytest.raises(RuntimeError, match="400"):
        visitor.ask("JSON of a crop")


def test_memory_is_that_of_the_process():
    resident, proportional = Server(0, 0.0, psutil.Process()).memory_mb()
    own = psutil.Process().memory_info().rss / 1e6
    assert resident >= 0.9 * own
    assert 0 < proportional <= resident


def test_the_steps_of_a_verdict_add_up_to_the_whole(app):
    with app.test_request_context("/"):
        rows = verdict_rows(app, repeats=1, warm=0)
    whole = rows.pop()
    assert whole.name == "whole"
    assert sum(row.value for row in rows) == pytest.approx(whole.value)
    assert {row.name: row.value for row in rows}[NETWORKS] > 0
