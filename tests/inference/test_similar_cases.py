import hashlib
import json

import numpy as np
import pytest

from models.inference.similar_cases import NEAREST, SIMILAR, CaseTable, Space
from models.weights import WeightsError

CHECKSUMS = {"vgg16": "a", "alexnet": "b"}
N = 40


def arrays(**changes):
    """A table along one line: nodule i lies at (i, 0), has i + 1 mm, and two readers who say 1 + i % 5."""
    ratings = np.zeros((N, 5), np.uint8)
    ratings[np.arange(N), np.arange(N) % 5] = 2
    ratings[7] = (1, 0, 0, 0, 2)
    return {
        "mean_vgg16": np.float32([0, 0]),
        "axes_vgg16": np.float16([[100], [0]]),
        "mean_alexnet": np.float32([0.5, 0]),
        "axes_alexnet": np.float16([[100], [0]]),
        "places": np.stack([np.arange(N), np.zeros(N)], axis=1).astype(np.float16),
        "ratings": ratings,
        "diameter_mm": np.arange(1, N + 1, dtype=np.float16),
        "usual": np.float32([2, 6, 8, 9]),
    } | changes


def write(folder, threshold=15.0, checksums=CHECKSUMS, **changes):
    path = folder / "cases.npz"
    np.savez(path, **arrays(**changes))
    report = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "weights": checksums,
        "threshold": threshold,
    }
    (folder / "cases.json").write_text(json.dumps(report))
    for key, checksum in CHECKSUMS.items():
        (folder / f"{key}.json").write_text(json.dumps({"sha256": checksum}))
    return folder


def at(row, col=0.0, length=1.0):
    """Features of some length whose place is (row, col)."""
    first, second = row / 100, 0.5 + col / 100
    return {
        "vgg16": np.float32([first, np.sqrt(1 - first**2)]) * length,
        "alexnet": np.float32([second, np.sqrt(1 - second**2)]) * length,
    }


def test_each_network_is_centred_and_projected_and_all_are_joined():
    space = Space(
        {"b": np.float32([1, 2]), "a": np.float32([3])},
        {"b": np.float32([[1], [10]]), "a": np.float32([[2, 4]])},
        unit=False,
    )
    one = space.project({"a": [4], "b": [2, 4]})
    np.testing.assert_array_equal(one, [21, 2, 4])
    np.testing.assert_array_equal(space.project({"a": [[4], [3]], "b": [[2, 4], [1, 2]]}), [one, [0, 0, 0]])


def test_the_length_of_features_does_not_matter():
    space = Space({"a": np.float32([0.5, 0])}, {"a": np.float32([[1, 0], [0, 2]])})
    np.testing.assert_allclose(space.project({"a": [[3, 4], [6, 8]]}), [[0.1, 1.6]] * 2, rtol=1e-6)
    np.testing.assert_array_equal(space.project({"a": [0, 0]}), [-0.5, 0])


@pytest.mark.parametrize("length", [1.0, 7.0])
def test_the_nearest_come_first_with_their_sizes_and_distances(tmp_path, length):
    found = CaseTable(write(tmp_path)).nearest(at(0.25, length=length))
    assert found.diameters_mm == tuple(range(1, SIMILAR + 1))
    assert found.distances == pytest.approx([0.25, *(i - 0.25 for i in range(1, SIMILAR))], abs=1e-4)


def test_the_distance_is_the_mean_of_the_five_nearest(tmp_path):
    assert CaseTable(write(tmp_path)).nearest(at(0)).distance == pytest.approx((0 + 1 + 2 + 3 + 4) / NEAREST)


def test_readers_ratings_are_counted_and_averaged(tmp_path):
    found = CaseTable(write(tmp_path)).nearest(at(0))
    # five nodules of each rating with two readers, but the eighth has 1, 5 and 5 instead of 3 and 3
    assert found.ratings == (11, 10, 8, 10, 12)
    assert found.means == pytest.approx([11 / 3 if i == 7 else 1 + i % 5 for i in range(SIMILAR)])


def test_the_distance_is_over_the_features_of_all_networks(tmp_path):
    found = CaseTable(write(tmp_path)).nearest(at(30 + 3, col=4))
    assert found.distances[:2] == pytest.approx([4, 17**0.5], abs=1e-3)
    assert found.diameters_mm[0] == 34


@pytest.mark.parametrize(
    ("row", "distance", "farther_than", "is_out_of_distribution"),
    [(-5.0, 7.0, 0.5, False), (-5.6, 7.6, 0.5, True), (20.0, 1.2, 0.0, False), (-9.0, 11.0, 1.0, True)],
)
def test_unlike_is_the_share_of_training_nodules_that_are_nearer(
    tmp_path, row, distance, farther_than, is_out_of_distribution
):
    found = CaseTable(write(tmp_path, threshold=7.5)).nearest(at(row))
    assert found.distance == pytest.approx(distance, abs=1e-3)
    assert (found.farther_than, found.is_out_of_distribution) == (farther_than, is_out_of_distribution)


@pytest.mark.parametrize("missing", [{}, {"alexnet": None}])
def test_without_one_of_the_networks_nothing_is_near(tmp_path, missing):
    features = {"vgg16": at(3)["vgg16"]} | missing
    assert CaseTable(write(tmp_path)).nearest(features) is None


def test_all_nodules_are_counted(tmp_path):
    assert len(CaseTable(write(tmp_path))) == N


def refusal(folder):
    with pytest.raises(WeightsError) as caught:
        CaseTable(folder)
    return str(caught.value)


@pytest.mark.parametrize("name", ["cases.json", "cases.npz", "vgg16.json"])
def test_a_missing_file_is_named(tmp_path, name):
    (write(tmp_path) / name).unlink()
    assert refusal(tmp_path) == f"{name} is missing."


def test_a_damaged_table_is_refused(tmp_path):
    path = write(tmp_path) / "cases.npz"
    path.write_bytes(path.read_bytes()[:-1])
    assert refusal(tmp_path) == "cases.npz is damaged: its checksum is not the one in cases.json."


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weights": {}}'])
def test_a_damaged_report_is_refused(tmp_path, content):
    (write(tmp_path) / "cases.json").write_text(content)
    assert refusal(tmp_path) == "cases.json is damaged."


def test_a_table_of_other_weights_is_refused(tmp_path):
    write(tmp_path, checksums=CHECKSUMS | {"alexnet": "c"})
    assert refusal(tmp_path) == "cases.json was made for other weights than those of alexnet.json."


@pytest.mark.parametrize("changes", [{"places": np.array([{}])}, {"threshold": None}])
def test_what_another_version_wrote_is_refused(tmp_path, changes):
    """An array that only pickle could read, a threshold that is no number."""
    assert refusal(write(tmp_path, **changes)) == "cases.npz does not fit this version."
