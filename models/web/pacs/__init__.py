"""A PACS by DICOMweb: series are found in it and fetched from it, and results go back to it.

Who a patient is passes through and stays nowhere: not in a log, an address, a file or a note beside a scan.
"""

from models.web.pacs.client import Pacs, pacs_of
from models.web.pacs.fetches import Fetches

__all__ = ["Fetches", "Pacs", "pacs_of"]
