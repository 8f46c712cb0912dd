import numpy as np
import pytest

from models.networks.scales import DESCRIPTOR_SCALES
from tests.training.data.made_nodules import make_nodules, share_of_pairs
from training.evaluation.baselines import (
    against_diagnoses,
    descriptor_scores,
    read_diagnoses,
    readers_against_others,
)
from training.evaluation.metrics import auc_if_defined, auc_with_interval

pytestmark = pytest.mark.usefixtures("few_draws")
PATIENTS = np.array([f"P{n}" for n in range(6)])
RATINGS = [
    [5, 5, 1],  # of the others: 3 and 3, which is indeterminate, and 5
    [1, 2],
    [4, 5],
    [5],  # no other reader
    [1, 1, 4, 2],
    [5, 5, 4, 2],
]
READINGS = {  # by number of readers: nodule, rating, and whether the others' mean is malignant
    "at_least_2": [(0, 1, 1), (1, 1, 0), (1, 2, 0), (2, 4, 1), (2, 5, 1)],
    "4": [(4, 1, 0), (4, 1, 0), (4, 4, 0), (4, 2, 0), (5, 5, 1), (5, 5, 1), (5, 4, 1), (5, 2, 1)],
}
READINGS["at_least_2"] += READINGS["4"]


def test_an_auc_comes_with_its_interval():
    labels, scores = np.array([0, 1, 0, 1, 1, 0]), np.array([0.1, 0.9, 0.5, 0.4, 0.8, 0.3])
    result = auc_with_interval(PATIENTS, labels, scores)
    assert result["auc"] == pytest.approx(8 / 9)
    assert 0 <= result["auc_low"] < 8 / 9 < result["auc_high"] == 1


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_auc(label):
    assert auc_if_defined(PATIENTS, np.full(6, label), np.arange(6.0)) is None


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 3, 0, 4, 2, 1]])
def test_one_reader_is_held_against_the_others(name, order):
    score = np.array([0.7, 0.2, 0.3, 0.9, 0.4, 0.3])  # of the nodules 0 to 5
    scores = {"network": score[order]}
    result = readers_against_others(make_nodules(PATIENTS, RATINGS), np.array(order), scores)[name]
    nodule, rating, label = np.array(READINGS[name]).T
    assert result["n"] == len(label)
    assert result["one_reader"]["auc"] == pytest.approx(share_of_pairs(label, rating))
    assert result["network"]["auc"] == pytest.approx(share_of_pairs(label, score[nodule]))


@pytest.mark.parametrize(
    ("name", "sensitivity", "specificity", "accuracy"),
    [("at_least_2", 5 / 7, 5 / 6, 10 / 13), ("4", 3 / 4, 3 / 4, 3 / 4)],
)
def test_a_reader_calls_a_rating_of_4_malignant(name, sensitivity, specificity, accuracy):
    reader = readers_against_others(make_nodules(PATIENTS, RATINGS), np.arange(6), {})[name]["one_reader"]
    rates = reader["sensitivity"], reader["specificity"], reader["accuracy"]
    assert rates == pytest.approx((sensitivity, specificity, accuracy))


def test_only_the_chosen_nodules_are_read():
    result = readers_against_others(make_nodules(PATIENTS, RATINGS), np.array([1, 4, 5]), {})
    assert result["at_least_2"]["n"] == 10
    assert result["4"]["n"] == 8


@pytest.fixture(scope="module")
def described():
    """30 patients with a benign, a malignant and an indeterminate nodule; spiculation goes with suspicion."""
    rng = np.random.default_rng(0)
    kind = np.tile([0, 1, -1], 30)
    descriptors = rng.random((90, len(DESCRIPTOR_SCALES))).astype(np.float32)
    descriptors[:, 0] = np.clip(0.5 + 0.2 * kind + rng.normal(0, 0.15, 90), 0, 1)
    ratings = [{0: [1, 2], 1: [4, 5], -1: [3]}[k] for k in kind]
    patients = np.repeat([f"P{n:02}" for n in range(30)], 3)
    return make_nodules(patients, ratings, descriptors=descriptors, diameter_mm=rng.uniform(4, 30, 90))


def remake(nodules, **columns):
    """The same nodules with some columns replaced."""
    return type(nodules)(**(vars(nodules) | columns))


def test_descriptors_that_go_with_malignancy_tell_it(described):
    judged = described.label >= 0
    assert share_of_pairs(described.label[judged], descriptor_scores(described)[judged]) > 0.7


@pytest.mark.parametrize("patient", ["P00", "P13", "P29"])
def test_what_descriptors_say_of_a_patient_owes_nothing_to_the_patients_ratings(described, patient):
    own = described.patient == patient
    malignancy = described.malignancy.copy()
    malignancy[own] = malignancy[own][::-1]
    changed = remake(described, malignancy=malignancy)
    before, after = descriptor_scores(described), descriptor_scores(changed)
    np.testing.assert_array_equal(after[own], before[own])
    assert 0.7 < (after != before).mean() <= 0.8  # those of the four other parts


def test_indeterminate_nodules_teach_the_descriptors_nothing(described):
    unclear = described.label == -1
    descriptors = np.where(unclear[:, None], 1 - described.descriptors, described.descriptors)
    before, after = (
        descriptor_scores(described),
        descriptor_scores(remake(described, descriptors=descriptors)),
    )
    np.testing.assert_array_equal(after[~unclear], before[~unclear])
    assert (after[unclear] != before[unclear]).all()


def test_unknown_diagnoses_are_left_out(tmp_path):
    path = tmp_path / "diagnosis.csv"
    path.write_text("patient_id,diagnosis,method,primary_site\nA,0,1,\nB,1,2,\nC,2,3,lung\nD,3,4,breast\n")
    assert read_diagnoses(path) == {"B": 0, "C": 1, "D": 1}


def test_a_patient_has_the_score_of_the_most_suspicious_nodule():
    nodules = make_nodules(
        ["B", "B", "C", "D", "D", "E", "E"],
        [[1, 2], [2, 3], [1], [5, 4], [1, 1], [3, 1], [5, 5]],
        diameter_mm=np.array([5.0, 12.0, 9.0, 4.0, 11.0, 3.0, 40.0]),
    )
    chosen = np.array([5, 4, 3, 2, 1, 0])  # not the large, suspicious nodule of E
    diagnoses = {"B": 0, "C": 1, "D": 1, "E": 0, "Z": 1}
    result = against_diagnoses(diagnoses, nodules, chosen, {"network": np.array([8, 1, 9, 7, 3, 7])})
    assert (result["n_patients"], result["n_malignant"]) == (4, 2)
    assert result["network"]["auc"] == pytest.approx(2.5 / 4)  # C 7, D 9 against B 7, E 8
    assert result["readers"]["auc"] == pytest.approx(2 / 4)  # 1, 4.5 against 2.5, 2
    assert result["diameter"]["auc"] == pytest.approx(2 / 4)  # 9, 11 against 12, 3


def test_patients_without_a_diagnosis_do_not_count():
    nodules = make_nodules(["A", "B", "C"], [[1], [5], [4]])
    result = against_diagnoses({"B": 1, "C": 1}, nodules, np.arange(3), {"network": np.arange(3.0)})
    assert (result["n_patients"], result["n_malignant"], result["network"]) == (2, 2, None)
