"""Token files and the sampler that draws training rows from them.

A stream's tokens are cut into chunks of the row length at a random offset and read in random
order, each chunk once before any is read again; then offset and order are drawn anew. Which
stream a row comes from is drawn by the mix. The draws depend on the seed and on counters only,
so a run that is resumed reads on where it stopped, also when parts have been added meanwhile:
the part of a stream that has been read least comes first.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.mix import Mix
from train.tokenizer import START

Rows = NDArray[np.int64]


class TokenFolder:
    """A folder written by train.encode, of which only some parts may be there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.vocab: int = index["vocab"]
        self.tokenizer = (folder / "tokenizer.model").read_bytes()
        if hashlib.sha256(self.tokenizer).hexdigest() != index["tokenizer_sha256"]:
            raise SystemExit(f"{folder}: tokenizer.model is not the one index.json names")
        self.val_bytes = {kind: entry["bytes"] for kind, entry in index["val"].items()}
        self.parts = sorted(p for p in folder.glob("part-*") if p.is_dir())

    def sources(self) -> dict[tuple[str, str], NDArray[np.uint16]]:
        """The token arrays present, by (stream, part), memory-mapped."""
        return {
            (path.stem, part.name): np.memmap(path, "<u2", "r")
            for part in self.parts
            for path in sorted(part.glob("*.u16"))
            if path.stat().st_size
        }

    def validation(self, limit: int) -> dict[str, tuple[list[NDArray[np.uint16]], int]]:
        """By kind: documents without their start token, and the bytes they stand for.

        Whole documents are taken until `limit` tokens are passed; 0 takes all. The bytes are
        the kind's own when all are taken, else its share by tokens.
        """
        result = {}
        for kind, size in self.val_bytes.items():
            tokens = np.fromfile(self.folder / "val" / f"{kind}.u16", "<u2")
            documents = split_documents(tokens)
            total = sum(map(len, documents))
            taken, count = [], 0
            for document in documents:
                if limit and count >= limit:
                    break
                taken.append(document[: limit - count] if limit else document)
                count += len(taken[-1])
            result[kind] = (taken, round(size * count / total))
        return result


def split_documents(tokens: NDArray[np.uint16]) -> list[NDArray[np.uint16]]:
    """The documents of a token file, without the start tokens that mark them."""
    starts = np.flatnonzero(tokens == START)
    return [part[1:] for part in np.split(tokens, starts[1:])]


@dataclass
class _Reader:
    """Reads one array in random order; `rows` is how many rows have been read so far."""

    key: str
    tokens: NDArray[np.uint16]
    length: int
    seed: int
    rows: int = 0
    _epoch: int = -1
    _order: NDArray[np.int64] | None = None
    _offset: int = 0

    @property
    def chunks(self) -> int:
        # One chunk less than fit, so that every offset below the length leaves as many.
        return max(len(self.tokens) // self.length - 1, 1)

    def next_row(self) -> NDArray[np.uint16]:
        epoch, place = divmod(self.rows, self.chunks)
        if epoch != self._epoch:
            digest = hashlib.sha256(f"{self.seed}/{self.key}/{epoch}".encode()).digest()
            rng = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
            slack = len(self.tokens) - self.chunks * self.length
            self._offset = int(rng.integers(0, slack + 1))
            self._order = rng.permutation(self.chunks)
            self._epoch = epoch
        assert self._order is not None
        self.rows += 1
        start = self._offset + int(self._order[place]) * self.length
        return self.tokens[start : start + self.length]


class Sampler:
    """Draws rows of `length` tokens by the mix; its state is a handful of counters."""

    def __init__(self, folder: TokenFolder, mix: Mix, length: int, seed: int) -> None:
        self._seed = seed
        self._draws = 0
        self._readers: dict[str, list[_Reader]] = {}
        for (stream, part), tokens in folder.sources().items():
            if len(tokens) >= length and mix.rate(stream) > 0:
                reader = _Reader(f"{stream}/{part}", tokens, length, seed)
                self._readers.setdefault(stream, []).append(reader)
        if not self._readers:
            raise SystemExit(f"{folder.folder}: no stream holds {length} tokens")
        self._names = sorted(self._readers)
        weights = [
            mix.rate(name) * sum(len(r.tokens) for r in self._readers[name]) for name in self._names
        ]
        self._cumulative = np.cumsum(weights) / sum(weights)
        self.tokens = sum(len(r.tokens) for group in self._readers.values() for r in group)

    def rows(self, count: int) -> tuple[Rows, Rows]:
        """Inputs and targets, int64[count, length] each.

        Every input row begins with the start token, as every window of the coder does; a start
        token inside marks a new document.
        """
        rng = np.random.Generator(np.random.Philox(key=(self._seed << 64) | self._draws))
        self._draws += 1
        choices = np.searchsorted(self._cumulative, rng.random(count), side="right")
        targets = np.stack([self._next_row(self._names[c]) for c in choices]).astype(np.int64)
        inputs = np.empty_like(targets)
        inputs[:, 0] = START
        inputs[:, 1:] = targets[:, :-1]
        return inputs, targets

    def _next_row(self, stream: str) -> NDArray[np.uint16]:
        readers = self._readers[stream]
        return min(readers, key=lambda reader: reader.rows / reader.chunks).next_row()

    def epochs(self) -> dict[str, float]:
        """How often each stream has been read, on average over its parts."""
        return {
            name: sum(r.rows for r in group) / sum(r.chunks for r in group)
            for name, group in self._readers.items()
        }

    def state_dict(self) -> dict[str, Any]:
        """Where the readers are, to go on from there."""
        rows = {r.key: r.rows for group in self._readers.values() for r in group}
        return {"draws": self._draws, "rows": rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._draws = state["draws"]
        for group in self._readers.values():
            for reader in group:
                reader.rows = state["rows"].get(reader.key, 0)
