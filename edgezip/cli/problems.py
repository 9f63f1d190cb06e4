"""What went wrong with members of an archive."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgezip.cli.console import Console
from edgezip.errors import EdgezipError, InputError


@dataclass
class Problems:
    """Complaints about members, and the exit code that they make."""

    console: Console
    archive: str
    code: int = 0
    lines: list[tuple[str, str]] = field(default_factory=list)

    def failed(self, name: str, error: EdgezipError) -> None:
        """A member was refused or could not be written."""
        self.lines.append((name, str(error)))
        self.console.warn(name, str(error))
        if not str(error).startswith("warning: "):
            self.code = self.code or error.exit_code

    def left_out(self, path: str, message: str) -> None:
        """A file was not packed, or not as it is."""
        self.failed(path, InputError(message))
