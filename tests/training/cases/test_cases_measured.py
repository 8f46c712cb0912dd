import numpy as np
import pytest

from models.imaging.patch import CLOSE_MM, cut_patch
from models.inference.views import eight_views, views
from tests.training.data.made_nodules import make_nodules
from training.cases.features import WAYS, patches_of, tight
from training.cases.locations import KINDS, locations_by_kind
from training.cases.measure import agreement, flags, flags_by_kind, share
from training.cases.space import Recipe, limit, make_table
from training.evaluation.perturb import Upload

ONE = Recipe(networks=("a",), components=2, unit=False, whiten=False, k=2)


def features(n=60, seed=0):
    """Two networks' features of which the first has two directions that matter."""
    rng = np.random.default_rng(seed)
    return {"a": rng.normal(0, [3, 2, 0.01], (n, 3)), "b": rng.normal(5, 1, (n, 4))}


def patients_of(n):
    """Two nodules each."""
    return np.array([f"P{i // 2}" for i in range(n)])


def table(recipe=ONE, n=60, given=None):
    given = features(n) if given is None else given
    return make_table(given, patients_of(n), np.arange(n) % 3 - 1, recipe)


@pytest.mark.parametrize("recipe", [ONE, Recipe(("a", "b"), 2), Recipe(("a", "b"), 3, distance="last")])
def test_distances_are_in_units_of_the_usual_one(recipe):
    assert np.median(table(recipe).usual()) == pytest.approx(1, rel=0.01)


def test_nodules_of_the_same_patient_are_no_neighbours():
    own = table()
    far, near = own.nearest_cases(own.embeddings, own.patients, k=5)
    assert (far[:, 0] > 0).all()
    assert not (own.patients[near] == own.patients[:, None]).any()
    far, near = own.nearest_cases(own.embeddings, k=5)
    np.testing.assert_array_equal(near[:, 0], np.arange(60))
    assert (np.diff(far, axis=1) >= 0).all()


def test_the_distance_is_the_mean_or_the_last_of_the_nearest():
    own, last = table(), table(Recipe(("a",), 2, whiten=False, unit=False, distance="last", k=2))
    far, _ = own.nearest_cases(own.embeddings[:4] + 1, k=2)
    np.testing.assert_allclose(own.distances(own.embeddings[:4] + 1), far.mean(axis=1))
    far, _ = last.nearest_cases(last.embeddings[:4] + 1, k=2)
    np.testing.assert_allclose(last.distances(last.embeddings[:4] + 1), far[:, 1])


def test_mahalanobis_is_to_the_nearest_class_with_one_covariance():
    rng = np.random.default_rng(3)
    labels = np.arange(3000) % 3 - 1
    given = {"a": rng.normal(0, 1, (3000, 2)) * [5, 1] + np.array([[0, 0], [40, 0], [0, 30]])[labels]}
    recipe = Recipe(("a",), 2, whiten=False, unit=False, distance="mahalanobis")
    own = make_table(given, patients_of(3000), labels, recipe)
    found = own.distances(own.space.project({"a": [[0, 0], [40, 2], [10, 0], [0, 33]]}))
    np.testing.assert_allclose(found, np.array([0, 2, 2, 3]) * (found[1] / 2), atol=0.2 * found[1])


def test_without_whitening_components_keep_their_variance():
    space = table().space
    plain = np.std(space.project(features()), axis=0)
    white = np.std(table(Recipe(("a",), 2, unit=False)).embeddings, axis=0)
    assert white[0] == pytest.approx(white[1], rel=0.01)
    assert plain[0] > 1.001 * plain[1]


def test_directions_in_which_nothing_varies_are_left_out():
    own = make_table({"a": np.outer(np.arange(30), [1, 2, 3])}, patients_of(30), np.arange(30) % 3 - 1, ONE)
    assert own.space.axes["a"].shape == (3, 1)


def test_one_in_a_hundred_is_beyond_the_limit():
    assert (np.arange(1000) > limit(np.arange(1000))).sum() == 10


def test_each_side_is_judged_by_the_limit_of_the_other():
    n, given = 60, features()
    given["a"][50:] += 100
    nodules = make_nodules(patients_of(n), [(3,)] * n, diameter_mm=np.full(n, 7.0))
    own = table(given={"a": given["a"][:40]}, n=40)
    found = flags(own, nodules, {"a": given["a"]}, {"near": np.arange(40, 50), "far": np.arange(50, 60)})
    assert {side: row["value"] for side, row in found["sides"].items()} == {"near": 0, "far": 1}
    assert (found["all"]["value"], found["all"]["n"]) == (0.5, 20)
    assert [(row["from_mm"], row["to_mm"], row["n"]) for row in found["sizes"]] == [(6, 10, 20)]
    kinds = {"far": {"a": given["a"][50:]}, "near": {"a": given["a"][40:50]}}
    by_kind = flags_by_kind(own, kinds, beyond=20)
    assert {kind: row["value"] for kind, row in by_kind.items()} == {"far": 1, "near": 0}


def test_neighbours_with_the_same_ratings_agree():
    """Two groups of nodules, those to the left benign, those to the right malignant."""
    n, rng = 200, np.random.default_rng(0)
    right = rng.random(n) < 0.5
    ratings = [(5, 4) if side else (1, 2) for side in right]
    nodules = make_nodules(patients_of(n), ratings)
    given = {"a": rng.normal(0, 1, (n, 3)) + 20 * right[:, None]}
    train, unseen = np.arange(150), np.arange(150, 200)
    own = make_table({"a": given["a"][:150]}, nodules.patient[:150], nodules.label[:150], ONE)
    found = agreement(own, nodules, given, train, unseen)
    assert found["auc"]["value"] == 1
    assert found["auc"]["n"] == found["n"] == 50
    assert found["spearman"]["value"] == pytest.approx(1)
    assert found["mean_difference"] == pytest.approx(0)


def test_the_interval_of_independent_patches_is_wilsons():
    found = share(np.arange(100) < 20)
    assert found == pytest.approx({"value": 0.2, "low": 0.1334, "high": 0.2888, "n": 100}, abs=1e-3)


def test_views_are_those_of_the_app():
    pixels = np.random.default_rng(0).integers(0, 256, (90, 86)).astype(np.uint8)
    seen = views(pixels, 0.7, 40, 43)
    np.testing.assert_array_equal(eight_views(seen[:1]), seen)


def test_a_patch_shows_the_middle_of_the_largest_section(made):
    """A disc is in the middle of 128 x 128 pixels; both slices show it alike, and the first is taken."""
    nodules = make_nodules(made.patient, [(1,)] * len(made))
    chosen = [3, 5]
    expected = [cut_patch(made.grey[made.first[i]], 0.7, 63.5, 63.5) for i in chosen]
    np.testing.assert_array_equal(patches_of(nodules, made, chosen), expected)


def test_a_patch_is_sent_in_the_way_asked_for(made):
    """Of 64 x 64 pixels, 44.8 mm, the close field shows the same, the wide one their mirror image."""
    nodules = make_nodules(made.patient, [(1,)] * len(made))
    assert WAYS[0].name == "64 x 64 pixels"
    whole, cut = (patches_of(nodules, made, [3], *way)[0] for way in ((), WAYS[:1]))
    np.testing.assert_allclose(cut[..., 0], whole[..., 0], atol=1e-6)
    assert np.abs(cut[..., 1] - whole[..., 1]).max() > 0.1
    expected = cut_patch(made.grey[made.first[3], 32:96, 32:96], 0.7, 31.5, 31.5)
    np.testing.assert_array_equal(cut, expected)


@pytest.mark.parametrize(
    ("place", "first"), [((63.5, 63.5), (32, 32)), ((10, 120), (0, 64)), ((127, 0), (64, 0))]
)
def test_a_tight_square_is_cut_around_the_nodule_and_stays_in_the_slice(place, first):
    pixels = np.arange(128 * 128).reshape(128, 128)
    found = tight(Upload(pixels, 0.7, *place), np.random.default_rng(0))
    assert found.pixels.shape == (64, 64)
    assert found.pixels[0, 0] == pixels[first]
    assert (found.row + first[0], found.col + first[1], found.spacing_mm) == (*place, 0.7)


def test_of_a_slice_that_is_smaller_nothing_is_cut_off():
    pixels = np.zeros((50, 128), np.uint8)
    found = tight(Upload(pixels, 0.7, 20, 64), np.random.default_rng(0))
    assert (found.pixels.shape, found.row, found.col) == ((50, 64), 20, 32)


def drawn_chest():
    """Lung with a vessel to the left, tissue with a rib to the right; 0.7 mm."""
    hu = np.full((256, 256), -850.0)
    hu[:, 128:] = 40
    hu[60:66, 60:66] = 0
    hu[110:140, 135:140] = 700
    return hu


def test_locations_are_where_their_kinds_are():
    found = locations_by_kind(drawn_chest(), (0.7, 0.7), np.zeros((256, 256), bool))
    assert list(found) == list(KINDS)
    assert found["vessel"] == [(62.5, 62.5)]
    rows, cols = np.array(found["heart and other soft tissue"]).T
    assert cols.min() >= 128 + 23 - 2
    assert all(128 <= col < 160 and 90 < row < 160 for row, col in found["chest wall"])
    assert all(col < 128 for _, col in found["lung"])


def test_locations_keep_away_from_outlines_and_edges():
    outlined = np.zeros((256, 256), bool)
    outlined[62, 62] = True
    half = CLOSE_MM / 0.7 / 2
    found = locations_by_kind(drawn_chest(), (0.7, 0.7), outlined)
    assert found["vessel"] == []
    for row, col in found["lung"]:
        assert min(row, col) >= half - 1
        assert max(row, col) <= 256 - half + 1
        assert max(abs(row - 62), abs(col - 62)) >= half - 2
