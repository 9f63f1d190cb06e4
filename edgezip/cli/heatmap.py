"""Pictures and sounds of a page of `edgezip explain`: how many bits the coder takes where."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgezip.cli.page import data_uri
from edgezip.cli.png import encode_png
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.audio.geometry import split as split_sound
from edgezip.coding.image.geometry import ImageGeometry

COLUMNS = 1200
"""Of the picture of a sound."""
_SHOWN = 640
"""Small pictures are enlarged up to about this width."""
_COLOURS = (
    "#ffffff", "#fffff0", "#fff7bc", "#fee391", "#fec44f", "#fe9929", "#ec7014", "#cc4c02",
    "#993404", "#662506",
)  # fmt: skip
"""Those of the page; the darkness alone tells them apart."""
_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_WAVE, _CURVE, _GAP, _LEFT, _FOOT = 200, 160, 24, 46, 22
"""Heights of the sound's outline and of the curve below, and the room between and around."""

Rates = NDArray[np.float32] | NDArray[np.float64]


def step_of(rates: Rates) -> float:
    """A round number of bits for each colour, so that the last is for a hundredth of `rates`."""
    top = max(float(np.quantile(rates, 0.99)) if rates.size else 0.0, 1e-3) / (len(_COLOURS) - 1)
    power: float = 10.0 ** math.floor(math.log10(top))
    return next((step * power for step in _STEPS if step * power >= top), 10 * power)


def levels(rates: Rates, step: float) -> NDArray[np.uint8]:
    """Numbers of colours."""
    found: NDArray[np.uint8] = np.clip(rates / step, 0, len(_COLOURS) - 1).astype(np.uint8)
    return found


def legend(step: float, unit: str) -> str:
    """The colours and from where on each is meant; the same in both themes, as in the pictures."""
    cells = [
        f'<span style="background:{colour};color:{"#000" if number < 7 else "#fff"}">'
        f"{number * step:.3g}{' +' if number + 1 == len(_COLOURS) else ''}</span>"
        for number, colour in enumerate(_COLOURS)
    ]
    return f'<p class="legend"><span>{unit}, from</span>{"".join(cells)}</p>'


def picture_body(bits: Rates, samples: bytes, geometry: ImageGeometry) -> str:
    """The heat map of a picture, bits (rows, width), beside the picture itself."""
    step = step_of(bits)
    palette = np.array([list(bytes.fromhex(colour[1:])) for colour in _COLOURS], np.uint8)
    parts = [("Bits of each pixel", encode_png(levels(bits, step)[:, :, None], palette))]
    original = _as_seen(samples, geometry)
    if original is not None:
        parts.append(("The picture", original))
    width = bits.shape[1] * max(_SHOWN // max(bits.shape[1], 1), 1)
    figures = "".join(
        f'<figure><h2>{title}</h2><img alt="{title}" width="{width}" src="{data_uri(png)}">'
        "</figure>"
        for title, png in parts
    )
    return f'{legend(step, "bits per pixel")}<div class="pair">{figures}</div>'


def _as_seen(samples: bytes, geometry: ImageGeometry) -> bytes | None:
    """The picture as a PNG; None for kinds that nobody could see rightly."""
    if geometry.bits == 1 or geometry.palette:
        return None
    rows = len(samples) // geometry.stride
    table = np.frombuffer(samples, np.uint8, rows * geometry.stride).reshape(rows, -1)
    inside = table[:, : geometry.stride - geometry.padding]
    if geometry.bits == 16:
        inside = inside[:, 0 if geometry.big_endian else 1 :: 2]
    return encode_png(np.ascontiguousarray(inside).reshape(rows, geometry.width, geometry.channels))


def sound_body(bits: Rates, samples: bytes, geometry: AudioGeometry) -> str:
    """The outline of a sound, bits (moments,) as its colours and as a curve below."""
    cells = split_sound(samples, geometry)[0]
    edges = np.unique(np.linspace(0, len(bits), min(COLUMNS, len(bits)) + 1).astype(np.int64))
    if len(edges) < 2:
        return "<p>no samples</p>"
    starts, columns = edges[:-1], len(edges) - 1
    high = np.maximum.reduceat(cells.max(axis=1), starts)
    low = np.minimum.reduceat(cells.min(axis=1), starts)
    means = np.add.reduceat(bits, starts) / np.diff(edges)
    peak = max(int(high.max()), -int(low.min()), 1)
    step = step_of(means)
    scale = (_WAVE / 2 - 4) / peak
    top, bottom = _WAVE / 2 - scale * high, _WAVE / 2 - scale * low
    bars = "".join(
        f'<rect x="{_LEFT + x}" y="{y:.1f}" width="1.05" height="{max(end - y, 1):.1f}"'
        f' fill="{_COLOURS[level]}"/>'
        for x, (y, end, level) in enumerate(
            zip(top.tolist(), bottom.tolist(), levels(means, step).tolist(), strict=True)
        )
    )
    full = 100 * peak / (1 << (geometry.bits - 1))
    return (
        f"{legend(step, 'bits per sample')}<h2>The sound, coloured by its bits</h2>"
        f"<p>The highest sample is at {full:.3g} % of what {geometry.bits} bits hold.</p>"
        f'<svg viewBox="0 0 {_LEFT + columns + 4} {_WAVE + _GAP + _CURVE + _FOOT}"'
        ' style="max-width:none" role="img" aria-label="the sound, coloured, and its bits">'
        f'<rect x="{_LEFT}" y="0" width="{columns}" height="{_WAVE}" fill="#777"/>{bars}'
        f"{_curve(means, step, len(bits))}</svg>"
    )


def _curve(means: Rates, step: float, moments: int) -> str:
    """Bits of each column, with a grid and the numbers of the moments."""
    most = step * math.ceil(float(means.max()) / step) or step
    base, right = _WAVE + _GAP + _CURVE, _LEFT + len(means)
    points = "L".join(
        f"{_LEFT + x} {base - _CURVE * value / most:.1f}" for x, value in enumerate(means.tolist())
    )
    parts = []
    for quarter in range(5):
        y = base - _CURVE * quarter / 4
        parts.append(
            f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
            f"{most * quarter / 4:.3g}</text>"
        )
        place = ("start", "middle", "middle", "middle", "end")[quarter]
        parts.append(
            f'<text x="{_LEFT + len(means) * quarter / 4:.1f}" y="{base + 16}"'
            f' text-anchor="{place}">{moments * quarter // 4:,}</text>'
        )
    return "".join(parts) + f'<path fill="none" stroke="var(--a)" stroke-width="1" d="M{points}"/>'
