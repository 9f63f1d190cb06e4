"""Hashes of word n-grams: what decontamination and near-duplicate removal compare.

A word is a maximal run of letters, digits and underscores, in lower case. An n-gram is hashed
to 64 bits by a polynomial over the hashes of its words, so that all n-grams of a document cost
n vectorised multiply-adds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

N = 13
_WORD = re.compile(r"\w+")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_CACHE_LIMIT = 2_000_000

Hashes = NDArray[np.uint64]


class WordHasher:
    """64-bit hashes of words, remembered because a corpus repeats its words."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def hashes(self, text: str) -> Hashes:
        """The hashes of all words of `text`, in order, uint64[words]."""
        known = self._known
        words = _WORD.findall(text)
        if len(known) > _CACHE_LIMIT:
            known.clear()
        for word in set(words).difference(known):
            digest = blake2b(word.lower().encode(), digest_size=8).digest()
            known[word] = int.from_bytes(digest, "little")
        return np.fromiter((known[word] for word in words), np.uint64, len(words))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each word of `text`, in characters."""
    return [match.span() for match in _WORD.finditer(text)]


def ngrams(words: Hashes, n: int = N) -> Hashes:
    """Hashes of the n-grams of a sequence of word hashes, uint64[max(0, words - n + 1)]."""
    count = len(words) - n + 1
    if count <= 0:
        return np.zeros(0, np.uint64)
    total = np.zeros(count, np.uint64)
    for i in range(n):
        total = total * _BASE + words[i : i + count]
    return total ^ (total >> np.uint64(29))


class NgramSet:
    """A fixed set of n-gram hashes with a bitmap in front, for fast membership of many."""

    _BITS = 24

    def __init__(self, hashes: Iterable[Hashes]) -> None:
        parts = list(hashes)
        self._sorted = np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)
        self._bitmap = np.zeros(1 << self._BITS, np.bool_)
        self._bitmap[self._slots(self._sorted)] = True

    def __len__(self) -> int:
        return len(self._sorted)

    def _slots(self, hashes: Hashes) -> NDArray[np.int64]:
        return (hashes >> np.uint64(64 - self._BITS)).astype(np.int64)

    def contains(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Which of the hashes are in the set, bool[hashes]."""
        found = self._bitmap[self._slots(hashes)]
        maybe = np.flatnonzero(found)
        if len(maybe):
            at = np.searchsorted(self._sorted, hashes[maybe])
            at[at == len(self._sorted)] = 0
            found[maybe] = self._sorted[at] == hashes[maybe]
        return found


class SeenSet:
    """A growing, approximate set of hashes: a bitmap (false positives, no false negatives)."""

    _BITS = 28

    def __init__(self) -> None:
        self._bitmap = np.zeros(1 << self._BITS, np.bool_)

    def share_seen_then_add(self, hashes: Hashes) -> float:
        """The share of the hashes seen before this call (0 for none); then all are seen."""
        if not len(hashes):
            return 0.0
        slots = (hashes >> np.uint64(64 - self._BITS)).astype(np.int64)
        share = float(self._bitmap[slots].mean())
        self._bitmap[slots] = True
        return share
