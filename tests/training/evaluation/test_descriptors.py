import numpy as np
import pytest

from models.networks.registry import ARCHITECTURES
from tests.training.data.made_nodules import make_nodules
from training.evaluation.descriptors import NAMES, descriptor_errors, read_answers, read_readings

pytestmark = pytest.mark.usefixtures("few_draws")
SPICULATION = NAMES.index("spiculation")
READERS = ((1, 2, 3), (5,), (2, 4), (4, 4, 4, 4), (1, 1), (3,))  # spiculation of six nodules
PATIENTS = ["T", "T", "A", "A", "B", "C"]  # T trained when the others were held out


@pytest.fixture(scope="module")
def readings():
    """Shape (6, 8, 8): the readers' spiculation; all else is 3."""
    given = np.full((len(READERS), 8, len(NAMES)), np.nan)
    for row, values in zip(given, READERS, strict=True):
        row[: len(values)] = 3
        row[: len(values), SPICULATION] = values
    return given


@pytest.fixture(scope="module")
def measured(readings, few_draws):
    """Errors on the four nodules of A, B and C, in another order: each network says one thing of all."""
    nodules = make_nodules(PATIENTS, READERS)
    indices = np.array([5, 2, 3, 4])
    rows = [{"fold": "0", "patient": PATIENTS[i]} for i in indices]
    answers = np.full((6, 4, len(NAMES)), 3.0)
    answers[:, :, SPICULATION] = [[1.0], [2.0], [3.0], [4.0], [5.0], [3.0]]
    answers[1, :, SPICULATION] = [3, 2, 5, 1]
    return descriptor_errors(nodules, rows, indices, readings, answers)


def test_errors_are_distances_from_the_readers_mean(measured):
    found = measured["all"]["against_mean"]["spiculation"]  # of 3, 3, 4 and 1
    first = next(iter(ARCHITECTURES))
    assert (found[first]["mae"], found[first]["bias"]) == (1.75, -1.75)
    assert (found["consensus"]["mae"], found["consensus"]["bias"]) == (0.75, 0.25)
    assert found["consensus"]["mae_low"] <= 0.75 <= found["consensus"]["mae_high"]


def test_the_correlation_is_that_of_the_ranks(measured):
    keys = list(ARCHITECTURES)
    found = measured["all"]["against_mean"]["spiculation"]
    assert found[keys[1]]["correlation"] == pytest.approx(0.9486833)  # ranks 2.5, 2.5, 4, 1 and 3, 2, 4, 1
    assert np.isnan(found[keys[0]]["correlation"])


def test_the_constant_is_the_mean_of_the_patients_who_trained(measured):
    found = measured["all"]["against_mean"]
    assert found["spiculation"]["constant"]["bias"] == pytest.approx((2 + 5) / 2 - (3 + 3 + 4 + 1) / 4)
    assert found["spiculation"]["constant"]["mae"] == pytest.approx((0.5 + 0.5 + 0.5 + 2.5) / 4)
    assert found["margin"]["constant"]["mae"] == 0


def test_each_fold_has_its_own_training_mean(readings):
    nodules = make_nodules(PATIENTS, READERS)
    rows = [{"fold": "1", "patient": "C"}, {"fold": "2", "patient": "T"}, {"fold": "2", "patient": "T"}]
    answers = np.zeros((6, 3, len(NAMES)))
    found = descriptor_errors(nodules, rows, np.array([5, 0, 1]), readings, answers)
    said = np.array([np.mean([2, 5, 3, 4, 1]), np.mean([3, 4, 1, 3]), np.mean([3, 4, 1, 3])])
    expected = (said - [3, 2, 5]).mean()
    assert found["all"]["against_mean"]["spiculation"]["constant"]["bias"] == pytest.approx(expected)


def test_a_reader_is_held_against_the_others_and_a_single_one_against_nobody(measured):
    found = measured["all"]
    assert (found["n_nodules"], found["n_patients"], found["n_readings"]) == (4, 3, 2 + 4 + 2)
    result = found["against_others"]["spiculation"]
    assert result["reader"]["mae"] == pytest.approx((2 + 2) / 8)
    assert result["reader"]["bias"] == 0
    # the consensus says 3: of (2, 4) the others say 4 and 2, of the four 4, of the two 1
    assert result["consensus"]["mae"] == pytest.approx((1 + 1 + 4 * 1 + 2 * 2) / 8)


def test_nodules_of_three_readers_stand_alone(measured):
    found = measured["three_readers"]
    assert (found["n_nodules"], found["n_patients"], found["n_readings"]) == (1, 1, 4)
    assert found["against_mean"]["spiculation"]["consensus"]["mae"] == 1
    assert found["against_others"]["spiculation"]["reader"]["mae"] == 0


def test_readings_come_from_the_file_with_nan_for_no_reader(nodules_file):
    readings = read_readings(nodules_file)
    assert readings.shape[0] == 14
    assert readings.shape[2] == len(NAMES)
    assert readings[0, :2, NAMES.index("diameter_mm")].tolist() == [8.5, 8.5]
    assert np.isnan(readings[:, 2:]).all()


def test_answers_end_with_the_mean_of_the_five():
    row = {
        f"{key}_{name}": f"{m + n:.3f}" for m, key in enumerate(ARCHITECTURES) for n, name in enumerate(NAMES)
    }
    answers = read_answers([row, row])
    assert answers.shape == (6, 2, 8)
    assert answers[4, 1].tolist() == [4, 5, 6, 7, 8, 9, 10, 11]
    assert answers[5, 0] == pytest.approx(np.arange(8) + 2)
