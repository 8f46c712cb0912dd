"""The picture of a saliency map: at an address of its own, computed when it is fetched."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from models.imaging.patch import PATCH
from models.imaging.phantom import draw_phantom
from models.inference.pipeline import MODEL_KEYS
from models.inference.saliency.saliency import Saliency
from tests.app.conftest import new_visitor
from tests.conftest import encode, post, upload

PICTURE = (
    r'<image id="overlay" opacity="0.45" href="(/scan/[\w-]{43}/finding/0/saliency/(\w+)\.png(?:\?mm=0\.7)?)"'
)


@pytest.fixture
def browser(finder):
    return new_visitor(finder)


def page_of(browser, **fields):
    page = post(browser, upload(encode(draw_phantom("spiculated"))), "/predict", spacing_mm="0.7", **fields)
    assert page.status_code == 200
    return page.text, page.headers["Content-Location"]


@pytest.mark.parametrize("key", ["consensus", "alexnet"])
def test_the_page_names_the_picture_of_the_model_in_front(browser, key):
    text, _ = page_of(browser, model=key)
    ((address, shown),) = re.findall(PICTURE, text)
    assert shown == key
    picture = browser.get(address)
    assert (picture.status_code, picture.mimetype) == (200, "image/png")
    assert picture.headers["Cache-Control"].startswith("private, max-age=")
    pixels = np.asarray(Image.open(io.BytesIO(picture.data)))
    assert pixels.shape == (384, 384, 4)
    assert pixels[..., 3].max() > 200


def test_each_model_has_its_picture_and_another_has_none(browser):
    _, here = page_of(browser)
    pictures = [browser.get(f"{here}/saliency/{key}.png").data for key in MODEL_KEYS]
    assert len(set(pictures)) == len(MODEL_KEYS)
    assert browser.get(f"{here}/saliency/other.png").status_code == 400
    assert browser.get(f"{here[:-1]}7/saliency/alexnet.png").status_code == 404


def test_a_stranger_gets_no_picture(browser, finder):
    _, here = page_of(browser)
    assert new_visitor(finder).get(f"{here}/saliency/alexnet.png").status_code == 404


def test_a_map_that_is_switched_off_is_not_fetched(browser):
    _, here = page_of(browser)
    text = browser.get(f"{here}?overlay=off").text
    assert not re.findall(PICTURE, text)
    assert 'data-state="off"' in text


def test_an_empty_map_is_told_by_its_picture_and_then_by_the_page(browser, finder, monkeypatch):
    _, here = page_of(browser, model="vgg16")
    empty = Saliency(np.zeros(PATCH.shape[:2], np.float32), "evidence", "input")
    monkeypatch.setattr(
        finder.maps, "_registry", Explaining(finder.registry, dict.fromkeys(["vgg16"], empty))
    )
    picture = browser.get(f"{here}/saliency/vgg16.png")
    assert np.asarray(Image.open(io.BytesIO(picture.data)))[..., 3].any()
    text = browser.get(f"{here}?model=vgg16").text
    assert 'id="saliency-empty"' in text
    assert not re.findall(PICTURE, text)


class Explaining:
    """A registry that explains with given maps."""

    def __init__(self, registry, maps):
        self._registry, self._maps = registry, maps

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def explain(self, keys, patch):
        return {key: self._maps[key] for key in keys}
