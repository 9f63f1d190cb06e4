"""What a trained model makes of the validation text: bits, margin, and the curve over positions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from train.model import Llama
from train.scoring import document_nats
from train.study.data import Document
from train.study.rates import position_edges, ratio_margin
from train.tokenizer import START

_ROWS = 8


def bits_per_byte(model: Llama, documents: Sequence[Document]) -> dict[str, float]:
    """Bits, bytes, tokens, bits per byte and its margin over documents, in the coder's windows."""
    bits = document_nats(model, [tokens for tokens, _ in documents]) / math.log(2)
    sizes = np.array([size for _, size in documents], np.float64)
    return {
        "val_bytes": int(sizes.sum()),
        "val_tokens": sum(len(tokens) for tokens, _ in documents),
        "bits": float(bits.sum()),
        "bpb": float(bits.sum() / sizes.sum()),
        "margin_95": ratio_margin(bits, sizes),
    }


def full_windows(documents: Sequence[Document], window: int) -> NDArray[np.int64]:
    """The documents cut into windows of `window` tokens, the rest left out; int64 (rows, window).

    Each window starts with an empty context, wherever in its document it lies: so every position
    is measured on the same text, and the start of documents is nothing special.
    """
    rows = [
        tokens[start : start + window].astype(np.int64)
        for tokens, _ in documents
        for start in range(0, len(tokens) - window + 1, window)
    ]
    if not rows:
        raise SystemExit(f"no validation document has {window} tokens")
    return np.stack(rows)


@torch.inference_mode()
def token_bits(model: Llama, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """-log2 p of every token of rows (n, window), each row after a start token; float64, same."""
    parts = []
    for first in range(0, len(rows), _ROWS):
        targets = torch.from_numpy(rows[first : first + _ROWS])
        starts = torch.full((len(targets), 1), START)
        inputs = torch.cat([starts, targets[:, :-1]], 1)
        parts.append(model(inputs, targets, "none").view(targets.shape).double().numpy())
    result: NDArray[np.float64] = np.concatenate(parts) / math.log(2)
    return result


def by_position(
    model: Llama, rows: NDArray[np.int64], sizes: NDArray[np.int64]
) -> list[dict[str, float]]:
    """Bits per byte of bins of positions; `sizes` (pieces,) are the bytes of each piece."""
    bits, size = token_bits(model, rows), sizes[rows].astype(np.float64)
    table: list[dict[str, float]] = []
    for first, end in pairwise(position_edges(rows.shape[1]).tolist()):
        b, s = bits[:, first:end].sum(1), size[:, first:end].sum(1)
        entry = {"first": first, "last": end - 1, "windows": len(rows), "bytes": int(s.sum())}
        table.append({**entry, "bpb": float(b.sum() / s.sum()), "margin_95": ratio_margin(b, s)})
    return table
