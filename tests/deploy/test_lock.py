"""What is installed is named down to the hash, and is what the requirements ask for."""

import re

from tests.deploy.servers import ROOT

PIN = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)


def test_the_lock_is_of_the_requirements_and_has_hashes_for_all():
    """Where this fails: .deploy/README.md has the command that makes it anew."""
    lock = (ROOT / ".deploy/requirements.lock").read_text()
    asked = PIN.findall((ROOT / "requirements.txt").read_text())
    assert set(asked) <= set(PIN.findall(lock))
    for entry in re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", lock).strip()):
        assert re.match(r"[\w.-]+==", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_container_is_made_of_the_lock():
    recipe = (ROOT / ".deploy/Containerfile").read_text()
    assert "--require-hashes -r requirements.lock" in recipe
    assert "requirements.txt" not in recipe
