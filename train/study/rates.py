"""The arithmetic of the study: compute, margins, adjusted rates and break-even points.

Rates are compressed bytes per raw byte (the paper's "compression rate"), sizes are bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the commands that read CSV files only work without PyTorch
    from train.model import Shape

_NORMAL_95 = 1.959964


def flop_per_token(shape: Shape, length: int) -> float:
    """Operations of training on one token in rows of `length`, the output layer included.

    Six for each weight in a product (one multiply-add forward, two backward); attention over half
    the row on average. Norms, softmax and the look-up of the embedding are left out.
    """
    norms = shape.dim * (2 * shape.layers + 1)
    return 6.0 * (shape.parameters - norms) + 6.0 * shape.layers * shape.dim * length


def ratio_margin(bits: NDArray[np.float64], sizes: NDArray[np.float64]) -> float:
    """Half of the 95 % confidence interval of bits per byte, float64 (n,) over n units of text.

    The units are taken for independent; nan for fewer than two.
    """
    count = len(bits)
    if count < 2:
        return math.nan
    residuals = bits - bits.sum() / sizes.sum() * sizes
    variance = count / (count - 1) * float(residuals @ residuals)
    return _NORMAL_95 * math.sqrt(variance) / float(sizes.sum())


def adjusted(rate: float, model: float, data: float) -> float:
    """The paper's adjusted rate: compressed size and the model's own, per raw byte."""
    return rate + model / data


def break_even(rate: float, model: float, other_rate: float, other_model: float = 0) -> float:
    """Raw bytes from which (rate, model) is smaller than the other; inf where it never is."""
    saved = other_rate - rate
    return max((model - other_model) / saved, 0.0) if saved > 0 else math.inf


def best_by_size(
    rates: Sequence[float], models: Sequence[float], data: Sequence[float]
) -> list[int]:
    """For each amount of data the index of the smallest adjusted rate."""
    return [
        min(range(len(rates)), key=lambda i: adjusted(rates[i], models[i], amount))
        for amount in data
    ]


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of log y over log x, nan for fewer than two points."""
    if len(x) < 2:
        return math.nan
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def rises(values: Sequence[float]) -> list[int]:
    """Indices of the values that are larger than the one before: none in a falling curve."""
    return [i for i in range(1, len(values)) if values[i] > values[i - 1]]


def position_edges(window: int) -> NDArray[np.int64]:
    """First positions of the bins, two to a doubling, and `window` behind the last; int64 (n,)."""
    doublings = np.arange(0, math.log2(window), 0.5)
    return np.unique([0, *np.round(2**doublings).astype(np.int64), window])
