import os
import subprocess
import sys

import pytest
from gunicorn.util import parse_address

from tests.servers import ROOT


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_gunicorn_is_told_the_host_and_port_of_the_settings(host):
    said = subprocess.run(
        [sys.executable, "-c", "from models.web import gunicorn_server; print(gunicorn_server.bind)"],
        cwd=ROOT,
        env=os.environ | {"NODULE_HOST": host, "NODULE_PORT": "5055"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert parse_address(said.strip()) == (host, 5055)
