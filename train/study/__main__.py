"""Train small models and measure how bits per byte depend on size, tokens, vocabulary, position.

    python -m train.study list       # what would be trained, with its compute
    python -m train.study all        # sizes, tokens, vocab and position, one after the other
    python -m train.study sizes      # bits per byte against parameters, at equal tokens
    python -m train.study tokens     # against training tokens
    python -m train.study vocab      # against the vocabulary, at equal compute
    python -m train.study position   # against the position in the context
    python -m train.study speed      # edgezip's speed with the models of `vocab`; no PyTorch needed
    python -m train.study report     # the tables of docs/scaling.md, from the CSV files
    python -m train.study plot       # its pictures

A model is trained once, by a fixed number of steps, so that the result does not depend on the
machine's speed; what is finished is found again, and an interrupted command goes on with the
model it was at. Results are study-*.csv under --results.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.study import tables
from train.study.report import report

if TYPE_CHECKING:  # speed, report and plot work without PyTorch
    from train.study.plan import Plan
    from train.study.runs import Workshop

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "train" / "configs" / "study"
PLACES = {
    "data": "train/data/study",
    "runs": "train/runs/study",
    "results": "bench/results",
    "out": "docs/scaling",
}
TRAINING = ("sizes", "tokens", "vocab", "position")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m train.study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("command", choices=("list", "all", *TRAINING, "speed", "report", "plot"))
    add("--plan", type=Path, default=CONFIGS / "full.toml", help="what to train (TOML)")
    add(
        "--tiny", action="store_true", help="models of seconds; everything to train/runs/study-tiny"
    )
    add("--clean", type=Path, default=ROOT / "train/data/clean", help="written by train.corpus")
    add("--val", type=Path, default=ROOT.parent / "shared/corpus/val.jsonl.xz")
    add("--data", type=Path, help="tokenizers and tokens (default: train/data/study)")
    add("--runs", type=Path, help="models (default: train/runs/study)")
    add("--results", type=Path, help="CSV files (default: bench/results)")
    add("--out", type=Path, help="pictures of plot (default: docs/scaling)")
    add("--threads", type=int, default=0, help="CPU threads (default: all; speed: 1)")
    add("--no-compile", action="store_true", help="do not use torch.compile")
    add("--text-bytes", type=int, default=60_000, help="text that speed packs")
    add("--repeats", type=int, default=3, help="runs of speed, the fastest counts")
    args = parser.parse_args(argv)
    own = ROOT / "train/runs/study-tiny"
    for name, place in PLACES.items():
        if getattr(args, name) is None:
            setattr(args, name, own / name if args.tiny else ROOT / place)
    return args


def main(argv: list[str] | None = None) -> None:
    """Run one part of the study."""
    args = parse(argv)
    if args.command == "report":
        print(report(tables.read(args.results)))
    elif args.command == "plot":
        from train.study.plots import draw

        for path in draw(tables.read(args.results), args.out):
            print(path)
    elif args.command == "speed":
        speed(args)
    else:
        train(args)


def speed(args: argparse.Namespace) -> None:
    """Time edgezip with every model of the vocabulary study."""
    from train.study.speed import measure

    rows = tables.read(args.results)["vocab"]
    text = (args.runs / "text.txt").read_bytes()[: args.text_bytes]
    models = {row["run"]: args.runs / row["run"] / "model.gguf" for row in rows}
    results = []
    for run, path in models.items():
        results.append(measure(run, path, text, args.threads or 1, args.repeats))
        print(results[-1], flush=True)
    tables.write(args.results, "speed", results)


def train(args: argparse.Namespace) -> None:
    """Train and measure what the command asks for."""
    from train.study.plan import Plan
    from train.study.runs import Workshop

    plan = Plan.load(CONFIGS / "tiny.toml" if args.tiny else args.plan)
    if args.command == "list":
        show(plan)
        return
    shop = Workshop(
        plan, args.clean, args.val, args.data, args.runs, args.threads, not args.no_compile
    )
    for command in TRAINING if args.command == "all" else (args.command,):
        rows = positions(shop) if command == "position" else shop.results(getattr(plan, command)())
        tables.write(args.results, command, rows)
        if command == "sizes":
            tables.write(args.results, "peers", tables.peers("".join(shop.texts()).encode()))


def positions(shop: Workshop) -> list[dict[str, Any]]:
    """The curve over positions of some of the sizes."""
    from train.study import data, measure

    rows = []
    for run in shop.plan.position():
        shop.result(run)
        checkpoint = shop.checkpoint(run)
        windows = measure.full_windows(
            data.encode_texts(checkpoint.tokenizer, shop.texts()), run.shape.context
        )
        sizes = data.piece_sizes(checkpoint.tokenizer)
        curve = measure.by_position(checkpoint.model().eval(), windows, sizes)
        same = {"run": run.name, "shape": run.label, "parameters": run.shape.parameters}
        rows += [{**same, **entry} for entry in curve]
    return rows


def show(plan: Plan) -> None:
    """Print the runs of every question; those named before are trained once."""
    seen: set[str] = set()
    for question in TRAINING:
        print(question)
        for run in getattr(plan, question)():
            again = "(above)" if run.name in seen else f"{run.flop / 1e12:8.1f} TFLOP"
            seen.add(run.name)
            print(f"  {run.name:24}{run.shape.parameters:>11,}{run.tokens:>13,} tokens  {again}")


if __name__ == "__main__":
    main()
