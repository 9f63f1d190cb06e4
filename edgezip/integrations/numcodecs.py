"""A codec for numcodecs, and so for arrays of zarr format 2. Found by its entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numcodecs.abc
import numcodecs.compat

import edgezip
from edgezip.integrations.settings import CodecSettings

if TYPE_CHECKING:
    _Codec = Any
else:
    _Codec = numcodecs.abc.Codec


class Edgezip(_Codec):  # type: ignore[misc, unused-ignore]
    """Chunks as edgezip members, for `numcodecs.get_codec({"id": "edgezip"})`.

    Args:
        settings: as `CodecSettings`: model, coder, streams, ...

    Raises:
        SettingsError: (a `ValueError`) one that is not known, or a value that makes no sense.
    """

    codec_id = "edgezip"

    def __init__(self, **settings: Any) -> None:
        self.settings = CodecSettings.from_config(settings)

    def encode(self, buf: Any) -> bytes:
        """`buf`, any buffer, packed."""
        data = numcodecs.compat.ensure_contiguous_ndarray(buf)
        return edgezip.compress(data, options=self.settings.options())

    def decode(self, buf: Any, out: Any = None) -> Any:
        """The bytes that were packed, in `out` if that is given.

        Raises:
            EdgezipError: as `decompress`.
        """
        data = edgezip.decompress(numcodecs.compat.ensure_contiguous_ndarray(buf))
        return numcodecs.compat.ndarray_copy(data, out)

    def get_config(self) -> dict[str, Any]:
        """What `numcodecs.get_codec` makes an equal codec of."""
        return {"id": self.codec_id, **self.settings.config()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Edgezip:
        """The codec of a configuration without its id."""
        return cls(**{key: value for key, value in config.items() if key != "id"})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Edgezip) and self.settings == other.settings

    def __hash__(self) -> int:
        return hash(self.settings)

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value!r}" for key, value in self.settings.config().items())
        return f"Edgezip({inner})"
