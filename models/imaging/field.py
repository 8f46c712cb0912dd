"""The localiser's input: one definition for training and for serving.

A field of a slice on a grid of fixed spacing in mm, in a fixed window of HU; its three channels are
the slice below, the slice and the slice above. Pictures are brought to HU first (`models.imaging.grey`).
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from models.imaging.grey import picture_as_hu
from models.imaging.scan import Coordinate, Scan

GRID_MM = 0.75
FINDER_REDUCTION, FINDER_STRIDE = 2, 16  # its map is so much coarser; a field's edge is a multiple
WINDOW_HU = (-1000.0, 300.0)  # becomes 0 to 1

Box = tuple[float, float, float, float]  # edges (top, left, bottom, right) in pixels


@dataclass(frozen=True)
class Grid:
    """A grid over a part of a slice.

    Attributes
    ----------
    top, left
        Its edges in the file's pixels; the edges of the slice are 0.
    size
        Rows and columns.
    spacing_mm
        Of the file's pixels.
    pixel_mm
        Of the grid's own.
    """

    top: float
    left: float
    size: tuple[int, int]
    spacing_mm: tuple[float, float]
    pixel_mm: float = GRID_MM

    @classmethod
    def around(
        cls, row: float, col: float, n: int, spacing_mm: tuple[float, float], pixel_mm: float = GRID_MM
    ) -> "Grid":
        """A square of n x n with a location of the file in its middle."""
        top, left = (
            at + 0.5 - n / 2 * pixel_mm / spacing for at, spacing in zip((row, col), spacing_mm, strict=True)
        )
        return cls(top, left, (n, n), spacing_mm, pixel_mm)

    @classmethod
    def over(
        cls, box: Box, multiple: int, spacing_mm: tuple[float, float], pixel_mm: float = GRID_MM
    ) -> "Grid":
        """The smallest grid over a box (top, left, bottom, right) whose size is a multiple."""
        top, left, bottom, right = box
        rows, cols = (
            int(np.ceil(length * spacing / pixel_mm / multiple)) * multiple
            for length, spacing in zip((bottom - top, right - left), spacing_mm, strict=True)
        )
        return cls(top, left, (rows, cols), spacing_mm, pixel_mm)

    def reduced(self, times: int) -> "Grid":
        """The same part of the slice with pixels so many times as large; they must divide the size."""
        rows, cols = (n // times for n in self.size)
        return replace(self, size=(rows, cols), pixel_mm=self.pixel_mm * times)

    @property
    def box(self) -> Box:
        """Edges (top, left, bottom, right) in the file's pixels."""
        rows, cols = (n * self.pixel_mm / s for n, s in zip(self.size, self.spacing_mm, strict=True))
        return self.top, self.left, self.top + rows, self.left + cols

    def to_file(self, row: Coordinate, col: Coordinate) -> tuple[Coordinate, Coordinate]:
        """A location of the grid (or arrays of them) in the file's pixels."""
        return (
            (row + 0.5) * self.pixel_mm / self.spacing_mm[0] + self.top - 0.5,
            (col + 0.5) * self.pixel_mm / self.spacing_mm[1] + self.left - 0.5,
        )

    def from_file(self, row: Coordinate, col: Coordinate) -> tuple[Coordinate, Coordinate]:
        """A location of the file (or arrays of them) in the grid's pixels."""
        return (
            (row + 0.5 - self.top) * self.spacing_mm[0] / self.pixel_mm - 0.5,
            (col + 0.5 - self.left) * self.spacing_mm[1] / self.pixel_mm - 0.5,
        )


def to_unit(hu: np.ndarray) -> np.ndarray:
    """HU to the network's grey scale, [0, 1]; float32."""
    low, high = WINDOW_HU
    return ((np.clip(hu, low, high) - low) / (high - low)).astype(np.float32)


def field_box(spacing_mm: tuple[float, float], row: float, col: float, field_mm: float) -> Box:
    """Edges (top, left, bottom, right) in pixels of a square field about a location."""
    half_rows, half_cols = (field_mm / 2 / mm for mm in spacing_mm)
    return row + 0.5 - half_rows, col + 0.5 - half_cols, row + 0.5 + half_rows, col + 0.5 + half_cols


def cut_field(pixels: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Resample a part of a slice with an antialiased bilinear filter.

    Parameters
    ----------
    pixels : ndarray of shape (rows, cols)
    box
        Edges (top, left, bottom, right) in pixels; (0, 0, rows, cols) is all of the slice. What lies beyond
        the slice is its mirror image.
    size
        Rows and columns of the result.

    Returns
    -------
    ndarray of shape `size`, float32
    """
    windows, edges = [], []
    for low, high, n, length in zip(box[:2], box[2:], size, pixels.shape, strict=True):
        margin = int(np.ceil((high - low) / n)) + 1  # reach of the filter
        first = int(np.floor(low)) - margin
        windows.append(_mirrored(np.arange(first, int(np.ceil(high)) + margin), length))
        edges.append((low - first, high - first))
    image = Image.fromarray(pixels[np.ix_(*windows)].astype(np.float32))
    (top, bottom), (left, right) = edges
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR, box=(left, top, right, bottom)))


def _mirrored(indices: np.ndarray, length: int) -> np.ndarray:
    """Indices beyond either end of an axis, reflected back to it; the last pixel is repeated."""
    indices = indices % (2 * length)
    return np.where(indices < length, indices, 2 * length - 1 - indices)


def adjacent_slices(n_slices: int, index: int) -> tuple[int, int, int]:
    """Indices of a slice and its neighbours, the three channels of a field.

    At either end of a stack, and in a stack of one, the slice itself stands in for the missing one.
    """
    return max(index - 1, 0), index, min(index + 1, n_slices - 1)


def slice_in_hu(scan: Scan, index: int) -> np.ndarray:
    """One slice of a scan in HU, estimated where the scan has none; (rows, cols) float32."""
    pixels = np.asarray(scan.slices[index], np.float32)
    return pixels if scan.is_hu else picture_as_hu(pixels, scan.is_whole_slice)


def field_at(scan: Scan, index: int, grid: Grid) -> np.ndarray:
    """The network's input: a part of a slice with the adjacent ones, shape (rows, cols, 3), float32."""
    order = adjacent_slices(len(scan.slices), index)
    cut = {i: cut_field(slice_in_hu(scan, i), grid.box, grid.size) for i in set(order)}
    return to_unit(np.stack([cut[i] for i in order], axis=-1))
