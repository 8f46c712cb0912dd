import html

from tests.app.test_models_page import EVALUATION, client_of, table


def test_finding_and_outlining_is_shown_from_the_localisers_report(client, app):
    measured = app.registry.localiser.report["measured"]
    page = html.unescape(client.get("/models").text)
    rows = table(page, "finder-table")
    assert [row[0].lower() for row in rows[1:]] == list(measured)
    assert rows[1][1] == f"{measured['all']['nodules']} ({measured['all']['patients']})"
    assert f"{measured['all']['dice']:.3f}" in rows[1]
    assert client.get("/api/v1/models").json["localiser"] == app.registry.localiser.report


def test_without_a_localiser_nothing_is_said_of_it():
    client = client_of(EVALUATION)
    assert "finder-table" not in client.get("/models").text
    assert client.get("/api/v1/models").json["localiser"] is None
