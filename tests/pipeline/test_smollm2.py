"""SmolLM2-135M, a real pretrained model of another family: byte-level BPE with holes, Q4_1."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import edgezip
from edgezip import models
from edgezip.container import constants as c
from edgezip.pipeline.coders import language
from edgezip.pipeline.context import Context
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions, UnpackOptions

EVERYTHING = (
    bytes(range(256))
    + "é 中 \U0001f600 Ġ Ċ\r\n".encode()
    + b"<|endoftext|><|im_start|>user\n<|im_end|><repo_name><file_sep><jupyter_start><empty_output>"
)
ANSWER = "b99eefc4584f28d36e29e35e83df085dd9b935340794e7790d5595c4396abaa8"
"""Of the strict engine's arithmetic, version 4."""


@pytest.fixture(scope="module")
def smollm2(smollm2_model: Path, strict_library: Path) -> LanguageModel:
    model = open_for_packing(PackOptions(model=smollm2_model))
    assert model is not None
    return model


def test_it_is_the_one_of_the_catalogue(smollm2_model: Path) -> None:
    (entry,) = (entry for entry in models.entries() if entry.name == "smollm2-135m")
    assert hashlib.sha256(smollm2_model.read_bytes()).digest() == entry.sha256
    llama = models.describe(models.load_file(smollm2_model))
    assert (llama.layers, llama.width, llama.tokens) == (30, 576, 49152)
    assert set(llama.types) == {"Q4_1", "Q8_0", "F32"}


def test_settings_follow_the_model(smollm2: LanguageModel) -> None:
    settings = smollm2.settings(PackOptions())
    chosen = (settings.window, settings.keep, settings.evict, settings.span)
    assert chosen == (1024, 256, 128, 8192)
    assert smollm2.choose_streams(settings, 40_000, 50_000) == 4


def test_the_arithmetic_is_what_it_was(smollm2: LanguageModel) -> None:
    assert smollm2.known_answer.hex() == ANSWER


def test_everything_comes_back(smollm2: LanguageModel) -> None:
    assert len(smollm2.tokenizer.escapes.missing) == 21
    context = Context(smollm2, smollm2.settings(PackOptions()))
    settings = language.LanguageSettings(16, len(EVERYTHING))
    coded = language.encode(c.LM_MIX, EVERYTHING, settings, context, lambda n: None)
    assert coded.tokens < len(EVERYTHING) + 2 * 21
    size = len(EVERYTHING)
    back = language.decode(c.LM_MIX, coded.payload, coded.params, size, context, lambda n: None)
    assert back == EVERYTHING


def test_a_text(smollm2_model: Path, smollm2: LanguageModel, data_dir: Path) -> None:
    """Written in 1872: both models know its author's time, the larger one better."""
    text = (data_dir / "roughing_it.txt").read_bytes()[:600]
    packed = edgezip.compress(text, options=PackOptions(model=smollm2_model))
    options = UnpackOptions(model=smollm2_model)
    assert edgezip.decompress(packed, options=options) == text
    assert len(packed) < 0.9 * len(edgezip.compress(text))
