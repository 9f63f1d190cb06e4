"""What each part of the context mixer is worth: bytes with the part left out.

    python -m bench.ablation                          # a few files of ../shared/eval, bundled model
    python -m bench.ablation --model PATH FILE...
    python -m bench.ablation --alone FILE...          # without a model, in the profile that suits

For every file the language model is evaluated once; the mixer then codes the same tokens again and
again, each time with some of its inputs silenced. CSV and a Markdown table go to standard output.
Of a file for `--alone` the first 192 KiB are coded; beside the files stand as many bytes of LLVM as
llvmlite ships it, which is x86 code on most machines.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import llvmlite.binding
import numpy as np
from numpy.typing import NDArray

from bench.common import EVAL
from edgezip.coding import rangecoder
from edgezip.coding.mixing.bytecodec import ENCODE, run_bytes
from edgezip.coding.mixing.layout import (
    CONTEXT_INPUT,
    DIRECT,
    DIRECT_INPUT,
    MATCH_INPUT,
    OF_CONTEXT,
)
from edgezip.coding.mixing.model import Model, new_model
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.prior import plain_prior
from edgezip.coding.mixing.profile import PROFILES, TOKEN_PROFILE, Profile, suiting
from edgezip.coding.mixing.token_mixing import MixingEncoder, PathLogits
from edgezip.coding.mixing.trie import build_trie
from edgezip.engine import Engine, Session
from edgezip.models import Vocabulary, checked_vocabulary, load_file
from edgezip.pipeline.lm import LmSettings, encode_tokens
from edgezip.pipeline.transforms.table import X86
from edgezip.tokens import Tokenizer

DEFAULT = ["text/alice29.txt", "text/paper1", "text/progp", "logs/Linux_2k.log"]
DEFAULT += ["json/github_events.json"]
WINDOW, KEEP = 512, 256


def _parts(profile: Profile) -> dict[str, list[int]]:
    """Inputs by part; those of contexts with those of their run models."""
    runs = CONTEXT_INPUT + OF_CONTEXT * len(profile.contexts)
    residuals = runs + len(profile.runs)

    def of(slots: list[int]) -> list[int]:
        own = [CONTEXT_INPUT + OF_CONTEXT * i + j for i in slots for j in range(OF_CONTEXT)]
        return own + [runs + k for k, slot in enumerate(profile.runs) if slot in slots]

    found = {
        "match models": list(range(MATCH_INPUT, MATCH_INPUT + 4)),
        "direct maps": list(range(DIRECT_INPUT, DIRECT_INPUT + DIRECT)),
        "run models": list(range(runs, residuals)),
        "residual models": list(range(residuals, residuals + len(profile.residuals))),
        **{group: of(slots) for group, slots in profile.groups().items()},
    }
    return {name: inputs for name, inputs in found.items() if inputs}


PARTS: dict[str, list[int]] = {"language model": [1, 2], **_parts(TOKEN_PROFILE)}
ALONE = ["text/alice29.txt", "logs/Linux_2k.log", "json/github_events.json"]
ALONE += ["binary/kennedy.xls", "binary/sum"]
MOST_ALONE = 192 << 10
PROGRAM = "LLVM"


class _Collector:
    """Hands rows to the encoder, sums the model's ideal code length, leaves coding for later."""

    def __init__(self, encoder: MixingEncoder) -> None:
        self.encoder = encoder
        self.bits = 0.0
        self.added: list[tuple[PathLogits, NDArray[np.int32], NDArray[np.int64]]] = []

    def measure(self, logits: NDArray[np.float32], symbols: NDArray[np.int32]) -> PathLogits:
        rows = logits.astype(np.float64)
        rows -= rows.max(1, keepdims=True)
        chosen = rows[np.arange(len(symbols)), symbols]
        self.bits += float((np.log(np.exp(rows).sum(1)) - chosen).sum() / np.log(2))
        return self.encoder.measure(logits, symbols)

    def add(
        self, measured: PathLogits, symbols: NDArray[np.int32], slots: NDArray[np.int64]
    ) -> None:
        self.added.append((measured, symbols, slots))

    def prefix_added(self) -> Callable[[], None]:
        return lambda: None

    def finish(self) -> bytes:
        return b""

    def size(self, encoder: MixingEncoder, model: Model | None = None) -> int:
        """Bytes that `encoder` makes of what was added, starting from the state `model`."""
        for item in self.added:
            encoder.add(*item)
        if model is not None:
            encoder.model = model
        return len(encoder.finish())


def _without(model: Model, inputs: Iterable[int]) -> Model:
    return model._replace(silent=np.array(list(inputs), np.int64))


def _bytes_alone(data: bytes, model: Model) -> int:
    coder = rangecoder.new_encoder()
    out = np.zeros(16 * len(data) + 16, np.uint8)
    run_bytes(model, 0, coder, out, np.frombuffer(data, np.uint8).copy(), ENCODE)
    return int(rangecoder.encode_finish(coder, out))


def measure(
    data: bytes, engine: Engine, vocabulary: Vocabulary, tokenizer: Tokenizer, session: Session
) -> dict[str, int]:
    """Return bytes by variant of the coder for one document."""
    text = data.replace(b"\r\n", b"\n")
    ids = tokenizer.encode(text)
    params = MixParams.for_size(len(text))
    pieces = build_trie(vocabulary.pieces)

    def encoder() -> MixingEncoder:
        return MixingEncoder(len(ids), 1, pieces, params)

    collector = _Collector(encoder())
    settings = LmSettings(WINDOW, KEEP, KEEP, WINDOW, 1)
    encode_tokens([session], engine.start_token, ids, settings, collector, lambda _: None)

    def fresh(other: MixParams = params) -> Model:
        return new_model(other, 1, len(text) + 64, tokens=True)

    sizes = {"everything": collector.size(encoder())}
    sizes["language model alone (ideal)"] = round(collector.bits / 8)
    sizes["contexts alone"] = _bytes_alone(text, new_model(params, 1, len(text) + 1, tokens=False))
    for name, inputs in PARTS.items():
        sizes[f"without {name}"] = collector.size(encoder(), _without(fresh(), inputs))
    plain = fresh()._replace(**plain_prior(TOKEN_PROFILE)._asdict())
    sizes["without the learned start"] = collector.size(encoder(), plain)
    for level in (1, 0):
        other = MixParams(params.mem_log2, params.profile, level)
        sizes[f"level {level}"] = collector.size(encoder(), fresh(other))
    sizes["table of 1 MiB"] = collector.size(encoder(), fresh(MixParams(20)))
    return sizes


def program() -> bytes:
    """Machine code that is on every machine where edgezip is; x86 code if there is any."""
    files = Path(llvmlite.binding.__file__).parent.glob("*llvmlite.*")
    data = next(path for path in files if path.suffix in (".so", ".dll", ".dylib")).read_bytes()
    places = [data[len(data) * i // 8 :][:MOST_ALONE] for i in range(1, 8)]
    return next((place for place in places if X86.change(place)), places[0])


def measure_alone(data: bytes) -> dict[str, int]:
    """Return bytes by variant of the byte coder for one file."""
    data = data[:MOST_ALONE]
    profile = PROFILES[suiting(data).stronger]
    if (changed := X86.change(data)) is not None and changed.profile is not None:
        data, profile = changed.data, PROFILES[changed.profile]
    params = MixParams.for_size(len(data), profile.number)

    def fresh(other: MixParams = params) -> Model:
        return new_model(other, 1, len(data) + 1, tokens=False)

    sizes = {"everything": _bytes_alone(data, fresh())}
    for name, inputs in _parts(profile).items():
        sizes[f"without {name}"] = _bytes_alone(data, _without(fresh(), inputs))
    plain = fresh()._replace(**plain_prior(profile)._asdict())
    sizes["without the learned start"] = _bytes_alone(data, plain)
    for level in (1, 0):
        other = MixParams(params.mem_log2, params.profile, level)
        sizes[f"level {level}"] = _bytes_alone(data, fresh(other))
    suits = suiting(data)
    for number in (suits.stronger, suits.number):
        if number != profile.number:
            other = MixParams.for_size(len(data), number)
            sizes[f"profile {PROFILES[number].name}"] = _bytes_alone(data, fresh(other))
    return sizes


def _show(table: dict[str, dict[str, int]]) -> None:
    variants = list(dict.fromkeys(variant for sizes in table.values() for variant in sizes))
    rows = [[sizes.get(variant) for sizes in table.values()] for variant in variants]
    writer = csv.writer(sys.stdout)
    writer.writerow(["variant", *table])
    writer.writerows([variant, *row] for variant, row in zip(variants, rows, strict=True))
    print()
    print("| bytes | " + " | ".join(table) + " |")
    print("|---" * (len(table) + 1) + "|")
    for variant, row in zip(variants, rows, strict=True):
        shown = ["" if size is None else f"{size:,}" for size in row]
        print(f"| {variant} | " + " | ".join(shown) + " |")


def main() -> None:
    """Measure the named files and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--alone", action="store_true", help="without a language model")
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    if arguments.alone:
        contents = {path.name: path.read_bytes() for path in arguments.files}
        if not contents:
            contents = {name.split("/")[1]: (EVAL / name).read_bytes() for name in ALONE}
            contents[PROGRAM] = program()
        _show({name: measure_alone(data) for name, data in contents.items()})
        return
    model = arguments.model
    if model is None:
        model = next(iter(sorted((Path(__file__).parents[1] / "models/gguf").glob("*.gguf"))))
    files = arguments.files or [EVAL / name for name in DEFAULT]
    engine = Engine.load(model)
    vocabulary = checked_vocabulary(load_file(model))
    tokenizer = Tokenizer(vocabulary, engine.tokenize)
    session = engine.session(1, WINDOW)
    table = {
        path.name: measure(path.read_bytes(), engine, vocabulary, tokenizer, session)
        for path in files
    }
    _show(table)


if __name__ == "__main__":
    main()
