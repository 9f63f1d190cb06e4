"""What is no sound Llama is refused before llama.cpp sees it."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import gguf_faults
from edgezip.errors import ModelError
from edgezip.models import gguf as gguf_module
from edgezip.models.gguf import Gguf, Tensor, Value, read_gguf
from edgezip.models.llama import check_llama, model_name
from edgezip.models.vocabulary import BYTE, CONTROL, NORMAL, UNKNOWN, read_vocabulary

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stories(stories_model: Path) -> Gguf:
    return read_gguf(stories_model)


def test_a_llama_is_described(stories: Gguf, bundled_model: Path) -> None:
    llama = check_llama(stories)
    assert (llama.layers, llama.width, llama.heads, llama.kv_heads, llama.head) == (5, 64, 8, 4, 8)
    assert (llama.tokens, llama.context, llama.vocabulary) == (512, 512, "llama")
    assert (llama.parameters, llama.types) == (260_032, {"F32": 260_032})
    small = check_llama(read_gguf(bundled_model))
    assert (small.types["Q4_0"], small.types["Q8_0"]) == (11_403_264, 3_145_728)
    assert (model_name(read_gguf(bundled_model)), small.licence) == ("edgezip-small", "Apache-2.0")


def test_the_bundled_model_says_what_it_was_trained_on(bundled_model: Path) -> None:
    """As CC BY and CC BY-SA ask for it, in the file and in docs/models.md."""
    settings = read_gguf(bundled_model).settings
    listed = settings["general.datasets"].value
    assert isinstance(listed, list)
    found = [item.decode() for item in listed]
    about = tomllib.loads((ROOT / "train/configs/attribution.toml").read_text(encoding="utf-8"))
    stated = [(r, d["licence"]) for d in about["datasets"] for r in d["repositories"]]
    assert found == [f"{repository} ({licence})" for repository, licence in stated]
    page = " ".join((ROOT / "docs/models.md").read_text(encoding="utf-8").split())
    for repository, licence in stated:
        owner, name = repository.split("/")
        assert repository in page or (owner in page and name in page), repository
        assert licence in page, licence


def test_types_are_those_of_the_gguf_package() -> None:
    constants = pytest.importorskip("gguf.constants")
    for number, found in gguf_module.WEIGHT_TYPES.items():
        theirs = constants.GGMLQuantizationType(number)
        assert theirs.name == found.name
        assert constants.GGML_QUANT_SIZES[theirs] == (found.block, found.size)
    names = [kind.name.lower() for kind in constants.GGUFValueType]
    assert tuple(names) == gguf_module.TYPE_NAMES


def test_vocabulary_of_sentencepiece(stories: Gguf) -> None:
    vocabulary = read_vocabulary(stories)
    assert vocabulary.kind == "spm"
    assert len(vocabulary) == 512
    assert vocabulary.types[:3].tolist() == [UNKNOWN, CONTROL, CONTROL]
    assert vocabulary.pieces[:3] == [None, None, None]
    assert vocabulary.pieces[3:259] == [bytes([value]) for value in range(256)]
    assert set(vocabulary.types[3:259].tolist()) == {BYTE}
    assert set(vocabulary.types[259:].tolist()) == {NORMAL}
    assert b" the" in vocabulary.pieces
    assert not any("\u2581".encode() in piece for piece in vocabulary.pieces if piece)


def changed(gguf: Gguf, key: str, value: Value | None) -> Gguf:
    """`gguf` with another setting, or without it."""
    settings = {k: v for k, v in gguf.settings.items() if k != key}
    if value is not None:
        settings[key] = value
    return Gguf(gguf.version, settings, gguf.tensors, gguf.data)


def tokens_of(gguf: Gguf) -> list[bytes]:
    tokens = gguf.settings["tokenizer.ggml.tokens"].value
    assert isinstance(tokens, list)
    return list(tokens)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("general.architecture", Value("string", b"qwen2"), "of the kind qwen2, and only Llamas"),
        ("general.architecture", None, "only Llamas"),
        ("split.count", Value("uint16", 3), "split into several files"),
        ("llama.block_count", Value("uint32", 0), "block_count is 0"),
        ("llama.block_count", Value("uint32", 513), "block_count is 513"),
        ("llama.block_count", Value("uint32", 4), "none of a Llama"),
        ("llama.block_count", Value("uint32", 6), "blk.5.attn_q.weight is missing"),
        ("llama.block_count", Value("string", b"5"), "of type string instead of uint32"),
        ("llama.attention.head_count", Value("uint32", 0), "head_count is 0"),
        ("llama.attention.head_count", Value("uint32", 3), "in size"),
        ("llama.attention.head_count_kv", Value("uint32", 3), "cannot share"),
        ("llama.attention.layer_norm_rms_epsilon", Value("float32", -1.0), "is -1.0"),
        ("llama.attention.layer_norm_rms_epsilon", Value("float32", float("nan")), "is nan"),
        ("llama.rope.dimension_count", Value("uint32", 6), "positions differ in size"),
        ("llama.rope.scaling.type", Value("string", b"odd"), "scaled by odd"),
        ("llama.expert_count", Value("uint32", 8), "mixtures of experts"),
        ("llama.new_setting", Value("uint32", 1), "does not know"),
        ("llama.context_length", None, "llama.context_length is missing"),
        ("tokenizer.ggml.model", Value("string", b"no_vocab"), "no vocabulary"),
        ("tokenizer.ggml.model", Value("string", b"bert"), "of the kind bert"),
        ("tokenizer.ggml.tokens", Value("array of int32", (1, 2)), "of type array of int32"),
        ("tokenizer.ggml.scores", Value("array of float32", (0.0,)), "1 scores for 512 tokens"),
        ("tokenizer.ggml.token_type", Value("array of int32", ()), "0 token_type for 512"),
        ("tokenizer.ggml.bos_token_id", Value("string", b"1"), "instead of uint32"),
        ("tokenizer.ggml.new", Value("uint32", 1), "does not know"),
    ],
)
def test_settings_that_are_refused(stories: Gguf, key: str, value: Value | None, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        check_llama(changed(stories, key, value))


@pytest.mark.parametrize("text", [b"<s>", b"<s>\0x", b"[EMPTY_7]"])
def test_the_same_text_twice(stories: Gguf, text: bytes) -> None:
    """llama.cpp ends the process; it names empty tokens itself and reads up to a NUL."""
    tokens = tokens_of(stories)
    tokens[7] = b""
    tokens[300] = text
    with pytest.raises(ModelError, match="two tokens of the vocabulary have the same text"):
        check_llama(changed(stories, "tokenizer.ggml.tokens", Value("array of string", tokens)))


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("output_norm.weight", None, "output_norm.weight is missing"),
        ("blk.0.ffn_up.weight", (172, 64), "has the shape"),
        ("blk.0.attn_norm.weight", (64, 2), "has the shape"),
        ("blk.9.ffn_up.weight", (64, 172), "blk.9.ffn_up.weight, which is none of a Llama"),
    ],
)
def test_tensors_that_are_refused(
    stories: Gguf, name: str, change: tuple[int, ...] | None, said: str
) -> None:
    tensors = {k: v for k, v in stories.tensors.items() if k != name}
    if change is not None:
        tensors[name] = Tensor(change, gguf_module.WEIGHT_TYPES[0], 0)
    with pytest.raises(ModelError, match=said):
        check_llama(Gguf(3, stories.settings, tensors, stories.data))


def test_norms_must_be_floats(stories: Gguf) -> None:
    half = Tensor((64,), gguf_module.WEIGHT_TYPES[1], 0)
    tensors = {**stories.tensors, "output_norm.weight": half}
    with pytest.raises(ModelError, match="of type F16 instead of F32"):
        check_llama(Gguf(3, stories.settings, tensors, stories.data))


@pytest.fixture
def damaged(tmp_path: Path, stories_model: Path) -> Callable[..., Path]:
    """A copy of stories260K with bytes put in at a place, or cut off."""

    def make(at: int, new: bytes = b"", length: int | None = None) -> Path:
        data = bytearray(stories_model.read_bytes()[:length])
        data[at : at + len(new)] = new
        path = tmp_path / "damaged.gguf"
        path.write_bytes(data)
        return path

    return make


def test_headers_that_are_refused(damaged: Callable[..., Path], stories: Gguf) -> None:
    huge = b"\xff" * 7 + b"\x7f"
    for at, new, said in (
        (4, b"\1", "version 1"),
        (4, b"\0\0\0\3", "version"),
        (8, huge, "tensors"),
        (16, huge, "settings"),
        (24, huge, "name with"),
        (24, bytes(8), "not plain text"),
    ):
        with pytest.raises(ModelError, match=f"not a sound GGUF model.*{said}"):
            read_gguf(damaged(at, new))
    for length in (4, 23, 500, stories.data - 1, stories.data, stories.data + 5000):
        with pytest.raises(ModelError, match="not a sound GGUF model"):
            read_gguf(damaged(0, length=length))
    for length in (1_000_000, 1_054_335):
        with pytest.raises(ModelError, match="download it again"):
            read_gguf(damaged(0, length=length))


def test_what_llama_cpp_gets_cannot_kill_the_process(
    strict_library: Path, stories_model: Path, tmp_path: Path
) -> None:
    """Some of the mutants of `bench.gguf_faults`; those that are not refused are loaded."""
    data = stories_model.read_bytes()
    mutants = [
        *gguf_faults.random_mutants(data, stories_model, 60, seed=random.Random(5).randrange(99)),
        *list(gguf_faults.structured_mutants(data, stories_model))[::45],
    ]
    refused, survived, killed = gguf_faults.try_all(mutants)
    assert killed == 0
    assert refused > survived > 0


def test_an_archive_does_not_hand_a_crafted_model_to_the_parser(
    stories_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """17 bytes name a model by its hash: whatever lies in the models folder can be reached."""
    import hashlib

    import edgezip
    from edgezip.engine import engine

    data = stories_model.read_bytes()
    gguf = read_gguf(stories_model)
    tokens = tokens_of(gguf)
    tokens[300] = tokens[301]
    twice = {**gguf.settings, "tokenizer.ggml.tokens": Value("array of string", tokens)}
    crafted = gguf_faults.write(twice, gguf.tensors, data[gguf.data :])
    (tmp_path / "crafted.gguf").write_bytes(crafted)
    monkeypatch.setenv("EDGEZIP_MODELS_PATH", str(tmp_path))

    def reached(*_: Any) -> None:
        raise AssertionError("the parser was reached")

    monkeypatch.setattr(engine, "_load_model", reached)
    archive = b"\x9eEZ\x11\x02" + hashlib.sha256(crafted).digest()[:4] + b"\x04\x01\x01\0\0\0\0\0"
    with pytest.raises(ModelError, match=r"crafted\.gguf.*same text"):
        edgezip.decompress(archive)
