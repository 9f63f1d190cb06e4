"""Learn the starting state of the context mixer for a profile: edgezip/coding/mixing/priors/.

    python -m train.prior PROFILE --shards S.jsonl.xz ... --exclude EVAL_DIR --against VAL.jsonl.xz

Runs the mixer over documents of the training corpus, for `tokens` beside the bundled language
model, each document with a fresh memory, and keeps what maps and weights have learned. Documents
for `lines` are those of the kinds of logs and data formats, joined by the repository that they come
from. The corpus has no binary data: the state for it is learned from documents made here
(train.binaries) and from machine code (train.machine_code), that for `code` from x86 alone. The
same arguments give the same file. A new prior changes what every payload of the profile decodes to,
so it is a new version of the format. Needs no PyTorch.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgezip.coding import rangecoder
from edgezip.coding.logistic import fine_stretch_table
from edgezip.coding.mixing.bytecodec import LEARN, run_bytes
from edgezip.coding.mixing.layout import SET_SIZE
from edgezip.coding.mixing.model import Model, new_model
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.paths import new_weights
from edgezip.coding.mixing.prior import Prior, pack_prior, plain_prior
from edgezip.coding.mixing.profile import ALL, TOKEN_PROFILE, Profile
from edgezip.coding.mixing.token_mixing import MixingEncoder
from edgezip.coding.mixing.token_walk import run
from edgezip.coding.mixing.trie import Trie
from edgezip.pipeline.model import LanguageModel, TokenLayout
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions
from train.binaries import make_binaries
from train.corpus import Cleaner, exclusion_set, read_rows
from train.machine_code import cut_modules, known_wheels, only_x86
from train.ngrams import WordHasher

ROWS_PER_SET = 160
_SMALLEST = 1000
_JOINED = 48_000
_LONGEST = 96_000
CODE_SHARE = 2
"""Of the pieces of machine code, in random order, the first of so many parts are among binary
documents."""
_STRUCTURED = ("config_data", "logs_telemetry")
"""Kinds of documents that `lines` is for."""


def choose_documents(
    shards: Iterable[Path], cleaner: Cleaner, budget: int, seed: int, lines: bool = False
) -> list[bytes]:
    """About `budget` bytes of documents, the same share of every kind, in random order; with
    `lines` only structured kinds, the same share of every repository.

    Half of a share are single documents, half are several joined to the size of a file.
    """
    kinds: dict[str, list[bytes]] = defaultdict(list)
    for shard in shards:
        for row in read_rows(shard):
            kind = row["kind"]
            if lines:
                if kind not in _STRUCTURED:
                    continue
                kind = row["sub"] + " " + row["src"].split(":")[0]
            for text in cleaner.clean(row["text"]):
                kinds[kind].append(text.encode()[:_LONGEST])
    chosen = []
    for kind in sorted(kinds):
        source = iter(_shuffled(kinds[kind], seed))
        left = budget // len(kinds)
        joined = False
        while left > 0 and (document := _next_document(source, joined)):
            chosen.append(document[: max(left, _SMALLEST)])
            left -= len(document)
            joined = not joined
    return _shuffled(chosen, seed)


def _shuffled(items: list[bytes], seed: int) -> list[bytes]:
    order = list(range(len(items)))
    random.Random(seed).shuffle(order)
    return [items[i] for i in order]


def _next_document(source: Iterator[bytes], joined: bool) -> bytes:
    document = b""
    for text in source:
        document += text + b"\n"
        if len(document) >= (_JOINED if joined else _SMALLEST):
            break
    return document


class _PathLogits(MixingEncoder):
    """Keeps what `run` needs of one document instead of coding it."""

    def prefix_added(self) -> Callable[[], None]:
        return lambda: None

    def finish(self) -> bytes:
        self.tokens = self._symbols
        self.logits = np.concatenate([np.zeros(0, np.int16), *self._parts])
        return b""


def path_logits(
    model: LanguageModel, document: bytes
) -> tuple[NDArray[np.int32], NDArray[np.int16], int]:
    """Token ids (n,) of a document, the model's logits of all their decisions, the size."""
    escaped = model.tokenizer.escapes.apply(document)
    ids = model.tokenizer.encode(document if escaped is None else escaped[0])
    layout = TokenLayout(len(document), len(ids), 1)
    encoder = _PathLogits(len(ids), 1, model.trie, layout.mix_params)
    model.encode(ids, encoder, layout, model.settings(PackOptions()), lambda _: None)
    return encoder.tokens, encoder.logits, len(document)


def _carried(model: Model, prior: Prior) -> Model:
    return model._replace(**prior._asdict())


def _learned(model: Model) -> Prior:
    return Prior(*(getattr(model, name) for name in Prior._fields))


def train_bytes(documents: Iterable[bytes], profile: Profile) -> Prior:
    """Return what the byte mixer has learned after all `documents`, each with a fresh memory."""
    prior = plain_prior(profile)
    for document in documents:
        params = MixParams.for_size(len(document), profile.number)
        model = _carried(new_model(params, 1, len(document) + 1, tokens=False), prior)
        data = np.frombuffer(document, np.uint8).copy()
        run_bytes(model, 0, rangecoder.new_encoder(), np.zeros(1, np.uint8), data, LEARN)
        prior = _learned(model)
    return prior


def train_tokens(
    trie: Trie, documents: Iterable[tuple[NDArray[np.int32], NDArray[np.int16], int]]
) -> Prior:
    """Return what the token mixer has learned from (token ids, path logits, byte size) of
    documents."""
    prior = plain_prior(TOKEN_PROFILE)
    for tokens, logits, size in documents:
        model = _carried(new_model(MixParams.for_size(size), 1, size + 1, tokens=True), prior)
        out = np.zeros(2 * logits.size + 16, np.uint8)
        run(
            model, trie, fine_stretch_table(), rangecoder.new_encoder(), out, False, tokens.copy(),
            np.zeros(tokens.size, np.int64), logits, *new_weights(trie),
        )  # fmt: skip
        prior = _learned(model)
    return prior


def busy_rows(profile: Profile, prior: Prior) -> Iterator[NDArray[np.int64]]:
    """The rows of each set that moved most."""
    start = plain_prior(profile).weights.reshape(-1, profile.inputs).astype(np.int64)
    moved = np.abs(prior.weights.reshape(-1, profile.inputs) - start).sum(1)
    for k in range(profile.sets):
        part = moved[k * SET_SIZE : (k + 1) * SET_SIZE]
        best = np.sort(np.argsort(-part, kind="stable")[:ROWS_PER_SET])
        yield best[part[best] > 0] + k * SET_SIZE


def learn(profile: Profile, documents: list[bytes], arguments: argparse.Namespace) -> Prior:
    """What the mixer learns of `documents` with a profile."""
    if profile.taught_by == "code":
        documents = cut_modules(only_x86(known_wheels(arguments.wheels)), arguments.seed)
    elif profile.taught_by in ("binary", "records"):
        more = profile.taught_by == "records"
        documents = make_binaries(documents, arguments.seed, more=more)
        code = cut_modules(known_wheels(arguments.wheels), arguments.seed)
        documents = _shuffled(documents + code[: len(code) // CODE_SHARE], arguments.seed)
    if profile.taught_by != "tokens":
        return train_bytes(documents, profile)
    model = open_for_packing(PackOptions(model=arguments.model))
    if model is None:
        raise SystemExit("the mixer learns beside a language model: give one with --model")
    return train_tokens(model.trie, (path_logits(model, document) for document in documents))


def main(argv: list[str] | None = None) -> None:
    """Learn and write the prior."""
    parser = argparse.ArgumentParser(
        prog="python -m train.prior",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = {profile.name: profile for profile in ALL}
    parser.add_argument("profile", choices=names)
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="JSON lines")
    parser.add_argument("--exclude", type=Path, required=True, help="folder of evaluation texts")
    parser.add_argument("--against", type=Path, help="validation documents, never trained on")
    parser.add_argument("--out", type=Path, help="file to write (the package's)")
    parser.add_argument("--megabytes", type=float, default=6.0, help="text to learn from (6)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice and order (1)")
    parser.add_argument("--wheels", type=Path, help="folder of the wheels of train/wheels.csv")
    parser.add_argument("--model", help="GGUF beside which the mixer learns (the bundled one)")
    args = parser.parse_args(argv)
    profile = names[args.profile]
    if args.wheels is None and profile.taught_by in ("binary", "records", "code"):
        parser.error(f"{profile.name} learns from machine code, too: name the --wheels")
    hasher = WordHasher()
    cleaner = Cleaner(exclusion_set(args.exclude, hasher), hasher)
    if args.against:
        for row in read_rows(args.against):
            cleaner.protect(row["text"])
    documents = choose_documents(
        args.shards, cleaner, int(args.megabytes * 1e6), args.seed, profile.taught_by == "lines"
    )
    print(f"{len(documents)} documents", flush=True)
    prior = learn(profile, documents, args)
    rows = np.concatenate(list(busy_rows(profile, prior)))
    path = args.out or profile.prior_file
    path.write_bytes(pack_prior(profile, prior, rows))
    print(f"{path.stat().st_size:,} bytes: {path}")


if __name__ == "__main__":
    main()
