"""Files that lie on disk encrypted: what may name a patient, under a key that nothing on the disk gives.

The key comes from a token and the browser's secret together, neither of which is kept. The plain text goes
in segments, each encrypted and authenticated by AES-256-GCM with its number, and whether it is the last one,
as the nonce: none can be changed, moved, left out or cut off (STREAM, Hoang et al. 2015,
https://doi.org/10.1007/978-3-662-47989-6_24). A key is used for one file only.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from itertools import count
from typing import BinaryIO

SEGMENT_BYTES = 1 << 20
TAG_BYTES = 16
UPLOAD = b"lung nodule classifier, sealed upload\0"  # uses of a key
HEADER = b"lung nodule classifier, study header\0"


def key_of(token: str, owner: str, use: bytes = UPLOAD) -> bytes:
    """The key of a file: 256 bits that only who has both texts can tell, others for another use."""
    return hmac.new(token.encode(), use + owner.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def sealed_size(n_bytes: int) -> int:
    """Bytes that a plain text of so many takes encrypted."""
    return n_bytes + TAG_BYTES * max(1, -(-n_bytes // SEGMENT_BYTES))


def seal(pieces: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """The encrypted segments of a plain text that comes in pieces of any size."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only where it is needed

    cipher, waiting, numbers = AESGCM(key), bytearray(), count()
    for piece in pieces:
        waiting += piece
        while len(waiting) > SEGMENT_BYTES:  # the last one is known by what follows
            yield cipher.encrypt(_nonce(next(numbers), False), bytes(waiting[:SEGMENT_BYTES]), None)
            del waiting[:SEGMENT_BYTES]
    yield cipher.encrypt(_nonce(next(numbers), True), bytes(waiting), None)


def unseal(file: BinaryIO, key: bytes) -> Iterator[bytes]:
    """The plain text of a file, by segments; ValueError where it is damaged, or the key another."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher, segment = AESGCM(key), file.read(SEGMENT_BYTES + TAG_BYTES)
    for number in count():
        following = file.read(SEGMENT_BYTES + TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, not following), segment, None)
        except InvalidTag:
            raise ValueError("The file is damaged, or sealed by another key.") from None
        if not following:
            return
        segment = following


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
