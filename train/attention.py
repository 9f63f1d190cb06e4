"""Causal attention for training on a CPU: plain matrix products on blocks of queries.

PyTorch's own kernel spends most of its time in the backward pass there; products of whole blocks
go to the hardware's matrix units. The weights of the forward pass are kept for the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

_BLOCK = 128


def _blocks(length: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, _BLOCK):
        yield start, min(start + _BLOCK, length)


def _stacked(q: Tensor, kv_heads: int, start: int, end: int) -> Tensor:
    """Queries of a block, those heads that share keys below one another."""
    rows, _, _, size = q.shape
    return q[:, :, start:end].reshape(rows * kv_heads, -1, size)


@torch.library.custom_op("edgezip::causal_attention", mutates_args=())
def _attend(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What the heads see, of queries already scaled, and the weights of each block."""
    rows, heads, length, size = q.shape
    kv_heads = k.size(1)
    keys = k.reshape(rows * kv_heads, length, size).mT.contiguous()
    values = v.reshape(rows * kv_heads, length, size)
    mixed = torch.empty_like(q)
    weights = []
    for start, end in _blocks(length):
        scores = torch.bmm(_stacked(q, kv_heads, start, end), keys[:, :, :end])
        later = torch.ones(end - start, end - start, dtype=torch.bool).triu(1)
        scores.view(rows, heads, -1, end)[..., start:].masked_fill_(later, float("-inf"))
        weights.append(torch.softmax(scores, -1))
        mixed[:, :, start:end] = torch.bmm(weights[-1], values[:, :end]).view(rows, heads, -1, size)
    return mixed, weights


@_attend.register_fake
def _(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, list[Tensor]]:
    rows, heads, length, _ = q.shape
    kv_heads = k.size(1)
    stacked = heads // kv_heads
    return torch.empty_like(q), [
        q.new_empty(rows * kv_heads, stacked * (end - start), end) for start, end in _blocks(length)
    ]


@torch.library.custom_op("edgezip::causal_attention_backward", mutates_args=())
def _attend_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, weights: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    rows, heads, length, size = q.shape
    kv_heads = k.size(1)
    keys = k.reshape(rows * kv_heads, length, size)
    values = v.reshape(rows * kv_heads, length, size).mT.contiguous()
    grad_q = torch.empty_like(q)
    grad_k = torch.zeros_like(keys, dtype=torch.float32)
    grad_v = torch.zeros_like(keys, dtype=torch.float32)
    for (start, end), weight in zip(_blocks(length), weights, strict=True):
        queries = _stacked(q, kv_heads, start, end)
        grads = _stacked(grad, kv_heads, start, end)
        grad_v[:, :end] += torch.bmm(weight.mT, grads)
        of_weights = torch.bmm(grads, values[:, :, :end])
        of_scores = torch._softmax_backward_data(  # noqa: SLF001 (in one kernel)
            of_weights, weight, -1, weight.dtype
        )
        grad_k[:, :end] += torch.bmm(of_scores.mT, queries)
        grad_q[:, :, start:end] = torch.bmm(of_scores, keys[:, :end]).view(rows, heads, -1, size)
    return grad_q, grad_k.to(k.dtype).view(k.shape), grad_v.to(v.dtype).view(v.shape)


@_attend_backward.register_fake
def _(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, weights: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(q),
        torch.empty(k.shape, dtype=k.dtype),
        torch.empty(v.shape, dtype=v.dtype),
    )


def _keep(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, list[Tensor]]) -> None:
    ctx.save_for_backward(*inputs, *output[1])


def _differentiate(ctx: Any, grad: Tensor, _: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v, *weights = ctx.saved_tensors
    grads: tuple[Tensor, Tensor, Tensor] = _attend_backward(grad, q, k, v, weights)
    return grads


_attend.register_autograd(_differentiate, setup_context=_keep)


def block_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention of q[rows, heads, length, size] over k, v[rows, kv_heads, length, size].

    All of one floating-point type; the result has it too.
    """
    scaled = (q * q.size(-1) ** -0.5).contiguous()
    mixed: Tensor = _attend(scaled, k.contiguous(), v.contiguous())[0]
    return mixed
