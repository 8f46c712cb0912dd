"""Two chest CTs of one patient brought over each other by their lungs, so that locations can be mapped.

Both are reduced to a grid of 4 mm. The lungs' masks give a shift, which SimpleITK refines to a rigid and then
to an affine map (correlation of HU in and around the lungs), with bounded steps and time; the best of the
three is kept. How well lungs, vessels and bones then coincide tells whether this can be one patient.

Coordinates in mm: x to the patient's left, y to the back (as displayed, from the middle of the first
displayed pixel), z the slice's position.
"""

import logging
import time
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve

from models.imaging.field import cut_field, slice_in_hu
from models.imaging.lung import lung_mask
from models.imaging.scan import Scan

GRID_MM = 4.0
MOST_VOXELS = 160  # along an axis: 64 cm; what lies beyond is not looked at
LEAST_MM = 40.0  # of body length that a rigid or affine map needs
LEAST_LUNG = 0.5  # of the smaller pair of lungs that has to be seen in both
AROUND = 4  # voxels around the lungs that count for the map
BEYOND_HU = -3000.0  # stands for what a scan does not show
STEPS = 25  # of the optimiser, at most, on each of its levels
SECONDS = 10.0  # for each of the two maps; what is reached by then is taken
SAMPLED = 0.3  # of the voxels, the same each time
VESSELS_FIT, BONES_FIT = 0.7, 0.5
DEEP = 2  # voxels from the edge of the lungs, which coincides in other people's chests as well
log = logging.getLogger(__name__)

Method = Literal["affine", "rigid", "shift"]
Reason = Literal["no_spacing", "no_positions", "no_lungs"]
Point = tuple[float, float, float]  # x, y, z in mm


class NotAligned(Exception):
    """Why two scans cannot be brought over each other; ``reason`` is a code."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Alignment:
    """A map from the later to the earlier scan, and how well it fits.

    Attributes
    ----------
    matrix : tuple of 12 floats
        Rows of a 3 x 4 matrix: a point (x, y, z, 1) of the later scan to (x, y, z) of the earlier one, in mm.
    method : str
        ``shift`` where nothing better was found.
    lungs : float
        Twice the volume that both lungs share, through the sum of both (Dice), where both scans show them.
    vessels : float or None
        Correlation of HU within both lungs, away from their edge; None where there is too little to tell.
    bones : float or None
        Correlation of what is denser than soft tissue, in the lungs and around them; None likewise.

    Of six scans of five patients (two of LIDC-IDRI-0132; one shows a part of the chest only), aligned either
    way round, the two of one patient reach 0.79 (vessels) and 0.73 (bones) at least, two of different ones
    0.56 and 0.32 at most.
    """

    matrix: tuple[float, ...]
    method: Method
    lungs: float
    vessels: float | None = None
    bones: float | None = None

    @property
    def fits(self) -> bool:
        """Whether vessels or bones coincide as those of one patient do."""
        return (self.vessels or 0) >= VESSELS_FIT or (self.bones or 0) >= BONES_FIT

    def to_earlier(self, point: Point) -> Point:
        """Where a point of the later scan lies in the earlier one."""
        matrix = np.reshape(self.matrix, (3, 4))
        x, y, z = matrix[:, :3] @ point + matrix[:, 3]
        return float(x), float(y), float(z)

    def to_later(self, point: Point) -> Point:
        """Where a point of the earlier scan lies in the later one."""
        matrix = np.reshape(self.matrix, (3, 4))
        x, y, z = np.linalg.solve(matrix[:, :3], np.asarray(point) - matrix[:, 3])
        return float(x), float(y), float(z)


def point_of(scan: Scan, row: float, col: float, index: int) -> Point:
    """A location of a scan with positions in mm."""
    down, across = scan.orientation.shown_spacing(scan.spacing_mm)
    row, col = scan.orientation.to_shown(row, col, (scan.rows, scan.cols))
    return col * across, row * down, (scan.positions_mm or ())[index]


def location_of(scan: Scan, point: Point) -> tuple[float, float, int]:
    """Row, column and the nearest slice of a point, each held within the scan."""
    x, y, z = point
    down, across = scan.orientation.shown_spacing(scan.spacing_mm)
    row, col = scan.orientation.from_shown(y / down, x / across, (scan.rows, scan.cols))
    row, col = (min(max(at, 0.0), n - 1.0) for at, n in ((row, scan.rows), (col, scan.cols)))
    return row, col, int(np.abs(np.asarray(scan.positions_mm) - z).argmin())


class _Coarse(NamedTuple):
    """A scan on the grid: HU, lungs (bool), both (z, y, x), and where voxel 0 lies (z, y, x in mm)."""

    hu: np.ndarray
    lungs: np.ndarray
    origin: np.ndarray


def align(later: Scan, earlier: Scan) -> Alignment:
    """The map between two scans.

    Raises
    ------
    NotAligned
    """
    ours, theirs = _coarse(later), _coarse(earlier)
    found: list[tuple[Method, np.ndarray]] = [("shift", _matrix(np.eye(3), _shift(ours, theirs)))]
    if min(len(ours.hu), len(theirs.hu)) * GRID_MM >= LEAST_MM:
        try:
            found += _refined(ours, theirs, found[0][1])
        except (ImportError, RuntimeError) as error:  # ITK's own: too little overlap
            log.warning("Scans were aligned by a shift alone: %s.", type(error).__name__)
    judged = [(_judged(ours, theirs, matrix), method, matrix) for method, matrix in found]
    fit, method, matrix = max(judged, key=lambda each: each[0].overall)
    return Alignment(tuple(matrix.ravel().tolist()), method, fit.lungs, fit.vessels, fit.bones)


def _coarse(scan: Scan) -> _Coarse:
    """The scan on the grid, as it is displayed."""
    if scan.spacing_assumed:
        raise NotAligned("no_spacing")
    if scan.positions_mm is None or len(scan.positions_mm) < 2:
        raise NotAligned("no_positions")
    positions = np.asarray(scan.positions_mm)
    wanted = np.arange(positions[0], positions[-1] + 0.1, GRID_MM)[:MOST_VOXELS]
    nearest = np.abs(positions - wanted[:, None]).argmin(axis=1)
    spacing = scan.orientation.shown_spacing(scan.spacing_mm)
    shape = scan.orientation.shown_shape((scan.rows, scan.cols))
    size = tuple(
        min(max(1, int(n * mm / GRID_MM)), MOST_VOXELS) for n, mm in zip(shape, spacing, strict=True)
    )
    box = (0.0, 0.0, size[0] * GRID_MM / spacing[0], size[1] * GRID_MM / spacing[1])
    hu = np.stack([_layer(scan, int(index), box, (size[0], size[1])) for index in nearest])
    lungs = np.stack([lung_mask(layer, (GRID_MM, GRID_MM)) for layer in hu])
    if not lungs.any():
        raise NotAligned("no_lungs")
    in_plane = [(GRID_MM - mm) / 2 for mm in spacing]
    return _Coarse(hu, lungs, np.array([positions[0], *in_plane]))


def _layer(
    scan: Scan, index: int, box: tuple[float, float, float, float], size: tuple[int, int]
) -> np.ndarray:
    return cut_field(np.ascontiguousarray(scan.orientation.shown(slice_in_hu(scan, index))), box, size)


def _matrix(linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The 3 x 4 matrix of ``linear @ (x, y, z) + shift``."""
    return np.column_stack([linear, shift])


def _shift(ours: _Coarse, theirs: _Coarse) -> np.ndarray:
    """The shift (x, y, z in mm) with which the lungs coincide best, by all shifts of the grid at once."""
    step = 2 if min(len(ours.hu), len(theirs.hu)) * GRID_MM >= 2 * LEAST_MM else 1
    a, b = (each.lungs[::step, ::step, ::step].astype(np.float32) for each in (ours, theirs))
    turned = a[::-1, ::-1, ::-1]
    shared = fftconvolve(b, turned)
    seen = fftconvolve(b, np.ones_like(a)), fftconvolve(np.ones_like(b), turned)
    dice = 2 * shared / np.maximum(seen[0] + seen[1], 1)
    dice[np.minimum(*seen) < LEAST_LUNG * min(a.sum(), b.sum())] = 0
    best = np.array(np.unravel_index(dice.argmax(), dice.shape)) - (np.array(a.shape) - 1)
    return (theirs.origin - ours.origin + best * step * GRID_MM)[::-1]


def _refined(ours: _Coarse, theirs: _Coarse, start: np.ndarray) -> list[tuple[Method, np.ndarray]]:
    """The rigid and the affine map that SimpleITK finds from a start."""
    import SimpleITK as sitk

    fixed, moving = (_image(sitk, np.clip(each.hu, -1000, 200), each.origin) for each in (ours, theirs))
    near = ndimage.binary_dilation(ours.lungs, iterations=AROUND)
    mask = _image(sitk, near.astype(np.uint8), ours.origin)
    rigid = sitk.Euler3DTransform()
    rigid.SetCenter((np.argwhere(ours.lungs).mean(axis=0) * GRID_MM + ours.origin)[::-1].tolist())
    rigid.SetTranslation(start[:, 3].tolist())
    _improve(sitk, fixed, moving, mask, rigid, [2, 1], 4.0)
    affine = sitk.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    rigid_matrix = _matrix_of(rigid)
    _improve(sitk, fixed, moving, mask, affine, [1], 1.0)
    return [("rigid", rigid_matrix), ("affine", _matrix_of(affine))]


def _image(sitk: Any, values: np.ndarray, origin: np.ndarray) -> Any:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((GRID_MM,) * 3)
    image.SetOrigin(origin[::-1].tolist())
    return image


def _improve(
    sitk: Any, fixed: Any, moving: Any, mask: Any, transform: Any, shrink: list[int], step_mm: float
) -> None:
    """Change a transform so that what it maps correlates best; bounded in steps."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(SAMPLED, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(step_mm, 0.1, STEPS, relaxationFactor=0.5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(shrink)
    method.SetSmoothingSigmasPerLevel([factor - 1.0 for factor in shrink])
    method.SetNumberOfThreads(2)
    method.SetInitialTransform(transform, inPlace=True)
    until = time.monotonic() + SECONDS
    method.AddCommand(
        sitk.sitkIterationEvent, lambda: method.StopRegistration() if time.monotonic() > until else None
    )
    method.Execute(fixed, moving)


def _matrix_of(transform: Any) -> np.ndarray:
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(transform.TransformPoint(tuple(unit))) - origin for unit in np.eye(3)]
    return _matrix(np.column_stack(columns), origin)


class _Fit(NamedTuple):
    """How well a map fits: correlation in and around the lungs, and what `Alignment` has."""

    overall: float
    lungs: float
    vessels: float | None
    bones: float | None


def _judged(ours: _Coarse, theirs: _Coarse, matrix: np.ndarray) -> _Fit:
    hu = _mapped(ours, theirs, theirs.hu, matrix, BEYOND_HU)
    lungs = _mapped(ours, theirs, theirs.lungs.astype(np.float32), matrix, 0.0) > 0.5
    seen = hu > BEYOND_HU / 2
    own, other = ours.lungs & seen, lungs & seen
    near = ndimage.binary_dilation(own, iterations=AROUND) & seen
    within = ndimage.binary_erosion(own & other, iterations=DEEP)
    shared = 2 * (own & other).sum() / max(own.sum() + other.sum(), 1)
    return _Fit(
        _correlation(ours.hu, hu, near, (-1000, 200)) or 0.0,
        float(shared),
        _correlation(ours.hu, hu, within, (-1000, -300)),
        _correlation(ours.hu, hu, near, (100, 500)),
    )


def _mapped(
    ours: _Coarse, theirs: _Coarse, values: np.ndarray, matrix: np.ndarray, beyond: float
) -> np.ndarray:
    """Values of the earlier scan on the later one's grid."""
    linear, shift = matrix[::-1, 2::-1], matrix[::-1, 3]  # from (x, y, z) to (z, y, x)
    offset = (linear @ ours.origin + shift - theirs.origin) / GRID_MM
    return ndimage.affine_transform(values, linear, offset, ours.hu.shape, order=1, cval=beyond)


def _correlation(
    a: np.ndarray, b: np.ndarray, where: np.ndarray, window: tuple[float, float], least: int = 200
) -> float | None:
    """Of two scans' HU, cut off at a window, in some voxels; None for few voxels or nothing to see."""
    if where.sum() < least:
        return None
    first, second = np.clip(a[where], *window), np.clip(b[where], *window)
    if min(first.std(), second.std()) < 1:
        return None
    return float(np.corrcoef(first, second)[0, 1])
