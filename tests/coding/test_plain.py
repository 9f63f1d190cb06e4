"""The plain coder as the pipeline uses it."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgezip.coding.plain import Intervals, PlainDecoder, PlainEncoder
from edgezip.coding.probability import ideal_bits
from edgezip.coding.protocols import TokenDecoder, TokenEncoder
from edgezip.errors import EngineError, FormatError, SettingsError

Logits = NDArray[np.float32]
Ids = NDArray[np.int32]


def sample(seed: int, n: int, n_vocab: int, spread: float = 3.0) -> tuple[Logits, Ids]:
    """Random logits, and symbols drawn from their softmax."""
    draw = np.random.default_rng(seed)
    logits = (draw.standard_normal((n, n_vocab)) * spread).astype(np.float32)
    gumbel = draw.gumbel(size=(n, n_vocab))
    return logits, (logits + gumbel).argmax(axis=1).astype(np.int32)


def encode(
    logits: Logits, symbols: Ids, top_k: int = 0, banned: NDArray[np.bool_] | None = None
) -> bytes:
    encoder: TokenEncoder[Intervals] = PlainEncoder(len(symbols), logits.shape[1], top_k, banned)
    encoder.add(encoder.measure(logits, symbols), symbols, np.arange(len(symbols)))
    return encoder.finish()


def decode(
    payload: bytes, logits: Logits, top_k: int = 0, banned: NDArray[np.bool_] | None = None
) -> list[int]:
    decoder: TokenDecoder = PlainDecoder(payload, len(logits), logits.shape[1], top_k, banned)
    symbols = decoder.decode_rows(logits, np.zeros(len(logits), dtype=np.int64))
    decoder.finish()
    return [int(symbol) for symbol in symbols]


@given(
    st.integers(0, 2**32),
    st.integers(0, 30),
    st.integers(2, 700),
    st.floats(0, 40),
    st.data(),
)
def test_round_trip(seed: int, n: int, n_vocab: int, spread: float, data: st.DataObject) -> None:
    """Any symbols, likely or not, come back, in any batches and slot order."""
    logits, symbols = sample(seed, n, n_vocab, spread)
    draw = np.random.default_rng(seed)
    banned = draw.random(n_vocab) < data.draw(st.sampled_from([0, 0.1, 0.9]))
    allowed = np.flatnonzero(~banned)
    if not allowed.size:
        return
    odd = banned[symbols] | (draw.random(n) < 0.3)
    symbols[odd] = draw.choice(allowed, odd.sum())
    top_k = data.draw(st.integers(0, n_vocab + 1))

    encoder = PlainEncoder(n, n_vocab, top_k, banned)
    order = draw.permutation(n)
    cut = data.draw(st.integers(0, n))
    for part in (order[:cut], order[cut:]):
        encoder.add(encoder.measure(logits[part], symbols[part]), symbols[part], part)
    payload = encoder.finish()
    assert payload == encode(logits, symbols, top_k, banned)

    decoder = PlainDecoder(payload, n, n_vocab, top_k, banned)
    streams = np.zeros(n, dtype=np.int64)
    step = data.draw(st.integers(1, 8))
    decoded = [decoder.decode_rows(logits[i : i + step], streams) for i in range(0, n, step)]
    decoder.finish()
    assert np.array_equal(np.concatenate([*decoded, symbols[:0]]), symbols)


@pytest.mark.parametrize("top_k", [0, 1, 16, 256])
@pytest.mark.parametrize("spread", [1.0, 3.0, 8.0])
def test_size_is_the_ideal(top_k: int, spread: float) -> None:
    """Within 0.01 % and the last byte, escapes and banned ids included."""
    logits, symbols = sample(5, 600, 3000, spread)
    banned = np.arange(3000) % 50 == 0
    best = np.where(banned, -np.inf, logits).argmax(axis=1).astype(np.int32)
    symbols = np.where(banned[symbols], best, symbols)
    size = 8 * len(encode(logits, symbols, top_k, banned))
    ideal = ideal_bits(logits, symbols, banned)
    assert -0.0001 * ideal - 1 <= size - ideal <= 0.0001 * ideal + 8


def test_certain_text_costs_next_to_nothing() -> None:
    logits = np.zeros((20000, 512), dtype=np.float32)
    logits[:, 77] = 60
    symbols = np.full(20000, 77, dtype=np.int32)
    assert len(encode(logits, symbols)) <= 2


def test_banned_ids_do_not_matter() -> None:
    """Whatever the model thinks of them, not even the payload's bits change."""
    logits, symbols = sample(3, 50, 300)
    banned = np.arange(300) < 10
    symbols[banned[symbols]] = 11
    changed = logits.copy()
    changed[:, :10] = 1e9
    assert encode(changed, symbols, 0, banned) == encode(logits, symbols, 0, banned)
    assert encode(changed, symbols, 20, banned) == encode(logits, symbols, 20, banned)


def test_ties_go_to_the_lower_id() -> None:
    """Of equal logits the first two are the top 2: 1.5 and 2.5 bits, not the reverse."""
    logits = np.zeros((800, 4), dtype=np.float32)
    payloads = [
        encode(logits, np.full(800, symbol, dtype=np.int32), top_k=3) for symbol in range(4)
    ]
    assert [decode(p, logits, 3)[0] for p in payloads] == [0, 1, 2, 3]
    # The only id outside the top 3 takes the escape, which comes last.
    assert payloads[3][:1] == b"\xff"


def test_read_only_and_strided_logits() -> None:
    logits, symbols = sample(8, 20, 128)
    payload = encode(logits, symbols)
    wide = np.zeros((20, 256), dtype=np.float32)
    wide[:, ::2] = logits
    strided = wide[:, ::2]
    logits.flags.writeable = False
    symbols.flags.writeable = False
    assert encode(logits, symbols) == payload
    assert encode(strided, symbols) == payload
    assert decode(payload, strided) == symbols.tolist()


@pytest.mark.parametrize("top_k", [0, 5])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite(top_k: int, bad: float) -> None:
    logits, symbols = sample(1, 5, 64)
    payload = encode(logits, symbols, top_k)
    logits[3, 17] = bad
    with pytest.raises(EngineError, match="not finite"):
        encode(logits, symbols, top_k)
    with pytest.raises(EngineError, match="not finite"):
        decode(payload, logits, top_k)


@pytest.mark.parametrize("top_k", [0, 5])
def test_banned_symbol_is_refused(top_k: int) -> None:
    logits, symbols = sample(1, 5, 64)
    symbols[2] = 9
    with pytest.raises(SettingsError, match="token 9 is banned"):
        encode(logits, symbols, top_k, np.arange(64) == 9)


def test_settings_that_make_no_sense() -> None:
    logits, symbols = sample(1, 4, 64)
    slots = np.arange(4)
    for arguments in ((4, 0), (4, 1 << 21), (4, 64, -1), (4, 64, 0, np.ones(64, dtype=np.bool_))):
        with pytest.raises(SettingsError):
            PlainEncoder(*arguments)
        with pytest.raises(SettingsError):
            PlainDecoder(b"", *arguments)
    encoder = PlainEncoder(4, 64)
    for bad_symbols, bad_slots in (
        (symbols + 64, slots),
        (symbols - 64, slots),
        (symbols, slots + 1),
        (symbols, slots - 1),
        (symbols[:3], slots),
    ):
        with pytest.raises(SettingsError):
            encoder.add(encoder.measure(logits, bad_symbols), bad_symbols, bad_slots)
    with pytest.raises(SettingsError):
        encoder.add(encoder.measure(logits[:, :63], symbols), symbols, slots)
    with pytest.raises(SettingsError):
        encoder.add(encoder.measure(logits.astype(np.float64), symbols), symbols, slots)
    encoder.add(encoder.measure(logits[:3], symbols[:3]), symbols[:3], slots[:3])
    with pytest.raises(SettingsError, match="the first is 3"):
        encoder.finish()
    decoder = PlainDecoder(b"", 3, 64)
    with pytest.raises(SettingsError):
        decoder.decode_rows(logits, slots)


@pytest.mark.parametrize("top_k", [0, 8])
def test_damaged_payloads(top_k: int) -> None:
    """No damaged payload passes for what the encoder writes: an error, or other symbols."""
    logits, symbols = sample(2, 60, 256)
    payload = encode(logits, symbols, top_k)
    cut = [payload[:i] for i in range(len(payload))]
    flipped = [
        (int.from_bytes(payload, "big") ^ 1 << bit).to_bytes(len(payload), "big")
        for bit in range(8 * len(payload))
    ]
    n_refused = 0
    for damaged in (*cut, *flipped, payload + b"\0", payload + b"x"):
        try:
            decoded = np.array(decode(damaged, logits, top_k), dtype=np.int32)
        except FormatError:
            n_refused += 1
            continue
        assert not np.array_equal(decoded, symbols)
        assert encode(logits, decoded, top_k) == damaged
    assert n_refused > len(payload)


def test_decoder_that_stopped_early() -> None:
    logits, symbols = sample(2, 6, 256)
    decoder = PlainDecoder(encode(logits, symbols), 6, 256)
    decoder.decode_rows(logits[:5], np.zeros(5, np.int64))
    with pytest.raises(FormatError, match="1 tokens"):
        decoder.finish()


def test_signatures_are_those_of_the_protocols() -> None:
    for ours, protocol in ((PlainEncoder, TokenEncoder), (PlainDecoder, TokenDecoder)):
        for name in ("measure", "add", "prefix_added", "decode_rows", "finish"):
            if hasattr(protocol, name):
                expected = inspect.signature(getattr(protocol, name)).parameters.values()
                found = inspect.signature(getattr(ours, name)).parameters.values()
                # What is measured is the coder's own affair.
                types = {"Measured": "Intervals"}
                assert [(p.name, p.annotation) for p in found] == [
                    (p.name, types.get(p.annotation, p.annotation)) for p in expected
                ]


def test_decoder_without_the_number_of_tokens() -> None:
    """The caller knows the end otherwise; the payload is checked all the same."""
    logits, symbols = sample(2, 6, 256)
    payload = encode(logits, symbols)
    for data, n, complete in ((payload, 6, True), (payload, 3, False), (payload + b"x", 6, False)):
        decoder = PlainDecoder(data, None, 256)
        decoder.decode_rows(logits[:n], np.zeros(n, np.int64))
        if complete:
            decoder.finish()
        else:
            with pytest.raises(FormatError):
                decoder.finish()
