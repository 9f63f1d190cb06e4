"""What the study trains: a TOML file, read into a list of runs for each question."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.model import Shape
from train.settings import Settings
from train.study.rates import flop_per_token


@dataclass(frozen=True)
class RunPlan:
    """One model to train: `steps` updates, the rates falling linearly from first to last."""

    label: str
    shape: Shape
    settings: Settings
    steps: int

    @property
    def name(self) -> str:
        """The name of its folder; runs that several questions share are trained once."""
        return f"{self.label}-{self.shape.vocab}p-{self.steps}s"

    @property
    def length(self) -> int:
        """Tokens of a row."""
        return self.settings.length or self.shape.context

    @property
    def tokens(self) -> int:
        """Training tokens, repeats counted."""
        return self.steps * self.settings.rows * self.length

    @property
    def flop(self) -> float:
        """Floating-point operations of the training."""
        return self.tokens * flop_per_token(self.shape, self.length)

    def key(self) -> dict[str, Any]:
        """Everything that the trained weights depend on, besides the data."""
        settings = self.settings.to_dict()
        return {"shape": self.shape.to_dict(), "settings": settings, "steps": self.steps}

    def to_toml(self) -> str:
        """The configuration file that train.fit reads."""
        tables = {"model": self.shape.to_dict(), "train": self.settings.to_dict()}
        lines: list[str] = []
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{key} = {value!r}" for key, value in table.items()), ""]
        return "\n".join(lines)


@dataclass(frozen=True)
class Plan:
    """The study's settings as they stand in the file; the methods give the runs."""

    path: Path
    table: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a plan and look at every run; raises SystemExit with one line when it is wrong."""
        try:
            plan = cls(path, tomllib.loads(path.read_text(encoding="utf-8")))
            plan.sizes(), plan.tokens(), plan.vocab(), plan.position()
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise SystemExit(f"{path}: {type(error).__name__}: {error}") from error
        return plan

    @property
    def mix(self) -> Path:
        """The rates by stream."""
        return self.path.parent / str(self.table["mix"])

    def run(self, label: str, pieces: int, tokens: float) -> RunPlan:
        """The run of the shape called `label` on at least `tokens` tokens, in whole steps."""
        shape = Shape.from_dict(
            {**self.table["model"], **self.table["shapes"][label], "vocab": pieces}
        )
        settings = Settings.from_dict(self.table["train"])
        step = settings.rows * (settings.length or shape.context)
        return RunPlan(label, shape, settings, max(round(tokens / step), 1))

    def sizes(self) -> list[RunPlan]:
        """All shapes at equal tokens."""
        table = self.table["sizes"]
        return [self.run(name, table["pieces"], table["tokens"]) for name in self.table["shapes"]]

    def tokens(self) -> list[RunPlan]:
        """One shape at several budgets of tokens."""
        table = self.table["tokens"]
        pieces = self.table["sizes"]["pieces"]
        return [self.run(table["shape"], pieces, budget) for budget in table["budgets"]]

    def vocab(self) -> list[RunPlan]:
        """One shape of blocks with several vocabularies, at equal operations of training."""
        table = self.table["vocab"]
        runs = []
        for pieces in table["pieces"]:
            one = self.run(table["shape"], pieces, 1)
            tokens = table["teraflop"] * 1e12 / flop_per_token(one.shape, one.length)
            runs.append(self.run(table["shape"], pieces, tokens))
        return runs

    def position(self) -> list[RunPlan]:
        """Those of the sizes whose curve over the context is measured."""
        wanted = self.table["position"]["shapes"]
        return [run for run in self.sizes() if run.label in wanted]
