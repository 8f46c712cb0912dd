"""The day of a study as it is kept: counted from a secret day, so that only differences can be told.

The secret day follows from what the browser alone keeps, and may be any of 2 ** 62: a number in the store
says nothing about the date, and two of one browser say how many days lie between them.
"""

import hashlib
import hmac

DAYS = 2**62  # numbers that a day may have


def hidden_day(day: int | None, owner: str) -> int | None:
    """What is kept of a day (`models.imaging.scan.Scan.day`) of a browser's scan."""
    if day is None:
        return None
    digest = hmac.new(owner.encode("utf-8", "surrogatepass"), b"study day", hashlib.sha256).digest()
    return (day + int.from_bytes(digest[:16])) % DAYS


def days_between(earlier: int | None, later: int | None) -> int | None:
    """Days from one to another, both as kept for one browser; negative if the second is the earlier one."""
    if earlier is None or later is None:
        return None
    return (later - earlier + DAYS // 2) % DAYS - DAYS // 2
