"""Open models: kept for the next call, bounded, let go of when asked; and safe to fork with."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgezip
from edgezip.errors import EngineError
from edgezip.pipeline import opening
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import PackOptions

TEXT = b"Once upon a time there was a little girl who liked to play in the park. " * 3


@pytest.fixture(autouse=True)
def closed(strict_library: Path) -> Iterator[None]:
    edgezip.release_models()
    yield
    edgezip.release_models()


def opened(path: Path, threads: int = 1) -> LanguageModel:
    model = opening.open_for_packing(PackOptions(model=path, threads=threads))
    assert model is not None
    return model


def test_the_last_two_stay_open(stories_model: Path, bundled_model: Path) -> None:
    stories, bundled = opened(stories_model), opened(bundled_model)
    for _ in range(3):
        assert opened(stories_model) is stories
        assert opened(bundled_model) is bundled
    opened(stories_model, threads=2)
    assert len(opening._opened) == opening.KEPT_MODELS == 2
    assert opened(bundled_model) is bundled
    assert opened(stories_model) is not stories


def test_large_models_stay_open_alone(
    stories_model: Path, bundled_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "usable_memory", lambda: 4 * bundled_model.stat().st_size)
    opened(stories_model)
    bundled = opened(bundled_model)
    assert list(opening._opened.values()) == [bundled]


def test_models_are_freed(stories_model: Path) -> None:
    model = opened(stories_model)
    session = model.engine.session(1, 64)
    freed = model.engine._freeing
    known = weakref.ref(model)
    edgezip.release_models()
    del model
    gc.collect()
    assert known() is None
    assert freed.alive
    session.evaluate([1], [0], [0], [1])
    del session
    gc.collect()
    assert not freed.alive


def test_what_is_in_use_is_not_freed(stories_model: Path) -> None:
    options = PackOptions(model=stories_model, coder="plain")
    packer = edgezip.Compressor(options=options)
    start = packer.compress(TEXT)
    edgezip.release_models()
    packed = start + packer.compress(TEXT) + packer.flush()
    assert edgezip.decompress(packed, model=stories_model) == 2 * TEXT


def test_a_closed_engine_says_so(stories_model: Path) -> None:
    engine = opened(stories_model).engine
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.session(1, 64)


def test_an_open_model_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding it would hash 10 MB, which takes as long as unpacking a message."""
    packed = edgezip.compress(TEXT)
    assert edgezip.decompress(packed) == TEXT

    def looked_for(prefix: bytes) -> None:
        raise AssertionError("the model is open already")

    monkeypatch.setattr(opening, "find_by_hash", looked_for)
    assert edgezip.decompress(packed) == TEXT


FORKING = """
import os, sys, threading, time
import edgezip

PATIENCE = 240  # kernels may have to be compiled
text = b"Once upon a time there was a little girl who liked to play in the park. " * 40
model = sys.argv[1]
options = edgezip.PackOptions(model=model, coder="plain", threads=2)
ended = []

def right():
    return edgezip.decompress(edgezip.compress(text, options=options), model=model) == text

def work():
    while not ended:
        assert right()

thread = threading.Thread(target=work)
thread.start()
codes = []
for pause in (0.0, 0.3, 1.0, 0.02):
    time.sleep(pause)
    child = os.fork()
    if child == 0:
        os._exit(0 if right() else 1)
    end = time.monotonic() + PATIENCE
    while (found := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < end:
        time.sleep(0.01)
    if found[0] == 0:
        os.kill(child, 9)
        os.waitpid(child, 0)
        codes.append("hangs")
    else:
        codes.append(os.waitstatus_to_exitcode(found[1]))
ended.append(True)
thread.join()
print(*codes)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_does_not_hang(stories_model: Path) -> None:
    """Forked while another thread imports, compiles, opens the model, packs and unpacks."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, str(stories_model)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout.split() == ["0"] * 4, done.stderr
    assert done.stderr == ""
