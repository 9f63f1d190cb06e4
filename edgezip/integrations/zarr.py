"""A codec for arrays of zarr format 3. Found by its entry point under the name "edgezip"."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from zarr.abc.codec import BytesBytesCodec

import edgezip
from edgezip.errors import SettingsError
from edgezip.integrations.settings import CodecSettings

if TYPE_CHECKING:
    _Codec = Any
else:
    _Codec = BytesBytesCodec

NAME = "edgezip"


class EdgezipCodec(_Codec):  # type: ignore[misc, unused-ignore]
    """Chunks as edgezip members, for `zarr.create_array(..., compressors=EdgezipCodec())`.

    Args:
        settings: as `CodecSettings`: model, coder, streams, ...

    Raises:
        SettingsError: (a `ValueError`) one that is not known, or a value that makes no sense.
    """

    is_fixed_size = False

    def __init__(self, **settings: Any) -> None:
        object.__setattr__(self, "settings", CodecSettings.from_config(settings))

    settings: CodecSettings

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> EdgezipCodec:
        """The codec that metadata names."""
        if data.get("name") != NAME:
            raise SettingsError(f"this is the codec {NAME}, not {data.get('name')!r}")
        return cls(**(data.get("configuration") or {}))

    def to_dict(self) -> dict[str, Any]:
        """The codec as it stands in metadata."""
        return {"name": NAME, "configuration": self.settings.config()}

    async def _encode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        """The buffer of a chunk, packed in a thread."""
        raw = chunk_bytes.to_bytes()
        packed = await asyncio.to_thread(edgezip.compress, raw, options=self.settings.options())
        return chunk_spec.prototype.buffer.from_bytes(packed)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        """The buffer of a packed chunk as it was."""
        raw = await asyncio.to_thread(edgezip.decompress, chunk_bytes.to_bytes())
        return chunk_spec.prototype.buffer.from_bytes(raw)

    def compute_encoded_size(self, _input_byte_length: int, _chunk_spec: Any) -> int:
        """Nobody knows before packing."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EdgezipCodec) and self.settings == other.settings

    def __hash__(self) -> int:
        return hash(self.settings)

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.settings.config().items())
        return f"EdgezipCodec({inner})"
