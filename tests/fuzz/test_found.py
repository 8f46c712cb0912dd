"""What the fuzzer found, each as the smallest request that showed it."""

import io
import zipfile

import pytest

from tests.conftest import post, upload


@pytest.mark.parametrize("digits", [4301, 5000])
def test_a_name_with_more_digits_than_python_converts(client, crop_png, digits):
    names = [f"{'9' * digits}.png", "1.png"]
    files = [(io.BytesIO(crop_png), name) for name in names]
    answer = client.post("/api/v1/predict", data={"image": files, "row": "-1", "col": "0"})
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "roi_outside")


def test_a_file_without_a_name_in_a_zip(client, crop_png):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, archive.open(zipfile.ZipInfo(""), "w") as member:
        member.write(crop_png)
    answer = post(client, upload(packed.getvalue(), "a.zip"), row="-1", col="0")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "roi_outside")


@pytest.mark.parametrize("value", ["9" * 400, "9" * 5000])
def test_a_whole_number_with_hundreds_of_digits(client, crop_png, value):
    answer = post(client, upload(crop_png), slice=value)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_number")
    assert answer.json["error"]["message"] == "The field slice must be a whole number."
