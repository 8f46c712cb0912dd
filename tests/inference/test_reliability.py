import pytest

from models.inference.reliability import SIZES_MM, Reliability, SameVerdict, group_of, reliability_of

SAME = {"nodules": 85, "malignant": 6, "low": 0.026, "high": 0.147, "adds": False}
ROW = {"size_mm": [6, 8], "nodules": 103, "malignant": 8, "recognised": 0}
ROW["verdicts"] = {"benign": SAME, "malignant": SAME | {"nodules": 1, "malignant": 1, "adds": True}}
REPORT = {"models": {"vgg16": [ROW]}}


@pytest.mark.parametrize(
    ("mm", "size"),
    [
        (0.5, (0, 6)),
        (5.99, (0, 6)),
        (6, (6, 8)),
        (8, (8, 10)),
        (10, (10, 15)),
        (15, (15, 20)),
        (20, (20, 30)),
        (30, (20, 30)),
        (30.01, (30, None)),
        (90, (30, None)),
    ],
)
def test_edges_of_the_sizes(mm, size):
    assert SIZES_MM[group_of(mm)] == size


@pytest.mark.parametrize(
    ("verdict", "adds"),
    [("benign", False), ("malignant", True), ("indeterminate", False), ("no_nodule", False)],
)
def test_a_verdict_is_looked_up_by_model_and_size(verdict, adds):
    same = ROW["verdicts"].get(verdict)
    found = reliability_of(REPORT, "vgg16", 7.9, verdict)
    assert found == Reliability((6, 8), 103, 8, 0, same and SameVerdict(**same))
    assert (found.adds, found.most) == (adds, "benign")


def test_what_was_not_measured_is_not_told():
    assert reliability_of({}, "vgg16", 7.0, "benign") is None
    assert reliability_of(REPORT, "resnet", 7.0, "benign") is None
    assert reliability_of(REPORT, "vgg16", None, "benign") is None
    assert reliability_of(REPORT, "vgg16", 9.0, "benign") is None


@pytest.mark.parametrize(("malignant", "most"), [(4, "benign"), (5, "benign"), (6, "malignant")])
def test_what_most_of_a_size_are(malignant, most):
    assert Reliability((6, 8), 10, malignant, 0, None).most == most
