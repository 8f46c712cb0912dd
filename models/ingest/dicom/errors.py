"""One answer to the many kinds of exceptions that damaged files raise in the libraries that read them."""

from contextlib import contextmanager

from models.errors import UserError
from models.ingest.limits import out_of_memory

HEADER = "The DICOM file is damaged or cut short: its header cannot be read."
PIXELS = "The DICOM file's pixel data are damaged or cut short."


@contextmanager
def refusing_damage(sentence=HEADER):
    """Turn whatever goes wrong within into a UserError ``corrupt_file``; also a decorator of functions."""
    try:
        yield
    except UserError:
        raise
    except MemoryError:
        raise out_of_memory() from None
    except Exception as error:
        raise UserError("corrupt_file", sentence) from error
