"""The mix: which stream a corpus row belongs to, and how often each stream is drawn."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class Mix:
    """Rates by stream and the rules that split streams off a kind (configs/mix.toml)."""

    DEFAULT: ClassVar[Path] = Path(__file__).parent / "configs" / "mix.toml"

    rates: dict[str, float]
    rules: tuple[dict[str, str], ...] = ()

    @classmethod
    def load(cls, path: Path | None = None) -> Mix:
        """Read a mix; raises ValueError when a rate is negative or a rule names no stream."""
        table = tomllib.loads((path or cls.DEFAULT).read_text(encoding="utf-8"))
        rates = {name: float(rate) for name, rate in table.get("rates", {}).items()}
        rules = tuple(table.get("rules", ()))
        if any(rate < 0 for rate in rates.values()) or any("stream" not in r for r in rules):
            raise ValueError(f"{path}: rates must not be negative and rules must name a stream")
        return cls(rates, rules)

    def stream(self, row: Mapping[str, Any]) -> str:
        """The stream of a corpus row: the first rule that fits, else the row's kind."""
        for rule in self.rules:
            conditions = ((key, value) for key, value in rule.items() if key != "stream")
            if all(str(row.get(key, "")).startswith(value) for key, value in conditions):
                return rule["stream"]
        return str(row["kind"])

    def rate(self, stream: str) -> float:
        """How often a token of `stream` is drawn, relative to a stream of rate 1."""
        return self.rates.get(stream, self.rates.get("default", 1.0))
