from types import SimpleNamespace

import numpy as np
import pytest

from training.data.splits import (
    FOLDS,
    fold_of_nodules,
    fold_of_patients,
    side_of,
    sides_of_fold,
    split_patients,
)

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


def data(*numbers):
    """The same as `nodules`, as the folds take it."""
    patients, labels = nodules(*numbers)
    return SimpleNamespace(patient=np.array(patients), label=np.array(labels))


def of_each_stratum(patients):
    """How many of these patients of `nodules(40, 100, 20)` are malignant, benign, indeterminate."""
    return np.histogram([int(patient[1:]) for patient in patients], [0, 40, 140, 160])[0].tolist()


def test_each_patient_is_held_out_in_one_fold_as_many_of_each_stratum():
    given = data(40, 100, 20)
    folds = fold_of_patients(given)
    assert set(folds) == set(given.patient)
    held_out = [[patient for patient, fold in folds.items() if fold == each] for each in range(FOLDS)]
    assert [of_each_stratum(patients) for patients in held_out] == [[14, 34, 7], [13, 33, 7], [13, 33, 6]]


def test_the_nodules_of_a_patient_are_held_out_together():
    given = data(30, 40, 10)
    folds = fold_of_patients(given)
    assert fold_of_nodules(given).tolist() == [folds[patient] for patient in given.patient]


def test_the_folds_are_drawn_and_do_not_depend_on_the_order_of_the_nodules():
    given = data(30, 40, 10)
    backwards = SimpleNamespace(patient=given.patient[::-1], label=given.label[::-1])
    folds = fold_of_patients(given)
    assert fold_of_patients(backwards) == folds
    assert [folds[f"P{n:03}"] for n in range(30)] != [n % FOLDS for n in range(30)]


@pytest.mark.parametrize("fold", range(FOLDS))
def test_the_sides_of_a_fold_have_each_nodule_once_and_share_no_patient(fold):
    given = data(30, 40, 10)
    sides = sides_of_fold(given, fold)
    assert tuple(sides) == SIDES
    assert np.sort(np.concatenate(list(sides.values()))).tolist() == list(range(len(given.patient)))
    patients = [set(given.patient[indices]) for indices in sides.values()]
    assert sum(map(len, patients)) == len(set().union(*patients)) == 80
    np.testing.assert_array_equal(sides["train"], np.flatnonzero(fold_of_nodules(given) != fold))


def test_the_halves_of_a_fold_have_as_many_patients_of_each_stratum():
    given = data(40, 100, 20)
    sides = sides_of_fold(given, 0)
    halves = [of_each_stratum(set(given.patient[sides[side]])) for side in ("validation", "test")]
    assert halves == [[7, 17, 4], [7, 17, 3]]
