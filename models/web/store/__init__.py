"""Scans between two requests: kept for a short while, for the browser that sent them, and then gone."""

from models.web.store.keys import new_token
from models.web.store.store import ScanStore

__all__ = ["ScanStore", "new_token"]
