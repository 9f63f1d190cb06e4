"""`edgezip explain`: what a model sees in a file, as a page to look at."""

from __future__ import annotations

import html
import lzma
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from edgezip.atomic import AtomicFile
from edgezip.cli.console import Console, label, printable
from edgezip.cli.inputs import STDIN, read_source
from edgezip.cli.page import Shades, heat_page, text_page
from edgezip.cli.progress import progress_bar
from edgezip.cli.report import counted, ratio_text
from edgezip.coding.audio.geometry import AudioGeometry
from edgezip.coding.image.geometry import ImageGeometry
from edgezip.errors import SettingsError
from edgezip.pipeline.coders.table import MEDIA
from edgezip.pipeline.detect.content import Found, Kind
from edgezip.pipeline.detect.given import parse_given
from edgezip.pipeline.detect.media import Judgement, MediaFinder
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions
from edgezip.pipeline.score import score
from edgezip.streams import write_all

MOST_MODELS = 2
DEFAULT_LIMIT = 256 << 10


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What to show.

    models: at most two; none for the default. output: the page, None for FILE.html. limit: bytes of
    text, samples of pictures and sounds, that are shown at most.
    """

    models: tuple[str, ...]
    options: PackOptions
    output: str | None = None
    force: bool = False
    limit: int = DEFAULT_LIMIT


def explain_file(name: str, request: ExplainRequest, console: Console) -> int:
    """Write the page of a file; returns the exit code.

    Raises:
        SettingsError: more than two models, or no name for the page.
    """
    if len(request.models) > MOST_MODELS:
        raise SettingsError(f"a page compares at most {MOST_MODELS} models")
    if request.output is None and name == STDIN:
        raise SettingsError("name the page of standard input: -o page.html")
    output = request.output or f"{name}.html"
    data = read_source(name)
    if output == STDIN:
        page, shown, unit = _page(name, data, request, console)
        write_all(sys.stdout.buffer, page)
    else:
        # Made first: a name that is taken is said before minutes are spent on the page.
        with AtomicFile(output, overwrite=request.force) as file:
            page, shown, unit = _page(name, data, request, console)
            write_all(file.file, page)
            for problem in file.commit():
                console.warn(output, problem)
    if shown[0] < shown[1]:
        console.warn(
            name,
            f"only the first {shown[0]:,} of {shown[1]:,} {unit} are shown;"
            " --limit SIZE shows more",
        )
    console.note(f"{label(name)}: {output}, {len(page):,} bytes")
    console.result({"file": name, "output": output, "page_size": len(page), "shown": shown[0]})
    return 0


def _page(
    name: str, data: bytes, request: ExplainRequest, console: Console
) -> tuple[bytes, tuple[int, int], str]:
    """The page, how much of how much it shows, and of what."""
    found = _samples(data, request.options)
    if found is None or request.models:
        text = data[: request.limit]
        page = _text(name, text, len(data), request, console)
        return page.encode("utf-8", "replace"), (len(text), len(data)), "bytes"
    part = data[found.start : found.end]
    limit = max(request.limit // found.content.unit, 1) * found.content.unit
    shown, sizes = part[:limit], (min(limit, len(part)), len(part))
    geometry = found.content.geometry
    with progress_bar(console, "explain", name, len(shown)) as progress:
        done = _Sum(progress)
        if isinstance(geometry, ImageGeometry):
            page = _picture(name, shown, len(part), geometry, done)
        else:
            assert isinstance(geometry, AudioGeometry)
            page = _sound(name, shown, len(part), geometry, done)
    return page.encode("utf-8", "replace"), sizes, "bytes of samples"


class _Sum:
    """Tells a progress bar totals where it is told parts."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self._done = 0

    def __call__(self, more: int) -> None:
        self._done += more
        self._progress(self._done)


def _samples(data: bytes, options: PackOptions) -> Found | None:
    """The picture or sound that most of the file is, None if there is none."""
    given = parse_given(options.content) if options.content is not None else None
    finder = MediaFinder([kind for kind in MEDIA if kind is not Kind.JPEG], given)
    found = finder.find(data, lambda samples, content: Judgement(True, 0))
    largest = max(found, key=lambda item: item.length, default=None)
    return largest if largest is not None and 2 * largest.length >= len(data) else None


def _text(name: str, text: bytes, size: int, request: ExplainRequest, console: Console) -> str:
    shades: list[Shades] = []
    facts = [_cap(len(text), size, "bytes"), _table_head()]
    for spec in request.models or (None,):
        options = replace(request.options, model=spec)
        with progress_bar(console, "explain", name, len(text)) as progress:
            shades.append(_shades(text, options, progress))
        facts.append(_model_row(shades[-1], len(text)))
    xz = len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))
    facts.append(f"<tr><td>xz -9e</td><td></td><td></td>{_rate_cell(8 * xz, len(text))}</tr>")
    return text_page(_title(name), "".join(facts) + "</table>", text, shades)


def _shades(text: bytes, options: PackOptions, progress: Callable[[int], None]) -> Shades:
    model = open_for_packing(options)
    if model is None:
        from edgezip.pipeline.heat import byte_bits

        bits = byte_bits(text, _Sum(progress)).astype(np.float64)
        return Shades("context mixing", np.ones(len(text), np.int64), bits)
    found = score(text, model, model.settings(options), progress, tokens=True)
    if found.details is None:
        return Shades(model.file.name, np.zeros(0, np.int64), np.zeros(0))
    details = found.details
    return Shades(model.file.name, details.sizes, details.bits, details.mixed_bits, details)


def _title(name: str) -> str:
    return printable(label(os.path.basename(name)))


def _cap(shown: int, size: int, unit: str) -> str:
    if shown >= size:
        return f"<p>{size:,} {unit}</p>"
    return (
        f'<p class="note">Only the first {shown:,} of {size:,} {unit} are on this page;'
        " <code>--limit</code> shows more.</p>"
    )


def _table_head() -> str:
    return (
        "<table><tr><th></th><th class=n>tokens</th><th class=n>alone, bits per byte</th>"
        "<th class=n>after mixing</th></tr>"
    )


def _rate_cell(bits: float | None, size: int) -> str:
    return f"<td class=n>{bits / size:.3f}</td>" if size and bits is not None else "<td></td>"


def _model_row(one: Shades, size: int) -> str:
    alone = float(one.bits.sum())
    mixed = None if one.mixed is None else float(one.mixed.sum())
    if one.details is None:
        alone, mixed = 0.0, alone
    cells = (_rate_cell(alone, size) if alone else "<td></td>") + _rate_cell(mixed, size)
    return f"<tr><td>{html.escape(one.name)}</td><td class=n>{len(one.sizes):,}</td>{cells}</tr>"


def _picture(name: str, samples: bytes, size: int, geometry: ImageGeometry, done: _Sum) -> str:
    from edgezip.cli.heatmap import picture_body
    from edgezip.pipeline.heat import image_bits

    bits = image_bits(samples, geometry, done)
    total = float(bits.sum())
    ratio = html.escape(ratio_text(len(samples), round(total / 8)))
    facts = _cap(len(samples), size, "bytes of samples") + (
        f"<p>{bits.shape[1]} x {bits.shape[0]} pixels, {total / max(bits.size, 1):.3f} bits per"
        f" pixel by the picture coder: {ratio}</p>"
    )
    return heat_page(_title(name), facts, picture_body(bits, samples, geometry))


def _sound(name: str, samples: bytes, size: int, geometry: AudioGeometry, done: _Sum) -> str:
    from edgezip.cli.heatmap import sound_body
    from edgezip.pipeline.heat import sound_bits

    bits = sound_bits(samples, geometry, done).astype(np.float64) / geometry.channels
    total = float(bits.sum()) * geometry.channels
    facts = _cap(len(samples), size, "bytes of samples") + (
        f"<p>{counted(len(bits), 'moment')} of {counted(geometry.channels, 'channel')},"
        f" {float(bits.mean()) if len(bits) else 0.0:.3f} bits per sample by the sound coder:"
        f" {html.escape(ratio_text(len(samples), round(total / 8)))}</p>"
    )
    return heat_page(_title(name), facts, sound_body(bits, samples, geometry))
