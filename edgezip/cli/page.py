"""The page of `edgezip explain`: one HTML file with all data inside, and nothing from elsewhere."""

from __future__ import annotations

import base64
import codecs
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgezip.pipeline.collect import TokenScores

OTHERS = 3
"""Alternatives of each token that the page has."""
COSTLIEST = 25
_SCALE = 500
"""Bits are stored in parts of so many."""
_ROW = 400, 4096
"""Bytes from which a line end, and from which any token, ends a row of the page."""
_LINE_SHOWN = 160
_HIDDEN = {
    **{code: 0x2400 + code for code in range(32) if code not in (9, 10)},
    127: 0x2421,
    13: None,  # of CR LF: a box at the end of every line says nothing
    # What turns the direction of the text around it would scramble the page.
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F], 0xFFFD),
}


@dataclass(frozen=True, slots=True)
class Shades:
    """A text as one model sees it, token by token.

    sizes: int64 (n,), bytes. bits: float64 (n,). mixed: likewise, None where there is no mixing.
    details: rank and alternatives, None where there are none.
    """

    name: str
    sizes: NDArray[np.int64]
    bits: NDArray[np.float64]
    mixed: NDArray[np.float64] | None = None
    details: TokenScores | None = None


def text_page(title: str, facts: str, data: bytes, shades: Sequence[Shades]) -> str:
    """The page of a text.

    Args:
        title: plain text.
        facts: HTML to stand above.
        data: what is shown; the sizes of each of `shades` add up to its length.
        shades: one or two models.
    """
    text, rows, models = "", _rows(data, shades), []
    for one in shades:
        text, lengths = _characters(data, one.sizes)
        models.append(_model(one, lengths))
    return _page(
        title,
        facts,
        "",
        {
            "text": text,
            "shown": len(data),
            "scale": _SCALE,
            "unit": "bits per byte",
            "rows": rows,
            "models": models,
            "lines": _lines(data, shades, rows),
        },
    )


def heat_page(title: str, facts: str, body: str) -> str:
    """The page of a picture or a sound, whose heat map is the HTML `body`."""
    return _page(title, facts, body, {})


def _page(title: str, facts: str, body: str, data: dict[str, Any]) -> str:
    template = (resources.files("edgezip.cli") / "page.html").read_text("utf-8")
    # Nothing in the data can end the script element.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    parts = {"TITLE": html.escape(title), "FACTS": facts, "BODY": body, "DATA": text}
    out = []
    # Each place once: what is put in may look like a place itself.
    for number, piece in enumerate(template.split("@")):
        known = number % 2 == 1 and piece in parts
        out.append(parts[piece] if known else piece)
    return "".join(out)


def data_uri(png: bytes) -> str:
    """A picture inside of the page."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _column(values: NDArray[Any]) -> dict[str, Any]:
    """Numbers of at least 0 in base64, as few bytes each as hold them all."""
    most = int(values.max(initial=0))
    width = 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4
    return {"w": width, "d": base64.b64encode(values.astype(f"<u{width}").tobytes()).decode()}


def _fixed(bits: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum(np.rint(bits * _SCALE), (1 << 16) - 1).astype(np.int64)


def _characters(data: bytes, sizes: NDArray[np.int64]) -> tuple[str, NDArray[np.int64]]:
    """The text in printable characters, and how many UTF-16 units of it each token has, int64 (n,).

    A character belongs to the token with its last byte; what is no UTF-8 is a U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    ends = np.cumsum(sizes)
    parts: list[str] = []
    lengths = np.zeros(len(sizes), np.int64)
    start = 0
    for i, end in enumerate(ends.tolist()):
        part = decoder.decode(data[start:end], i + 1 == len(ends)).translate(_HIDDEN)
        lengths[i] = len(part) + sum(char > "\uffff" for char in part)
        parts.append(part)
        start = end
    return "".join(parts), lengths


def _model(one: Shades, lengths: NDArray[np.int64]) -> dict[str, Any]:
    columns = {
        "lengths": _column(lengths),
        "sizes": _column(one.sizes),
        "bits": _column(_fixed(one.bits)),
    }
    result: dict[str, Any] = {"name": one.name, "columns": columns}
    if one.mixed is not None:
        columns["mixed"] = _column(_fixed(one.mixed))
    if one.details is not None:
        ids, bits = _others(one.details)
        used, places = np.unique(ids, return_inverse=True)
        columns["ranks"] = _column(np.minimum(one.details.ranks, (1 << 16) - 1))
        columns["othersIds"] = _column(places.reshape(-1))
        columns["othersBits"] = _column(bits.reshape(-1))
        result["others"] = ids.shape[1]
        result["pieces"] = [
            (one.details.pieces[i] or b"").decode("utf-8", "replace") for i in used.tolist()
        ]
    return result


def _others(details: TokenScores) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Ids (n, k) and tenths of bits (n, k) of the likeliest tokens but the one that came."""
    differs = details.alternatives != details.ids[:, None]
    count = min(OTHERS, details.alternatives.shape[1] - 1)
    order = np.argsort(~differs, axis=1, kind="stable")[:, :count]
    ids = np.take_along_axis(details.alternatives, order, axis=1)
    bits = np.take_along_axis(details.alternative_bits, order, axis=1)
    return ids, np.minimum(np.rint(10 * bits), 255).astype(np.int64)


def _rows(data: bytes, shades: Sequence[Shades]) -> list[list[int]]:
    """The first token of each model in every row of the page, and the ends behind the last."""
    ends = [np.cumsum(one.sizes) for one in shades]
    common = ends[0]
    for other in ends[1:]:
        common = np.intersect1d(common, other)
    rows = [[0] * len(shades)]
    start = 0
    for end in np.unique(common).tolist():
        size = end - start
        if size >= _ROW[1] or (size >= _ROW[0] and data[end - 1] == 10):
            rows.append([int(np.searchsorted(one, end, "right")) for one in ends])
            start = end
    last = [len(one.sizes) for one in shades]
    if rows[-1] != last:
        rows.append(last)
    return rows


def _lines(
    data: bytes, shades: Sequence[Shades], rows: Sequence[Sequence[int]]
) -> list[dict[str, Any]]:
    """The lines that take the most bits with the first model, where it is mixed mixed."""
    bounds = np.flatnonzero(np.frombuffer(data, np.uint8) == 10) + 1
    bounds = np.unique(np.concatenate([[0], bounds, [len(data)]]))
    sums = []
    for one in shades:
        starts = np.cumsum(one.sizes) - one.sizes
        line = np.searchsorted(bounds, starts, "right") - 1
        bits = one.bits if one.mixed is None else one.mixed
        sums.append(np.bincount(line, weights=bits, minlength=len(bounds)))
    row_starts = (np.cumsum(shades[0].sizes) - shades[0].sizes)[[row[0] for row in rows[:-1]]]
    result = []
    for i in np.argsort(-sums[0], kind="stable")[:COSTLIEST].tolist():
        if i + 1 >= len(bounds):
            continue
        first, last = int(bounds[i]), int(bounds[i + 1])
        text = data[first : min(last, first + 4 * _LINE_SHOWN)].decode("utf-8", "replace")
        shown = text.rstrip("\r\n").translate(_HIDDEN)
        result.append(
            {
                "number": i + 1,
                "bits": [round(float(total[i]), 1) for total in sums],
                "size": last - first,
                "text": shown[:_LINE_SHOWN] + ("…" if len(shown) > _LINE_SHOWN else ""),
                "row": int(np.searchsorted(row_starts, first, "right")) - 1,
            }
        )
    return result
