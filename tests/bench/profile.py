"""Where the time of one verdict goes: its steps, called one by one in one process, by turns.

What a request takes beyond its steps (form, cookie, headers, template) is "the rest".
"""

import json
import tempfile
from functools import partial

from tests.bench.inputs import crop_png
from tests.bench.table import Row
from tests.bench.timing import medians_ms

DECODING = "decoding and content check, in a process of its own"
NETWORKS = "five networks and the localiser, side by side"


def profile(repeats):
    """Rows: milliseconds of each step of the JSON answer, and of the page."""
    from app import create_app

    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"STORE": f"{folder}/store"})
        with app.test_request_context("/"):
            return [*verdict_rows(app, repeats), *_page(app, repeats)]


def verdict_rows(app, repeats, warm=3):
    """Rows of the JSON answer; within a context of a request to the application."""
    steps = _verdict_steps(app)
    times = medians_ms({"whole": _request(app, "/api/v1/predict"), **steps}, repeats, warm)
    return _shares("profile: JSON of a crop", times)


def _page(app, repeats):
    from models.inference.pipeline import finding_of, read_nodule

    scan, roi = _scan()
    reading = read_nodule(scan, roi, app.registry, explain=True)
    finding = finding_of(reading, "consensus", app.registry)
    steps = {
        DECODING: partial(app.decoder.read, [("crop.png", crop_png())]),
        "reading with saliency maps": partial(read_nodule, scan, roi, app.registry, explain=True),
        "store: scan and note": partial(_keep, app.store, scan, reading),
        "page: pictures and figures": partial(_context, app.registry, finding),
    }
    times = medians_ms({"whole": _request(app, "/predict"), **steps}, repeats)
    return _shares("profile: page of a crop", times)


def _verdict_steps(app):
    from models.inference.measurement.outline import contour
    from models.inference.measurement.sizes import measure
    from models.inference.pipeline import finding_of, read_nodule
    from models.inference.quality_warnings import quality_warnings
    from models.inference.runtime.parallel import meanwhile
    from models.inference.views import views
    from models.reports.as_json import finding_as_json

    registry, (scan, roi) = app.registry, _scan()
    place = (scan.slices, scan.spacing_mm, roi.row, roi.col, roi.slice)
    patches, outline = views(*place), registry.localiser.outline(scan, roi)

    def networks():
        answers, outlining = registry.begin(patches), meanwhile(registry.localiser.outline, scan, roi)
        return answers(), outlining.result()

    polygon = contour(outline)
    reading = read_nodule(scan, roi, registry)
    features = {key: prediction.features for key, prediction in reading.predictions.items()}
    about = (scan, roi, polygon, reading.measurement, reading.similar_cases, registry.evaluation)
    return {
        DECODING: partial(app.decoder.read, [("crop.png", crop_png())]),
        "views": partial(views, *place),
        NETWORKS: networks,
        "contour and sizes": lambda: measure(contour(outline), scan, roi.slice),
        "similar_cases": partial(registry.similar, features),
        "quality warnings": partial(quality_warnings, *about),
        "finding and JSON": lambda: json.dumps(finding_as_json(finding_of(reading, "consensus", registry))),
    }


def _scan():
    from models.imaging.scan import locate
    from models.ingest.read import read_scan

    scan = read_scan([("crop.png", crop_png())])
    return scan, locate(scan)


def _request(app, address):
    import io

    client, data = app.test_client(), crop_png()

    def ask():
        form = {"image": (io.BytesIO(data), "crop.png")}
        answer = client.post(address, data=form, headers={"Sec-Fetch-Site": "same-origin"})
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status}")

    return ask


def _keep(store, scan, reading):
    from models.web.reading_json import note_of
    from models.web.store import new_token

    owner = new_token()
    store.write(store.put(scan, owner), owner, "reading", note_of(reading))


def _context(registry, finding):
    from models.reports.calculators import calculators_of
    from models.reports.case_context import case_of
    from models.reports.result import result_page

    case = case_of(finding, registry.evaluation, registry.localiser_report)
    result_page(finding, registry.evaluation, registry.saliency_report, case, True)
    calculators_of(finding, {})


def _shares(section, times):
    whole = times.pop("whole")
    steps = times | {"the rest": whole - sum(times.values())}
    rows = [Row(section, name, taken, detail=f"{taken / whole:5.1%}") for name, taken in steps.items()]
    return [*rows, Row(section, "whole", whole)]
