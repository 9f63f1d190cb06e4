"""The model, the sampler and the optimizer do what their documents say."""

# ruff: noqa: E402 - what follows the skips needs what they look for
from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training commands need PyTorch ([train])")
pytest.importorskip("sentencepiece", reason="the training commands need sentencepiece ([train])")

from torch.nn import functional as F

from train.checkpoint import Checkpoint
from train.data import Sampler, TokenFolder
from train.grow import grow, query_features
from train.mix import Mix
from train.model import Llama, Shape, causal_attention
from train.optim import orthogonalize
from train.scoring import document_nats, windows

SMALL = Shape(vocab=64, dim=32, layers=2, heads=2, kv_heads=1, ff=48, context=16)


def random_model(shape: Shape, seed: int = 0) -> Llama:
    model = Llama(shape)
    model.initialize(seed)
    with torch.no_grad():  # nothing at a special value
        for weight in model.parameters():
            noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
            weight.add_(noise, alpha=0.3)
    return model


def test_parameter_count_is_that_of_the_tensors() -> None:
    assert SMALL.parameters == sum(p.numel() for p in Llama(SMALL).parameters())


def test_a_token_does_not_see_later_ones() -> None:
    model = random_model(SMALL)
    tokens = torch.arange(16)[None] % 64
    changed = tokens.clone()
    changed[0, 9] = 33
    before, after = model.logits(tokens), model.logits(changed)
    assert torch.equal(before[0, :9], after[0, :9])
    assert not torch.allclose(before[0, 9:], after[0, 9:])


@pytest.mark.parametrize(
    "larger",
    [
        Shape(vocab=64, dim=32, layers=5, heads=2, kv_heads=1, ff=48, context=16),
        Shape(vocab=64, dim=64, layers=2, heads=4, kv_heads=2, ff=96, context=32),
        Shape(vocab=64, dim=64, layers=3, heads=4, kv_heads=2, ff=64, context=16),
        # A third head joins each group of two that share a key-value head.
        Shape(vocab=64, dim=96, layers=2, heads=6, kv_heads=2, ff=64, context=16),
    ],
)
def test_a_grown_model_computes_the_same_and_can_learn_in_the_new_places(larger: Shape) -> None:
    model = random_model(SMALL)
    grown = grow(Checkpoint(SMALL, model.state_dict()), larger, seed=1).model()
    tokens = torch.arange(16)[None] * 5 % 64
    # Not closer, because the constant in RMS norm weighs more against a smaller mean.
    assert torch.allclose(model.logits(tokens), grown.logits(tokens), atol=2e-3)
    grown(tokens[:, :-1], tokens[:, 1:]).backward()
    for name, weight in grown.named_parameters():
        if name.endswith(("attn_output.weight", "ffn_down.weight")):
            new = torch.ones_like(weight, dtype=torch.bool)
            if "ffn" in name:
                new[: SMALL.dim, : SMALL.ff] = False
            else:
                new[: SMALL.dim, query_features(SMALL, larger)] = False
            empty = not weight.detach().any()
            assert weight.grad is not None
            assert weight.grad[new | empty].ne(0).any() or not (new | empty).any(), name


def test_orthogonalized_updates_have_singular_values_near_one() -> None:
    matrices = torch.randn(3, 24, 10, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrices))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_windows_score_every_token_once_with_the_tail_as_context() -> None:
    for count in (1, 7, 8, 9, 30):
        parts = windows(0, count, window=8, keep=3)
        scored = [t for w in parts for t in range(w.scored, w.end)]
        assert scored == list(range(count))
        assert all(w.end - w.first <= 8 and w.scored - w.first in (0, 3) for w in parts)


def test_nats_of_a_document_are_those_of_its_tokens_one_by_one() -> None:
    model = random_model(SMALL)
    document = (np.arange(21) * 7 % 60 + 3).astype(np.uint16)
    expected = 0.0
    for w in windows(0, len(document), 16, 8):
        inputs = [1, *document[w.first : w.end - 1].tolist()]
        logs = torch.log_softmax(model.logits(torch.tensor([inputs])), -1)[0]
        expected -= sum(logs[t - w.first, int(document[t])].item() for t in range(w.scored, w.end))
    short = document[:5]
    got = document_nats(model, [short, document])
    assert got[1] == pytest.approx(expected, rel=1e-5)
    assert got[0] < got[1]


@pytest.fixture
def folder(tmp_path: Path) -> TokenFolder:
    """Two streams whose tokens tell where they come from; `a` is in two parts."""
    (tmp_path / "tokenizer.model").write_bytes(b"x")
    index = {"vocab": 9000, "tokenizer_sha256": hashlib.sha256(b"x").hexdigest(), "val": {}}
    (tmp_path / "index.json").write_text(json.dumps(index), encoding="utf-8")
    for part, stream, start in ((0, "a", 1000), (1, "a", 2000), (0, "b", 3000)):
        (tmp_path / f"part-{part}").mkdir(exist_ok=True)
        path = tmp_path / f"part-{part}" / f"{stream}.u16"
        np.arange(start, start + 400, dtype="<u2").tofile(path)
    return TokenFolder(tmp_path)


def test_rows_are_shifted_by_one_and_begin_with_the_start_token(folder: TokenFolder) -> None:
    inputs, targets = Sampler(folder, Mix({}), 10, 0).rows(6)
    assert (inputs[:, 0] == 1).all()
    assert (inputs[:, 1:] == targets[:, :-1]).all()
    assert (np.diff(targets, axis=1) == 1).all()


def test_a_resumed_sampler_draws_what_the_first_would_have(folder: TokenFolder) -> None:
    first, again = (Sampler(folder, Mix({}), 10, 3) for _ in range(2))
    for _ in range(20):
        first.rows(4)
    again.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert np.array_equal(first.rows(50)[1], again.rows(50)[1])


def test_each_chunk_is_read_once_before_any_is_read_again(folder: TokenFolder) -> None:
    sampler = Sampler(folder, Mix({"b": 0.0}), 10, 0)
    _, targets = sampler.rows(2 * 39)
    assert len(set(targets[:, 0].tolist())) == 2 * 39
    assert sampler.epochs() == {"a": 1.0}


def test_rates_decide_how_often_a_stream_is_drawn(folder: TokenFolder) -> None:
    _, targets = Sampler(folder, Mix({"a": 1.0, "b": 6.0}), 10, 0).rows(4000)
    assert (targets[:, 0] >= 3000).mean() == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("length", [1, 127, 128, 129, 300])
def test_blocks_of_attention_equal_the_whole(length: int) -> None:
    torch.manual_seed(length)
    q, k, v = (
        torch.randn(2, heads, length, 16, dtype=torch.float64, requires_grad=True)
        for heads in (4, 2, 2)
    )
    whole = F.scaled_dot_product_attention(
        q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1), is_causal=True
    )
    blocks = causal_attention(q, k, v)
    assert torch.allclose(blocks, whole, atol=1e-6)
    towards = torch.randn_like(whole)
    gradients = [torch.autograd.grad(result, (q, k, v), towards) for result in (blocks, whole)]
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
