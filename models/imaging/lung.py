"""Where the lungs are in one axial slice: dark as parenchyma, within the body, closed over nodules.

Everything is computed on a coarse grid of about 2 mm, which quiets noise and takes some milliseconds.
"""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from models.imaging.regions import at_edge, touching_edge

GRID_MM = 2.0
AIR_BELOW_HU = -400.0  # lung, airways, gas and what is around the body
OUTSIDE_BELOW_HU = -940.0  # of the air that reaches the edge: lung cut by a small field is brighter
BODY_ABOVE_HU = -300.0
BODY_SHARE = 0.2  # of the largest piece of tissue: smaller ones (table, wires, clothes) enclose no lung
THIN_MM = 5.0  # table shells and blankets are thinner than this, the body is not
GAS_BELOW_HU = -930.0  # nine tenths of trachea, bowel gas or trapped air are darker; lung has vessels
TARGETED = 0.1  # with less air around the body this is a small field within the chest
WITHIN_MM = 120.0  # a smaller field may be filled by lung, without body around it
CORTICAL_ABOVE_HU = 250.0
BONY = 0.4  # share of bone around mastoid cells and sinuses; ribs do not surround a lung so closely
VESSEL_ABOVE_HU, VESSELS = -850.0, 0.02  # at least that share of a lung's inside
PIECE_MM2 = 100.0
AIRWAY_MM2, AIRWAY_BELOW_HU = 700.0, -900.0  # as small as a trachea: one if three quarters are so dark
CLOSE_MM, WIDEN_MM = 18.0, 4.0  # a nodule of 35 mm at the pleura leaves a notch nearly as wide
HOLE_MM2 = 2000.0  # a nodule within the lung; the heart between the lungs is larger

Spacing = tuple[float, float]  # of rows, then of columns
Box = tuple[slice, slice]  # of rows and columns


def lung_mask(hu: np.ndarray, spacing_mm: Spacing) -> np.ndarray:
    """Both lungs with their vessels and nodules, those at the pleura too; rather too wide than too narrow.

    Parameters
    ----------
    hu : ndarray of shape (rows, cols)
        One axial slice in HU, with body around the lungs; a lung may be cut by the edge of the image.
    spacing_mm
        Row and column spacing.

    Returns
    -------
    ndarray of shape (rows, cols), bool
        All False where the slice shows no lung.
    """
    coarse, steps, spacing = _coarse(hu, spacing_mm)
    lung = _parenchyma(coarse, spacing)
    if lung.any():
        lung = _fill(
            _close(lung, spacing, CLOSE_MM, CLOSE_MM - WIDEN_MM), HOLE_MM2 / (spacing[0] * spacing[1])
        )
    rows, cols = hu.shape
    return lung.repeat(steps[0], axis=0).repeat(steps[1], axis=1)[:rows, :cols]


def lung_area_mm2(hu: np.ndarray, spacing_mm: Spacing) -> float:
    """Area of the parenchyma alone, without closing, in mm2; see `lung_mask`."""
    coarse, _, spacing = _coarse(hu, spacing_mm)
    return float(_parenchyma(coarse, spacing).sum() * np.prod(spacing))


def air_within(hu: np.ndarray, spacing_mm: Spacing) -> Iterator[tuple[np.ndarray, Box, bool]]:
    """Air within the body, whether lung or gas, piece by piece.

    Parameters
    ----------
    hu, spacing_mm
        As of `lung_mask`.

    Yields
    ------
    piece : ndarray of bool
        Where it is in its box.
    box : (slice, slice)
        Of rows and columns of the slice, some millimetres wider than the piece.
    is_lung : bool
        Whether it is lung by `lung_mask`.
    """
    coarse, steps, spacing = _coarse(hu, spacing_mm)
    for piece, box, is_cut in _air(coarse, spacing):
        is_lung = bool(_is_lung(coarse[box], piece, spacing[0] * spacing[1], is_cut))
        fine = piece.repeat(steps[0], axis=0).repeat(steps[1], axis=1)
        rows, cols = (
            slice(side.start * step, min(side.stop * step, n))
            for side, step, n in zip(box, steps, hu.shape, strict=True)
        )
        yield fine[: rows.stop - rows.start, : cols.stop - cols.start], (rows, cols), is_lung


def _coarse(hu: np.ndarray, spacing_mm: Spacing) -> tuple[np.ndarray, tuple[int, int], Spacing]:
    """Means over blocks of about 2 mm; their edges in pixels and in mm."""
    row_mm, col_mm = spacing_mm
    steps = max(1, round(GRID_MM / row_mm)), max(1, round(GRID_MM / col_mm))
    margins = [(0, -length % step) for length, step in zip(hu.shape, steps, strict=True)]
    padded = np.pad(np.asarray(hu, np.float32), margins, mode="edge")
    rows, cols = padded.shape[0] // steps[0], padded.shape[1] // steps[1]
    coarse = padded.reshape(rows, steps[0], cols, steps[1]).mean(axis=(1, 3))
    return coarse, steps, (steps[0] * row_mm, steps[1] * col_mm)


def _parenchyma(hu: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Air within the body that is neither gas nor cells in bone."""
    lung = np.zeros(hu.shape, bool)
    for piece, box, is_cut in _air(hu, spacing):
        lung[box] |= piece & _is_lung(hu[box], piece, spacing[0] * spacing[1], is_cut)
    return lung


def _air(hu: np.ndarray, spacing: Spacing) -> Iterator[tuple[np.ndarray, Box, bool]]:
    """Pieces of air within the body.

    Yields
    ------
    piece, box
        Where it is in its box, which is wider by four steps.
    is_cut : bool
        Whether the edge of a small field cuts it, so that most of what surrounds it is not seen.
    """
    outside = _outside(hu)
    air = (hu < AIR_BELOW_HU) & ~ndimage.binary_dilation(outside, iterations=2)
    air = ndimage.binary_opening(air, border_value=0) | (air & at_edge(air.shape))
    field_mm = min(length * step for length, step in zip(hu.shape, spacing, strict=True))
    is_small = field_mm < WITHIN_MM
    is_within = is_small and not outside.any()
    inside = np.ones_like(outside) if is_within else _enclosed(_body(hu, spacing), outside)
    pieces, count = ndimage.label(air)
    cut = np.unique(pieces[at_edge(air.shape)])
    for number, box in enumerate(ndimage.find_objects(pieces, count), start=1):
        box = tuple(
            slice(max(side.start - 4, 0), min(side.stop + 4, n))
            for side, n in zip(box, hu.shape, strict=True)
        )
        piece = pieces[box] == number
        if piece.sum() * np.prod(spacing) >= PIECE_MM2 and inside[box][piece].mean() > 0.5:
            yield piece, box, is_small and number in cut


def _is_lung(hu: np.ndarray, piece: np.ndarray, pixel_mm2: float, is_cut: bool) -> bool:
    core = ndimage.binary_erosion(piece, border_value=1)
    usual, bright = np.percentile(hu[core if core.any() else piece], (75, 90))
    airway = usual < AIRWAY_BELOW_HU and piece.sum() * pixel_mm2 < AIRWAY_MM2
    if (airway or bright < GAS_BELOW_HU) and not _has_vessels(hu, piece):
        return False
    around = ndimage.binary_dilation(piece, iterations=3) & ~piece
    return is_cut or not around.any() or (hu[around] > CORTICAL_ABOVE_HU).mean() < BONY


def _has_vessels(hu: np.ndarray, piece: np.ndarray) -> bool:
    """Emphysema may be as dark as gas, but has vessels within."""
    within = ndimage.binary_erosion(ndimage.binary_fill_holes(piece), iterations=2, border_value=1)
    return within.any() and (hu[within] > VESSEL_ABOVE_HU).mean() >= VESSELS


def _outside(hu: np.ndarray) -> np.ndarray:
    """Air that reaches the edge of the image, and padding."""
    return touching_edge(hu < OUTSIDE_BELOW_HU)


def _body(hu: np.ndarray, spacing: Spacing) -> np.ndarray:
    thick = max(1, round(THIN_MM / 2 / max(spacing)))
    body = ndimage.binary_erosion(hu > BODY_ABOVE_HU, iterations=thick, border_value=1)
    pieces, _ = ndimage.label(ndimage.binary_dilation(body, iterations=thick))
    areas = np.bincount(pieces.ravel(), minlength=2)[1:]
    return np.isin(pieces, 1 + np.flatnonzero(areas >= BODY_SHARE * max(areas.max(), 1)))


def _enclosed(body: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Whether body lies on all four sides, or on some where the edge of the image cuts the others off."""
    shielded, open_sides = np.zeros(body.shape, int), np.zeros(body.shape, int)
    for turn in range(4):
        met = np.maximum.accumulate(np.rot90(body, turn))
        air = np.maximum.accumulate(np.rot90(outside, turn))
        shielded += np.rot90(met, -turn)
        open_sides += np.rot90(air & ~met, -turn)
    least = 1 if outside.mean() < TARGETED else 2  # a mattress has body on one side as well
    return (shielded >= least) & (open_sides == 0)


def _fill(mask: np.ndarray, largest: float) -> np.ndarray:
    holes, _ = ndimage.label(~mask & ~touching_edge(~mask))
    areas = np.bincount(holes.ravel())
    return mask | ((holes > 0) & (areas[holes] <= largest))


def _close(mask: np.ndarray, spacing: Spacing, out_mm: float, back_mm: float) -> np.ndarray:
    """Widen by discs of one radius, narrow by another; beyond the image is what lies at its edge."""
    margin = int(np.ceil(2 * out_mm / min(spacing)))
    wide = np.pad(mask, margin, mode="edge")
    wide = ndimage.distance_transform_edt(~wide, sampling=spacing) <= out_mm
    closed = ndimage.distance_transform_edt(wide, sampling=spacing) > back_mm
    return closed[margin:-margin, margin:-margin]
