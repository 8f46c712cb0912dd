"""Locations without a nodule are what they are called, and keep away from what is marked."""

import numpy as np
import pytest

from training.recognition.locations import CLEAR_MM, KINDS, beside_nodules
from training.recognition.sources import locations_in_crops, locations_in_sources

NAMES = np.array(KINDS)


@pytest.fixture(scope="module")
def locations(sources):
    return locations_in_sources(sources)


def hu_at(sources, location):
    return sources[location["source"]].hu[
        location["slice"], round(float(location["row"])), round(float(location["col"]))
    ]


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("air outside", -1100, -900),
        ("bone", 200, 400),
        ("soft tissue", -20, 120),
        ("lung", -920, -800),
    ],
)
def test_locations_are_of_their_kind(sources, locations, kind, low, high):
    own = locations[NAMES[locations["kind"]] == kind]
    assert len(own) >= 20
    assert np.mean([low <= hu_at(sources, location) <= high for location in own]) >= 0.9


def test_vessels_are_bright_within_the_lungs(sources, locations):
    own = locations[NAMES[locations["kind"]] == "vessel"]
    assert len(own) >= 10
    assert min(hu_at(sources, location) for location in own) > -500


def test_locations_keep_away_from_marked_nodules(locations):
    near = locations[(locations["source"] == 0) & np.isin(locations["slice"], range(1, 5))]
    away = np.hypot(near["row"] - 128, near["col"] - 77) * 1.4
    assert len(near) > 20
    assert away.min() > 15


def test_of_a_patient_with_cancer_no_location_is_within_the_lungs(locations):
    within = np.isin(NAMES[locations["kind"]], ("lung", "vessel", "hilum"))
    assert set(locations["source"][within]) == {0, 1, 3}


def test_locations_beside_a_nodule_are_clear_of_it():
    outlined = np.zeros((128, 128), bool)
    outlined[50:70, 60:80] = True
    hu = np.full((128, 128), -850.0)
    found = beside_nodules(hu, (0.7, 0.7), outlined, np.random.default_rng(0), each=40)
    assert len(found) == 40
    for kind, row, col in found:
        assert kind == "beside a nodule"
        off = max(50 - row, row - 69, 60 - col, col - 79)
        assert off * 0.7 >= CLEAR_MM - 1
        assert 8 <= row <= 119


def test_every_crop_has_places(made):
    assert set(locations_in_crops(made)["source"]) == set(range(len(made)))
