"""What models gave when they were registered: files beside them, for the self-test at every start.

NAME.answer beside NAME.gguf holds a line: version of the strict engine, SHA-256 of the model, the
engine's long answer and a digest of these three, all but the first in hexadecimal. A file that is
damaged, of another model or of another version says nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from edgezip.atomic import AtomicFile
from edgezip.errors import InputError
from edgezip.folders import open_regular

SUFFIX = ".answer"
_MOST = 1024
_ANSWER_BYTES = 32


def remember(model: Path, sha256: bytes, version: int, answer: bytes) -> None:
    """Note what the model at `model` has answered; where that cannot be written, nothing is."""
    words = [str(version), sha256.hex(), answer.hex()]
    target = model.with_suffix(SUFFIX)
    with (
        contextlib.suppress(OSError, InputError),
        AtomicFile(target, overwrite=True, durable=False) as output,
    ):
        output.file.write(" ".join([*words, _check(words)]).encode() + b"\n")
        output.commit()


def recall(model: Path, sha256: bytes, version: int) -> bytes | None:
    """What the model at `model` must answer; None if that is not known."""
    try:
        with open_regular(model.with_suffix(SUFFIX)) as file:
            words = file.read(_MOST).decode("ascii").split()
        *said, check = words
        if check == _check(said) and said[:2] == [str(version), sha256.hex()]:
            answer = bytes.fromhex(said[2])
            return answer if len(answer) == _ANSWER_BYTES else None
    except (OSError, ValueError, IndexError):
        pass
    return None


def forget(model: Path) -> None:
    """The model at `model` is gone."""
    with contextlib.suppress(OSError):
        model.with_suffix(SUFFIX).unlink(missing_ok=True)


def _check(words: list[str]) -> str:
    return hashlib.blake2b(" ".join(words).encode(), digest_size=8).hexdigest()
