"""A real PACS for tests: Orthanc with its DICOMweb plugin, on loopback, with a folder of its own."""

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.app.made_series import as_zip

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PROGRAM = shutil.which("Orthanc")
IS_INSTALLED = PROGRAM is not None and PLUGIN.exists()
USER, PASSWORD = "reader", "orthanc's password"
START_S = 60


@dataclass
class Orthanc:
    """A running Orthanc: its port and its process."""

    port: int
    process: subprocess.Popen

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def dicomweb(self):
        return f"{self.address}/dicom-web"

    @property
    def settings(self):
        """The settings by which the application reaches it."""
        return {"DICOMWEB": self.dicomweb, "DICOMWEB_USER": USER, "DICOMWEB_PASSWORD": PASSWORD}

    def ask(self, method, path, **options):
        with requests.Session() as session:
            session.trust_env, session.auth = False, (USER, PASSWORD)
            answer = session.request(method, self.address + path, timeout=60, **options)
        answer.raise_for_status()
        return answer

    def put(self, files):
        """Store (name, bytes), all at once."""
        self.ask("POST", "/instances", data=as_zip(files))

    def empty(self):
        for patient in self.ask("GET", "/patients").json():
            self.ask("DELETE", f"/patients/{patient}")

    def instances(self, study, modality):
        """The files of a modality in a study, as bytes."""
        query = {"StudyInstanceUID": study, "Modality": modality}
        body = {"Level": "Series", "Query": query, "Expand": True}
        found = self.ask("POST", "/tools/find", json=body).json()
        return [
            self.ask("GET", f"/instances/{name}/file").content
            for series in found
            for name in series["Instances"]
        ]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def orthanc(folder, **configuration):
    """Run an Orthanc in a folder until the end of a block; without one, the test is skipped."""
    if not IS_INSTALLED and not os.environ.get("CI"):
        pytest.skip("orthanc and orthanc-dicomweb are not installed")
    port = free_port()
    settings = {
        "Name": "tests",
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [str(PLUGIN)],
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "StableAge": 1,
        **configuration,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([PROGRAM, str(path)], stdout=log, stderr=log)
    server = Orthanc(port, process)
    try:
        wait_for(server)
        yield server
    finally:
        process.kill()
        process.wait()


def wait_for(server):
    end = time.monotonic() + START_S
    while True:
        try:
            server.ask("GET", "/system")
            return
        except requests.ConnectionError:
            if time.monotonic() > end or server.process.poll() is not None:
                raise
            time.sleep(0.1)
