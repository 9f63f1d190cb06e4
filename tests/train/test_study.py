"""The scaling study: its arithmetic, and its commands end to end on a plan of seconds."""

# ruff: noqa: E402 - what follows the skips needs what they look for
from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training commands need PyTorch ([train])")
pytest.importorskip("gguf", reason="the training commands need gguf ([train])")
pytest.importorskip("sentencepiece", reason="the training commands need sentencepiece ([train])")

from train.checkpoint import Checkpoint
from train.model import Llama, Shape
from train.scoring import document_nats
from train.study import __main__ as study
from train.study import data, measure, rates, tables
from train.study.plan import Plan

WORDS = ["river", "engine", "garden", "window", "letter", "bridge", "morning", "teacher"]


def test_break_even_and_adjusted_rate_are_two_views_of_one_thing() -> None:
    data_size = rates.break_even(0.2, 1000, 0.3)
    assert data_size == pytest.approx(10_000)
    assert rates.adjusted(0.2, 1000, data_size) == pytest.approx(0.3)
    between = rates.break_even(0.2, 1000, 0.3, 400)
    assert rates.adjusted(0.2, 1000, between) == pytest.approx(rates.adjusted(0.3, 400, between))
    assert rates.break_even(0.3, 1, 0.3) == math.inf
    assert rates.break_even(0.2, 1, 0.3, 2) == 0


def test_margin_exponent_and_edges() -> None:
    bits, sizes = np.array([1500.0, 2500.0, 2000.0]), np.full(3, 1000.0)
    assert rates.ratio_margin(bits, sizes) == pytest.approx(1.96 * 0.5 / 3**0.5, rel=1e-3)
    assert math.isnan(rates.ratio_margin(bits[:1], sizes[:1]))
    assert rates.exponent([1, 10, 100], [4, 2, 1]) == pytest.approx(-math.log10(2))
    assert rates.rises([3, 2, 2.5, 1]) == [2]
    assert rates.position_edges(16).tolist() == [0, 1, 2, 3, 4, 6, 8, 11, 16]


def test_operations_are_six_for_each_weight_in_a_product() -> None:
    shape = Shape(vocab=100, dim=32, layers=2, heads=2, ff=64, context=16)
    products = sum(p.numel() for p in Llama(shape).parameters() if p.dim() == 2)
    assert rates.flop_per_token(shape, 0) == 6 * products
    # Queries times keys and weights times values: two products of half a row each.
    attention = 2 * 2 * 3 * shape.layers * shape.dim * 16 / 2
    assert rates.flop_per_token(shape, 16) == 6 * products + attention


def test_the_plan_of_the_study_keeps_what_it_promises() -> None:
    plan = Plan.load(study.CONFIGS / "full.toml")
    sizes = plan.sizes()
    parameters = [run.shape.parameters for run in sizes]
    assert len(sizes) >= 5
    assert parameters == sorted(parameters)
    assert parameters[-1] >= 100 * parameters[0]
    assert len({run.tokens for run in sizes}) == 1
    assert len({run.tokens for run in plan.tokens()}) >= 4
    vocab = plan.vocab()
    assert len(vocab) >= 4
    assert max(run.flop for run in vocab) < 1.01 * min(run.flop for run in vocab)
    assert len(plan.position()) >= 3
    # Runs that two questions share are the same run.
    assert {run.name for run in sizes} & {run.name for run in vocab}
    assert {run.name for run in sizes} & {run.name for run in plan.tokens()}


def test_bits_by_token_add_up_to_those_of_the_document() -> None:
    shape = Shape(vocab=64, dim=32, layers=1, heads=1, ff=32, context=16)
    model = Llama(shape)
    model.initialize(0)
    document = (np.arange(16) * 7 % 60 + 3).astype(np.uint16)
    bits = measure.token_bits(model, document[None].astype(np.int64))
    expected = document_nats(model, [document])[0] / math.log(2)
    assert bits.sum() == pytest.approx(expected, rel=1e-5)
    windows = measure.full_windows([(document, 16), (document[:9], 9)], 8)
    assert windows.tolist() == [document[:8].tolist(), document[8:].tolist(), document[:8].tolist()]
    with pytest.raises(SystemExit, match="17 tokens"):
        measure.full_windows([(document, 16)], 17)


def write_rows(path: Path, documents: int, seed: int, **fields: str) -> None:
    rng = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(documents):
            lines = (
                f"The {rng.choice(WORDS)} sees the {rng.choice(WORDS)} {rng.randrange(100)}.\n"
                for _ in range(30)
            )
            file.write(json.dumps({**fields, "text": "".join(lines) + "é\t\n"}) + "\n")


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for a tiny study in a folder of its own, trained once."""
    root = tmp_path_factory.mktemp("study")
    write_rows(root / "clean" / "wiki.jsonl", 60, 0)
    write_rows(root / "val.jsonl", 6, 1, kind="wiki")
    options = ["--tiny", "--no-compile", "--threads", "1", "--val", str(root / "val.jsonl")]
    for name in ("clean", "data", "runs", "results"):
        options += [f"--{name}", str(root / name)]
    study.main(["all", *options])
    return options


def folder(arguments: list[str], name: str) -> Path:
    return Path(arguments[arguments.index(f"--{name}") + 1])


def test_every_question_has_its_table(arguments: list[str]) -> None:
    found = tables.read(folder(arguments, "results"))
    assert [len(found[name]) for name in ("sizes", "tokens", "vocab", "peers")] == [3, 3, 4, 2]
    bits = [float(row["bpb"]) for row in found["tokens"]]
    assert bits == sorted(bits, reverse=True)
    for row in found["sizes"] + found["vocab"]:
        model = folder(arguments, "runs") / row["run"] / "model.gguf"
        assert int(row["gguf_bytes"]) == model.stat().st_size > int(row["parameters"])
        assert 0 < float(row["margin_95"]) < float(row["bpb"])
    text = (folder(arguments, "runs") / "text.txt").read_bytes()
    assert int(found["sizes"][0]["val_bytes"]) == int(found["peers"][0]["raw_bytes"]) == len(text)
    assert {row["shape"] for row in found["position"]} == {"1", "2", "3"}
    # The same windows at every position, with every byte of them in some bin.
    assert len({row["windows"] for row in found["position"]}) == 1


def test_what_is_finished_is_not_trained_again(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(argv: list[str]) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("train.fit.main", never)
    path = tables.path_of(folder(arguments, "results"), "tokens")
    before = path.read_bytes()
    path.unlink()
    study.main(["tokens", *arguments])
    assert path.read_bytes() == before


def test_an_interrupted_model_is_no_result(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import train.fit

    whole = train.fit.main

    def cut_short(argv: list[str]) -> None:
        argv[argv.index("--steps") + 1] = "2"
        whole(argv)

    own = [*arguments]
    for name in ("runs", "results"):
        own[own.index(f"--{name}") + 1] = str(tmp_path / name)
    monkeypatch.setattr("train.fit.main", cut_short)
    with pytest.raises(SystemExit, match="interrupted at step 2"):
        study.main(["sizes", *own])
    assert not list(tmp_path.rglob("result.json"))


def test_pieces_have_the_sizes_of_the_text_they_make(arguments: list[str]) -> None:
    (model,) = folder(arguments, "runs").glob("3-*/final.pt")
    proto = Checkpoint.load(model).tokenizer
    text = "The river sees the 日本 42.\n\té"
    ((tokens, size),) = data.encode_texts(proto, [text])
    assert data.piece_sizes(proto)[tokens].sum() == size == len(text.encode())


def test_report_and_pictures(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study.main(["report", *arguments])
    text = capsys.readouterr().out
    assert text.count("\n## ") == 4
    assert "beats xz -9e from" in text
    pytest.importorskip("matplotlib", reason="plots need matplotlib ([bench])")
    study.main(["plot", *arguments, "--out", str(tmp_path)])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{n}.png" for n in ("sizes", "adjusted", "tokens", "vocab", "position")}


def test_edgezip_codes_with_the_models(arguments: list[str], strict_library: Any) -> None:
    study.main(["speed", *arguments, "--text-bytes", "4000", "--repeats", "1"])
    rows = tables.read(folder(arguments, "results"))["speed"]
    assert len(rows) == 4
    for row in rows:
        ideal = float(row["ideal_bits"]) / 8
        assert abs(int(row["coded_bytes"]) - ideal) < 0.001 * ideal + 2


def test_help_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        study.main(["--help"])
    assert "--tiny" in capsys.readouterr().out
    study.main(["list"])
    assert "TFLOP" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"none\.toml"):
        study.main(["list", "--plan", "none.toml"])
