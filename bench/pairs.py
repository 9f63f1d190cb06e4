"""Every text of one byte and of two comes back, in every way that there is for it.

    python -m bench.pairs                  # 256 single bytes, 65,536 pairs
    python -m bench.pairs --every 64

Three ways each: tokens of stories260K's vocabulary, coded by the plain coder with a null predictor
that gives every token the same probability, in a short member; `compress` without a model; a bare
message without a model. A *loss* is other bytes than before, or an exception.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

import edgezip
from bench.common import RESULTS, STORIES, log, print_table, provenance, write_csv
from edgezip.coding.plain import PlainDecoder, PlainEncoder
from edgezip.container import (
    Channel,
    EngineField,
    FrameEvent,
    Header,
    LmParams,
    Settings,
    parse,
    write_short,
)
from edgezip.container import constants as c
from edgezip.models import checked_vocabulary, load_file
from edgezip.pipeline.options import PackOptions
from edgezip.tokens import Tokenizer

_NO_MODEL = PackOptions(model="none")
_HEADER = Header(True, EngineField("strict", 2), b"null", Settings())


class NullPredictor:
    """A language model to which all tokens are alike."""

    def __init__(self) -> None:
        vocabulary = checked_vocabulary(load_file(STORIES))
        self._tokenizer = Tokenizer(vocabulary, None)
        self._banned = np.array([piece is None for piece in vocabulary.pieces], np.bool_)
        self._logits = np.zeros((8, len(vocabulary.pieces)), np.float32)

    def there_and_back(self, text: bytes) -> bytes:
        """`text` as tokens, coded, in a short member, and all of that undone."""
        ids = self._tokenizer.encode(text)
        pieces = len(self._banned)
        encoder = PlainEncoder(len(ids), pieces, 0, self._banned)
        measured = encoder.measure(self._logits[: len(ids)], ids)
        encoder.add(measured, ids, np.arange(len(ids), dtype=np.int64))
        params = LmParams(len(ids), 1).encode()
        channel = Channel(c.LM, encoder.finish(), len(text), params=params)
        packed = write_short(_HEADER, channel, text)

        (frame,) = [event.frame for event in parse(packed) if isinstance(event, FrameEvent)]
        tokens = LmParams.decode(frame.channels[0].params, frame.raw_size).tokens or 0
        decoder = PlainDecoder(frame.channels[0].payload, tokens, pieces, 0, self._banned)
        one = np.zeros(1, np.int64)
        found = [decoder.decode_rows(self._logits[:1], one) for _ in range(tokens)]
        decoder.finish()
        back = self._tokenizer.decode(np.concatenate(found))
        frame.verify(back)
        return back


def main() -> int:
    """Try all texts; 1 if one is lost."""
    parser = argparse.ArgumentParser(
        prog="bench.pairs", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one text of N (1)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "pairs.csv")
    arguments = parser.parse_args()
    rows = []
    for size in (1, 2):
        texts = [bytes(text) for text in itertools.product(range(256), repeat=size)]
        for way, back in ways().items():
            chosen = texts[:: arguments.every]
            lost = losses(chosen, back)
            rows.append({"bytes": size, "way": way, "texts": len(chosen), "losses": len(lost)})
            for text in lost[:5]:
                log(f"  LOSS: {way}, {text.hex()}")
    print_table([*rows[0]], [[*row.values()] for row in rows])
    write_csv(arguments.csv, [{**r, **provenance()} for r in rows])
    return 1 if any(row["losses"] for row in rows) else 0


def ways() -> dict[str, Callable[[bytes], bytes]]:
    """How a text goes there and back."""

    def bare(text: bytes) -> bytes:
        packed = edgezip.compress_bare(text, options=_NO_MODEL)
        return edgezip.decompress_bare(packed, len(text), options=_NO_MODEL)

    return {
        "null predictor": NullPredictor().there_and_back,
        "no model": lambda text: edgezip.decompress(edgezip.compress(text, options=_NO_MODEL)),
        "bare": bare,
    }


def losses(texts: Iterable[bytes], back: Callable[[bytes], bytes]) -> list[bytes]:
    """Those of `texts` that do not come back."""
    lost = []
    for text in texts:
        try:
            if back(text) != text:
                lost.append(text)
        except Exception as error:
            log(f"  {text.hex()}: {type(error).__name__}: {error}")
            lost.append(text)
    return lost


if __name__ == "__main__":
    raise SystemExit(main())
