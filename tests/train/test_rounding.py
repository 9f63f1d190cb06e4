"""Training sees the weights that a quantized file will hold."""

# ruff: noqa: E402 - what follows the skips needs what they look for
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the training commands need PyTorch ([train])")
gguf = pytest.importorskip("gguf", reason="the training commands need gguf ([train])")

from train.model import Llama, Shape
from train.rounding import ROUNDERS, rounded, rounded_weights

SHAPE = Shape(vocab=64, dim=64, layers=1, heads=2, ff=96, context=16)


@pytest.mark.parametrize("kind", sorted(ROUNDERS))
def test_rounding_is_that_of_the_file(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(48, 256, generator=generator) * 0.07
    weight[3, 32:64] = 0
    type_ = gguf.GGMLQuantizationType[kind]
    packed = gguf.quants.quantize(weight.numpy(), type_)
    expected = torch.from_numpy(gguf.quants.dequantize(packed, type_))
    assert torch.equal(rounded(weight, kind), expected)


def test_gradients_are_of_the_rounded_weights_and_updates_of_the_others() -> None:
    model = Llama(SHAPE)
    model.initialize(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tokens = torch.arange(16)[None] % 64
    with rounded_weights(model, "Q4_0", "Q8_0"):
        inside = {name: value.clone() for name, value in model.state_dict().items()}
        model(tokens, tokens).backward()
    assert torch.equal(
        inside["blk.0.ffn_up.weight"], rounded(before["blk.0.ffn_up.weight"], "Q4_0")
    )
    assert torch.equal(inside["token_embd.weight"], rounded(before["token_embd.weight"], "Q8_0"))
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    alone = Llama(SHAPE)
    alone.load_state_dict(inside)
    alone(tokens, tokens).backward()
    for (name, a), b in zip(model.named_parameters(), alone.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert torch.equal(a.grad, b.grad), name
