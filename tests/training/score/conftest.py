"""Lists of good and of bad files, and the command with the models that are loaded already."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from models.imaging.phantom import draw_phantom
from tests.conftest import encode
from tests.ingest.dicom_files import make_ct
from tests.training.score.lists import KINDS, write_list
from training.score.__main__ import main


@pytest.fixture
def crops(tmp_path):
    """A folder with two pictures of nodules, and the list of them."""
    for kind in ("smooth", "spiculated"):
        Image.fromarray(draw_phantom(kind)).save(tmp_path / f"{kind}.png")
    return write_list(tmp_path / "list.csv", *([f"{kind}.png", "", "", "", "0.7"] for kind in KINDS))


@pytest.fixture
def mixed(tmp_path):
    """A list of good and bad files and places of every kind, and the code that each row should get."""
    crop = encode(draw_phantom("smooth"))
    folder = tmp_path / "series"
    folder.mkdir()
    for n in range(3):
        grey = draw_phantom("smooth", seed=n).astype(np.int16)
        data = make_ct(grey * 5 - 1000, PixelSpacing=[0.7, 0.7], ImagePositionPatient=[0, 0, 2.0 * n])
        (folder / f"{n}.dcm").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "stack.zip", "w") as archive:
        for n in range(2):
            archive.writestr(f"slice-{n}.png", crop)
    (tmp_path / "crop.png").write_bytes(crop)
    (tmp_path / "cut.png").write_bytes(crop[:500])
    (tmp_path / "letter.txt").write_text("Dear colleague")
    (tmp_path / "empty").mkdir()
    rows = [
        (["cut.png", "", "", "", ""], "corrupt_file"),
        (["crop.png", "60", "64,5", "", "0.7"], None),
        (["gone.png", "", "", "", ""], "no_such_file"),
        (["crop.png", "ten", "64", "", "0.7"], "bad_number"),
        (["series", "63", "63", "2", ""], None),
        (["stack.zip", "", "", "1", "0.7"], None),
        (["letter.txt", "", "", "", ""], "unsupported_file"),
        (["series", "", "", "", ""], None),
        (["crop.png", "200", "64", "", "0.7"], "roi_outside"),
        (["empty", "", "", "", ""], "no_file"),
        (["crop.png", "", "", "", "0"], "bad_number"),
        (["crop.png", "60", "64,5", "", "0.7"], None),
    ]
    return write_list(tmp_path / "mixed.csv", *(row for row, _ in rows)), [code for _, code in rows]


@pytest.fixture
def score(app, capsys):
    """Run the command with the models that are loaded already; its status and what it said."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments], app.registry)
        return status, capsys.readouterr().err

    return run
