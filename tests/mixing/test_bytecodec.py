"""The stand-alone context-mixing codec returns every byte and notices damage."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgezip.coding.mixing import bytecodec
from edgezip.coding.mixing.bytecodec import cm_decode, cm_encode
from edgezip.coding.mixing.layout import R_PROFILE
from edgezip.coding.mixing.model import Model
from edgezip.coding.mixing.params import MixParams
from edgezip.coding.mixing.profile import PROFILES, TOKENS, Profile
from edgezip.errors import FormatError, SettingsError

SMALL = MixParams(16)
TEXT = b"".join(
    b"2024-05-%02d 12:%02d:07 worker[%d]: job %d done\n" % (i % 28, i % 60, i, i * 7)
    for i in range(300)
)


@given(st.binary(max_size=300), st.sampled_from(PROFILES), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_any_bytes_come_back(data: bytes, profile: Profile, level: int) -> None:
    params = MixParams(16, profile.number, level)
    assert cm_decode(cm_encode(data, params), len(data), params) == data


@pytest.mark.parametrize("mem_log2", [16, 20, 26])
def test_every_memory_setting_round_trips(mem_log2: int) -> None:
    params = MixParams(mem_log2)
    assert cm_decode(cm_encode(TEXT, params), len(TEXT), params) == TEXT


def test_structured_text_shrinks_well_and_random_data_hardly_grows() -> None:
    noise = random.Random(1).randbytes(20000)
    assert len(cm_encode(TEXT, MixParams.for_size(len(TEXT)))) * 12 < len(TEXT)
    assert len(cm_encode(noise, SMALL)) < len(noise) * 1.02
    assert cm_decode(cm_encode(noise, SMALL), len(noise), SMALL) == noise


def test_a_tiny_table_is_replaced_without_loss() -> None:
    data = random.Random(2).randbytes(10000) + TEXT + random.Random(2).randbytes(10000)
    payload = cm_encode(data, SMALL)
    assert len(payload) < 11800
    assert cm_decode(payload, len(data), SMALL) == data


def test_priming_helps_and_must_be_the_same() -> None:
    data = TEXT[-600:]
    plain = cm_encode(data, SMALL)
    primed = cm_encode(data, SMALL, prime=TEXT[:-600])
    assert len(primed) * 3 < len(plain)
    assert cm_decode(primed, len(data), SMALL, prime=TEXT[:-600]) == data


def test_a_damaged_payload_is_noticed_or_decodes_to_other_bytes() -> None:
    payload = cm_encode(TEXT, SMALL)
    flipped = payload[:5] + bytes([payload[5] ^ 1]) + payload[6:]
    for damaged in (payload[:-1], payload[: len(payload) // 2], b"", payload + b"x", flipped):
        with contextlib.suppress(FormatError):
            assert cm_decode(damaged, len(TEXT), SMALL) != TEXT


def test_decoding_ends_with_the_payload() -> None:
    """What a few bytes claim to hold costs no more than what they can hold."""
    payload = random.Random(3).randbytes(28)
    done: list[int] = []
    with pytest.raises(FormatError, match="ends before"):
        cm_decode(payload, 1_000_000, SMALL, progress=done.append)
    assert sum(done) < 10_000
    with pytest.raises(FormatError, match="so few bytes"):
        cm_decode(payload, 64 << 20, SMALL)


def test_what_holds_most_is_not_refused() -> None:
    zeros = bytes(2_000_000)
    payload = cm_encode(zeros, SMALL)
    assert len(payload) < 200
    assert cm_decode(payload, len(zeros), SMALL) == zeros


def test_progress_adds_up_and_a_signal_ends_the_work() -> None:
    data = TEXT * 20
    done: list[int] = []
    payload = cm_encode(data, SMALL, progress=done.append)
    assert sum(done) == len(data)
    assert len(done) > 3
    told: list[int] = []
    before = signal.signal(signal.SIGTERM, _interrupt)

    def progress(count: int) -> None:
        told.append(count)
        if len(told) == 2:
            signal.raise_signal(signal.SIGTERM)

    try:
        works: list[Callable[[], bytes]] = [
            lambda: cm_decode(payload, len(data), SMALL, progress=progress),
            lambda: cm_encode(data, SMALL, progress=progress),
        ]
        for work in works:
            told.clear()
            with pytest.raises(KeyboardInterrupt):
                work()
            assert len(told) == 2
            assert sum(told) < len(data) // 2
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def test_settings_are_checked() -> None:
    stored_forms = set()
    for profile in PROFILES:
        for level in range(3):
            for memory in (16, 20, 26):
                params = MixParams(memory, profile.number, level)
                stored_forms.add(params.to_bytes())
                assert MixParams.from_bytes(params.to_bytes()) == params
    assert len(stored_forms) == len(PROFILES) * 9
    for stored in (b"", b"\xa5", b"\x14\x00", b"\xff"):
        with pytest.raises(FormatError):
            MixParams.from_bytes(stored)
    with pytest.raises(SettingsError):
        MixParams(40)


def test_a_prime_is_learned_once_for_bytes_and_once_for_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learned: list[bool] = []
    learn = bytecodec._learned

    def counted(model: Model, prime: bytes) -> Model:
        learned.append(bool(model.scratch[R_PROFILE] == TOKENS))
        return learn(model, prime)

    monkeypatch.setattr(bytecodec, "_learned", counted)
    monkeypatch.setattr(bytecodec, "_primed", {})
    for _ in range(3):
        for tokens in (False, True):
            bytecodec.primed_model(SMALL, 1, 5000, tokens, TEXT)
    assert learned == [False, True]
    bytecodec.primed_model(SMALL, 1, 5000, False, TEXT + b"other")
    bytecodec.primed_model(SMALL, 1, 5000, True, TEXT)
    bytecodec.primed_model(SMALL, 1, 5000, False, TEXT)
    assert learned == [False, True, False, False]
