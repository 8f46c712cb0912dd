"""What is asked of the reading of an upload, from the form or the terminal to the process that decodes it."""

import msgspec


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever sent files says of them, and wants of them.

    Attributes
    ----------
    spacing_mm
        mm per pixel, for files that do not carry it.
    slice_spacing_mm
        mm between neighbouring slices, for a stack of pictures.
    series
        Which of several DICOM series is read: a number of their list, or a SeriesInstanceUID.
    only
        Of the DICOM files, those that are read: see `models.ingest.series.listing.ListedSeries.files`.
    pictures
        Whether the list of several series has pictures.
    keep_doubted
        Whether what does not look like a chest CT is handed over with its refusal, through the process.
    """

    spacing_mm: float | None = None
    slice_spacing_mm: float | None = None
    series: str | None = None
    only: tuple[int, ...] | None = None
    pictures: bool = False
    keep_doubted: bool = False


NOTHING = Asked()
