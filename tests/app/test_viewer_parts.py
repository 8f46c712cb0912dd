"""What the viewer's tools fetch: values, slabs, planes, the lungs; and the pixel size that a person gives."""

import html
import json
import re

import numpy as np
import pytest

from models.imaging.planes import SLABS, plane_values
from tests.app.conftest import new_visitor
from tests.app.made_series import NODULE_AT, NODULE_SLICE, chest_scan, chest_volume
from tests.app.test_scan_pages import PLACE, grey, text_of
from tests.conftest import post, upload

ROW, COL = (round(at) for at in NODULE_AT)
PARTS = ("slice/3/values/0/0", "slice/3/brightest?slab=mip-5&row=1&col=1", "coronal/3.png", "sagittal/3.png")


def facts_of(page):
    return json.loads(html.unescape(re.search(r'data-facts="([^"]*)"', page.text)[1]))


def picture_scan(**fields):
    """A whole slice as a picture whose pixel size was assumed."""
    slices = np.clip(chest_volume(1) / 8 + 128, 0, 255).astype(np.float32)
    usual = {"is_hu": False, "positions_mm": None, "spacing_assumed": True, "spacing_source": "assumed"}
    return chest_scan(1, slices=slices, **(usual | fields))


def test_values_are_those_of_the_slice_part_by_part(visitor, kept):
    volume = np.zeros((2, 300, 520), np.int16)
    volume[1] = np.arange(300 * 520).reshape(300, 520) % 2000 - 1000
    address = kept(chest_scan(2, slices=volume))
    assert facts_of(visitor.get(address))["values"] == {"type": "int16", "tile": 256, "isHu": True}
    for top, left, shape in ((0, 0, (256, 256)), (256, 0, (44, 256)), (256, 512, (44, 8))):
        answer = visitor.get(f"{address}/slice/1/values/{top}/{left}")
        assert answer.mimetype == "application/octet-stream"
        assert answer.headers["Cache-Control"].startswith("private, max-age=")
        values = np.frombuffer(answer.data, "<i2").reshape(shape)
        assert np.array_equal(values, volume[1, top : top + 256, left : left + 256])


def test_values_of_a_picture_are_its_grey_values(visitor, kept):
    scan = picture_scan()
    address = kept(scan)
    assert facts_of(visitor.get(address))["values"] == {"type": "float32", "tile": 256, "isHu": False}
    values = np.frombuffer(visitor.get(f"{address}/slice/0/values/0/0").data, "<f4")
    assert np.array_equal(values.reshape(256, 256), scan.slices[0])


@pytest.mark.parametrize(
    "path", ["slice/0/values/256/0", "slice/0/values/0/9999", "coronal/x.png", "axial/0.png"]
)
def test_parts_that_there_are_not_are_not_found(visitor, kept, path):
    assert visitor.get(f"{kept()}/{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "slice/5/values/0/0",
        "slice/0.png?slab=mip-7",
        "slice/0/values/0/0?slab=x",
        "coronal/256.png",
        "sagittal/3.png?level=x&width=9",
        "slice/0/brightest?slab=mip-5&row=999&col=1",
    ],
)
def test_parts_that_cannot_be_meant_are_refused(visitor, kept, path):
    assert visitor.get(f"{kept()}/{path}").status_code == 400


@pytest.mark.parametrize("path", PARTS)
def test_parts_are_for_the_browser_that_sent_the_scan(finder, visitor, kept, path):
    address = kept()
    assert visitor.get(f"{address}/{path}").status_code == 200
    assert new_visitor(finder).get(f"{address}/{path}").status_code == 404
    assert finder.test_client().get(f"{address}/{path}").status_code == 404


def test_a_slab_is_shown_and_its_values_are_the_same(visitor, kept):
    address = kept()
    beside = f"{address}/slice/{NODULE_SLICE + 1}"
    at = (2 * ROW + 1, 2 * COL + 1)  # in the picture, twice as large
    assert grey(visitor.get(f"{beside}.png"))[at] < 110  # lung
    assert grey(visitor.get(f"{beside}.png?slab=mip-10"))[at] > 200  # the nodule of the slice below
    mip = np.frombuffer(visitor.get(f"{beside}/values/0/0?slab=mip-10").data, "<i2").reshape(256, 256)
    assert 0 < mip[ROW, COL] < 120
    mean = np.frombuffer(visitor.get(f"{beside}/values/0/0?slab=mean-10").data, "<i2").reshape(256, 256)
    volume = chest_volume().astype(float)
    assert mean[ROW, COL] == pytest.approx((volume[3] / 4 + volume[4] / 2)[ROW, COL] / 0.75, abs=1)


def test_the_brightest_slice_of_a_slab_is_told(visitor, kept):
    query = f"row={NODULE_AT[0]}&col={NODULE_AT[1]}"
    address = f"{kept()}/slice/{NODULE_SLICE + 1}/brightest"
    assert visitor.get(f"{address}?slab=mip-10&{query}").json == {"slice": NODULE_SLICE}
    assert visitor.get(f"{address}?{query}").json == {"slice": NODULE_SLICE + 1}


def test_a_plane_is_that_of_the_volume_in_the_asked_window(visitor, kept):
    scan = chest_scan()
    address = kept(scan)
    planes = facts_of(visitor.get(address))["planes"]
    assert planes["coronal"] == {"rows": 15, "cols": 256, "step_mm": 1.4, "col_mm": 1.4, "top_mm": -70.0}
    for plane, index in (("coronal", ROW), ("sagittal", COL)):
        shown = grey(visitor.get(f"{address}/{plane}/{index}.png?level=-400&width=1600"))
        expected = np.clip((plane_values(scan, plane, index) + 1200) / 1600, 0, 1) * 255
        assert shown == pytest.approx(expected, abs=1)
        thick = grey(visitor.get(f"{address}/{plane}/{index}.png?level=-400&width=1600&slab=mip-15"))
        assert (thick >= shown).all()
        assert thick.sum() > shown.sum()


def test_where_slices_make_no_volume_no_slab_or_plane_is_offered(visitor, kept):
    address = kept(picture_scan())
    page = visitor.get(f"{address}?slab=mip-5")
    assert page.status_code == 200
    assert facts_of(page)["planes"] == {}
    assert 'id="slab"' not in page.text
    assert 'id="planes"' not in page.text
    assert visitor.get(f"{address}/slice/0.png?slab=mip-5").status_code == 400
    assert visitor.get(f"{address}/coronal/3.png").status_code == 400


@pytest.mark.parametrize("slab", SLABS)
def test_the_address_keeps_the_slab(visitor, kept, slab):
    page = visitor.get(f"{kept()}?slice=2&slab={slab}").text
    assert f'value="{slab}" selected' in page
    assert re.search(rf'src="[^"]*/slice/2\.png\?level=-600&amp;width=1500&amp;slab={slab}"', page)
    assert re.search(rf'data-step="1" href="[^"]*slice=3[^"]*slab={slab}"', page)


def test_the_lungs_are_found_in_the_shown_picture(visitor, kept):
    address = kept()
    x, y, width, height = facts_of(visitor.get(address))["lungs"]
    across, down = 0.7 * 256 * 2, 0.48 * 256 * 2  # of `chest_slice`, in a picture twice as large
    margin = 12 / 1.4 * 2
    assert width == pytest.approx(across + 2 * margin, abs=12)
    assert height == pytest.approx(down + 2 * margin, abs=12)
    assert (x + width / 2, y + height / 2) == pytest.approx((256, 256), abs=6)
    assert facts_of(visitor.get(address))["lungs"] == [x, y, width, height], "kept"
    small = kept(chest_scan(1, slices=chest_volume(1)[:, :100, :100]))
    assert facts_of(visitor.get(small))["lungs"] is None


def test_without_a_mark_the_page_asks_for_one_and_stays(visitor, kept):
    page = visitor.post(
        f"{kept()}/findings", data={"slice": "1", "level": "40", "width": "400", "model": "vgg16"}
    )
    assert page.status_code == 422
    assert "Click the nodule first" in text_of(page)
    assert "Slice 2 of 5" in text_of(page)
    assert re.search(r'data-window="mediastinum"[^>]*aria-current="true"', page.text)


def test_a_pixel_size_that_is_given_changes_scan_and_findings(finder, visitor, crop_png):
    sent = post(visitor, upload(crop_png), "/predict", model="vgg16")
    address = sent.headers["Content-Location"].removesuffix("/finding/0")
    token = address.rpartition("/")[2]
    assert "unknown: the file does not give the pixel size" in sent.text
    assert 'id="spacing-form"' in sent.text
    answer = visitor.post(f"{address}/spacing", data={"spacing_mm": "1,1", "finding": "0", "model": "resnet"})
    assert (answer.status_code, answer.location) == (303, f"{address}/finding/0?model=resnet")
    scan = finder.store.get(token, visitor.owner)
    assert (scan.spacing_mm, scan.spacing_source) == ((1.1, 1.1), "given")
    after = visitor.get(answer.location).text
    assert re.search(r'id="long-axis">[\d.]+ mm', after)
    assert "1.10 mm per pixel" in after
    assert "entered by you" in after
    assert 'id="spacing-form"' in after, "it may be changed again"
    assert len(finder.answers.listed(token, visitor.owner)) == 1
    page = visitor.get(address).text
    assert "entered by you" in page
    assert "was assumed" not in page


@pytest.mark.parametrize("mm", ["", "x", "0", "0.05", "7", "nan"])
def test_a_senseless_pixel_size_is_refused(finder, visitor, kept, mm):
    address = kept(picture_scan())
    assert visitor.post(f"{address}/spacing", data={"spacing_mm": mm}).status_code == 400
    assert finder.store.get(address.rpartition("/")[2], visitor.owner).spacing_assumed


def test_the_pixel_size_of_a_file_cannot_be_changed(visitor, kept):
    address = kept()
    assert 'id="spacing-form"' not in visitor.get(address).text
    answer = visitor.post(f"{address}/spacing", data={"spacing_mm": "1"})
    assert answer.status_code == 400
    assert "The file itself gives the pixel size." in text_of(answer)


def test_a_stranger_changes_no_pixel_size(finder, visitor, kept):
    address = kept(picture_scan())
    assert new_visitor(finder).post(f"{address}/spacing", data={"spacing_mm": "1"}).status_code == 404
    assert finder.store.get(address.rpartition("/")[2], visitor.owner).spacing_assumed


def test_the_page_of_a_finding_that_is_read_stays_with_its_place(visitor, kept):
    address = kept(picture_scan())
    visitor.post(f"{address}/findings", data=PLACE | {"slice": 0, "model": "alexnet"})
    answer = visitor.post(f"{address}/spacing", data={"spacing_mm": "0.9", "slice": "0", "model": "vgg16"})
    assert answer.location == f"{address}?slice=0&model=vgg16"
    assert visitor.get(answer.location).status_code == 200
