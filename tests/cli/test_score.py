"""`edgezip score`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def model(cli: Any, stories_model: Path, strict_library: Path) -> str:
    """The smallest real model, as a file in the working directory."""
    shutil.copy(stories_model, cli.directory / "stories.gguf")
    return "stories.gguf"


def test_score_agrees_with_pack(
    cli: Any, bundled_model: Path, strict_library: Path, data_dir: Path
) -> None:
    text, model = str(data_dir / "courage.txt"), str(bundled_model)
    (scored,) = cli("score", "-m", model, text, "--json", "-T", "1").json
    plain = ("--coder", "plain", "--top-k", "64", "--streams", "1")
    packed = cli("pack", "-m", model, text, "-o", "packed.ez", "--json", "-T", "1", *plain)
    (channel,) = packed.json[0]["channels"]
    assert (channel["coder"], channel["raw_size"]) == ("lm", scored["raw_size"])
    assert abs(8 * channel["coded_size"] - scored["ideal_bits"]) < 0.001 * scored["ideal_bits"]
    assert cli.names() == ["packed.ez"]


def test_json_has_interval_curve_and_break_even(cli: Any, model: str, data_dir: Path) -> None:
    texts = [str(data_dir / name) for name in ("courage.txt", "roughing_it.txt")]
    result = cli("score", "-m", model, *texts, "--json", "-T", "1", "--window", "256")
    assert result.code == 0, result.err
    *files, total = result.json
    assert [entry["file"] for entry in files] == texts
    assert (total["file"], total["files"]) == (None, 2)
    assert total["raw_size"] == sum(entry["raw_size"] for entry in files)
    for entry in result.json:
        assert 0 < entry["margin_95"] < 0.1 * entry["bits_per_byte"]
        assert sum(row["bytes"] for row in entry["by_position"]) == entry["raw_size"]
        assert [row["position"] for row in entry["by_position"]] == [0, 1, 2, 4, 8, 16, 32, 64, 128]
        saved = (8 - entry["bits_per_byte"]) / 8
        assert entry["break_even_with_raw"] == pytest.approx(entry["model_size"] / saved)
        with_model = entry["ideal_bits"] + 8 * entry["model_size"]
        assert entry["bits_per_byte_with_model"] == pytest.approx(with_model / entry["raw_size"])


def test_lines_for_people(cli: Any, model: str) -> None:
    Path("story.txt").write_bytes(b"Once upon a time, there was a little girl named Lily. " * 90)
    Path("empty.txt").write_bytes(b"")
    result = cli("score", "-m", model, "story.txt", "empty.txt", "-T", "1", "-v")
    assert result.code == 0, result.err
    lines = result.out.decode().splitlines()
    assert lines[0].startswith("story.txt: ")
    assert "bits per byte (4,860 bytes, " in lines[0]
    assert "by no amount of such data" in lines[1]  # xz is better at repeats
    assert "against no compression from " in lines[1]
    assert lines[2] == "  position in the context, bits per byte, bytes"
    assert "empty.txt: empty" in lines
    assert any(line.startswith("all files: ") for line in lines)


def test_stdin_and_errors(cli: Any, model: str) -> None:
    (entry,) = cli("score", model, "-", "--json", stdin=b"One day,").json
    assert (entry["file"], entry["raw_size"], entry["margin_95"]) == ("-", 8, None)
    json.dumps(entry, allow_nan=False)
    (empty,) = cli("score", model, "-", "--json").json
    assert empty["bits_per_byte"] is None
    cli("score", "-m", "none", "-").failed(2, "language model")
    result = cli("score", model, "missing.txt", "-", stdin=b"One day,")
    assert result.code == 1
    assert b"(stdin): " in result.out


def test_the_old_order_of_arguments(cli: Any, model: str) -> None:
    (entry,) = cli("score", model, "-", "--json", "-T", "1", stdin=b"One day,").json
    assert (entry["file"], entry["model"], entry["raw_size"]) == ("-", "stories", 8)
    shown = cli("score", model, "-", "-T", "1", stdin=b"One day,", terminals=("stderr",))
    assert "-m stories.gguf" in shown.err
    cli("score", "none", "-").failed(2, "language model")


def test_every_token(cli: Any, model: str) -> None:
    text = "Once upon a time, a caf\u00e9.\r\nOnce upon a time,\r\n\x00".encode()
    Path("story.txt").write_bytes(text)
    (entry,) = cli("score", "-m", model, "story.txt", "--json", "--tokens", "-T", "1").json
    tokens = entry["token_scores"]
    assert len(tokens) == entry["tokens"]
    assert [row["offset"] for row in tokens[1:]] == [r["offset"] + r["size"] for r in tokens[:-1]]
    assert sum(row["size"] for row in tokens) == len(text) == entry["raw_size"]
    assert tokens[0]["text"] + tokens[1]["text"] == " Once"[1:] or tokens[0]["text"] == "O"
    assert sum(row["bits"] for row in tokens) == pytest.approx(entry["ideal_bits"], abs=0.01)
    assert sum(row["mixed_bits"] for row in tokens) == pytest.approx(entry["mixed_bits"], abs=0.01)
    for row in tokens:
        best = row["alternatives"]
        assert [one["bits"] for one in best] == sorted(one["bits"] for one in best)
        if row["rank"] <= len(best):
            assert best[row["rank"] - 1]["bits"] == row["bits"]
        else:
            assert best[-1]["bits"] <= row["bits"]


def test_several_models_and_kinds_of_coders(cli: Any, model: str, bundled_model: Path) -> None:
    Path("story.txt").write_bytes(b"One day, Lily and Tom went to the big, red park. " * 4)
    models = ("-m", model, "-m", str(bundled_model), "-T", "1")
    lines = cli("score", *models, "story.txt", "--coders").out.decode().splitlines()
    head, row = lines[-2:]
    told = [line.split(":")[0] for line in lines if line.startswith("story.txt with ")]
    assert told == [f"story.txt with {name}" for name in head.split()[4:6]]
    assert head.split() == ["bits", "per", "byte", "bytes", "stories", "edgezip-small", "xz"]
    assert row.split()[:2] == ["story.txt", "196"]
    assert all(0 < float(rate) < 8 for rate in row.split()[2:])
    first, second = cli("score", *models, "story.txt", "--coders", "--json").json
    assert (first["model"], second["model"]) == ("stories", "edgezip-small")
    assert sum(part["raw_size"] for part in first["coders"]) == 196
    assert all(part["bits"] > 0 for part in second["coders"])
