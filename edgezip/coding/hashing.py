"""The hash of contexts and the lookup of bit-history slots.

In the mixer's kernels an index into a table is an `uintp`: Numba then does not ask whether a
negative one counts from the end. The questions took an eighth of the time.
"""

from __future__ import annotations

from numpy import uintp

from edgezip.coding.jit import njit

MASK32 = 0xFFFFFFFF
SPREAD = 0x5851F42D
END_SALT = 0x2545F491
NIBBLE_SALT = 0x9E3779B1


@njit(inline="always", _nrt=False)
def mix32(h, v):  # type: ignore[no-untyped-def]
    """Hash of a 32-bit hash and a 32-bit value (int64 in, below 2**32 out)."""
    z = ((h ^ v) & MASK32) * 0x6C8E9CF5
    return (z >> 16 ^ z) & MASK32


@njit(_nrt=False, forceinline=True)
def context(index, a, b):  # type: ignore[no-untyped-def]
    """Hash of two 32-bit values for the context number `index`."""
    return mix32(mix32(index * 0x1F123BB5 & MASK32, a), b)


@njit(inline="always", _nrt=False)
def slot_line(z, mask):  # type: ignore[no-untyped-def]
    """Return the offset of the line of four slots in which `find_slot` looks for `z`."""
    return ((z >> 20) & mask) << 6


@njit(_nrt=False, forceinline=True)
def find_slot(slots, z, mask):  # type: ignore[no-untyped-def]
    """Return the offset of the 16-byte slot of `z` (63 bits), replacing the least used of its line
    if new.

    A line has four slots; byte 0 of a slot is a check of the hash, bytes 1..15 are the states of
    the nodes of a nibble. The state of node 1 is the priority.
    """
    base = slot_line(z, mask)
    check = (z >> 44) & 255
    worst = base
    lowest = 256
    for k in range(4):
        b = base + 16 * k
        if slots[uintp(b)] == check:
            return b
        if slots[uintp(b + 1)] < lowest:
            lowest = slots[uintp(b + 1)]
            worst = b
    for k in range(16):
        slots[uintp(worst + k)] = 0
    slots[uintp(worst)] = check
    return worst
