"""Checkpoints: everything a run needs to go on, in one file that is replaced atomically."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from train.model import Llama, Shape


@dataclass
class Checkpoint:
    """A model and the state of the run that makes it. `optimizers` is empty in a finished one."""

    shape: Shape
    weights: dict[str, Tensor]
    tokenizer: bytes = b""
    settings: dict[str, Any] = field(default_factory=dict)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        """Write to `path`; an older file there stays whole until the new one is complete."""
        table = {name: getattr(self, name) for name in self.__dataclass_fields__}
        table["shape"] = self.shape.to_dict()
        temporary = path.with_name(path.name + ".partial")
        with open(temporary, "wb") as file:
            torch.save(table, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint onto the CPU; also one of the seed's script (bl.N.qkv names).

        Raises SystemExit with one line when there is none.
        """
        try:
            table = torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, UnpicklingError) as error:
            raise SystemExit(f"{path} is not a checkpoint that can be read: {error}") from error
        if "args" in table:
            return _from_seed(table)
        table["shape"] = Shape.from_dict(table["shape"])
        return cls(**table)

    def model(self) -> Llama:
        """The model with these weights, on the CPU."""
        model = Llama(self.shape)
        model.load_state_dict(self.weights)
        return model


def _from_seed(table: dict[str, Any]) -> Checkpoint:
    args = table["args"]
    shape = Shape(
        vocab=args["vocab"],
        dim=args["dim"],
        layers=args["layers"],
        heads=args["heads"],
        ff=args["ff"],
        context=args["ctx"],
    )
    old = {name.removeprefix("_orig_mod."): value for name, value in table["model"].items()}
    weights = {"token_embd.weight": old["emb.weight"], "output_norm.weight": old["nf.w"]}
    for i in range(shape.layers):
        q, k, v = old[f"bl.{i}.qkv.weight"].split(shape.dim)
        gate, up = old[f"bl.{i}.gu.weight"].split(shape.ff)
        block = {
            "attn_norm": old[f"bl.{i}.n1.w"],
            "attn_q": q,
            "attn_k": k,
            "attn_v": v,
            "attn_output": old[f"bl.{i}.o.weight"],
            "ffn_norm": old[f"bl.{i}.n2.w"],
            "ffn_gate": gate,
            "ffn_up": up,
            "ffn_down": old[f"bl.{i}.dn.weight"],
        }
        weights |= {f"blk.{i}.{name}.weight": value.clone() for name, value in block.items()}
    return Checkpoint(shape, weights)
