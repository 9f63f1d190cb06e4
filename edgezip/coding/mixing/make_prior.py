"""Make `prior.bin` anew: run the mixer over training documents and keep what it learned.

A development tool, not used when packing. A new prior changes what every payload decodes to, so it
is a new version of the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder

from .bytecodec import LEARN, run_bytes
from .layout import BINARY, INPUTS, SET_SIZE, SETS, TEXT
from .model import Model, new_model
from .params import MixParams
from .prior import FILE, Prior, pack_prior, plain_prior
from .tables import fine_stretch_table
from .token_mixing import run
from .trie import Trie

ROWS_PER_SET = 160


def _carried(model: Model, prior: Prior) -> Model:
    return model._replace(**prior._asdict())


def _learned(model: Model) -> Prior:
    return Prior(model.maps, model.matchmaps, model.weights, model.final)


def train_bytes(documents: Iterable[bytes], profile: int) -> Prior:
    """Return what the byte mixer has learned after all `documents`, each with a fresh memory."""
    prior = plain_prior(tokens=False)
    for document in documents:
        params = MixParams.for_size(len(document), profile)
        model = _carried(new_model(params, 1, len(document) + 1, tokens=False), prior)
        data = np.frombuffer(document, np.uint8).copy()
        run_bytes(model, 0, rangecoder.new_encoder(), np.zeros(1, np.uint8), data, LEARN)
        prior = _learned(model)
    return prior


def train_tokens(
    trie: Trie, documents: Iterable[tuple[NDArray[np.int32], NDArray[np.int16], int]]
) -> Prior:
    """Return what the token mixer has learned from (token ids, path logits, byte size) of
    documents."""
    prior = plain_prior(tokens=True)
    none = np.zeros((1, 1), np.uint32)
    for tokens, logits, size in documents:
        model = _carried(new_model(MixParams.for_size(size), 1, size + 1, tokens=True), prior)
        out = np.zeros(2 * logits.size + 16, np.uint8)
        run(
            model, trie, fine_stretch_table(), rangecoder.new_encoder(), out, False, tokens.copy(),
            np.zeros(tokens.size, np.int64), logits, none, np.zeros(0, np.int32),
            np.zeros(1, np.uint32), np.zeros(1, np.uint64),
        )  # fmt: skip
        prior = _learned(model)
    return prior


def _busy_rows(prior: Prior, tokens: bool) -> Iterator[NDArray[np.int64]]:
    """The rows of each set that moved most."""
    start = plain_prior(tokens).weights.reshape(-1, INPUTS).astype(np.int64)
    moved = np.abs(prior.weights.reshape(-1, INPUTS) - start).sum(1)
    for k in range(SETS):
        part = moved[k * SET_SIZE : (k + 1) * SET_SIZE]
        best = np.sort(np.argsort(-part, kind="stable")[:ROWS_PER_SET])
        yield best[part[best] > 0] + k * SET_SIZE


def write_prior(tokens: Prior, text: Prior, binary: Prior) -> int:
    """Write the file; returns its size."""
    kinds = [tokens, text, binary]
    kept = [np.concatenate(list(_busy_rows(p, p is tokens))) for p in kinds]
    FILE.write_bytes(pack_prior(kinds, kept))
    return FILE.stat().st_size


__all__ = ["BINARY", "TEXT", "train_bytes", "train_tokens", "write_prior"]
