"""Levels are other defaults, and nothing else."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path

import pytest

import edgezip
from edgezip.errors import SettingsError
from edgezip.pipeline.effort import LEVELS, at_level
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import PackOptions
from tests.image.pictures import photo
from tests.pipeline.test_pictures import ppm


def test_what_was_asked_for_is_kept() -> None:
    assert list(LEVELS) == list(range(1, 10))
    assert at_level(6, PackOptions()) == PackOptions()
    assert at_level(1, PackOptions()).model == "none"
    mine = PackOptions(model="mine", streams=3, coder="mix", threads=1)
    for level in LEVELS:
        found = at_level(level, mine)
        assert (found.model, found.streams, found.coder, found.threads) == ("mine", 3, "mix", 1)
    for level in (0, 10):
        with pytest.raises(SettingsError, match="from 1 to 9"):
            at_level(level, mine)
    with pytest.raises(SettingsError, match="most_streams"):
        PackOptions(most_streams=0)


def test_fewer_streams_are_smaller(
    stories_model: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (data_dir / "courage.txt").read_bytes()[:1500]
    monkeypatch.setattr(LanguageModel, "choose_streams", lambda *_: 8)
    options = PackOptions(stories_model, threads=1, coder="plain")
    sizes = [
        len(edgezip.compress(data, options=at_level(level, options))) for level in (6, 7, 8, 9)
    ]
    assert sizes[0] == sizes[1] > sizes[2] > sizes[3]


def _records() -> bytes:
    rng = random.Random(5)
    return b"".join(
        struct.pack("<IHHd", i, rng.randrange(9), 7 * i & 1023, i / 3) for i in range(400)
    )


def _log() -> bytes:
    rng = random.Random(6)
    return b"".join(
        b"Nov 12 04:%02d:%02d host%d sshd[%d]: Failed password for root from 10.0.%d.%d port %d\n"
        % (i // 60, i % 60, i % 3, 900 + i, i % 4, rng.randrange(99), rng.randrange(9999))
        for i in range(120)
    )


@pytest.mark.parametrize("kind", ["text", "logs", "binary", "pictures"])
def test_no_level_is_larger_than_the_one_below_it(kind: str, data_dir: Path) -> None:
    data = {
        "text": (data_dir / "roughing_it.txt").read_bytes()[:6000],
        "logs": _log(),
        "binary": _records(),
        "pictures": ppm(photo(96, 64)),
    }[kind]
    options = PackOptions(threads=1)
    sizes = [len(edgezip.compress(data, options=at_level(level, options))) for level in LEVELS]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[1]  # all contexts, and the usual coders of media


def test_contexts_are_an_option_of_their_own() -> None:
    data = _log()
    few, every = (
        PackOptions(model="none", threads=1, all_contexts=wanted) for wanted in (None, True)
    )
    assert len(edgezip.compress(data, options=every)) < len(edgezip.compress(data, options=few))
    bare = edgezip.compress_bare(data, options=every)
    assert len(bare) < len(edgezip.compress_bare(data, options=few))
    assert edgezip.decompress_bare(bare, len(data), options=every) == data


def test_what_does_not_use_the_model_does_not_name_it() -> None:
    """The text of the header of a picture is all that the model could save bytes of."""
    data = ppm(photo(96, 64))
    packed = edgezip.compress(data, options=PackOptions(threads=1))
    assert packed == edgezip.compress(data, options=PackOptions(model="none", threads=1))
    (member,) = edgezip.inspect_stream(io.BytesIO(packed))
    assert member.model_id is None
    assert edgezip.decompress(packed) == data
