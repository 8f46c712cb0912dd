"""What speaks against trusting an answer: likeness, size, window, contrast; and all notices by weight."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from models.clinical.mass import MASS_MM, SOURCE, is_mass
from models.imaging.scan import Notice, Roi, Scan
from models.imaging.two_fields import PIXELS, cut_close
from models.inference.measurement.outline import within
from models.inference.measurement.sizes import Measurement
from models.inference.similar_cases import SimilarCases
from models.messages import Message, joined

Outline = Sequence[tuple[float, float]] | np.ndarray
CLIPPED = 0.01  # of a slice's range of grey values: so near its end a pixel is cut off
WHITE_FROM, BLACK_FROM = 0.2, 0.4  # share of the nodule, and of the close field
ORDER = (  # first what may void the answer, then what blurs a part of it, last what is good to know
    "sample",
    "content_doubted",
    "mass",
    "region_label",
    "unlike_training",
    "spacing_assumed",
    "odd_numbers",
    "signed_values",
    "coloured_marks",
    "units_assumed",
    "size_out_of_range",
    "window_saturated",
    "cut_off",
    "cut_by_scan",
    "border_guessed",
    "slices_too_thick",
    "texture_disagrees",
    "model_unavailable",
    "burned_in_text",
    "spacing_unusual",
    "thick_slices",
    "missing_slices",
    "damaged_files",
    "slices_left_out",
    "series_merged",
    "not_outlined",
    "contrast",
    "irregular_spacing",
    "gantry_tilt",
    "order_assumed",
    "duplicate_slices",
    "not_hu",
    "size_unknown",
    "volume_unknown",
    "no_identifiers",
    "left_out",
    "reduced_pages",
    "series_chosen",
    *("not_aligned", "other_patient", "other_spacing", "one_study", "order_by_dates", "same_date"),  # of two
)


def in_order(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """The notices by weight; those of one code, and of codes unknown here (last), stay as they were."""
    return tuple(sorted(notices, key=lambda notice: ORDER.index(notice.code) if notice.code in ORDER else 99))


def quality_warnings(
    scan: Scan,
    roi: Roi,
    outline: Outline | None,
    measurement: Measurement | None,
    similar_cases: SimilarCases | None,
    evaluation: Mapping[str, Any],
) -> tuple[Notice, ...]:
    """What is unusual about one nodule and its image, next to what the models learnt from.

    Parameters
    ----------
    scan : Scan
    roi : Roi
    outline : sequence of (row, col), or None
        The nodule's polygon in the file's pixels.
    measurement : Measurement or None
    similar_cases : SimilarCases or None
        The training nodules most like it.
    evaluation : mapping
        Of ``evaluation.json``, whose ``data`` has the range of the training nodules; may be empty.

    Returns
    -------
    tuple of Notice
        Of the codes ``mass``, ``unlike_training``, ``size_out_of_range``, ``window_saturated`` and
        ``contrast``.
    """
    data = evaluation.get("data") or {}
    found = (
        _mass(measurement),
        _out_of_distribution(similar_cases),
        _size(measurement, data),
        _window(scan, roi, outline),
        _contrast(scan, data),
    )
    return tuple(notice for notice in found if notice is not None)


def _out_of_distribution(similar_cases: SimilarCases | None) -> Notice | None:
    if similar_cases is None or not similar_cases.is_out_of_distribution:
        return None
    share = math.floor(1000 * similar_cases.farther_than) / 10  # rounded down: 99.98 % are not all
    message = Message(
        "This image is unlike the nodules the models were trained on: less like them than {share:g} % of "
        "real nodules of other patients. The probability may mean nothing here.",
        share=share,
    )
    return Notice("unlike_training", message)


def _size(measurement: Measurement | None, data: Mapping[str, Any]) -> Notice | None:
    """LIDC's diameter is the longest one, so the long axis is held against it."""
    if measurement is None or measurement.long_axis_mm is None:
        return None
    long, limits = measurement.long_axis_mm, data.get("diameter_mm")
    if not limits or limits["low"] <= long <= limits["high"]:
        return None
    message = Message(
        "The nodule is {long:.1f} mm long; 99 of 100 nodules the models were trained on are {low:.1f} to "
        "{high:.1f} mm. They were hardly tested on other sizes.",
        long=long,
        low=limits["low"],
        high=limits["high"],
    )
    return Notice("size_out_of_range", message)


def _mass(measurement: Measurement | None) -> Notice | None:
    """It is suspicious by its size; see `models.clinical.mass`."""
    if measurement is None or measurement.long_axis_mm is None or not is_mass(measurement.long_axis_mm):
        return None
    message = Message(
        "A mass: {long:.1f} mm long, more than {limit:g} mm. It is suspicious by size alone, whatever the "
        "models say, and guidelines for nodules do not apply ({source}).",
        long=measurement.long_axis_mm,
        limit=MASS_MM,
        source=SOURCE,
    )
    return Notice("mass", message)


def _window(scan: Scan, roi: Roi, outline: Outline | None) -> Notice | None:
    """Grey values that a display window cut off before the picture was saved.

    Of 2,008 crops of LIDC-IDRI-slices, which have no window, one is called so; shown in a window for soft
    tissue (level 40, width 400), 97 % are.
    """
    if scan.is_hu:
        return None
    pixels = np.asarray(scan.slices[roi.slice], np.float32)
    low, high = float(pixels.min()), float(pixels.max())
    margin = CLIPPED * (high - low)
    around = cut_close(pixels, scan.spacing_mm, roi.row, roi.col, PIXELS)
    sentences = []
    if outline is not None:
        nodule = pixels[within(np.asarray(outline, float), pixels.shape)]
        if nodule.size and (nodule >= high - margin).mean() >= WHITE_FROM:
            sentences.append(
                Message(
                    "Much of the nodule is plain white: calcium cannot be distinguished from soft tissue."
                )
            )
    if (around <= low + margin).mean() >= BLACK_FROM:
        sentences.append(Message("The lung around it is plain black: ground glass cannot be seen."))
    if not sentences:
        return None
    sentences.append(
        Message(
            "The picture was saved with a narrow window; the models were trained on images without windowing."
        )
    )
    return Notice("window_saturated", joined(" ", sentences))


def _contrast(scan: Scan, data: Mapping[str, Any]) -> Notice | None:
    if not scan.contrast:
        return None
    message = Message(
        "Contrast agent was given: densities are higher than without it, and the texture may look more solid."
    )
    if seen := data.get("contrast"):
        known = Message(
            "Of the {n:,} nodules the models were trained on, {given:,} were imaged with contrast agent.",
            n=seen["n_nodules"],
            given=seen["given"],
        )
        message = joined(" ", (message, known))
    return Notice("contrast", message)
