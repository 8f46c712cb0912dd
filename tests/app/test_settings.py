"""Settings and the command line."""

import re

import pytest

from app import ROOT
from models.web.settings import SETTINGS, read_settings
from tests.conftest import post, upload


def test_settings_come_from_the_environment_by_one_table():
    assert read_settings(SETTINGS, {})["PORT"] == 5000
    assert read_settings(SETTINGS, {"NODULE_PORT": "8080"})["PORT"] == 8080
    with pytest.raises(ValueError, match="NODULE_PORT must be a whole number. Received: 'http'"):
        read_settings(SETTINGS, {"NODULE_PORT": "http"})


def test_the_page_of_the_settings_lists_exactly_these():
    page = (ROOT / ".github" / "SETTINGS.md").read_text()
    rows = re.findall(r"^\| `NODULE_(\w+)` \| `(.*?)` \| (.*?) \|$", page, re.M)
    assert rows == [(s.name, str(s.default), s.help) for s in SETTINGS]


def test_the_command_line_gives_the_same_answer(app, client, crop_png, tmp_path):
    path = tmp_path / "crop.png"
    path.write_bytes(crop_png)
    runner = app.test_cli_runner()
    told = post(client, upload(crop_png), model="vgg19").json
    result = runner.invoke(args=["predict", str(path), "--model", "vgg19", "--json"])
    assert result.exit_code == 0
    assert re.sub(r"\s", "", result.output).endswith("}")
    assert f'"probability": {told["probability"]}' in result.output
    plain = runner.invoke(args=["predict", str(path), "--model", "vgg19"])
    assert f"VGG19: {told['verdict']}-looking, probability {told['probability']:.2f}" in plain.output


def test_the_command_line_says_what_is_wrong(app, tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear colleague")
    result = app.test_cli_runner().invoke(args=["predict", str(path)])
    assert result.exit_code == 1
    assert "(unsupported_file)" in result.output
