"""The series of an upload as the page shows them from which one is chosen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.imaging.display import data_uri, to_png
from models.ingest.series.listing import AXIAL, ListedSeries, Listing
from models.ingest.series.thumbnails import Picture


@dataclass(frozen=True)
class Row:
    """A series, its picture as an address, and the token of the scan that was read from it already."""

    series: ListedSeries
    picture: str | None
    opened: str | None
    is_axial: bool


@dataclass(frozen=True)
class Study:
    """The series of one study, which can be chosen, and what else there is of it."""

    number: int
    patient: int
    date: str | None
    rows: tuple[Row, ...]
    others: tuple[Row, ...]


def series_page(listing: Listing, opened: Mapping[int, str], chosen: int | None = None) -> dict[str, Any]:
    """What the template of the list shows.

    Parameters
    ----------
    opened
        Tokens of the scans that were read already, by their numbers.
    chosen
        Number that is selected at first; default the proposed one.
    """
    everything = [*listing.series, *listing.others]
    studies = [
        _study(number, [each for each in everything if each.study == number], opened)
        for number in sorted({each.study for each in everything})
    ]
    return {
        "listing": listing,
        "studies": studies,
        "proposed": listing.of(listing.proposed),
        "chosen": chosen if chosen and listing.of(chosen) else listing.proposed,
    }


def _study(number: int, found: list[ListedSeries], opened: Mapping[int, str]) -> Study:
    rows = [_row(each, opened) for each in found]
    return Study(
        number,
        found[0].patient,
        found[0].date,
        tuple(row for row in rows if row.series.number is not None),
        tuple(row for row in rows if row.series.number is None),
    )


def _row(series: ListedSeries, opened: Mapping[int, str]) -> Row:
    picture = _address_of(series.picture) if series.picture else None
    return Row(series, picture, opened.get(series.number or 0), series.what == AXIAL)


def _address_of(picture: Picture) -> str:
    return data_uri(to_png(np.frombuffer(picture.pixels, np.uint8).reshape(picture.rows, picture.cols)))
