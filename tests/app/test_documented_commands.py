"""The commands for programs in .github/API.md, run as they stand there against a server."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from app import ROOT
from models import __version__
from models.inference.pipeline import MODEL_KEYS
from tests.conftest import make_app, served

PASSWORD = "correct horse, and $quotes"
OPEN, LOCKED = re.findall(r"```bash\n(.*?)```", (ROOT / ".github" / "API.md").read_text(), re.S)

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the commands run: a stand-in for a clone, with the environment that the README makes."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "models").symlink_to(ROOT / "models")
    return folder


def run(command, folder, address):
    """What a command prints; with the status of the answer, where it is curl's."""
    if command.startswith("curl "):
        command = command.replace("curl ", "curl -sS -w '\n%{http_code}' ", 1)
    assert command.startswith((".venv/", "curl"))
    done = subprocess.run(
        ["bash", "-euc", command.replace("http://localhost:5000", address)],
        cwd=folder,
        env=os.environ | {"NODULE_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.rpartition("\n")[::2]


@pytest.fixture(scope="module")
def picture(folder, server):
    draw = OPEN.splitlines()[0]
    assert run(draw, folder, server) == ("", "")
    assert (folder / "nodule.png").read_bytes()[1:4] == b"PNG"


def answers_to(block, folder, address):
    """Answers to the curl lines of a block, as (address without the host, status, body)."""
    for line in block.splitlines():
        if line.startswith("curl "):
            yield re.search(r"localhost:5000(\S+)", line)[1], *reversed(run(line, folder, address))


def test_each_address_for_programs_has_its_command(folder, server, picture):
    answers = list(answers_to(OPEN, folder, server))
    assert [(path, status) for path, status, _ in answers] == [
        ("/api/v1/predict", "200"),
        ("/api/v1/predict", "200"),
        ("/api/v1/models", "200"),
        ("/api/v1/openapi.json", "200"),
        ("/healthz", "200"),
        ("/metrics", "200"),
    ]
    whole, one, models, document, health = (json.loads(body) for *_, body in answers[:5])
    assert (whole["model"], whole["verdict"], whole["nodule"]["source"]) == (
        "consensus",
        "malignant",
        "centre",
    )
    assert (whole["image"]["spacing_mm"], whole["image"]["spacing_assumed"]) == (0.7, False)
    assert (one["model"], one["nodule"]["row"], one["nodule"]["col"]) == ("vgg16", 60, 64)
    assert {model["key"] for model in models["models"]} == set(MODEL_KEYS)
    assert list(document["paths"]) == list(dict.fromkeys(path for path, *_ in answers))
    assert health == {"status": "ok", "unavailable": {}}
    assert f'nodule_build_info{{version="{__version__}"' in answers[5][2]


def test_with_a_password_the_commands_carry_it(app, folder, picture, tmp_path):
    locked = make_app({"REGISTRY": app.registry, "PASSWORD": PASSWORD, "STORE": tmp_path / "store"})
    with served(locked) as address:
        told = [(path, status) for path, status, _ in answers_to(LOCKED, folder, address)]
        assert told == [("/api/v1/predict", "200"), ("/metrics", "200")]
        refused = [(path, status) for path, status, _ in answers_to(OPEN, folder, address)]
    others = ("predict", "predict", "models", "openapi.json")
    assert refused == [
        *((f"/api/v1/{name}", "401") for name in others),
        ("/healthz", "200"),
        ("/metrics", "401"),
    ]
