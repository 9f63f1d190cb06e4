"""Muon for the matrices of the blocks, AdamW for the embedding and the norms.

Muon (Keller Jordan, 2024): momentum, then the update is replaced by its nearest semi-orthogonal
matrix, found with a quintic Newton-Schulz iteration.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware has bf16 matrix products, and so gains from that type."""
    if device.type == "cuda":
        return True
    return bool(torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001 (there is no other way)


def orthogonalize(updates: Tensor) -> Tensor:
    """Roughly semi-orthogonal matrices for float[batch, rows, columns], in the same dtype."""
    a, b, c = _COEFFICIENTS
    x = updates.to(torch.bfloat16 if multiplies_bf16(updates.device) else torch.float32)
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.size(-2) > x.size(-1)
    if tall:
        x = x.mT
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    result: Tensor = (x.mT if tall else x).to(updates.dtype)
    return result


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalized updates; matrices of one shape are treated together."""

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Move the parameters against their gradients."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[tuple(parameter.shape)].append(parameter)
            for shape, parameters in by_shape.items():
                self._update(shape, parameters, group)

    def _update(
        self, shape: tuple[int, ...], parameters: list[nn.Parameter], group: dict[str, Any]
    ) -> None:
        momentum = group["momentum"]
        for p in parameters:
            if "momentum" not in self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)
        buffers = [self.state[p]["momentum"] for p in parameters]
        grads = [p.grad for p in parameters if p.grad is not None]
        torch._foreach_lerp_(buffers, grads, 1 - momentum)
        # Nesterov: look one step ahead along the momentum.
        ahead = torch._foreach_lerp(grads, buffers, momentum)  # noqa: SLF001 (in one kernel)
        updates = orthogonalize(torch.stack(list(ahead)))
        scale = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
        weights: list[Tensor] = list(parameters)
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(weights, list(updates.unbind()), alpha=-scale)


class Optimizers:
    """Both optimizers under one rate factor; saved and restored together."""

    def __init__(
        self, model: nn.Module, *, muon_lr: float, adam_lr: float, weight_decay: float
    ) -> None:
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in model.named_parameters():
            inner = parameter.dim() == 2 and not name.startswith("token_embd")
            (matrices if inner else rest).append(parameter)
        self.rest = rest
        fused = rest[0].is_cuda
        self._all: list[tuple[torch.optim.Optimizer, float]] = [
            (Muon(matrices, muon_lr, 0.95, weight_decay), muon_lr),
            (torch.optim.AdamW(rest, adam_lr, (0.9, 0.95), weight_decay=0.0, fused=fused), adam_lr),
        ]

    def step(self, factor: float) -> None:
        """One update with both rates multiplied by `factor`; gradients are cleared."""
        torch.nn.utils.clip_grad_norm_(self.rest, 1.0)
        for optimizer, rate in self._all:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """The state of each optimizer."""
        return [optimizer.state_dict() for optimizer, _ in self._all]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from a saved state."""
        for (optimizer, _), state in zip(self._all, states, strict=True):
            optimizer.load_state_dict(state)
