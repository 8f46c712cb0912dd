"""Ways to break a file. Each takes its bytes and a source of chance, and returns other bytes."""

import struct
import zlib

from tests.fuzz.layout import layout

EDGES = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
HEAD_BYTES = 512


def flip_bits(data, chance):
    """One to sixteen bits turned, half the time within the head."""
    changed = bytearray(data)
    reach = min(len(changed), HEAD_BYTES) if chance.random() < 0.5 else len(changed)
    for _ in range(chance.randint(1, 16)):
        changed[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def set_bytes(data, chance):
    """A few bytes set to the ends of their range."""
    changed, at = bytearray(data), chance.randrange(len(data))
    for i in range(at, min(at + chance.randint(1, 8), len(data))):
        changed[i] = chance.choice((0, 0xFF, 0x7F, 0x80))
    return bytes(changed)


def truncate(data, chance):
    """Cut short; half the time only by a few bytes."""
    few = chance.randint(1, min(16, len(data)))
    return data[:-few] if chance.random() < 0.5 else data[: chance.randrange(len(data))]


def edit_numbers(data, chance):
    """One to three lengths, counts, sizes or offsets of the format set to something else."""
    changed, numbers = bytearray(data), layout(data).numbers
    for at, size, order in chance.sample(numbers, min(len(numbers), chance.randint(1, 3))):
        value = int.from_bytes(changed[at : at + size], order)
        value = chance.choice((*EDGES, value + 1, value - 1, value * 2, value // 2, chance.getrandbits(32)))
        changed[at : at + size] = (value % (1 << (8 * size))).to_bytes(size, order)
    return mend(bytes(changed), chance)


def repeat_part(data, chance):
    """A chunk, element, entry or segment once more, or very often."""
    start, end = _part(data, chance)
    times = chance.choice((1, 1, 2, 50))
    return data[:end] + data[start:end] * times + data[end:]


def drop_part(data, chance):
    """A chunk, element, entry or segment less."""
    start, end = _part(data, chance)
    return data[:start] + data[end:]


def move_part(data, chance):
    """A chunk, element, entry or segment at the place of another one."""
    start, end = _part(data, chance)
    rest = data[:start] + data[end:]
    to, _ = _part(data, chance)
    return rest[:to] + data[start:end] + rest[to:]


def splice(data, chance, other):
    """A stretch of another file written into this one."""
    size = chance.randint(1, min(2000, len(other)))
    at, start = chance.randrange(len(data)), chance.randrange(len(other) - size + 1)
    end = at + size if chance.random() < 0.5 else at
    return data[:at] + other[start : start + size] + data[end:]


def swap_heads(data, chance, other):
    """The head of one format on the body of another."""
    size = chance.choice((4, 8, 16, 64, 132, 256, HEAD_BYTES))
    return other[:size] + data[size if chance.random() < 0.5 else 0 :]


def mend(data, chance):
    """A PNG file's checksums set right again, mostly, lest every change end at them."""
    if data[:4] != b"\x89PNG" or chance.random() < 0.2:
        return data
    changed = bytearray(data)
    for start, end in layout(data).parts:
        if end - start >= 12:
            changed[end - 4 : end] = struct.pack(">I", zlib.crc32(changed[start + 4 : end - 4]))
    return bytes(changed)


def _part(data, chance):
    """A part of the file, or else any stretch of it."""
    parts = layout(data).parts
    if parts and chance.random() < 0.9:
        return chance.choice(parts)
    start = chance.randrange(len(data))
    return start, chance.randint(start, min(start + 1000, len(data)))


ALONE = (flip_bits, flip_bits, set_bytes, truncate, edit_numbers, edit_numbers, edit_numbers)
ALONE += (repeat_part, drop_part, move_part)
WITH_ANOTHER = (splice, swap_heads)


def mutate(data, chance, other):
    """Break a file in one to three ways; the new bytes, and the names of the ways."""
    names = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        way = chance.choice(ALONE + WITH_ANOTHER)
        if not data:
            break
        data = way(data, chance, other) if way in WITH_ANOTHER else way(data, chance)
        names.append(way.__name__)
    return data, names
