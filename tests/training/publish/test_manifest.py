"""The manifest says of each file what it is, and of a folder what is wrong in it."""

import hashlib
import json

import pytest

from app import ROOT
from models.weights import WeightsError, read_file
from training.publish.manifest import main, problems


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.weights.h5").write_bytes(b"weights")
    (tmp_path / ".hidden").write_text("no part of it")
    main(["--weights", str(tmp_path)])
    return tmp_path


def test_all_files_are_listed_with_their_checksums(folder):
    assert json.loads((folder / "manifest.json").read_text()) == {
        "sha256": {
            "a.json": hashlib.sha256(b"{}").hexdigest(),
            "b.weights.h5": hashlib.sha256(b"weights").hexdigest(),
        }
    }
    assert read_file(folder, "b.weights.h5") == b"weights"
    assert main(["--weights", str(folder), "--check"]) is None


def test_what_is_not_as_listed_is_told_and_not_read(folder):
    (folder / "a.json").write_text("{ }")
    (folder / "b.weights.h5").unlink()
    (folder / "c.json").write_text("{}")
    expected = [
        "a.json is damaged: its checksum is not the one in manifest.json.",
        "b.weights.h5 is missing.",
        "c.json is not listed in manifest.json.",
    ]
    assert problems(folder) == expected
    with pytest.raises(SystemExit, match="a.json is damaged"):
        main(["--weights", str(folder), "--check"])
    with pytest.raises(WeightsError, match="c.json is not listed"):
        read_file(folder, "c.json")
    main(["--weights", str(folder)])
    assert problems(folder) == []


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"sha256": {"a.json": "0"}}', '{"sha256": []}'])
def test_a_damaged_manifest_is_none(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(WeightsError, match="^manifest.json is "):
        read_file(folder, "a.json")


def test_the_shipped_weights_are_as_their_manifest_says():
    """Where this fails: python -m training.publish.manifest"""
    assert problems(ROOT / "weights") == []
