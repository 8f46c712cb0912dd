#!/usr/bin/env python3
"""From Orthanc to the lung nodule classifier and back, without a person: an example to start from.

Watches what arrives in an Orthanc (its /changes). Each new CT series that is complete and thin enough is read
by the classifier, which fetches it from Orthanc by DICOMweb, and stores Structured Report, Segmentation and
picture of the most suspicious nodule in the study. Python's standard library is all it needs:

    ORTHANC=http://localhost:8042 ORTHANC_AUTH=user:password \\
    NODULE=http://localhost:5000 NODULE_PASSWORD=... python3 orthanc_route.py

The classifier must know the same Orthanc (NODULE_DICOMWEB=http://localhost:8042/dicom-web). What results are
worth is for a radiologist to say: they are filed as preliminary and unverified. Where it stopped, it goes
on from the number in the file ROUTE_STATE (default: orthanc_route.last); without it, it begins with what
arrives from now on.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

ORTHANC = os.environ.get("ORTHANC", "http://localhost:8042")
ORTHANC_AUTH = os.environ.get("ORTHANC_AUTH", "")
NODULE = os.environ.get("NODULE", "http://localhost:5000")
NODULE_PASSWORD = os.environ.get("NODULE_PASSWORD", "")
STATE = Path(os.environ.get("ROUTE_STATE", "orthanc_route.last"))
THICKEST_MM = float(os.environ.get("ROUTE_THICKEST_MM", 3))
FEWEST_SLICES = int(os.environ.get("ROUTE_FEWEST_SLICES", 50))
EVERY_S, READING_S, TRIES = 5, 900, 3


def ask(url: str, password: str, fields: dict[str, str] | None = None, seconds: float = 30) -> Any:
    """The JSON answer of an address; `fields` are sent as a form; `password` is user:password."""
    data = urllib.parse.urlencode(fields).encode() if fields else None
    request = urllib.request.Request(url, data)
    if password:
        request.add_header("Authorization", "Basic " + base64.b64encode(password.encode()).decode())
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return json.load(answer)


def is_wanted(series: dict[str, Any], tags: dict[str, str]) -> bool:
    """Whether a series is one to read: CT, thin, no scout, enough slices; adapt this to your protocols."""
    try:
        thickness = float(tags.get("SliceThickness") or "nan")
    except ValueError:
        return False
    is_scout = "LOCALIZER" in tags.get("ImageType", "")
    is_ct = series["MainDicomTags"].get("Modality") == "CT"
    return is_ct and not is_scout and thickness <= THICKEST_MM and len(series["Instances"]) >= FEWEST_SLICES


def route(name: str) -> str:
    """Have one series of Orthanc read; what became of it, in words without a patient's name."""
    series = ask(f"{ORTHANC}/series/{name}", ORTHANC_AUTH)
    if not series["Instances"]:
        return "empty"
    tags = ask(f"{ORTHANC}/instances/{series['Instances'][0]}/simplified-tags", ORTHANC_AUTH)
    if not is_wanted(series, tags):
        return "not wanted"
    fields = {"study": tags["StudyInstanceUID"], "series": tags["SeriesInstanceUID"]}
    try:
        read = ask(f"{NODULE}/api/v1/pacs/read", f":{NODULE_PASSWORD}", fields, READING_S)
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise  # try again later
        return f"not read: {json.load(error)['error']['code']}"
    stored = ", ".join(f"{one['kind']} {one['outcome']}" for one in read["stored"])
    return f"{read['finding']['verdict']}: {stored or 'nothing to store'}"


def routed(name: str) -> str:
    """As `route`, some times where a server is away."""
    for attempt in range(1, TRIES + 1):
        try:
            return route(name)
        except (OSError, ValueError, KeyError) as error:
            if attempt == TRIES:
                return f"given up: {type(error).__name__}"
            time.sleep(EVERY_S * attempt)
    return "given up"


def begin() -> int:
    """Number of the last change that is done with."""
    if STATE.exists():
        return int(STATE.read_text())
    return int(ask(f"{ORTHANC}/changes?last", ORTHANC_AUTH)["Last"])


def work(last: int) -> int:
    """Route what has become complete since a change; the last change that is done with."""
    found = ask(f"{ORTHANC}/changes?since={last}&limit=100", ORTHANC_AUTH)
    for change in found["Changes"]:
        if change["ChangeType"] == "StableSeries":
            print(f"series {change['ID']}: {routed(change['ID'])}", flush=True)
        STATE.write_text(str(change["Seq"]))
    return max(last, int(found["Last"]))


def main() -> None:
    last = begin()
    while True:
        try:
            last = work(last)
        except OSError as error:
            print(f"Orthanc cannot be reached: {type(error).__name__}", file=sys.stderr, flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
