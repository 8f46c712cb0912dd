"""The same on a Ray cluster, which is nobody else's."""

import os
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
from PIL import Image

from models.imaging.phantom import draw_phantom
from tests.training.score.fragile import Fragile, Hopeless, Stillborn
from tests.training.score.lists import Stopped, table, write_list
from training.score.__main__ import STOPPED, WITH_ERRORS
from training.score.cluster import OnRay, connect
from training.score.manifest import Group
from training.score.workers import rows_of

# not importorskip: Ray must not be imported before it is told whom to listen to
pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")]


def test_a_ray_cluster_goes_on_with_what_a_stopped_run_left(score, tmp_path, monkeypatch):
    # a cluster of its own: this comes before the tests that share one
    for n in range(4):
        Image.fromarray(draw_phantom("smooth", seed=n)).save(tmp_path / f"{n}.png")
    (tmp_path / "3.png").write_bytes(b"")
    manifest = write_list(tmp_path / "list.csv", *([f"{n % 4}.png", "", "", "", "0.7"] for n in range(6)))
    plain, out = tmp_path / "plain.parquet", tmp_path / "scores.parquet"
    score(manifest, "--out", plain)
    with monkeypatch.context() as patch:
        patch.setattr("training.score.__main__.tqdm", Stopped(1))
        assert score(manifest, "--out", out)[0] == STOPPED
    monkeypatch.setenv("RAY_worker_niceness", "0")  # else whatever else runs comes first
    status, said = score(manifest, "--out", out, "--ray", "--threads", "1")
    assert status == WITH_ERRORS, said
    assert "6 rows, 1 with an error" in said
    rows = table(out)
    assert [row["file"] for row in rows] == [f"{n % 4}.png" for n in range(6)]
    assert rows[3]["error_code"] == "corrupt_file"
    for row, other in zip(rows, table(plain), strict=True):
        assert row["verdict"] == other["verdict"]
        assert row["probability"] == pytest.approx(other["probability"], abs=1e-6)


@pytest.fixture(scope="module")
def ray():
    """Ray on this machine, for two workers."""
    ray = connect("local", 2, 1)
    yield ray
    ray.shutdown()


@pytest.mark.parametrize(("reader", "words"), [(Hopeless, "Not all models"), (Stillborn, "before it could")])
def test_workers_on_ray_that_cannot_begin_end_the_run(ray, reader, words):
    with pytest.raises(RuntimeError, match=words):
        list(rows_of([Group(Path("a"), {}, ())], [OnRay(ray, partial(reader), 1)]))


def test_a_worker_on_ray_that_dies_takes_along_only_the_file_that_kills_it(ray, tmp_path):
    groups = [Group(Path(name), {}, ()) for name in ("a", "deadly", "unlucky")]
    found = {
        group.path.name: rows for group, rows in rows_of(groups, [OnRay(ray, partial(Fragile, tmp_path), 1)])
    }
    assert found == {"a": "A", "deadly": None, "unlucky": "UNLUCKY"}


def test_a_ray_cluster_of_this_machine_is_nobody_elses(ray):
    """Ray runs what anyone sends who reaches its ports."""
    worker = OnRay(ray, partial(Fragile, Path()), 1)
    assert worker.submit(Group(Path("a"), {}, ())).result() == "A"
    names, addresses = set(), set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            sockets = [each for each in process.net_connections() if each.status == psutil.CONN_LISTEN]
            names |= {process.name() for each in sockets}
            addresses |= {each.laddr.ip.removeprefix("::ffff:") for each in sockets}
    worker.close()
    assert {"gcs_server", "raylet", "ray::Fragile"} <= names
    assert "127.0.0.1" in addresses
    assert addresses <= {"127.0.0.1", "::1"}
    assert ray.get_runtime_context().gcs_address.startswith("127.0.0.1:")
    assert os.environ["RAY_AUTH_MODE"] == "token"
