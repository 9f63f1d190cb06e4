"""What coding a frame depends on besides its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from edgezip.container import Frame, Header, Settings
from edgezip.errors import ModelError
from edgezip.pipeline.model import LanguageModel


@dataclass(frozen=True, slots=True)
class Context:
    """Model, settings and primer of a member.

    model: None where no language model is used. prime: text that both sides learn first. depth: of
    nested frames around what is coded. all_contexts: as in `PackOptions`. with_sizes: streams of a
    text are told with their sizes, in frames of archives and nowhere else, so that what is left of
    one that was cut off can be given its place. decode_inner: what decodes a frame inside of
    another, for the coder of those; `channels.decode_channel` sets it.
    """

    model: LanguageModel | None = None
    settings: Settings = field(default_factory=Settings)
    prime: bytes = field(default=b"", repr=False)
    depth: int = 0
    all_contexts: bool | None = None
    with_sizes: bool = False
    decode_inner: Callable[[Frame, Context, Callable[[int], None]], bytes] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def thorough(self) -> bool:
        """Whether context mixing uses all contexts, when packing."""
        return self.model is not None if self.all_contexts is None else self.all_contexts

    @property
    def primer_id(self) -> bytes | None:
        """SHA-256 of the primer for the header, None without one."""
        return hashlib.sha256(self.prime).digest() if self.prime else None


def check_primer(header: Header, prime: bytes | None) -> bytes:
    """The primer to use for a file: none where the file names none.

    Raises:
        ModelError: the file needs a primer, and `prime` is another one or None.
    """
    if header.primer is None:
        return b""
    wanted = header.primer.hex()
    if not prime:
        raise ModelError(
            f"packed with a primer whose SHA-256 starts with {wanted}: name it with --prime"
        )
    found = hashlib.sha256(prime).digest()
    if not found.startswith(header.primer):
        raise ModelError(
            f"the primer is not the one the file was packed with: its SHA-256 starts with"
            f" {found[: len(header.primer)].hex()}, the file names {wanted}"
        )
    return prime
