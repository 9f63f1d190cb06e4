"""The settings of a codec as they stand in the metadata of an array, and as `PackOptions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from edgezip.errors import SettingsError
from edgezip.pipeline.options import PackOptions


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """What a codec is told; the defaults are not written into metadata.

    Attributes:
        model: name, path or SHA-256 prefix of a language model; "none" for none, which is right for
            numbers. Chunks of text want one.
        coder, top_k, streams, window, keep, evict, span, frame_size, content: as `PackOptions`;
            None for its defaults.
    """

    model: str = "none"
    coder: str | None = None
    top_k: int | None = None
    streams: int | None = None
    window: int | None = None
    keep: int | None = None
    evict: int | None = None
    span: int | None = None
    frame_size: int | None = None
    content: str | None = None

    def __post_init__(self) -> None:
        """Raise `SettingsError` for values that make no sense."""
        self.options()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> CodecSettings:
        """Settings from metadata. SettingsError for one that is not known."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(config) - known)
        if unknown:
            raise SettingsError(f"the edgezip codec has no setting {', '.join(unknown)}")
        return cls(**config)

    def config(self) -> dict[str, Any]:
        """The model, and settings that are not the defaults."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {key: value for key, value in values.items() if value is not None}

    def options(self) -> PackOptions:
        """The same for `compress`."""
        return PackOptions(**self.config())
