"""Broken uploads by the thousand, through the HTTP interface: ``python -m tests.fuzz``."""
