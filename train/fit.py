"""Train a model, or go on training it.

    python -m train.fit RUN --config C.toml --data TOKENS_DIR --minutes 60 [--decay 0.3]

The rates are warmed up once and then held; RUN/trunk.pt is the state of that constant-rate run
and is what the same command resumes. With --decay F the last F of this call's budget lowers the
rates linearly and RUN/final.pt is the finished model; the trunk stays as it was before. The
budget is --minutes of wall time since the start of the process (compiling included) or --steps.
SIGTERM and SIGINT save and stop. RUN/log.csv has the loss, RUN/val.csv bits per byte by kind.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from train.checkpoint import Checkpoint
from train.data import Sampler, TokenFolder
from train.mix import Mix
from train.model import Llama
from train.optim import Optimizers, multiplies_bf16
from train.rounding import rounded_weights
from train.scoring import by_kind
from train.settings import Settings, load_config

_STARTED = time.monotonic()


def choose_dtype(name: str, device: torch.device) -> torch.dtype | None:
    """The autocast type: bf16 where the hardware multiplies it, None (float32) elsewhere."""
    if name == "auto":
        return torch.bfloat16 if multiplies_bf16(device) else None
    return torch.bfloat16 if name == "bf16" else None


class CsvLog:
    """Appends rows to a CSV file and flushes each."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        new = not path.exists()
        self._file = open(  # noqa: SIM115 (lives as long as the process)
            path, "a", newline="", encoding="utf-8"
        )
        self._writer = csv.writer(self._file, lineterminator="\n")
        if new:
            self.row(columns)

    def row(self, values: tuple[Any, ...]) -> None:
        """Append a row; it is on disk at once."""
        self._writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in values)
        self._file.flush()


class Run:
    """A model, its optimizers and its data, and how far they are."""

    def __init__(
        self,
        start: Checkpoint,
        settings: Settings,
        sampler: Sampler,
        device: torch.device,
        dtype: torch.dtype | None,
        compile_model: bool,
    ) -> None:
        self.settings = settings
        self.device = device
        self.dtype = dtype
        self.sampler = sampler
        self.tokenizer = start.tokenizer
        self.step, self.tokens, self.seconds = start.step, start.tokens, start.seconds
        self.model = start.model().to(device)
        self.optimizers = Optimizers(
            self.model,
            muon_lr=settings.muon_lr,
            adam_lr=settings.adam_lr,
            weight_decay=settings.weight_decay,
        )
        if start.optimizers:
            self.optimizers.load_state_dict(start.optimizers)
        if start.data:
            sampler.load_state_dict(start.data)
        self._forward: Any = torch.compile(self.model) if compile_model else self.model

    def train_step(self, decay: float) -> torch.Tensor:
        """One update; returns the mean loss in nats per token, still on the device."""
        inputs, targets = map(torch.from_numpy, self.sampler.rows(self.settings.rows))
        if self.device.type == "cuda":
            inputs, targets = inputs.pin_memory(), targets.pin_memory()
        inputs = inputs.to(self.device, non_blocking=True)
        targets = targets.to(self.device, non_blocking=True)
        with self.rounded():
            total = self._gradients(inputs, targets)
        warm = min(1.0, (self.step + 1) / max(self.settings.warmup, 1))
        self.optimizers.step(warm * decay)
        self.step += 1
        self.tokens += inputs.numel()
        return total

    def rounded(self) -> AbstractContextManager[None]:
        """Inside, the weights are as the finished model's file will hold them."""
        settings = self.settings
        return rounded_weights(self.model, settings.round_matrices, settings.round_embedding)

    def _gradients(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        micro = self.settings.micro_rows or self.settings.rows
        total = torch.zeros((), device=self.device)
        for x, y in zip(torch.split(inputs, micro), torch.split(targets, micro), strict=True):
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
                loss = self._forward(x, y) * (len(x) / len(inputs))
            loss.backward()
            total += loss.detach()
        return total

    def checkpoint(self, finished: bool = False) -> Checkpoint:
        """What resumes this run, or (finished) what is exported."""
        return Checkpoint(
            shape=self.model.shape,
            weights=self.model.state_dict(),
            tokenizer=self.tokenizer,
            settings=self.settings.to_dict(),
            optimizers=[] if finished else self.optimizers.state_dict(),
            data=self.sampler.state_dict(),
            step=self.step,
            tokens=self.tokens,
            seconds=self.seconds,
        )


class Budget:
    """How much of this call's time or steps is used, and the rate factor that follows."""

    def __init__(self, minutes: float, steps: int, decay: float, final_rate: float) -> None:
        self._minutes, self._steps = minutes, steps
        self._decay, self._final = decay, final_rate
        self._done = 0
        self.stopped = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True

    def used(self) -> float:
        """The share used, 1 or more when there is nothing left."""
        by_time = (time.monotonic() - _STARTED) / 60 / self._minutes if self._minutes else 0.0
        by_steps = self._done / self._steps if self._steps else 0.0
        return 1.0 if self.stopped else max(by_time, by_steps)

    def count_step(self) -> None:
        """Tell that a step is done."""
        self._done += 1

    def decays(self, used: float) -> bool:
        """Whether the last part has begun, in which the rates go down."""
        return self._decay > 0 and used >= 1 - self._decay

    def rate(self, used: float) -> float:
        """1 until the decay begins, then down to the final rate."""
        return max((1 - used) / self._decay, self._final) if self.decays(used) else 1.0


def fit(
    run: Run, budget: Budget, out: Path, options: argparse.Namespace, folder: TokenFolder
) -> None:
    """Train until the budget is used up; writes logs and checkpoints under `out`."""
    log = CsvLog(out / "log.csv", ("step", "tokens", "seconds", "loss", "rate", "tokens_per_s"))
    val = CsvLog(out / "val.csv", ("step", "tokens", "kind", "bpb", "rate"))
    validation = folder.validation(options.val_tokens)
    last_log = last_save = last_val = clock = time.monotonic()
    losses: list[torch.Tensor] = []
    logged_tokens, decaying = run.tokens, False
    while (used := budget.used()) < 1:
        rate = budget.rate(used)
        if budget.decays(used) and not decaying:
            run.checkpoint().save(out / "trunk.pt")
            decaying = True
        losses.append(run.train_step(rate))
        budget.count_step()
        now = time.monotonic()
        if now - last_log >= options.log_seconds or budget.used() >= 1:
            loss = float(torch.stack(losses).mean())
            now = time.monotonic()
            run.seconds, clock = run.seconds + now - clock, now
            speed = (run.tokens - logged_tokens) / (now - last_log)
            log.row((run.step, run.tokens, run.seconds, loss, rate, speed))
            print(
                f"step {run.step} loss {loss:.4f} rate {rate:.3f} {speed:.0f} tokens/s", flush=True
            )
            losses, logged_tokens, last_log = [], run.tokens, now
        if now - last_save >= 60 * options.save_minutes:
            run.checkpoint(decaying).save(out / ("final.pt" if decaying else "trunk.pt"))
            last_save = time.monotonic()
        if options.val_minutes and now - last_val >= 60 * options.val_minutes:
            validate(run, val, validation, rate)
            last_val = clock = time.monotonic()
    if not decaying:
        run.checkpoint().save(out / "trunk.pt")
    if decaying or options.decay:
        run.checkpoint(finished=True).save(out / "final.pt")
    if validation:
        validate(run, val, validation, budget.rate(1.0))


def validate(run: Run, log: CsvLog, validation: dict[str, Any], rate: float) -> None:
    """Append bits per byte by kind at this step."""
    autocast = torch.autocast(run.device.type, run.dtype, enabled=run.dtype is not None)
    with run.rounded(), autocast:
        result = by_kind(run.model, validation)
    for kind, value in result.items():
        log.row((run.step, run.tokens, kind, value, rate))
    print("bpb", {k: round(result[k], 4) for k in ("english", "all")}, flush=True)


def load(path: Path, tokenizer: bytes) -> Checkpoint:
    """A checkpoint or the weights of a GGUF."""
    if path.suffix != ".gguf":
        return Checkpoint.load(path)
    # Imported here: where models are only trained, the gguf package need not be installed.
    from train.from_gguf import load_start

    return load_start(path, tokenizer)


def starting_point(args: argparse.Namespace, folder: TokenFolder) -> tuple[Checkpoint, Settings]:
    """The trunk of the run if there is one, else --init, else fresh weights."""
    shape, settings = load_config(args.config)
    trunk = args.out / "trunk.pt"
    if trunk.exists() or args.init:
        start = load(trunk if trunk.exists() else args.init, folder.tokenizer)
        if {**start.shape.to_dict(), "context": 0} != {**shape.to_dict(), "context": 0}:
            raise SystemExit("the checkpoint's shape is not the configuration's: see train.grow")
        if start.tokenizer not in (b"", folder.tokenizer):
            raise SystemExit("the checkpoint was trained with another tokenizer than the data's")
        start.shape = shape
        if not trunk.exists():
            # A new run: rates warm up again, but text that the weights have seen is not read first.
            start = Checkpoint(shape, start.weights, data=start.data)
    else:
        model = Llama(shape)
        model.initialize(settings.seed)
        start = Checkpoint(shape, model.state_dict())
    if shape.vocab != folder.vocab:
        raise SystemExit(f"the configuration has {shape.vocab} pieces, the data {folder.vocab}")
    start.tokenizer = folder.tokenizer
    return start, settings


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.fit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("out", type=Path, help="folder of the run")
    add("--config", type=Path, required=True, help="TOML with [model] and [train]")
    add("--data", type=Path, required=True, help="folder written by train.encode or train.pack")
    add("--mix", type=Path, default=Mix.DEFAULT, help="rates by stream (TOML)")
    add("--init", type=Path, help="checkpoint or GGUF that a new run starts from")
    add("--minutes", type=float, default=0.0, help="wall time of this call")
    add("--steps", type=int, default=0, help="steps of this call")
    add("--decay", type=float, default=0.0, help="share of the budget that lowers the rates")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--dtype", choices=("auto", "bf16", "float32"), default="auto")
    add("--threads", type=int, default=0, help="CPU threads (default: all)")
    add("--no-compile", action="store_true", help="do not use torch.compile")
    add("--log-seconds", type=float, default=30.0)
    add("--save-minutes", type=float, default=5.0)
    add("--val-minutes", type=float, default=0.0, help="validate this often (0: at the end only)")
    add("--val-tokens", type=int, default=8192, help="validation tokens per kind (0: all)")
    args = parser.parse_args(argv)
    if not (args.minutes or args.steps):
        parser.error("give --minutes or --steps")
    if not 0 <= args.decay <= 1:
        parser.error("--decay must be between 0 and 1")
    return args


def main(argv: list[str] | None = None) -> None:
    """Train a model."""
    args = parse(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("high")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    folder = TokenFolder(args.data)
    start, settings = starting_point(args, folder)
    sampler = Sampler(
        folder, Mix.load(args.mix), settings.length or start.shape.context, settings.seed
    )
    device = torch.device(args.device)
    run = Run(
        start, settings, sampler, device, choose_dtype(args.dtype, device), not args.no_compile
    )
    print(
        f"{start.shape.parameters:,} parameters, {sampler.tokens:,} tokens of data, from step "
        f"{run.step}, {device}, {run.dtype or 'float32'}",
        flush=True,
    )
    budget = Budget(args.minutes, args.steps, args.decay, settings.final_rate)
    fit(run, budget, args.out, args, folder)


if __name__ == "__main__":
    main()
