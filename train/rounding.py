"""Training for the rounding of 4-bit and 8-bit weights (quantization-aware training).

The forward and backward passes see the weights as the GGUF will hold them, the update goes to the
unrounded ones: the straight-through estimator of Bengio et al. (arXiv 1308.3432). The formulas are
those of ggml's reference quantizers, blocks of 32 weights with a half-precision scale each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

BLOCK = 32

_Rounder = Callable[[Tensor], Tensor]


def _half(scale: Tensor) -> Tensor:
    return scale.half().float()


def _reciprocal(scale: Tensor) -> Tensor:
    return torch.where(scale == 0, torch.zeros_like(scale), 1 / scale)


def _q4_0(blocks: Tensor) -> Tensor:
    """(n, 32): the largest weight by size becomes -8, so the scale carries its sign."""
    at = blocks.abs().argmax(-1, keepdim=True)
    scale = blocks.gather(-1, at) / -8
    levels = (blocks * _reciprocal(scale) + 8.5).floor().clamp(0, 15)
    return (levels - 8) * _half(scale)


def _q8_0(blocks: Tensor) -> Tensor:
    """(n, 32): the largest weight by size becomes 127 or -127."""
    scale = blocks.abs().amax(-1, keepdim=True) / 127
    return (blocks * _reciprocal(scale)).round() * _half(scale)


ROUNDERS: dict[str, _Rounder] = {"Q4_0": _q4_0, "Q8_0": _q8_0}


def rounded(weight: Tensor, kind: str) -> Tensor:
    """`weight` (rows, a multiple of 32) as a GGUF tensor of type `kind` gives it back, float32."""
    blocks = weight.float().reshape(-1, BLOCK)
    return ROUNDERS[kind](blocks).reshape(weight.shape).to(weight.dtype)


@contextmanager
def rounded_weights(model: nn.Module, matrices: str, embedding: str) -> Iterator[None]:
    """Inside, the model's matrices hold rounded weights; afterwards they are as before.

    Gradients that come inside are for the rounded weights and stay with the parameters.

    Args:
        model: what is rounded.
        matrices: type of the blocks' matrices, "" to leave them.
        embedding: type of the token embedding, "" to leave it.
    """
    kept: list[tuple[nn.Parameter, Tensor]] = []
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            kind = embedding if name.startswith("token_embd") else matrices
            if parameter.dim() == 2 and kind:
                kept.append((parameter, parameter.data))
                parameter.data = rounded(parameter.data, kind)
    try:
        yield
    finally:
        for parameter, value in kept:
            parameter.data = value
