import numpy as np
import pytest

from models.networks.scales import DESCRIPTOR_SCALES, scale_descriptors
from tests.training.data.made_nodules import make_nodules, share_of_pairs
from training.evaluation.subgroups import by_subgroup, subgroups

pytestmark = pytest.mark.usefixtures("few_draws")
ONE_EACH = ("Diameter", "Texture", "Slice thickness", "Contrast agent")


def with_texture(values):
    """Scaled descriptors of nodules of these textures, all else in the middle."""
    descriptors = np.full((len(values), len(DESCRIPTOR_SCALES)), 3.0)
    descriptors[:, list(DESCRIPTOR_SCALES).index("texture")] = values
    return scale_descriptors(descriptors)


def names_of(heading, **columns):
    """The subgroups that one nodule is in."""
    ratings = columns.pop("ratings", [3])
    nodules = make_nodules(["P"], [ratings], **{name: np.array([x]) for name, x in columns.items()})
    return [name for name, mask in subgroups(nodules)[heading].items() if mask[0]]


@pytest.mark.parametrize(
    ("diameter_mm", "name"),
    [
        (2.0, "below 6 mm"),
        (5.99, "below 6 mm"),
        (6.0, "6 to 8 mm"),
        (7.99, "6 to 8 mm"),
        (8.0, "8 to 15 mm"),
        (14.99, "8 to 15 mm"),
        (15.0, "15 to 30 mm"),
        (30.0, "15 to 30 mm"),
        (30.01, "above 30 mm"),
    ],
)
def test_edges_of_the_diameters(diameter_mm, name):
    assert names_of("Diameter", diameter_mm=diameter_mm) == [name]


@pytest.mark.parametrize(
    ("texture", "name"),
    [
        (1, "ground glass"),
        (1.99, "ground glass"),
        (2, "part-solid"),
        (3.99, "part-solid"),
        (4, "solid"),
        (5, "solid"),
    ],
)
def test_edges_of_the_textures(texture, name):
    assert names_of("Texture", descriptors=with_texture([texture])[0]) == [name]


@pytest.mark.parametrize(
    ("n", "names"),
    [(1, ["1"]), (2, ["2"]), (3, ["3", "3 or more"]), (4, ["4 or more", "3 or more"])],
)
def test_numbers_of_readers(n, names):
    assert names_of("Readers", ratings=[3] * n) == names
    if n == 4:
        assert names_of("Readers", ratings=[3] * 8) == names


@pytest.mark.parametrize(
    ("mm", "name"),
    [
        (0.6, "up to 1.25 mm"),
        (1.25, "up to 1.25 mm"),
        (1.5, "1.5 to 2.5 mm"),
        (2.5, "1.5 to 2.5 mm"),
        (3.0, "3 mm and more"),
        (5.0, "3 mm and more"),
    ],
)
def test_edges_of_the_slice_thicknesses(mm, name):
    assert names_of("Slice thickness", slice_thickness_mm=mm) == [name]


@pytest.mark.parametrize(("contrast", "name"), [(True, "given"), (False, "not given")])
def test_contrast_agent(contrast, name):
    assert names_of("Contrast agent", contrast=contrast) == [name]


@pytest.fixture(scope="module")
def nodules():
    """60 nodules of 30 patients, of every diameter, texture, thickness and number of readers."""
    rng = np.random.default_rng(0)
    ratings = [[rng.choice([1, 5])] * rng.integers(1, 5) for _ in range(60)]
    return make_nodules(
        np.repeat([f"P{n:02}" for n in range(30)], 2),
        ratings,
        diameter_mm=rng.uniform(3, 40, 60),
        descriptors=with_texture(rng.uniform(1, 5, 60)),
        slice_thickness_mm=rng.choice([0.6, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0], 60),
        contrast=rng.random(60) < 0.5,
    )


@pytest.mark.parametrize("heading", ONE_EACH)
def test_every_nodule_is_in_one_subgroup(nodules, heading):
    masks = np.array(list(subgroups(nodules)[heading].values()))
    np.testing.assert_array_equal(masks.sum(axis=0), 1)
    assert masks.any(axis=1).all()


@pytest.fixture(scope="module")
def measured(nodules, few_draws):
    """Indices of 40 of the nodules in another order, scores and calls of these, and the rows."""
    rng = np.random.default_rng(1)
    indices = rng.permutation(60)[:40]
    scores = {"network": rng.random(40), "diameter": nodules.diameter_mm[indices]}
    called = {"network": rng.random(40) < 0.5, "consensus": rng.random(40) < 0.5}
    return indices, scores, called, by_subgroup(nodules, indices, scores, called)


def test_rows_are_those_of_the_subgroups(nodules, measured):
    named = [(row["heading"], row["name"]) for row in measured[-1]]
    assert named == [(heading, name) for heading, groups in subgroups(nodules).items() for name in groups]


def test_a_row_measures_its_own_nodules(nodules, measured):
    indices, scores, called, rows = measured
    both_kinds = 0
    for row in rows:
        inside = subgroups(nodules)[row["heading"]][row["name"]][indices]
        labels = nodules.label[indices][inside]
        assert (row["n_nodules"], row["n_malignant"]) == (inside.sum(), (labels == 1).sum())
        if set(labels) != {0, 1}:
            assert row["auc"] == {"network": None, "diameter": None}
            assert not {"sensitivity", "rates"} & set(row)
            continue
        both_kinds += 1
        for key, column in scores.items():
            assert row["auc"][key]["auc"] == pytest.approx(share_of_pairs(labels, column[inside]))
        assert set(row["rates"]) == set(called)
        for key, column in called.items():
            rates = row["rates"][key]
            assert rates["sensitivity"] == pytest.approx(column[inside][labels == 1].mean())
            assert rates["specificity"] == pytest.approx(1 - column[inside][labels == 0].mean())
        assert rates.items() <= row.items()  # those of the consensus, the last
    assert both_kinds >= 10


def test_a_subgroup_of_one_kind_has_no_auc_and_no_rates():
    nodules = make_nodules(["A", "B", "C"], [[1], [5], [2]], diameter_mm=np.array([5.0, 20.0, 5.0]))
    called = {"consensus": np.array([False, True, True])}
    rows = by_subgroup(nodules, np.arange(3), {"network": np.arange(3.0)}, called)
    small = next(row for row in rows if row["name"] == "below 6 mm")
    assert small == {
        "heading": "Diameter",
        "name": "below 6 mm",
        "n_nodules": 2,
        "n_malignant": 0,
        "auc": {"network": None},
        "low_mm": 0,
        "high_mm": 6,
    }


def test_diameters_say_their_ends_and_the_others_have_none(measured):
    ends = {row["name"]: (row["low_mm"], row["high_mm"]) for row in measured[-1] if "low_mm" in row}
    assert ends == {
        "below 6 mm": (0, 6),
        "6 to 8 mm": (6, 8),
        "8 to 15 mm": (8, 15),
        "15 to 30 mm": (15, 30),
        "above 30 mm": (30, None),
    }
