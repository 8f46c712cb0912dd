"""A drawn chest in three dimensions, in mm: moved, sampled at any spacing, with a nodule of any size."""

import numpy as np

from models.imaging.scan import Scan

AIR, TISSUE, LUNG, VESSEL, BONE, NODULE = -1000, 40, -850, -450, 700, 60
MIDDLE = np.array([180.0, 180.0, 70.0])  # x, y, z of the chest's middle, as it is drawn unmoved
NODULE_AT = np.array([110.0, 178.0, 66.0])
LENGTH_MM, FIELD_MM = 140.0, 360.0


def drawn_chest(
    radius_mm=8.0,
    moved=(0.0, 0.0, 0.0),
    spacing_mm=1.4,
    step_mm=2.5,
    seed=1,
    stretch=1.0,
    nodule_at=NODULE_AT,
):
    """Slices (n, rows, cols) in HU, and z of each.

    Parameters
    ----------
    radius_mm : float
        Of the nodule, a ball; 0: none.
    moved : (float, float, float)
        By how much (x, y, z) the patient lies elsewhere.
    seed : int
        Of the vessels' and ribs' places: another one is another patient.
    stretch : float
        Of lungs and body along z: a deeper breath.
    """
    n = int(FIELD_MM / spacing_mm)
    along = np.arange(n) * spacing_mm
    z = np.arange(0, LENGTH_MM + 0.1, step_mm)
    across, down = along[None] - moved[0] - MIDDLE[0], along[:, None] - moved[1] - MIDDLE[1]
    heights = (z - moved[2] - MIDDLE[2]) / stretch
    slices = np.stack([_slice(across, down, up, seed) for up in heights])
    if radius_mm:
        offset = np.subtract(nodule_at, MIDDLE)
        for hu, up in zip(slices, heights, strict=True):
            hu[_ball(across, down, (up - offset[2]) * stretch, (*offset[:2], 0), radius_mm)] = NODULE
    noise = np.random.default_rng(0).integers(-15, 16, slices.shape, dtype=np.int16)
    return slices.astype(np.int16) + noise, z


def _slice(across, down, up, seed):
    """One slice, evaluated where the patient's points (mm from the middle) were before they moved."""
    hu = np.full((down.size, across.size), AIR, np.float32)
    hu[(across / 165) ** 2 + (down / 130) ** 2 <= 1] = TISSUE
    lungs = np.zeros(hu.shape, bool)
    for side in (-1, 1):
        lungs |= ((across - 72 * side) / 52) ** 2 + (down / 85) ** 2 + (up / 110) ** 2 <= 1
    hu[lungs] = LUNG
    rng = np.random.default_rng(seed)
    for _ in range(700):
        place, size = rng.uniform((-120, -80, -75), (120, 80, 75)), rng.uniform(3, 6)
        if abs(up - place[2]) < size:
            hu[lungs & _ball(across, down, up, place, size)] = VESSEL
    for _ in range(60):  # bones lie between lungs and skin
        angle, height = rng.uniform(0, 2 * np.pi), rng.uniform(-75, 75)
        place = 148 * np.cos(angle), 112 * np.sin(angle), height
        if abs(height - up) < 8:
            hu[~lungs & (hu > AIR) & _ball(across, down, up, place, 8)] = BONE
    return hu


def _ball(across, down, up, place, radius):
    return (across - place[0]) ** 2 + (down - place[1]) ** 2 + (up - place[2]) ** 2 <= radius**2


def drawn_scan(spacing_mm=1.4, z_from=-300.0, **options):
    """The same as a scan."""
    slices, z = drawn_chest(spacing_mm=spacing_mm, **options)
    return Scan(
        slices,
        (spacing_mm, spacing_mm),
        spacing_assumed=False,
        is_hu=True,
        positions_mm=tuple((z_from + z).tolist()),
        contrast=False,
    )


def nodule_in(scan, moved=(0.0, 0.0, 0.0), z_from=-300.0, nodule_at=NODULE_AT):
    """Row, column and slice of the nodule of a `drawn_scan` that was not stretched."""
    x, y, z = np.add(nodule_at, moved)
    index = int(np.abs(np.subtract(scan.positions_mm, z_from + z)).argmin())
    return float(y / scan.spacing_mm[0]), float(x / scan.spacing_mm[1]), index
