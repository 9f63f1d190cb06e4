"""Bits of documents under a model, with the windows that the coder uses.

The first window is the start token and the document's first tokens; it predicts as many tokens
as it has cells. Each later window begins with the start token and the last `keep` tokens again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from train.model import Llama
from train.tokenizer import START

Tokens = NDArray[np.uint16]
_BATCH_TOKENS = 8192


@dataclass(frozen=True)
class Window:
    """Tokens [first, end) of a document in one forward pass; those from `scored` on count."""

    document: int
    first: int
    scored: int
    end: int


def windows(document: int, count: int, window: int, keep: int) -> list[Window]:
    """The windows that predict `count` tokens; raises ValueError unless 0 <= keep < window."""
    if not 0 <= keep < window:
        raise ValueError("keep must be at least 0 and less than the window")
    result, scored = [], 0
    while scored < count:
        first = max(scored - keep, 0)
        end = min(first + window, count)
        result.append(Window(document, first, scored, end))
        scored = end
    return result


def _forward(model: Llama, batch: list[Window], documents: Sequence[Tokens]) -> NDArray[np.float64]:
    """Nats of the scored tokens of each window, float64[windows]."""
    length = max(w.end - w.first for w in batch)
    inputs = np.full((len(batch), length), START, np.int64)
    targets = np.full((len(batch), length), -100, np.int64)  # ignored by cross_entropy
    for row, w in enumerate(batch):
        inputs[row, 1 : w.end - w.first] = documents[w.document][w.first : w.end - 1]
        targets[row, w.scored - w.first : w.end - w.first] = documents[w.document][w.scored : w.end]
    device = model.token_embd.weight.device
    losses = model(
        torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device), "none"
    )
    return losses.view(len(batch), length).double().sum(1).cpu().numpy()  # type: ignore[no-any-return]


@torch.inference_mode()
def document_nats(
    model: Llama, documents: Sequence[Tokens], window: int = 0, keep: int = -1
) -> NDArray[np.float64]:
    """Nats of each document (given without its start token), float64[documents].

    `window` is at most the model's context (0: just that), `keep` defaults to half of it.
    """
    window = window or model.shape.context
    keep = window // 2 if keep < 0 else keep
    todo = [w for i, d in enumerate(documents) for w in windows(i, len(d), window, keep)]
    todo.sort(key=lambda w: (w.end - w.first, w.document, w.first), reverse=True)
    result = np.zeros(len(documents))
    while todo:
        rows = max(_BATCH_TOKENS // (todo[0].end - todo[0].first), 1)
        batch, todo = todo[:rows], todo[rows:]
        for w, nats in zip(batch, _forward(model, batch, documents), strict=True):
            result[w.document] += nats
    return result


def bits_per_byte(nats: float, size: int) -> float:
    """Convert; 0 for nothing."""
    return nats / math.log(2) / size if size else 0.0


ENGLISH = ("wiki", "gutenberg")


def by_kind(
    model: Llama, validation: dict[str, tuple[list[Tokens], int]], window: int = 0, keep: int = -1
) -> dict[str, float]:
    """Bits per byte by kind, with the rows `english` (wiki and gutenberg together) and `all`."""
    nats = {k: document_nats(model, d, window, keep).sum() for k, (d, _) in validation.items()}
    groups: dict[str, tuple[str, ...]] = {kind: (kind,) for kind in nats}
    groups["english"] = tuple(kind for kind in ENGLISH if kind in nats)
    groups["all"] = tuple(nats)
    return {
        name: bits_per_byte(
            float(sum(nats[k] for k in kinds)), sum(validation[k][1] for k in kinds)
        )
        for name, kinds in groups.items()
    }
