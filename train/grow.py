"""Make a checkpoint wider, deeper or both, without changing what it computes.

    python -m train.grow SMALL.pt LARGE.pt --config LARGE.toml

SMALL may be a GGUF of ours, such as the bundled one.

The larger model continues where the smaller one stopped: new residual dimensions hold zero until
training writes to them, new heads and feed-forward units feed zero columns, and new layers
(inserted evenly) add zero. What reads the new places is drawn at random, so that gradients flow.
RMS norm divides by the mean over all dimensions, of which the new ones are zero: its weights are
scaled by sqrt(old / new) to make up for it (up to its epsilon). Head size and vocabulary stay as
they are; query heads may be added to every group that shares a key-value head, or whole groups.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from train.checkpoint import Checkpoint
from train.from_gguf import load_start
from train.model import Llama, Shape, writes_residual
from train.settings import load_config


def layer_map(old: int, new: int) -> dict[int, int]:
    """Where each old layer goes among the new ones, evenly spread and in order."""
    return {i: (i * new + new // 2) // old if new > old else i for i in range(old)}


def check(old: Shape, new: Shape) -> None:
    """Raise SystemExit unless `old` fits into `new`."""
    same = ("vocab", "head_dim", "rope_base", "eps")
    if any(getattr(old, name) != getattr(new, name) for name in same):
        raise SystemExit(f"these must stay as they are: {', '.join(same)}")
    if new.heads * old.kv_heads < old.heads * new.kv_heads:
        raise SystemExit("the query heads per key-value head must not become fewer")
    grown = ("dim", "layers", "heads", "kv_heads", "ff")
    if any(getattr(old, name) > getattr(new, name) for name in grown):
        raise SystemExit("a model can grow but not shrink")


def grow(start: Checkpoint, shape: Shape, seed: int) -> Checkpoint:
    """The grown model as a fresh starting point (no optimizer state)."""
    check(start.shape, shape)
    model = Llama(shape)
    model.initialize(seed)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    places = layer_map(start.shape.layers, shape.layers)
    old = {_moved(name, places): value for name, value in start.weights.items()}
    shrink = (start.shape.dim / shape.dim) ** 0.5
    for name, value in weights.items():
        if writes_residual(name):
            value.zero_()
        if name == "token_embd.weight":
            value[:, start.shape.dim :].zero_()
        if name in old:
            kept = old[name] * shrink if value.dim() == 1 else old[name]
            if name.endswith("attn_q.weight"):
                value[query_features(start.shape, shape), : start.shape.dim] = kept
            elif name.endswith("attn_output.weight"):
                value[: start.shape.dim, query_features(start.shape, shape)] = kept
            else:
                value[tuple(slice(size) for size in kept.shape)] = kept
    return dataclasses.replace(Checkpoint(shape, weights), tokenizer=start.tokenizer)


def _moved(name: str, places: dict[int, int]) -> str:
    if not name.startswith("blk."):
        return name
    _, index, rest = name.split(".", 2)
    return f"blk.{places[int(index)]}.{rest}"


def query_features(old: Shape, new: Shape) -> Tensor:
    """Where the query features of `old` go, int64[old heads x head size]: heads stay first in
    their group, with the same key-value head."""
    heads = torch.arange(old.heads)
    per_old, per_new = old.heads // old.kv_heads, new.heads // new.kv_heads
    places = heads // per_old * per_new + heads % per_old
    return (places[:, None] * old.head_dim + torch.arange(old.head_dim)).flatten()


def main(argv: list[str] | None = None) -> None:
    """Write the larger checkpoint."""
    parser = argparse.ArgumentParser(
        prog="python -m train.grow",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("small", type=Path, help="checkpoint or GGUF to start from")
    parser.add_argument("large", type=Path, help="checkpoint to write (for train.fit --init)")
    parser.add_argument("--config", type=Path, required=True, help="TOML with the larger [model]")
    parser.add_argument("--seed", type=int, default=0, help="of the new random weights")
    args = parser.parse_args(argv)
    shape, _ = load_config(args.config)
    with torch.no_grad():
        grow(load_start(args.small), shape, args.seed).save(args.large)


if __name__ == "__main__":
    main()
