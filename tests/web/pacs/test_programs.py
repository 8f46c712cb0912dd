"""Programs that have series of the PACS read: over the API, and by the example for Orthanc."""

import os
import subprocess
import sys
import time

import pytest

from app import ROOT
from models.web.openapi import contract
from tests.app.test_openapi import schema_of
from tests.conftest import served
from tests.web.pacs.conftest import MARKS, PASSWORD, STUDY, THICK, THIN, chest_series
from tests.web.pacs.orthanc import PASSWORD as ARCHIVE_PASSWORD
from tests.web.pacs.orthanc import USER, orthanc


@pytest.fixture
def program(connected):
    client = connected.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {PASSWORD}"
    return client


def test_a_program_has_a_series_read_and_its_results_stored(archive, connected, program):
    before = len(archive.instances(STUDY, "SR"))
    told = program.post("/api/v1/pacs/read", data={"study": STUDY, "series": THIN, "model": "alexnet"})
    assert told.status_code == 200
    assert told.json["finding"]["nodule"]["source"] == "suggested"
    assert [one["outcome"] for one in told.json["stored"]] == ["stored"] * 3
    assert len(archive.instances(STUDY, "SR")) == before + 1
    document = (
        connected.test_client()
        .get("/api/v1/openapi.json", headers={"Authorization": f"Bearer {PASSWORD}"})
        .json
    )
    assert document == contract(connected.config)
    schema_of(document, "/api/v1/pacs/read", "post", 200).validate(told.json)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"study": STUDY}, 400, "bad_field"),
        ({"study": STUDY, "series": THIN, "patient": "x"}, 400, "bad_field"),
        ({"study": STUDY, "series": "1.2.3.99"}, 404, "pacs_not_found"),
        ({"study": STUDY, "series": THIN, "model": "lenet"}, 400, "unknown_model"),
    ],
)
def test_a_program_is_told_what_is_wrong(connected, program, fields, status, code):
    told = program.post("/api/v1/pacs/read", data=fields)
    assert (told.status_code, told.json["error"]["code"]) == (status, code)
    schema_of(contract(connected.config), "/api/v1/pacs/read", "post", status).validate(told.json)


@pytest.mark.slow
def test_the_example_routes_what_arrives_in_orthanc(make_connected, tmp_path):
    """A series that arrives is read, and its results lie in Orthanc, without a person."""
    with orthanc(tmp_path) as server, served(make_connected(**server.settings)) as address:
        settings = {
            "ORTHANC": server.address,
            "ORTHANC_AUTH": f"{USER}:{ARCHIVE_PASSWORD}",
            "NODULE": address,
            "NODULE_PASSWORD": PASSWORD,
            "ROUTE_STATE": str(tmp_path / "last"),
            "ROUTE_FEWEST_SLICES": "5",
        }
        (tmp_path / "last").write_text("0")
        server.put(chest_series())
        server.put(chest_series(4, THICK, SliceThickness="5.0"))
        script = [sys.executable, "-u", str(ROOT / ".deploy" / "orthanc_route.py")]
        route = subprocess.Popen(
            script, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            end = time.monotonic() + 120
            while len(server.instances(STUDY, "SR")) < 1 and time.monotonic() < end:
                time.sleep(0.5)
            time.sleep(8)  # what it stored is stable by now, and is not read again
        finally:
            route.kill()
        said = route.communicate()[0]
        assert "report stored, segmentation stored, picture stored" in said
        assert "not wanted" in said
        assert [mark for mark in MARKS if mark in said] == []
        assert [len(server.instances(STUDY, kind)) for kind in ("SR", "SEG", "OT")] == [1, 1, 1]
