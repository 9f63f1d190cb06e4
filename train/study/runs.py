"""Trains a run of the plan, measures and exports it; what is finished is not done again."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from train import fit
from train.checkpoint import Checkpoint
from train.export import export
from train.study import data, measure
from train.study.plan import Plan, RunPlan

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Workshop:
    """Where the study reads and writes, and how it computes."""

    plan: Plan
    clean: Path
    val: Path
    data: Path
    runs: Path
    threads: int = 0
    compile: bool = True

    def texts(self) -> list[str]:
        """The validation text; also written to `text.txt` under runs, for edgezip to pack."""
        table = self.plan.table
        texts = data.validation_texts(self.val, table["streams"], table["val_bytes"])
        self.runs.mkdir(parents=True, exist_ok=True)
        (self.runs / "text.txt").write_bytes("".join(texts).encode())
        return texts

    def results(self, runs: Iterable[RunPlan]) -> list[dict[str, Any]]:
        """The results of `runs`, trained first where they are missing."""
        return [self.result(run) for run in runs]

    def result(self, run: RunPlan) -> dict[str, Any]:
        """The result of one run: a flat row, as it goes into the CSV files."""
        folder = self.runs / run.name
        stored = folder / "result.json"
        key = {**run.key(), "val_bytes": self.plan.table["val_bytes"]}
        if stored.exists():
            found: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
            if found["key"] == key:
                return dict(found["row"])
        print(f"{run.name}: {run.shape.parameters:,} parameters, {run.tokens:,} tokens", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        checkpoint = self._train(run, folder)
        row = self._row(run, checkpoint, folder)
        print(f"{run.name}: {row['bpb']:.4f} bits per byte", flush=True)
        partial = stored.with_suffix(".partial")
        partial.write_text(json.dumps({"key": key, "row": row}, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, stored)
        return row

    def checkpoint(self, run: RunPlan) -> Checkpoint:
        """The finished model of a run that has a result."""
        return Checkpoint.load(self.runs / run.name / "final.pt")

    def _train(self, run: RunPlan, folder: Path) -> Checkpoint:
        """Train by the code of train.fit; raises SystemExit when it was interrupted."""
        tokens = data.token_folder(self.plan, run.shape.vocab, self.clean, self.data, self.threads)
        config = folder / "config.toml"
        config.write_text(run.to_toml(), encoding="utf-8")
        arguments = [str(folder), "--config", str(config), "--data", str(tokens)]
        arguments += ["--mix", str(self.plan.mix), "--steps", str(run.steps), "--decay", "1"]
        arguments += ["--device", "cpu", "--threads", str(self.threads)]
        if not self.compile:
            arguments.append("--no-compile")
        # Each shape is compiled anew; PyTorch gives up after a few in one process unless told.
        torch.compiler.reset()
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        try:
            fit.main(arguments)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        (folder / "trunk.pt").unlink(missing_ok=True)
        checkpoint = Checkpoint.load(folder / "final.pt")
        if checkpoint.step != run.steps:
            raise SystemExit(f"interrupted at step {checkpoint.step} of {run.steps}: {run.name}")
        return checkpoint

    def _row(self, run: RunPlan, checkpoint: Checkpoint, folder: Path) -> dict[str, Any]:
        model = checkpoint.model().eval()
        found = measure.bits_per_byte(model, data.encode_texts(checkpoint.tokenizer, self.texts()))
        gguf = folder / "model.gguf"
        export(checkpoint, gguf, run.name, self.plan.table["quantization"])
        return {
            "run": run.name,
            "shape": run.label,
            "parameters": run.shape.parameters,
            "pieces": run.shape.vocab,
            "steps": run.steps,
            "train_tokens": run.tokens,
            "train_flop": f"{run.flop:.4g}",
            "train_seconds": round(checkpoint.seconds),
            "gguf_bytes": gguf.stat().st_size,
            **found,
            "bytes_per_token": found["val_bytes"] / found["val_tokens"],
        }
