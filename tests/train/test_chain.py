"""The whole chain on a few kilobytes: shards to GGUF, each step by its command."""

# ruff: noqa: E402 - what follows the skips needs what they look for
from __future__ import annotations

import csv
import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training commands need PyTorch ([train])")
gguf = pytest.importorskip("gguf", reason="the training commands need gguf ([train])")
pytest.importorskip("sentencepiece", reason="the training commands need sentencepiece ([train])")

from edgezip.coding.mixing.paths import leaf_order
from edgezip.coding.mixing.trie import build_trie
from train import corpus, encode, evaluate, export, fit, from_gguf, grow, pack, tokenizer
from train.checkpoint import Checkpoint

CONFIG = """
[model]
vocab = 400
dim = 64
layers = 2
heads = 4
kv_heads = 2
ff = 96
context = 32

[train]
rows = 8
micro_rows = 4
warmup = 5
"""
NOUNS = ["river", "engine", "garden", "window", "letter", "bridge", "morning", "teacher"]
VERBS = ["sees", "holds", "turns", "paints", "follows"]


def sentence(rng: random.Random) -> str:
    """A sentence of a tiny language: easy enough to be learned in seconds."""
    subject, other = rng.choice(NOUNS), rng.choice(NOUNS)
    return f"The {subject} {rng.choice(VERBS)} the {other} {rng.randrange(100)}.\n"


def write_shard(path: Path, kinds: dict[str, int], seed: int) -> None:
    rng = random.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        for kind, documents in kinds.items():
            for _ in range(documents):
                text = "".join(sentence(rng) for _ in range(30))
                file.write(json.dumps({"kind": kind, "text": text + "é \t\n"}) + "\n")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tokens, the run (interrupted and resumed) and its GGUF files."""
    root = tmp_path_factory.mktemp("chain")
    write_shard(root / "train.jsonl", {"wiki": 60, "code": 20}, seed=0)
    write_shard(root / "val.jsonl", {"wiki": 4, "code": 2}, seed=1)
    (root / "eval" / "text").mkdir(parents=True)
    (root / "eval" / "text" / "x.txt").write_text("nothing that the corpus holds", "utf-8")
    (root / "config.toml").write_text(CONFIG, encoding="utf-8")
    (root / "text.txt").write_text("The river holds the bridge 12.\n" * 3, encoding="utf-8")
    path = {name: str(root / name) for name in ("clean", "tok.model", "tokens", "packed", "data")}
    corpus.main(
        [path["clean"], "--shards", str(root / "train.jsonl"), "--exclude", str(root / "eval")]
    )
    tokenizer.main(["train", path["clean"], "--pieces", "400", "--out", path["tok.model"]])
    tokens = [path["clean"], path["tok.model"], path["tokens"]]
    encode.main([*tokens, "--parts", "2", "--val", str(root / "val.jsonl")])
    pack.main(["tokens", path["tokens"], path["packed"]])
    pack.main(["unpack", path["packed"], path["data"]])
    train = [str(root / "run"), "--config", str(root / "config.toml"), "--data", path["data"]]
    train += ["--no-compile", "--device", "cpu", "--log-seconds", "0", "--threads", "1"]
    fit.main([*train, "--steps", "30"])
    fit.main([*train, "--steps", "40", "--decay", "0.5"])
    for kind in ("F32", "Q8_0", "Q4_0"):
        export.main([str(root / "run" / "final.pt"), str(root / f"{kind}.gguf"), "--type", kind])
    return root


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_packed_tokens_arrive_as_they_were(chain: Path) -> None:
    for original in (chain / "tokens").rglob("*"):
        if original.is_file():
            copy = chain / "data" / original.relative_to(chain / "tokens")
            assert copy.read_bytes() == original.read_bytes()


def test_the_pieces_of_any_text_concatenate_to_it(chain: Path) -> None:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(chain / "tok.model"))
    for text in (" two  spaces\n\n\ttab\r\n", "日本 \U0001f600 7"):
        assert processor.decode(processor.encode(text)) == text
    pieces = [processor.id_to_piece(i) for i in range(400)]
    assert "\u2581the\u2581" not in pieces
    assert max(len(piece) for piece in pieces if piece.isdigit()) == 1


def test_the_run_learns_resumes_and_decays(chain: Path) -> None:
    log = rows(chain / "run" / "log.csv")
    assert [int(row["step"]) for row in log] == list(range(1, 71))
    losses = [float(row["loss"]) for row in log]
    assert losses[0] == pytest.approx(np.log(400), abs=0.5)
    assert losses[-1] < 2.0
    rates = [float(row["rate"]) for row in log]
    assert rates[:51] == [1.0] * 51
    assert all(a > b for a, b in itertools.pairwise(rates[50:]))
    trunk, final = (Checkpoint.load(chain / "run" / f"{n}.pt") for n in ("trunk", "final"))
    assert (trunk.step, final.step) == (50, 70)
    assert trunk.optimizers
    assert trunk.data["draws"] == 50
    assert not final.optimizers


def test_a_stopped_and_resumed_run_equals_one_that_was_not_stopped(
    chain: Path, tmp_path: Path
) -> None:
    train = ["--config", str(chain / "config.toml"), "--data", str(chain / "data")]
    train += ["--no-compile", "--device", "cpu", "--threads", "1"]
    fit.main([str(tmp_path / "whole"), *train, "--steps", "6"])
    for _ in range(2):
        fit.main([str(tmp_path / "halves"), *train, "--steps", "3"])
    whole, halves = (Checkpoint.load(tmp_path / n / "trunk.pt") for n in ("whole", "halves"))
    assert whole.data == halves.data
    for name, value in whole.weights.items():
        assert torch.equal(value, halves.weights[name]), name


def test_a_short_budget_with_decay_leaves_a_trunk_and_a_final(chain: Path, tmp_path: Path) -> None:
    train = ["--config", str(chain / "config.toml"), "--data", str(chain / "data")]
    train += ["--no-compile", "--device", "cpu", "--threads", "1"]
    for steps, decay in ((1, 0.1), (2, 0.5)):
        run = tmp_path / str(steps)
        fit.main([str(run), *train, "--steps", str(steps), "--decay", str(decay)])
        assert Checkpoint.load(run / "final.pt").step == steps
        assert Checkpoint.load(run / "trunk.pt").step == 1


def test_a_new_run_goes_on_with_weights_and_reads_text_that_they_have_not_seen(
    chain: Path, tmp_path: Path
) -> None:
    train = ["--config", str(chain / "config.toml"), "--data", str(chain / "data")]
    train += ["--no-compile", "--device", "cpu", "--threads", "1", "--steps", "1"]
    finished = Checkpoint.load(chain / "run" / "final.pt")
    Checkpoint(finished.shape, finished.weights, finished.tokenizer).save(tmp_path / "weights.pt")
    ends = {}
    for start in (tmp_path / "weights.pt", chain / "F32.gguf", chain / "run" / "final.pt"):
        run = tmp_path / "runs" / start.name
        fit.main([str(run), *train, "--init", str(start)])
        ends[start.name] = Checkpoint.load(run / "trunk.pt")
    bare, gguf, full = (ends[name] for name in ("weights.pt", "F32.gguf", "final.pt"))
    assert bare.shape == gguf.shape
    for name, value in bare.weights.items():
        assert torch.equal(value, gguf.weights[name]), name
    assert full.step == bare.step == 1
    assert bare.data["draws"] == 1
    assert full.data["draws"] == finished.data["draws"] + 1


def test_a_file_gives_its_tokenizer_and_weights_back(chain: Path, tmp_path: Path) -> None:
    """Training goes on from what ships: no checkpoint and no SentencePiece model are needed."""
    import sentencepiece

    tokenizer.main(["extract", str(chain / "F32.gguf"), "--out", str(tmp_path / "again.model")])
    first, again = (
        sentencepiece.SentencePieceProcessor(model_file=str(path))
        for path in (chain / "tok.model", tmp_path / "again.model")
    )
    assert [again.bos_id(), again.eos_id(), again.unk_id()] == [1, 2, 0]
    for text in (" two  spaces\n\n\ttab\r\n", "The river holds é 日本 \U0001f600 7"):
        assert again.encode(text, out_type=str) == first.encode(text, out_type=str)
    (tmp_path / "large.toml").write_text(CONFIG.replace("ff = 96", "ff = 160"), "utf-8")
    grow.main(
        [str(chain / "F32.gguf"), str(tmp_path / "large.pt"), "--config", f"{tmp_path}/large.toml"]
    )
    grown = Checkpoint.load(tmp_path / "large.pt")
    assert grown.tokenizer == (tmp_path / "again.model").read_bytes()
    export.main([str(tmp_path / "large.pt"), str(tmp_path / "large.gguf"), "--type", "F32"])
    models = [str(chain / "F32.gguf"), str(tmp_path / "large.gguf"), "--files", f"{chain}/text.txt"]
    evaluate.main([*models, "--csv", str(tmp_path / "table.csv")])
    (row,) = rows(tmp_path / "table.csv")
    assert float(row["large.gguf"]) == pytest.approx(float(row["F32.gguf"]), abs=1e-3)


def test_the_embedding_may_have_a_type_of_its_own(chain: Path, tmp_path: Path) -> None:
    out = tmp_path / "mixed.gguf"
    source = str(chain / "run" / "final.pt")
    export.main([source, str(out), "--type", "Q4_0", "--embedding", "Q8_0"])
    types = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(out).tensors}
    assert types["token_embd.weight"] == "Q8_0"
    assert types["blk.0.ffn_up.weight"] == "Q4_0"
    assert types["output_norm.weight"] == "F32"


def test_quantized_files_hold_the_model(chain: Path) -> None:
    final = Checkpoint.load(chain / "run" / "final.pt")
    for kind, tolerance in (("F32", 0.0), ("Q8_0", 0.01), ("Q4_0", 0.15)):
        again = from_gguf.load_gguf(chain / f"{kind}.gguf", final.tokenizer)
        assert again.shape == final.shape
        for name, value in final.weights.items():
            error = (again.weights[name] - value).abs().max()
            assert error <= tolerance * value.abs().max(), (kind, name)


def test_the_pieces_of_a_file_are_in_the_order_of_the_mixing_coder(chain: Path) -> None:
    reader = gguf.GGUFReader(chain / "F32.gguf")
    names = reader.fields["tokenizer.ggml.tokens"].contents()
    pieces: list[bytes | None] = [
        bytes([int(name[3:5], 16)])
        if kind == gguf.TokenType.BYTE
        else name.replace("\u2581", " ").encode()
        if kind == gguf.TokenType.NORMAL
        else None
        for name, kind in zip(
            names, reader.fields["tokenizer.ggml.token_type"].contents(), strict=True
        )
    ]
    assert leaf_order(build_trie(pieces)).first == 3
    proto = (chain / "tok.model").read_bytes()
    assert b"garden" in proto
    with pytest.raises(SystemExit, match="other pieces"):
        from_gguf.load_gguf(chain / "F32.gguf", proto.replace(b"garden", b"Xarden"))


def test_evaluation_gives_one_table_for_all_models(chain: Path, tmp_path: Path) -> None:
    models = [str(chain / "run" / "final.pt")]
    models += [f"{chain / kind}.gguf={chain / 'tok.model'}" for kind in ("F32", "Q4_0")]
    models[-1] += "@4"
    out = tmp_path / "table.csv"
    latin = tmp_path / "latin.txt"
    latin.write_bytes((chain / "text.txt").read_bytes() + b"caf\xe9 \xff\xfe.")
    files = [str(chain / "text.txt"), str(latin)]
    evaluate.main(models + f"--val {chain}/val.jsonl --csv {out} --files".split() + files)
    table = {row["what"]: row for row in rows(out)}
    assert set(table) == {"wiki", "code", "english", "all", "text.txt", "latin.txt"}
    assert float(table["latin.txt"]["F32.gguf"]) > float(table["text.txt"]["F32.gguf"])
    last = {row["kind"]: float(row["bpb"]) for row in rows(chain / "run" / "val.csv")}
    for kind in ("wiki", "code", "all"):
        assert float(table[kind]["final.pt"]) == pytest.approx(last[kind], abs=2e-3)
        assert table[kind]["F32.gguf"] == table[kind]["final.pt"]
        assert table[kind]["Q4_0.gguf"] != table[kind]["F32.gguf"]
    # Two nouns, a verb and a number a sentence: 16 bits in some 31 bytes.
    assert 0.4 < float(table["all"]["final.pt"]) < 1.2


def test_a_model_may_have_a_window_of_its_own(chain: Path) -> None:
    path = chain / "run" / "final.pt"
    assert evaluate.load_model(f"{path}@4", 16)[::3] == ("final.pt", 4)
    assert evaluate.load_model(str(path), 16)[::3] == ("final.pt", 16)
    with pytest.raises(SystemExit, match="context"):
        evaluate.load_model(f"{path}@4096", 16)


def test_llama_cpp_computes_the_same_logits(chain: Path) -> None:
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"llama-cpp-python cannot be loaded: {error}")
    model = Checkpoint.load(chain / "run" / "final.pt").model()
    tokens = [1, *range(5, 35)]
    llama = llama_cpp.Llama(str(chain / "F32.gguf"), logits_all=True, n_ctx=32, verbose=False)
    llama.eval(tokens)
    with torch.no_grad():
        expected = model.logits(torch.tensor([tokens]))[0].numpy()
    # llama.cpp keeps its attention cache in half precision.
    assert np.abs(np.array(llama.scores[: len(tokens)]) - expected).max() < 0.02


def test_split_files_join_and_damage_is_noticed(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(2500)
    (tmp_path / "weights.bin").write_bytes(data)
    written = pack.split(tmp_path / "weights.bin", tmp_path / "pieces", 1000)
    assert [p.stat().st_size for p in written[:-1]] == [1000, 1000, 500]
    pack.join(written[-1], tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == data
    written[1].write_bytes(bytes(1000))
    with pytest.raises(SystemExit, match="hash"):
        pack.join(written[-1], tmp_path / "again.bin")


def test_a_slim_checkpoint_exports_the_same_quantized_weights(chain: Path, tmp_path: Path) -> None:
    pack.slim(chain / "run" / "final.pt", tmp_path / "slim.pt")
    assert (tmp_path / "slim.pt").stat().st_size < 0.6 * (chain / "run" / "final.pt").stat().st_size
    export.main([str(tmp_path / "slim.pt"), str(tmp_path / "slim.gguf"), "--type", "Q8_0"])
    proto = (chain / "tok.model").read_bytes()
    whole, half = (
        from_gguf.load_gguf(p, proto) for p in (chain / "Q8_0.gguf", tmp_path / "slim.gguf")
    )
    for name, value in whole.weights.items():
        assert (half.weights[name] - value).abs().max() <= 0.01 * value.abs().max(), name


def test_curves_are_plotted(chain: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots need matplotlib ([train])")
    from train import plot

    plot.main([str(tmp_path / "curves.png"), str(chain / "run")])
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_script_trains_on_cuda(chain: Path, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    run = tmp_path / "run"
    train = [str(run), "--config", str(chain / "config.toml"), "--data", str(chain / "data")]
    fit.main([*train, "--device", "cuda", "--steps", "40", "--log-seconds", "0"])
    fit.main([*train, "--device", "cuda", "--steps", "40", "--log-seconds", "0", "--decay", "0.5"])
    assert float(rows(run / "log.csv")[-1]["loss"]) < 2.5
