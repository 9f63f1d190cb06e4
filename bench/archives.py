"""Archives for `bench.faults`: made, damaged and unpacked.

A damage is a number: n >= 0 flips bit n % 8 of byte n // 8, and -n - 1 keeps the first n bytes.
"""

from __future__ import annotations

import io
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.common import ROOT, edgezip_cli
from edgezip import api
from edgezip.container import Frame
from edgezip.errors import EdgezipError
from edgezip.pipeline import frames, reader
from edgezip.pipeline.context import Context
from edgezip.pipeline.options import MAX_FRAME_SIZE, Coder, PackOptions, UnpackOptions

KINDS: dict[str, tuple[int, Coder]] = {
    "small frames": (1024, "mix"),
    "single frame": (MAX_FRAME_SIZE, "plain"),
}
"""Frame size and coder by the name of the kind: both coders of the language model are damaged."""
TEXT = ROOT / "tests" / "data" / "roughing_it.txt"
PACKED_SIZE = 4096


@dataclass(frozen=True)
class Archive:
    """A text, packed; `model` as in PackOptions."""

    kind: str
    model: str | None
    raw: bytes
    packed: bytes

    @property
    def model_name(self) -> str:
        """The model in a word."""
        return "bundled" if self.model is None else Path(self.model).stem

    @property
    def title(self) -> str:
        """Model and kind."""
        return f"{self.model_name}, {self.kind}"

    @property
    def coders(self) -> str:
        """Names of the coders in it."""
        members = api.inspect_stream(io.BytesIO(self.packed))
        frames = [frame for member in members for frame in member.frames]
        return "+".join(sorted({c.coder for frame in frames for c in frame.channels}))

    def damaged(self, damage: int) -> bytes:
        """The archive with one damage."""
        if damage < 0:
            return self.packed[: -damage - 1]
        data = bytearray(self.packed)
        data[damage // 8] ^= 1 << (damage % 8)
        return bytes(data)


@dataclass(frozen=True)
class Outcome:
    """What came of a damage: refused, harmless (the right bytes), loss or crash."""

    damage: int
    verdict: str
    said: str


def make(kind: str, model: str | None) -> Archive:
    """An archive of about `PACKED_SIZE` bytes of real text."""
    text = TEXT.read_bytes()
    frame_size, coder = KINDS[kind]
    options = PackOptions(model=model, threads=1, frame_size=frame_size, coder=coder)
    size = 2 * PACKED_SIZE
    packed = api.compress(text[:size], options=options)
    for _ in range(3):
        size = min(len(text), size * PACKED_SIZE // len(packed))
        packed = api.compress(text[:size], options=options)
    return Archive(kind, model, text[:size], packed)


_archive: Archive | None = None


def start_worker(archive: Archive) -> None:
    """Set up a process for `try_damages`."""
    global _archive
    _archive = archive
    setattr(reader, "decode_frame", _remembering(frames.decode_frame))  # noqa: B010
    if _unpack(archive.packed) != archive.raw:
        raise SystemExit("the undamaged archive does not unpack")


def _remembering(decode: Callable[..., bytes]) -> Callable[..., bytes]:
    """`decode_frame` that keeps the content of the frames it has decoded."""
    known: dict[bytes, bytes] = {}

    def decode_frame(frame: Frame, context: Context, progress: Callable[[int], None]) -> bytes:
        key = pickle.dumps((frame, context.settings, context.model is None))
        if key not in known:
            known[key] = decode(frame, context, progress)
        return known[key]

    return decode_frame


def try_damages(damages: list[int]) -> list[Outcome]:
    """What unpacking makes of each damage."""
    assert _archive is not None
    return [_outcome(_archive, damage) for damage in damages]


def _outcome(archive: Archive, damage: int) -> Outcome:
    try:
        raw = _unpack(archive.damaged(damage))
    except EdgezipError as error:
        return Outcome(damage, "refused", type(error).__name__)
    except Exception as error:
        return Outcome(damage, "crash", f"{type(error).__name__}({error})")
    if raw == archive.raw:
        return Outcome(damage, "harmless", "right bytes")
    return Outcome(damage, "loss", f"{len(raw)} wrong bytes")


def _unpack(packed: bytes) -> bytes:
    """As a user's program does; the archive names its model, a path leads to it."""
    assert _archive is not None
    model = None if _archive.model == "none" else _archive.model
    target = io.BytesIO()
    api.unpack_stream(io.BytesIO(packed), target, UnpackOptions(model=model, threads=1))
    return target.getvalue()


def cli_outcome(archive: Archive, damage: int) -> Outcome:
    """What the command line makes of it: its exit code, and that it leaves nothing behind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "damaged.ez"
        file.write_bytes(archive.damaged(damage))
        model = [] if archive.model in (None, "none") else ["-m", str(archive.model)]
        done = edgezip_cli("unpack", "-T", "1", *model, file)
        left = [path for path in folder.iterdir() if path != file]
        same = len(left) == 1 and left[0].read_bytes() == archive.raw
    said = f"exit {done.returncode}"
    if "Traceback" in done.stderr or "internal error" in done.stderr:
        return Outcome(damage, "crash", f"{said} {done.stderr[-200:]}")
    if done.returncode == 0:
        return Outcome(damage, "harmless" if same else "loss", said)
    if done.returncode not in (3, 4, 5, 6) or left:
        return Outcome(damage, "crash", f"{said}, left {[path.name for path in left]}")
    return Outcome(damage, "refused", said)
