import json
from types import SimpleNamespace

import numpy as np
import pytest

from app import ROOT
from models.inference.similar_cases import SIMILAR, CaseTable
from models.inference.views import views
from models.networks.registry import ARCHITECTURES
from tests.training.data.made_nodules import recipe_of
from training.cases import __main__ as cases
from training.cases import made as made_module
from training.cases.features import WAYS
from training.cases.locations import KINDS, patches_of_crops
from training.cases.space import COMPARED, limit
from training.data.dataset import load
from training.data.outlines import largest_section
from training.data.outlines import load as load_outlines
from training.data.splits import sides_of_fold

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:An input array is constant"),  # so few share all neighbours
]


def write_everything(folder, nodules_file):
    """The command on made data, with the shipped networks as the held-out ones."""
    weights, runs = folder / "weights", folder / "runs"
    weights.mkdir()
    for key in ARCHITECTURES:
        for name in (f"{key}.json", f"{key}.weights.h5"):
            (weights / name).symlink_to(ROOT / "weights" / name)
        run = runs / "fold-0" / key
        run.mkdir(parents=True)
        (run / "run.json").write_text(recipe_of(load(nodules_file), 0))
        (run / "final.weights.h5").symlink_to(ROOT / "weights" / f"{key}.weights.h5")
    arguments = ["--data", nodules_file, "--runs", runs, "--weights", weights]
    cases.main([str(word) for word in arguments])
    return SimpleNamespace(weights=weights, data=nodules_file)


@pytest.fixture(scope="module")
def written(tmp_path_factory, nodules_file, few_draws):
    folder = tmp_path_factory.mktemp("cases")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made_module, "EACH", 2)
        patch.setattr(cases, "drawn_patches", lambda: made_module.drawn_patches(1))
        return write_everything(folder, nodules_file)


def test_the_table_is_read_by_the_app_and_knows_nobody(written):
    nodules, found = load(written.data), CaseTable(written.weights)
    assert len(found) == len(nodules)
    with np.load(written.weights / "cases.npz", allow_pickle=False) as file:
        assert not [name for name in file if file[name].dtype.kind in "US"]
        assert file["ratings"].sum() == np.isfinite(nodules.malignancy).sum()
        assert (np.diff(file["usual"]) >= 0).all()


def test_a_nodule_is_found_where_the_app_places_it(written, app):
    nodules, found = load(written.data), CaseTable(written.weights)
    outlines = load_outlines(written.data)
    index, row, col = largest_section(outlines, 3)
    patches = views(outlines.grey[index], 0.7, row, col)
    answers = {key: app.registry.predict(key, patches).features for key in ARCHITECTURES}
    near = found.nearest(answers)
    assert near.distances[0] < 0.01 < near.distances[1]
    assert near.means[0] == np.nanmean(nodules.malignancy[3])
    assert len(near.means) == min(SIMILAR, len(nodules))


def test_everything_is_measured(written):
    report = json.loads((written.weights / "cases.json").read_text())
    nodules, measured = load(written.data), report["measured"]
    sides = sides_of_fold(nodules, 0)
    assert report["weights"] == {
        key: json.loads((ROOT / "weights" / f"{key}.json").read_text())["sha256"] for key in ARCHITECTURES
    }
    assert {side: row["n"] for side, row in measured["unseen"]["sides"].items()} == {
        side: len(sides[side]) for side in ("validation", "test")
    }
    assert len(measured["compared"]) == len(COMPARED)
    assert {"noise", "photograph"} <= set(measured["made"])
    assert all(1 <= row["n"] <= 2 for row in measured["made"].values())
    assert set(measured["ways"]) == {way.name for way in WAYS}
    assert measured["drawn"]["n"] == 2
    with np.load(written.weights / "cases.npz") as file:
        expected = limit(file["usual"]) * measured["stretch"]
    assert report["threshold"] == pytest.approx(expected, rel=1e-4)
    assert measured["stretch"] * measured["usual_limit"] == pytest.approx(
        measured["unseen"]["limit"], rel=1e-3
    )


def test_made_patches_of_the_two_sides_differ(written):
    made = made_module.made_patches(load_outlines(written.data), 0)
    both = set(made["validation"]) & set(made["test"])
    assert {"noise", "photograph", "lung"} <= both
    for kind in both:
        chosen_by, reported = made["validation"][kind], made["test"][kind]
        assert not any((one == other).all() for one in chosen_by for other in reported)


def test_no_more_patches_than_asked_for(written):
    outlines = load_outlines(written.data)
    found = patches_of_crops(outlines, np.arange(len(outlines)), np.random.default_rng(0), at_most=3)
    assert list(found) == list(KINDS)
    assert max(len(patches) for patches in found.values()) == 3
