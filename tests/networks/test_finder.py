import numpy as np

from models.imaging.field import FINDER_REDUCTION, FINDER_STRIDE
from models.networks.finder import FILTERS, build_finder


def test_its_map_is_as_coarse_as_the_search_takes_it():
    assert FINDER_REDUCTION * 2 ** (len(FILTERS) - 1) == FINDER_STRIDE
    rows, cols = 2 * FINDER_STRIDE, 3 * FINDER_STRIDE
    answer = np.asarray(build_finder()(np.zeros((1, rows, cols, 3), np.float32), training=False))
    assert answer.shape == (1, rows // FINDER_REDUCTION, cols // FINDER_REDUCTION, 1)
