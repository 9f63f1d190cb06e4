"""Loading models: identity, vocabulary, known answers, errors."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import edgezip
from edgezip.cli import main
from edgezip.engine import Engine, logs, selftest
from edgezip.errors import EngineError, ModelError, SettingsError
from edgezip.models import checked_vocabulary, load_file


@pytest.fixture(scope="session")
def generator(root: Path) -> ModuleType:
    pytest.importorskip("gguf")
    path = root / "tests" / "make_llama2_model.py"
    spec = importlib.util.spec_from_file_location("make_llama2_model", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_shapes_and_identity(stories: Engine, bundled: Engine) -> None:
    assert (stories.n_vocab, stories.n_ctx_train, stories.start_token) == (512, 512, 1)
    assert bundled.n_vocab > 256
    assert bundled.start_token == 1
    assert stories.identity == bundled.identity
    assert stories.identity.kind == "strict"
    assert stories.identity.fingerprint == b""
    assert stories.identity.version > 0


def test_vocabulary_of_byte_level(
    open_engine: Callable[..., Engine], generator: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "byte-level.gguf"
    generator.make_byte_level(path)
    engine = open_engine(path, threads=1)
    vocabulary = checked_vocabulary(load_file(path))
    assert vocabulary.kind == "other"
    assert vocabulary.pieces[:256] == [bytes([value]) for value in range(256)]
    assert vocabulary.pieces[256:] == [b"th", b"the", b" the", b"in", b" a", b"er", None, None]
    assert engine.start_token == 262
    ids = engine.tokenize(b"in the end <|end|>")
    assert b"".join(vocabulary.pieces[i] or b"?" for i in ids) == b"in the end <|end|>"


def test_split_model_is_refused(
    open_engine: Callable[..., Engine], generator: ModuleType, tmp_path: Path
) -> None:
    generator.make_byte_level(tmp_path / "parts.gguf", split=11)
    first = sorted(tmp_path.glob("parts-*.gguf"))[0]
    with pytest.raises(ModelError, match="split into several files"):
        open_engine(first)


def test_llama2_vocabulary(
    open_engine: Callable[..., Engine], generator: ModuleType, shared_dir: Path, tmp_path: Path
) -> None:
    tokenizer = shared_dir / "models" / "llama2_tokenizer.model"
    if not tokenizer.is_file():
        pytest.skip(f"needs {tokenizer}")
    path = tmp_path / "llama2.gguf"
    generator.make_llama2(tokenizer, path)
    engine = open_engine(path, threads=1)
    vocabulary = checked_vocabulary(load_file(path))
    assert engine.n_vocab == 32000
    assert vocabulary.kind == "spm"
    assert vocabulary.pieces.count(None) == 3
    assert selftest.batch_independent(engine)


@pytest.mark.parametrize("name", ["stories", "bundled"])
def test_known_answer_is_stable_and_batch_independent(
    name: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(name)
    answer = engine.known_answer()
    assert len(answer) == 32
    assert answer == engine.known_answer()
    assert selftest.batch_independent(engine)


def test_known_answer_of_the_manifest(bundled: Engine, root: Path) -> None:
    manifest = json.loads((root / "edgezip" / "models" / "manifest.json").read_text())
    entry = next(m for m in manifest["models"] if m["default"])
    expected = entry["known_answers"].get(str(bundled.identity.version))
    if expected is None and os.environ.get("EDGEZIP_REQUIRE_STRICT") != "1":
        pytest.skip("no known answer for this engine version yet: run scripts/known_answers.py")
    assert selftest.long_answer(bundled).hex() == expected


def test_wrong_known_answer_is_an_error(stories: Engine) -> None:
    answer, long = stories.known_answer(), selftest.long_answer(stories)
    assert selftest.check(stories, long) == selftest.check(stories, None) == answer
    with pytest.raises(EngineError, match="self-test") as caught:
        selftest.check(stories, bytes([long[0] ^ 1]) + long[1:])
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("known", [True, False])
def test_a_perturbed_answer_writes_nothing(
    known: bool,
    stories_model: Path,
    bundled_model: Path,
    strict_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One bit of one logit is another: of a bundled model, and in a batch of any other."""
    real = selftest.fixed_logits

    def perturbed(engine: Engine, rows: int = selftest.TOKENS, n: int = selftest.TOKENS) -> Any:
        logits = real(engine, rows, n)
        if rows == selftest.TOKENS:
            logits.view(np.uint32)[2, 5] ^= 1
        return logits

    monkeypatch.setattr(selftest, "fixed_logits", perturbed)
    edgezip.release_models()
    source = tmp_path / "notes.txt"
    source.write_bytes(b"Once upon a time there was a little girl. " * 20)
    model = bundled_model if known else stories_model
    assert main(["pack", "-m", str(model), str(source)]) == 5
    assert "self-test failed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("n_vocab", [1, 2, 300, 32000, 200_000])
def test_fixed_tokens_fit_every_vocabulary(n_vocab: int) -> None:
    tokens = selftest.fixed_tokens(n_vocab)
    assert len(tokens) == selftest.TOKENS
    assert int(tokens.min()) >= 0
    assert int(tokens.max()) < n_vocab


def test_digest_sees_the_bits() -> None:
    zero = np.zeros((2, 3), dtype=np.float32)
    assert selftest.digest(zero) != selftest.digest(-zero)


def test_simd_levels_give_one_answer(bundled: Engine) -> None:
    answers = set()
    try:
        for level in range(6):
            bundled.limit_simd(level)
            answers.add(bundled.known_answer())
    finally:
        bundled.limit_simd(-1)
    assert len(answers) == 1
    assert bundled.simd_name()


def test_files_that_are_no_models(
    open_engine: Callable[..., Engine], tmp_path: Path, stories_model: Path
) -> None:
    with pytest.raises(ModelError, match="not a file"):
        open_engine(tmp_path / "absent.gguf")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(stories_model.read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        open_engine(broken)


def test_settings_that_make_no_sense(stories_model: Path) -> None:
    with pytest.raises(SettingsError):
        Engine.load(stories_model, kind="other")  # type: ignore[arg-type]
    with pytest.raises(SettingsError):
        Engine.load(stories_model, gpu_layers=3)
    with pytest.raises(SettingsError):
        Engine.load(stories_model, threads=0)


@pytest.mark.parametrize("value", ["0", "1"])
def test_no_environment_variable_changes_the_answer(
    value: str, bundled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp would ask this one whether keys are rotated before they are rounded."""
    answer = bundled.known_answer()
    monkeypatch.setenv("LLAMA_ATTN_ROT_DISABLE", value)
    assert bundled.known_answer() == answer


def test_a_session_leaves_no_warning_to_blame_later(bundled: Engine) -> None:
    with bundled.session(1, 64):
        assert logs.last_lines() == ""
