"""Archives for `bench.faults`: made, damaged and unpacked.

A damage is a kind and a number: ("bit", n) flips bit n % 8 of byte n // 8, ("cut", n) keeps the
first n bytes, ("byte", n) changes byte n // 255 to another value, ("block", n) makes block n of 512
bytes zero.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.common import ROOT, edgezip_cli, loaded_version
from edgezip import api, cli
from edgezip.container import Frame
from edgezip.errors import EdgezipError
from edgezip.pipeline import channels, reader, recover
from edgezip.pipeline.context import Context
from edgezip.pipeline.options import MAX_FRAME_SIZE, Coder, PackOptions, UnpackOptions

KINDS: dict[str, tuple[int, Coder]] = {
    "small frames": (1024, "mix"),
    "single frame": (MAX_FRAME_SIZE, "plain"),
}
"""Frame size and coder by the name of the kind: both coders of the language model are damaged."""
TEXT = ROOT / "tests" / "data" / "roughing_it.txt"
PACKED_SIZE = 4096
BLOCK = 512

Damage = tuple[str, int]


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

    def damaged(self, damage: Damage) -> bytes:
        """The archive with one damage."""
        kind, number = damage
        data = bytearray(self.packed)
        if kind == "cut":
            del data[number:]
        elif kind == "bit":
            data[number // 8] ^= 1 << (number % 8)
        elif kind == "byte":
            data[number // 255] ^= 1 + number % 255
        else:
            part = slice(BLOCK * number, BLOCK * (number + 1))
            data[part] = bytes(len(data[part]))
        return bytes(data)


@dataclass(frozen=True)
class Outcome:
    """What came of a damage: refused, harmless (the right bytes), loss or crash."""

    damage: Damage
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
    remembering = _remembering(channels.decode_frame)
    setattr(reader, "decode_frame", remembering)  # noqa: B010
    setattr(recover, "decode_frame", remembering)  # noqa: B010
    if _unpack(archive.packed) != archive.raw:
        raise SystemExit("the undamaged archive does not unpack")


def _remembering(decode: Callable[..., bytes]) -> Callable[..., bytes]:
    """`decode_frame` that keeps what came of the frames it has decoded."""
    known: dict[bytes, bytes | EdgezipError] = {}

    def decode_frame(frame: Frame, context: Context, progress: Callable[[int], None]) -> bytes:
        key = pickle.dumps((frame, context.settings, context.model is None))
        if key not in known:
            try:
                known[key] = decode(frame, context, progress)
            except EdgezipError as error:
                known[key] = error
        found = known[key]
        if isinstance(found, EdgezipError):
            raise found.with_traceback(None)
        return found

    return decode_frame


def try_damages(damages: list[Damage]) -> list[tuple[Outcome, Outcome]]:
    """What unpacking and `--recover` make of each damage."""
    assert _archive is not None
    return [(_outcome(_archive, damage), _recovery(_archive, damage)) for damage in damages]


def versions() -> tuple[str, str]:
    """Version of the code that a process has loaded which has unpacked, recovered and refused the
    archive, through the library, and through the command line."""
    assert _archive is not None
    damages: list[Damage] = [
        ("bit", 8 * len(_archive.packed) // 2),
        ("cut", len(_archive.packed) // 2),
    ]
    try_damages(damages)
    library = loaded_version(without="edgezip.cli")
    try_commands(damages)
    return library, loaded_version()


def try_commands(damages: list[Damage]) -> list[Outcome]:
    """What `edgezip unpack` makes of each, in this process: exit code 3 and no output."""
    assert _archive is not None
    return [cli_outcome(_archive, damage, command=_command_here) for damage in damages]


def _recovery(archive: Archive, damage: Damage) -> Outcome:
    """Right are true parts of the content, and all of it if nothing is listed as lost."""
    target = io.BytesIO()
    try:
        options = UnpackOptions(model=_model(archive), threads=1, recover=True)
        report = api.unpack_stream(io.BytesIO(archive.damaged(damage)), target, options)
    except EdgezipError as error:
        return Outcome(damage, "refused", type(error).__name__)
    except Exception as error:
        return Outcome(damage, "crash", f"{type(error).__name__}({error})")
    out = target.getvalue()
    if not report.lost:
        right = out == archive.raw
        return Outcome(damage, "harmless" if right else "loss", "all" if right else "not all")
    if _is_part(out, archive):
        return Outcome(damage, "refused", "the rest")
    return Outcome(damage, "loss", f"{len(out)} bytes that are not parts of the content")


def _is_part(out: bytes, archive: Archive) -> bool:
    """Whether `out` is some frames of the content, in their order."""
    size = KINDS[archive.kind][0]
    for start in range(0, len(archive.raw), size):
        out = out.removeprefix(archive.raw[start : start + size])
    return not out


def _outcome(archive: Archive, damage: Damage) -> Outcome:
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
    target = io.BytesIO()
    options = UnpackOptions(model=_model(_archive), threads=1)
    api.unpack_stream(io.BytesIO(packed), target, options)
    return target.getvalue()


def _model(archive: Archive) -> str | None:
    return None if archive.model == "none" else archive.model


Command = Callable[..., "tuple[int, str]"]


def _command(*arguments: str | Path) -> tuple[int, str]:
    done = edgezip_cli(*arguments)
    return done.returncode, done.stderr


def _command_here(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and messages of the command line, run in this process."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = cli.main([str(argument) for argument in arguments])
    return code, said.getvalue()


def cli_outcome(archive: Archive, damage: Damage, command: Command = _command) -> Outcome:
    """What the command line makes of it: its exit code, and that it leaves nothing behind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "damaged.ez"
        file.write_bytes(archive.damaged(damage))
        model = [] if archive.model in (None, "none") else ["-m", str(archive.model)]
        code, messages = command("unpack", "-T", "1", *model, file)
        left = [path for path in folder.iterdir() if path != file]
        same = len(left) == 1 and left[0].read_bytes() == archive.raw
    said = f"exit {code}"
    if "Traceback" in messages or "internal error" in messages:
        return Outcome(damage, "crash", f"{said} {messages[-200:]}")
    if code == 0:
        return Outcome(damage, "harmless" if same else "loss", said)
    if code not in (3, 4, 5, 6) or left or (damage[0] == "cut" and code != 3):
        return Outcome(damage, "crash", f"{said}, left {[path.name for path in left]}")
    return Outcome(damage, "refused", said)
