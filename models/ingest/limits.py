"""How much of an upload is read at most, and what is said beyond that, and of what is damaged."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from models.errors import UserError
from models.messages import Message

MOST_FRAMES = 10_000  # of any DICOM object: a header that claims more must not cost memory
MOST_INFLATED = 2**28  # bytes of a deflated DICOM file: 500 slices


@dataclass(frozen=True)
class Limits:
    """Bounds on one upload, each checked before the work that it bounds.

    Attributes
    ----------
    pixels
        Of all slices together: 1,144 slices of 512 x 512.
    picture_pixels
        Of all pictures together, which cost more a pixel.
    image_pixels
        Of one picture or one slice; of DICOM slices no more than the default in any case.
    frames
        Of one file: frames of a DICOM object, pages of a TIFF.
    zip_files
        Files in a ZIP.
    zip_bytes
        Unpacked from a ZIP, each byte counted as often as it is (a series is passed over twice).
    zip_ratio
        Unpacked to packed bytes of a ZIP; CT slices reach 2 to 4.
    zip_small_bytes
        Unpacked from a ZIP whatever its ratio.
    """

    pixels: int = 300_000_000
    picture_pixels: int = 64_000_000
    image_pixels: int = 17_000_000
    frames: int = 2_000
    zip_files: int = 10_000
    zip_bytes: int = 2_600_000_000
    zip_ratio: int = 200
    zip_small_bytes: int = 64_000_000

    def check_image(self, rows: int, cols: int) -> None:
        """Refuse one picture or slice that is too large; UserError ``too_large``."""
        if rows * cols > self.image_pixels:
            message = Message(
                "An image of {cols} x {rows} pixels is too large; at most {millions:g} million pixels are "
                "read.",
                cols=cols,
                rows=rows,
                millions=self.image_pixels / 1e6,
            )
            raise UserError("too_large", message)

    def check_frames(self, count: int) -> None:
        """Refuse a file of too many frames; UserError ``too_large``."""
        if count > self.frames:
            message = Message("A file contains too many images; at most {most:,} are read.", most=self.frames)
            raise UserError("too_large", message)

    def check_slices(self, count: int, rows: int, cols: int) -> None:
        """Refuse slices that together are too large; UserError ``too_large``."""
        if count * rows * cols > self.pixels:
            size = f"{cols} x {rows}" + (f" x {count}" if count > 1 else "")
            message = Message(
                "The image has {size} pixels; at most {millions:g} million pixels are read.",
                size=size,
                millions=self.pixels / 1e6,
            )
            raise UserError("too_large", message)

    def check_pictures(self, pixels: int) -> None:
        """Refuse pictures that together are too large; UserError ``too_large``."""
        if pixels > self.picture_pixels:
            message = Message(
                "The pictures together are too large; at most {millions:g} million pixels are read.",
                millions=self.picture_pixels / 1e6,
            )
            raise UserError("too_large", message)


DEFAULT = Limits()


def out_of_memory() -> UserError:
    """The refusal of what needs more memory than an upload is given."""
    return UserError(
        "too_large", "The image needs more memory than this server allows per upload; send fewer slices."
    )


@contextmanager
def refusing_damage(sentence: str | Message) -> Iterator[None]:
    """Turn whatever goes wrong within into a UserError; also a decorator of functions.

    Libraries raise many kinds of exceptions on damaged files: these are ``corrupt_file``, with the sentence.
    """
    try:
        yield
    except UserError:
        raise
    except MemoryError:
        raise out_of_memory() from None
    except Exception as error:
        raise UserError("corrupt_file", sentence) from error
