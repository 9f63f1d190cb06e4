"""What pack writes with a model of any context and vocabulary, this very build can read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import edgezip
from bench.gguf_faults import write
from edgezip.container import constants as c
from edgezip.errors import FormatError, LimitError, ModelError
from edgezip.models.gguf import Value, read_gguf
from edgezip.models.vocabulary import CONTROL
from edgezip.pipeline import sessions
from edgezip.pipeline.coders import language
from edgezip.pipeline.context import Context
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions

TEXT = b"Once upon a time there was a little girl who liked to play in the park.\n"
EVERYTHING = bytes(range(256)) * 2 + "é 中 \u2581 </s> <s> <unk> <0x41> \U0001f600\r\n".encode()


@pytest.fixture
def made(strict_library: Path, stories_model: Path, tmp_path: Path) -> Callable[..., Path]:
    """stories260K with another context, or without the tokens of some bytes."""

    def make(context: int = 512, missing: bytes = b"") -> Path:
        gguf = read_gguf(stories_model)
        kinds = gguf.settings["tokenizer.ggml.token_type"].value
        assert isinstance(kinds, tuple)
        types = list(kinds)
        for value in missing:
            types[3 + value] = CONTROL
        settings = {
            **gguf.settings,
            "llama.context_length": Value("uint32", context),
            "tokenizer.ggml.token_type": Value("array of int32", tuple(types)),
        }
        path = tmp_path / f"{context}-{missing.hex()[:32]}.gguf"
        path.write_bytes(write(settings, gguf.tensors, stories_model.read_bytes()[gguf.data :]))
        return path

    return make


@pytest.mark.parametrize("context", [16, 60, 256, 383, 500])
def test_short_contexts(made: Callable[..., Path], context: int) -> None:
    model = made(context)
    for data in (TEXT, TEXT * 40):
        options = PackOptions(model=model, coder="plain", threads=1)
        packed = edgezip.compress(data, options=options)
        assert edgezip.decompress(packed, model=model) == data


def test_a_context_that_is_no_use(made: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="too short"):
        edgezip.compress(TEXT, options=PackOptions(model=made(15)))


def test_a_window_of_the_reader_is_the_rule(made: Callable[..., Path]) -> None:
    model = open_for_packing(PackOptions(model=made(60), threads=1))
    assert model is not None
    context = Context(model, model.settings(PackOptions()))
    assert context.settings.window == 60
    assert model.problem(context.settings) is None
    with pytest.raises(FormatError, match="384 tokens, the model has 60"):
        language.decode(c.LM, b"", b"", 5, Context(model), lambda n: None)


def test_what_cannot_be_unpacked_here_is_not_packed(
    made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packing works with sessions of one stream each, unpacking needs all streams at once."""
    model = open_for_packing(PackOptions(model=made(), threads=1))
    assert model is not None
    context = Context(model, model.settings(PackOptions()))
    needed = [model.engine.session_bytes(streams, 256) for streams in (1, 64)]
    monkeypatch.setattr(sessions, "usable_memory", lambda: sum(needed) // 2)
    settings = language.LanguageSettings(64, len(TEXT) * 50)
    with pytest.raises(LimitError, match="fewer --streams"):
        language.encode(c.LM, TEXT * 50, settings, context, lambda n: None)


SMOLLM = bytes([4, 6, 19, 20, 22, 29, 192, 193, 241, 242, *range(245, 256)])


@pytest.mark.parametrize("missing", [SMOLLM, bytes(range(128, 256)), b"Ee\n "])
def test_bytes_without_a_token(made: Callable[..., Path], missing: bytes) -> None:
    model = open_for_packing(PackOptions(model=made(missing=missing), threads=1))
    assert model is not None
    assert bytes(missing) <= bytes(model.tokenizer.escapes.missing) or missing
    context = Context(model, model.settings(PackOptions()), prime=b"A primer, e and \xff.")
    for data in (EVERYTHING, TEXT * 3):
        settings = language.LanguageSettings(None, len(data))
        coded = language.encode(c.LM, data, settings, context, lambda n: None)
        params = coded.params
        back = language.decode(c.LM, coded.payload, params, len(data), context, lambda n: None)
        assert back == data
        # The params tell of escapes, and text that needs none has none.
        assert bool(params) == (model.tokenizer.escapes.apply(data) is not None)


@pytest.mark.parametrize("odd", [b"tut f\xfcr Int", b"\x04 \x06", EVERYTHING])
def test_a_file_with_bytes_without_a_token(made: Callable[..., Path], odd: bytes) -> None:
    """All that looks at a file before a coder is chosen asks for its tokens, too."""
    options = PackOptions(model=made(missing=SMOLLM), threads=1)
    data = TEXT * 15 + odd + TEXT * 15
    assert edgezip.decompress(edgezip.compress(data, options=options), model=options.model) == data
