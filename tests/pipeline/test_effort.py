"""Levels are other defaults, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgezip
from edgezip.errors import SettingsError
from edgezip.pipeline.effort import LEVELS, at_level
from edgezip.pipeline.model import LanguageModel
from edgezip.pipeline.options import PackOptions


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
