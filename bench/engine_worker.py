"""One engine in a process of its own, which answers requests for speeds; see `bench.engine_speed`.

Each line on stdin is a JSON object, each answer a line on stdout. Both engines are driven through
the same session code of edgezip, so that only llama.cpp's part differs. Flash attention is chosen
per request for the stock library; the strict one has its own setting.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgezip.engine import Engine, Session, engine

_FLASH_OFF, _FLASH_ON = 0, 1
"""Of a decoding run: a larger cache would not fit beside a large model."""


class _FlashSession(Session):
    """A session with flash attention on or off."""

    flash = _FLASH_OFF

    def _parameters(self, batch: int, ubatch: int, threads: int, gpu_layers: int) -> Any:
        params = super()._parameters(batch, ubatch, threads, gpu_layers)
        if self._library.kind == "native":
            params.flash_attn_type = self.flash
        return params

    def cut(self, depth: int) -> None:
        """Leave the first `depth` cells of every stream."""
        for stream in range(self.n_streams):
            self._api.llama_memory_seq_rm(self._memory, stream, depth, -1)


# What engines make from now on.
setattr(engine, "Session", _FlashSession)  # noqa: B010


class Bench:
    """A loaded model and the sessions of the last shape."""

    def __init__(self, kind: Literal["strict", "native"], model: Path, threads: int) -> None:
        self._engine = Engine.load(model, kind=kind, threads=threads)
        self._random = np.random.default_rng(7)
        self._shape: tuple[int, int] | None = None
        self._sessions: dict[bool, Session] = {}
        self._filled: set[bool] = set()

    def decode(self, streams: int, depth: int, steps: int, seconds: float, flash: bool) -> float:
        """Tokens per second of all streams together, one token each per call, logits of all.

        `steps` calls from `depth` on, again and again for `seconds`: whoever is faster must not get
        the longer contexts.
        """
        session = self._open(streams, depth + steps, flash)
        spent = 0.0
        rounds = 0
        # The first round is a warm-up: caches, worker threads, the graph's buffers.
        while rounds < 2 or spent < seconds:
            self._fill(session, streams, depth, flash)
            started = time.perf_counter()
            self._decode(session, streams, depth, steps)
            spent = spent + time.perf_counter() - started if rounds else 0.0
            rounds += 1
        return (rounds - 1) * steps * streams / spent

    def _decode(self, session: Session, streams: int, depth: int, steps: int) -> None:
        ids = np.arange(streams, dtype=np.int32)
        wanted = np.ones(streams, np.bool_)
        for position in range(depth, depth + steps):
            cell = np.full(streams, position, np.int32)
            session.evaluate(self._tokens(streams), ids, cell, wanted)

    def prefill(self, count: int, seconds: float, flash: bool) -> float:
        """Tokens per second of one window from its first cell, logits of all tokens; repeated for
        `seconds`."""
        session = self._open(1, count, flash, count)
        zeros, wanted = np.zeros(count, np.int32), np.ones(count, np.bool_)
        positions = np.arange(count, dtype=np.int32)
        spent = 0.0
        rounds = 0
        while rounds < 2 or spent < seconds:
            session.clear_all()
            started = time.perf_counter()
            session.evaluate(self._tokens(count), zeros, positions, wanted)
            spent = spent + time.perf_counter() - started if rounds else 0.0
            rounds += 1
        return (rounds - 1) * count / spent

    def _open(self, streams: int, cells: int, flash: bool, batch: int | None = None) -> Session:
        """A session of that shape; those of the last shape are kept, as the runs alternate."""
        if self._shape != (streams, batch or 0):
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()
            self._filled.clear()
            self._shape = (streams, batch or 0)
        if flash not in self._sessions:
            _FlashSession.flash = _FLASH_ON if flash else _FLASH_OFF
            self._sessions[flash] = self._engine.session(streams, cells, batch=batch)
        return self._sessions[flash]

    def _fill(self, session: Session, streams: int, depth: int, flash: bool) -> None:
        """Leave `depth` cells in every stream; evaluated once, as that can take minutes."""
        if flash in self._filled:
            assert isinstance(session, _FlashSession)
            session.cut(depth)
            return
        session.clear_all()
        count = streams * depth
        ids = np.repeat(np.arange(streams, dtype=np.int32), depth)
        positions = np.tile(np.arange(depth, dtype=np.int32), streams)
        session.evaluate(self._tokens(count), ids, positions, np.zeros(count, np.bool_))
        self._filled.add(flash)

    def _tokens(self, count: int) -> np.ndarray[Any, np.dtype[np.int32]]:
        return self._random.integers(300, self._engine.n_vocab, count, dtype=np.int32)


def main() -> None:
    """Serve requests until stdin ends."""
    kind, model, threads = sys.argv[1:]
    assert kind in ("strict", "native")
    bench = Bench(kind, Path(model), int(threads))  # type: ignore[arg-type]
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("what")
        speed = bench.decode(**request) if what == "decode" else bench.prefill(**request)
        print(json.dumps({"speed": speed}), flush=True)


if __name__ == "__main__":
    main()
