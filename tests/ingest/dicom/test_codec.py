import contextlib
import io
import os
import time

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import get_frame
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import JPEGLosslessSV1, JPEGLSLossless

from models.ingest.dicom.codec import Codec
from tests.ingest.dicom_files import make_ct, transcoded

HU = np.add.outer(30 * np.arange(40), 7 * np.arange(50)) - 1000


@pytest.fixture
def codec():
    codec = Codec()
    yield codec
    codec.close()


def frame(syntax=JPEGLosslessSV1):
    """Code stream and decoding options of a file with the values HU + 1024."""
    dataset = dcmread(io.BytesIO(transcoded(make_ct(HU), syntax)))
    data = get_frame(dataset.PixelData, 0, number_of_frames=1)
    return data, as_pixel_options(dataset, transfer_syntax_uid=syntax)


def child_of(codec):
    return codec._child.pid


def test_frames_are_decoded_by_one_child(codec):
    np.testing.assert_array_equal(codec.decode(*frame()), HU + 1024)
    child = child_of(codec)
    np.testing.assert_array_equal(codec.decode(*frame(JPEGLSLossless)), HU + 1024)
    assert child_of(codec) == child != os.getpid()


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless], ids=lambda uid: uid.keyword)
def test_damage_that_ends_the_decoder_ends_the_child_only(codec, syntax):
    data, options = frame(syntax)
    codec.decode(data, options)
    child = codec._child
    assert data[6] == 16  # bits
    with pytest.raises(ValueError, match="ended"):  # GDCM 3.2.6 aborts
        codec.decode(data[:6] + b"\x11" + data[7:], options)
    assert child.poll() < 0
    np.testing.assert_array_equal(codec.decode(data, options), HU + 1024)


def test_random_damage_gives_pixels_or_an_error(codec):
    data, options = frame(JPEGLSLossless)
    rng = np.random.default_rng(0)
    for _ in range(30):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            damaged[place] = rng.integers(256)
        with contextlib.suppress(ValueError):
            assert codec.decode(bytes(damaged), options).shape == HU.shape
    np.testing.assert_array_equal(codec.decode(data, options), HU + 1024)


def test_a_child_that_was_killed_is_replaced(codec):
    codec.decode(*frame())
    child = codec._child
    child.kill()
    child.wait()
    np.testing.assert_array_equal(codec.decode(*frame()), HU + 1024)
    assert child_of(codec) != child.pid


def test_a_decoder_that_takes_too_long_is_ended():
    codec = Codec(seconds=0.05)  # less than the child takes to start
    begin = time.monotonic()
    with pytest.raises(ValueError, match="ended"):
        codec.decode(*frame())
    assert time.monotonic() - begin < 5
    codec.close()


def test_nothing_but_pixels_comes_back_from_a_damaged_frame(codec):
    data, options = frame()
    with pytest.raises(ValueError, match="cannot be decoded"):
        codec.decode(data[:200], options)
    with pytest.raises(ValueError, match="cannot be decoded"):
        codec.decode(b"", options)
    np.testing.assert_array_equal(codec.decode(data, options), HU + 1024)


def test_a_closed_codec_leaves_no_child_and_starts_again():
    codec = Codec()
    codec.decode(*frame())
    child = codec._child
    codec.close()
    assert child.poll() is not None
    np.testing.assert_array_equal(codec.decode(*frame()), HU + 1024)
    codec.close()
