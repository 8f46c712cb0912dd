from types import SimpleNamespace

import numpy as np
import pytest

from training.data.splits import side_of, split_patients

SIDES = ("train", "validation", "test")


def nodules(n_malignant, n_benign, n_indeterminate):
    """Patients and labels of nodules, up to three nodules a patient, in a shuffled order."""
    kinds = [1] * n_malignant + [0] * n_benign + [-1] * n_indeterminate
    pairs = []
    for number, kind in enumerate(kinds):
        others = [0, -1][: number % 3] if kind == 1 else [-1] * (number % 2)
        pairs += [(f"P{number:03}", label) for label in (kind, *others)]
    np.random.default_rng(5).shuffle(pairs)
    return [patient for patient, _ in pairs], [int(label) for _, label in pairs]


def test_every_patient_is_on_exactly_one_side():
    patients, labels = nodules(33, 57, 11)
    sides = split_patients(patients, labels)
    assert tuple(sides) == SIDES
    assert sum(len(members) for members in sides.values()) == 101
    assert set().union(*sides.values()) == set(patients)


def test_the_shares_are_exact_in_every_stratum():
    sides = split_patients(*nodules(40, 100, 20))
    numbers = {
        side: [
            sum(1 for patient in members if first <= int(patient[1:]) < last)
            for first, last in ((0, 40), (40, 140), (140, 160))
        ]
        for side, members in sides.items()
    }
    assert numbers == {"train": [28, 70, 14], "validation": [6, 15, 3], "test": [6, 15, 3]}


def test_a_patient_counts_by_the_most_suspicious_nodule():
    patients = [f"P{n}" for n in range(20) for _ in range(2)]
    labels = [label for n in range(20) for label in ((-1, 0) if n < 10 else (0, -1))]
    together = split_patients(patients, labels)
    assert [len(together[side]) for side in SIDES] == [14, 3, 3]


def test_the_same_seed_gives_the_same_split():
    patients, labels = nodules(30, 40, 10)
    assert split_patients(patients, labels, 7) == split_patients(patients, labels, 7)


def test_the_order_of_the_nodules_does_not_matter():
    patients, labels = nodules(30, 40, 10)
    assert split_patients(patients[::-1], labels[::-1]) == split_patients(patients, labels)


def test_another_seed_gives_another_split():
    patients, labels = nodules(30, 40, 10)
    assert split_patients(patients, labels, 1) != split_patients(patients, labels, 2)


def test_names_as_numpy_strings_give_the_same_split():
    patients, labels = nodules(30, 40, 10)
    assert split_patients(np.array(patients), np.array(labels)) == split_patients(patients, labels)


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        split_patients(["a", "b"], [1])


def test_the_nodules_of_the_sides_are_all_nodules_once():
    patients, labels = nodules(30, 40, 10)
    data = SimpleNamespace(patient=np.array(patients), label=np.array(labels))
    indices = {side: side_of(data, side) for side in SIDES}
    np.testing.assert_array_equal(np.sort(np.concatenate(list(indices.values()))), np.arange(len(patients)))
    for side, members in split_patients(patients, labels).items():
        assert set(data.patient[indices[side]]) == members
