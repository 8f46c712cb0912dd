"""A finding with sizes, and the part of its page with the calculators."""

import jinja2
import pytest

from models.imaging.phantom import draw_phantom
from models.imaging.scan import locate
from models.inference.finding import Finding
from models.inference.measurement.sizes import Measurement
from models.inference.reading import Reading
from models.ingest.read import read_scan
from models.reports.calculators import Remembered, calculators_of
from tests.conftest import encode

MEASURED = Measurement(14.24, 10.96, 12.6, 12.1, -35.4, "part-solid")


@pytest.fixture(scope="module")
def finding():
    scan = read_scan([("a.png", encode(draw_phantom("smooth")))])
    return Finding(
        scan=scan,
        reading=Reading(locate(scan), {}, (), "0123", measurement=MEASURED),
        verdict="malignant",
        model="vgg16",
        title="VGG16",
        probability=0.9,
        threshold=0.5,
        models=(),
        characteristics={"spiculation": 3.0},
        notices=(),
    )


@pytest.fixture(scope="module")
def render(app):
    """The part of the page; strictly: a code that the tables of words do not have is an error."""
    environment = app.jinja_env.overlay(undefined=jinja2.StrictUndefined)
    template = environment.get_template("result/_calculators.html")

    def rendered(finding, form=None, remembered=None, growth=None, language="en"):
        calculators = calculators_of(finding, form, None, remembered or Remembered())
        with app.test_request_context(headers={"Accept-Language": language}):
            return template.render(
                calculators=calculators | ({"growth": growth} if growth else {}),
                finding=finding,
                here_now="/scan/t/finding/1?model=vgg16",
            )

    return rendered
