import pytest

from models.clinical.mass import MASS_MM, is_mass


@pytest.mark.parametrize(("mm", "mass"), [(None, False), (29.9, False), (30.0, False), (30.01, True)])
def test_a_mass_is_longer_than_30_mm(mm, mass):
    assert MASS_MM == 30
    assert is_mass(mm) is mass
