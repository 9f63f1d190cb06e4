"""What a caller can ask for, and what is told back.

Options that change the stream are stored in it; the others (threads, limits) are not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from edgezip.errors import SettingsError
from edgezip.streams import as_bytes

EngineKind = Literal["strict", "native"]
Coder = Literal["auto", "plain", "mix"]
Progress = Callable[[int], None]
"""Called with the total of raw bytes done so far."""

DEFAULT_FRAME_SIZE = 8 << 20
MAX_FRAME_SIZE = 64 << 20
MAX_STREAMS = 64
MEDIA_LEVEL = 1
MAX_PRIME = 64 << 20
"""Bytes of reference data: both sides run all of it through their models for every channel."""


@dataclass(frozen=True, slots=True)
class PackOptions:
    """How to compress.

    Attributes:
        model: path, registered name or SHA-256 prefix of a GGUF; None means the default model and
            "none" means no language model.
        engine: "strict" (portable, bit-exact) or "native" (the installed llama.cpp).
        threads: CPU threads of the engine; None means the physical cores.
        gpu_layers: layers to offload, native engine only.
        coder: "plain" top-k coding, "mix" adaptive mixing, "auto" picks what is smaller.
        top_k: 0 for the whole vocabulary, or the number of tokens in front of the escape.
        streams: lockstep streams, None to choose from the size.
        most_streams: streams that are chosen at most.
        window: cells of the context window in tokens; None for the model's recommendation.
        keep: tokens evaluated again when a context is renewed; None for a quarter of the window.
        evict: tokens that leave a full context at a time; None for an eighth of the window.
        span: positions after which a context is renewed, at most those that the model was trained
            for; None for 8192. Equal to the window: nothing leaves a context before.
        frame_size: raw bytes in an independent frame.
        prime: reference data that both sides learn first; None for none.
        content: what the bytes are where no header says so: "image:WIDTH,HEIGHT,CHANNELS,BITS" or
            "audio:RATE,CHANNELS,BITS" (`detect.given`); None to look.
        media_level: of the coders of pictures and sound: 0 fast, 1 default, 2 strong.
        all_contexts: whether context mixing without a language model uses all of its contexts; None
            where a language model is there, which sets the pace.
    """

    model: str | Path | None = None
    engine: EngineKind = "strict"
    threads: int | None = None
    gpu_layers: int = 0
    coder: Coder = "auto"
    top_k: int = 0
    streams: int | None = None
    window: int | None = None
    keep: int | None = None
    evict: int | None = None
    span: int | None = None
    frame_size: int = DEFAULT_FRAME_SIZE
    prime: bytes | None = field(default=None, repr=False)
    content: str | None = None
    media_level: int = MEDIA_LEVEL
    most_streams: int = MAX_STREAMS
    all_contexts: bool | None = None

    def __post_init__(self) -> None:
        """Raise `SettingsError` for values outside their range."""
        _check_prime(self)
        _check_range("frame_size", self.frame_size, 1 << 10, MAX_FRAME_SIZE)
        _check_range("top_k", self.top_k, 0, 1 << 18)
        _check_range("media_level", self.media_level, 0, 2)
        if self.streams is not None:
            _check_range("streams", self.streams, 1, MAX_STREAMS)
        _check_range("most_streams", self.most_streams, 1, MAX_STREAMS)
        if self.window is not None:
            _check_range("window", self.window, 16, 1 << 17)
        if self.keep is not None:
            _check_range("keep", self.keep, 0, 1 << 17)
        if self.evict is not None:
            _check_range("evict", self.evict, 1, 1 << 17)
        if self.span is not None:
            _check_range("span", self.span, 16, 1 << 17)
        if self.window is not None:
            self._check_window(self.window)
        if self.gpu_layers and self.engine != "native":
            raise SettingsError(
                "gpu_layers needs the native engine: the strict engine runs on the CPU"
            )

    def _check_window(self, window: int) -> None:
        for name, tokens in (("keep", self.keep), ("evict", self.evict)):
            if tokens is not None and tokens > window - 2:
                raise SettingsError(f"{name} ({tokens}) must leave room in the window ({window})")
        if self.span is not None and self.span < window:
            raise SettingsError(f"span ({self.span}) must be the window ({window}) at least")


@dataclass(frozen=True, slots=True)
class UnpackOptions:
    """How to decompress.

    Attributes:
        model: a GGUF to look at before the usual places; it must have the hash the file names.
        threads: CPU threads of the engine; None means the physical cores.
        gpu_layers: layers to offload when the file was written by the native engine.
        max_output: refuse (LimitError) to produce more than this many bytes.
        prime: the reference data the file was packed with, if any.
        recover: skip damaged frames instead of stopping at the first.
    """

    model: str | Path | None = None
    threads: int | None = None
    gpu_layers: int = 0
    max_output: int | None = None
    prime: bytes | None = field(default=None, repr=False)
    recover: bool = False

    def __post_init__(self) -> None:
        """Raise `SettingsError` for values outside their range."""
        _check_prime(self)


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """Bytes that went through one coder: its name, raw and coded sizes."""

    coder: str
    raw_size: int
    coded_size: int


@dataclass(frozen=True, slots=True)
class PackReport:
    """What `pack_stream` did.

    `model` and `engine` are None where no language model was used. `hints` says, in a line each,
    what would have made the file smaller.
    """

    raw_size: int
    packed_size: int
    frames: int
    model: str | None
    model_sha256: str | None
    model_size: int
    engine: str | None
    channels: tuple[ChannelReport, ...]
    seconds: float
    tokens: int = 0
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnpackReport:
    """What `unpack_stream` did.

    `lost` lists the raw byte ranges that could not be recovered, with None as the end where the
    size of the content is not known.
    """

    raw_size: int
    packed_size: int
    members: int
    frames: int
    seconds: float
    lost: tuple[tuple[int, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """One frame of a file, as `info` lists it."""

    offset: int
    packed_size: int
    raw_size: int
    channels: tuple[ChannelReport, ...]


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """One member of a file, read without a model.

    `auxiliary` is the kind of a member whose content is not part of the content of the file,
    None for any other member. `model_name` is what the packer called the model, a hint; None where
    the file does not say.
    """

    offset: int
    packed_size: int
    raw_size: int
    version: int
    engine: str | None
    model_id: str | None
    settings: dict[str, int]
    frames: tuple[FrameInfo, ...]
    auxiliary: int | None = None
    model_name: str | None = None


def _check_prime(options: PackOptions | UnpackOptions) -> None:
    """Make bytes of any buffer. SettingsError if there are too many."""
    if options.prime is None:
        return
    prime = as_bytes(options.prime)
    object.__setattr__(options, "prime", prime)
    if len(prime) > MAX_PRIME:
        raise SettingsError(
            f"prime has {len(prime)} bytes, and at most {MAX_PRIME} can be used; give a part of it"
        )


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name} must be from {low} to {high}, not {value}")
