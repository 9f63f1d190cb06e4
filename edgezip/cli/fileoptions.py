"""What the options of `pack` and `unpack` say about files, and which arguments make one archive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from edgezip import descriptors
from edgezip.cli.inputs import STDIN, SUFFIX, InputRules
from edgezip.cli.outputs import STDOUT
from edgezip.errors import SettingsError

ARCHIVE_SUFFIX = ".tar" + SUFFIX


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What `pack` and `unpack` do with files.

    Attributes:
        output: name of the output, None to derive it.
        to_stdout: -c.
        force: -f.
        remove: --rm.
        sparse: leave holes for zero bytes in unpacked files.
    """

    output: str | None = None
    to_stdout: bool = False
    force: bool = False
    remove: bool = False
    sparse: bool = True

    def check(self, names: Sequence[str]) -> None:
        """Raise `SettingsError` for options that do not go together."""
        if self.output is not None and self.to_stdout:
            raise SettingsError("-o and -c exclude each other")
        if self.output is not None and len(names) > 1 and not makes_one(names, self.output, False):
            raise SettingsError("-o takes one input; without it every file gets its own output")
        if self.remove and (self.to_stdout or self._to_descriptor()):
            raise SettingsError("--rm needs an output file, not stdout or another open descriptor")
        if names.count(STDIN) > 1:
            raise SettingsError("stdin (-) can be read only once")

    def rules(self) -> InputRules:
        """Which inputs are accepted."""
        special = self.force or self.to_stdout or self.output is not None
        return InputRules(special, self.remove, self.force)

    def uses_stdout(self, names: Sequence[str]) -> bool:
        """Whether content goes to stdout."""
        if self.output is None:
            return self.to_stdout or STDIN in names
        return self.output == STDOUT or descriptors.descriptor_of(self.output) == descriptors.STDOUT

    def _to_descriptor(self) -> bool:
        output = self.output
        return output is not None and (output == STDOUT or descriptors.is_descriptor(output))


def is_folder(name: str) -> bool:
    """Whether an argument of `pack` is a folder."""
    return name != STDIN and os.path.isdir(name)


def makes_one(names: Sequence[str], output: str | None, to_stdout: bool) -> bool:
    """Whether all arguments of `pack` go into one archive: folders into one output, or files into
    one that is called an archive."""
    if output is None and not to_stdout:
        return False
    folders = any(map(is_folder, names))
    return folders or (output is not None and len(names) > 1 and output.endswith(ARCHIVE_SUFFIX))
