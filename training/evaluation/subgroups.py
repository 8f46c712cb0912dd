"""Results by kind of nodule and of scan: where a model is better or worse than its average."""

import numpy as np

from models.clinical.mass import MASS_MM
from models.inference.classifier import CONSENSUS
from models.networks.scales import DESCRIPTOR_SCALES, unscale_descriptors
from training.data.dataset import Nodules
from training.evaluation.metrics import auc_if_defined, confusion

DIAMETERS_MM = {  # from the first on, and up to the second or, where that is None, without end
    "below 6 mm": (0, 6),
    "6 to 8 mm": (6, 8),
    "8 to 15 mm": (8, 15),
    "15 to 30 mm": (15, 30),
    "above 30 mm": (30, None),
}


def subgroups(nodules: Nodules) -> dict[str, dict[str, np.ndarray]]:
    """Masks over all nodules, by heading and name.

    Diameter is the mean of the readers' outlines; texture the mean of their ratings (1 non-solid, 3
    part-solid, 5 solid), cut midway.
    """
    texture = unscale_descriptors(nodules.descriptors)[:, list(DESCRIPTOR_SCALES).index("texture")]
    mm, readers, thick = nodules.diameter_mm, nodules.n_readers, nodules.slice_thickness_mm
    ends = [high for _, high in DIAMETERS_MM.values() if high is not None]
    ends[-1] = np.nextafter(MASS_MM, np.inf)  # a nodule of just this size is no mass yet
    size = np.digitize(mm, ends)
    return {
        "Diameter": {name: size == k for k, name in enumerate(DIAMETERS_MM)},
        "Texture": {
            "ground glass": texture < 2,
            "part-solid": (texture >= 2) & (texture < 4),
            "solid": texture >= 4,
        },
        "Readers": {
            "1": readers == 1,
            "2": readers == 2,
            "3": readers == 3,
            "4 or more": readers >= 4,
            "3 or more": readers >= 3,
        },
        "Slice thickness": {
            "up to 1.25 mm": thick <= 1.25,
            "1.5 to 2.5 mm": (thick > 1.25) & (thick <= 2.5),
            "3 mm and more": thick > 2.5,
        },
        "Contrast agent": {"given": nodules.contrast, "not given": ~nodules.contrast},
    }


def by_subgroup(
    nodules: Nodules, indices: np.ndarray, columns: dict[str, np.ndarray], called: dict[str, np.ndarray]
) -> list[dict]:
    """AUC of each column, and the operating point of each model, in each subgroup.

    Parameters
    ----------
    indices : ndarray of int, shape (n,)
        Benign and malignant nodules.
    columns : dict of str to ndarray of shape (n,)
        Probabilities by model, and other scores.
    called : dict of str to ndarray of bool, shape (n,)
        Whether each model called them malignant.

    Returns
    -------
    list of dict
        ``heading``, ``name``, ``n_nodules``, ``n_malignant``, ``auc`` (by column; None where there is one
        class only); where there are both, ``rates`` (by model: ``accuracy``, ``sensitivity``,
        ``specificity``) and once more those of the consensus. Of diameters also ``low_mm`` and ``high_mm``
        (None: no end).
    """
    patients, labels = nodules.patient[indices], nodules.label[indices]
    rows = []
    for heading, groups in subgroups(nodules).items():
        for name, mask in groups.items():
            chosen = np.flatnonzero(mask[indices])
            row: dict = {"heading": heading, "name": name, "n_nodules": len(chosen)}
            row["n_malignant"] = int(labels[chosen].sum())
            row["auc"] = {
                key: auc_if_defined(patients[chosen], labels[chosen], column[chosen])
                for key, column in columns.items()
            }
            if 0 < row["n_malignant"] < row["n_nodules"]:
                row["rates"] = {
                    key: confusion(labels[chosen], column[chosen].astype(float), 0.5)
                    for key, column in called.items()
                }
                row |= row["rates"][CONSENSUS]
            if name in DIAMETERS_MM:
                row["low_mm"], row["high_mm"] = DIAMETERS_MM[name]
            rows.append(row)
    return rows
