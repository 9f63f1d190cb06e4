"""The configuration of a training run: a TOML file with tables [model] and [train]."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.model import Shape


@dataclass(frozen=True)
class Settings:
    """How to train; the defaults suit a small model on a CPU."""

    rows: int = 8  # rows per step
    micro_rows: int = 0  # rows per forward pass, 0: all of them
    length: int = 0  # tokens per row, 0: the model's context
    muon_lr: float = 0.02
    adam_lr: float = 0.005
    weight_decay: float = 0.01
    warmup: int = 100  # steps
    final_rate: float = 0.02  # where the decay ends, as a share of the full rates
    seed: int = 0
    round_matrices: str = ""  # weights of the blocks are trained for this type: Q4_0, Q8_0
    round_embedding: str = ""  # likewise the embedding

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Settings:
        """Settings from a table; raises TypeError for an unknown key."""
        return cls(**table)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return dataclasses.asdict(self)


def load_config(path: Path) -> tuple[Shape, Settings]:
    """Read a configuration file; raises SystemExit with one line when it does not fit."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return Shape.from_dict(table["model"]), Settings.from_dict(table.get("train", {}))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SystemExit(f"{path}: {error}") from error
