"""The Llama that llama.cpp runs, in PyTorch: parameter names are the tensor names of a GGUF file.

Pre-norm blocks with RMS norm, rotary positions on interleaved pairs (2i, 2i+1), grouped-query
attention, SwiGLU, no biases, and an output layer tied to the token embedding.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.attention import block_attention


@dataclass(frozen=True)
class Shape:
    """The numbers that fix the architecture; raises ValueError when they do not fit together."""

    vocab: int
    dim: int
    layers: int
    heads: int
    ff: int
    kv_heads: int = 0  # 0: as many as heads
    context: int = 1024
    rope_base: float = 10000.0
    eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.kv_heads == 0:
            object.__setattr__(self, "kv_heads", self.heads)
        if self.dim % self.heads or self.head_dim % 2 or self.heads % self.kv_heads:
            raise ValueError(
                "dim must be a multiple of heads, heads of kv_heads, and dim / heads even"
            )

    @property
    def head_dim(self) -> int:
        """Size of a head."""
        return self.dim // self.heads

    @property
    def parameters(self) -> int:
        """All weights, the tied output layer counted once."""
        attention = 2 * self.dim * (self.dim + self.kv_heads * self.head_dim)
        block = attention + 3 * self.dim * self.ff + 2 * self.dim
        return self.vocab * self.dim + self.layers * block + self.dim

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Shape:
        """A shape from a configuration table; raises TypeError for unknown or missing keys."""
        return cls(**table)


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """`x` at unit size, times the weights."""
        return F.rms_norm(x, (x.size(-1),), self.weight.to(x.dtype), self.eps)


def rope_tables(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines of position times frequency, float32[context, head_dim / 2] each."""
    exponent = torch.arange(0, shape.head_dim, 2, dtype=torch.float64) / shape.head_dim
    position = torch.arange(shape.context, dtype=torch.float64)
    angle = torch.outer(position, shape.rope_base**-exponent)
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the interleaved pairs of the last axis (llama.cpp's LLAMA_ROPE_TYPE_NORM)."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention of q[rows, heads, length, size] over k, v[rows, kv_heads, length, size]."""
    if not q.is_cuda:
        return block_attention(q, k, v)
    k, v = (t.repeat_interleave(q.size(1) // t.size(1), 1) for t in (k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class Block(nn.Module):
    """One layer: attention and feed-forward, each on a normed copy added to the residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        kv_dim = shape.kv_heads * shape.head_dim
        self.attn_norm = RMSNorm(shape.dim, shape.eps)
        self.attn_q = nn.Linear(shape.dim, shape.dim, bias=False)
        self.attn_k = nn.Linear(shape.dim, kv_dim, bias=False)
        self.attn_v = nn.Linear(shape.dim, kv_dim, bias=False)
        self.attn_output = nn.Linear(shape.dim, shape.dim, bias=False)
        self.ffn_norm = RMSNorm(shape.dim, shape.eps)
        self.ffn_gate = nn.Linear(shape.dim, shape.ff, bias=False)
        self.ffn_up = nn.Linear(shape.dim, shape.ff, bias=False)
        self.ffn_down = nn.Linear(shape.ff, shape.dim, bias=False)

    def attention(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """What the heads see, of `x` already normalised."""
        rows, length, dim = x.shape
        size = self.shape.head_dim
        q = self.attn_q(x).view(rows, length, -1, size).transpose(1, 2)
        k = self.attn_k(x).view(rows, length, -1, size).transpose(1, 2)
        v = self.attn_v(x).view(rows, length, -1, size).transpose(1, 2)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        mixed = causal_attention(q, k, v)
        return self.attn_output(mixed.transpose(1, 2).reshape(rows, length, dim))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """`x` after attention and the feed-forward network."""
        x = x + self.attention(self.attn_norm(x), cos, sin)
        y = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(y)) * self.ffn_up(y))


class Llama(nn.Module):
    """The whole model. `state_dict()` has exactly the tensors of the GGUF file."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.dim)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = RMSNorm(shape.dim, shape.eps)
        cos, sin = rope_tables(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def initialize(self, seed: int) -> None:
        """Draw fresh weights: fan-in scaled, those that write to the residual scaled down."""
        generator = torch.Generator().manual_seed(seed)
        damping = 1 / math.sqrt(2 * self.shape.layers)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.dim() == 1:
                    weight.fill_(1.0)
                    continue
                std = 0.02 if name.startswith("token_embd") else weight.size(1) ** -0.5
                if writes_residual(name):
                    std *= damping
                weight.copy_(torch.randn(weight.shape, generator=generator) * std)

    def logits(self, tokens: Tensor) -> Tensor:
        """Next-token logits, float[rows, length, vocab], of int64 tokens[rows, length]."""
        x = self.token_embd(tokens)
        cos, sin = self.cos[: tokens.size(1)].to(x.dtype), self.sin[: tokens.size(1)].to(x.dtype)
        for block in self.blk:
            x = block(x, cos, sin)
        return F.linear(self.output_norm(x), self.token_embd.weight)

    def forward(self, tokens: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """Cross-entropy in nats of `targets` (the tokens one further on), per token or mean."""
        logits = self.logits(tokens).float()
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)


def writes_residual(name: str) -> bool:
    """Whether the tensor called `name` writes into the residual stream."""
    return name.endswith(("attn_output.weight", "ffn_down.weight"))
