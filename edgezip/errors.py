"""The exception tree of edgezip.

Every failure that a caller can meet is an `EdgezipError`. The class decides the exit code of the
command line (`exit_code`) and the message is one line that says what to do next. The table in
docs/errors.md is generated from this module.
"""

from __future__ import annotations


class EdgezipError(Exception):
    """Base class of every error edgezip raises on purpose."""

    exit_code: int = 1


class InputError(EdgezipError):
    """Input or output cannot be read or written, or an output exists already."""

    exit_code = 1


class SettingsError(EdgezipError, ValueError):
    """An argument or a combination of arguments makes no sense."""

    exit_code = 2


class FormatError(EdgezipError):
    """The data is not a valid edgezip file: foreign, damaged or inconsistent."""

    exit_code = 3


class TruncatedError(FormatError, EOFError):
    """The data ends before the file does."""

    exit_code = 3


class ChecksumError(FormatError):
    """The decoded bytes do not have the checksum that the file stores."""

    exit_code = 3


class UnsupportedError(FormatError):
    """The file needs a newer edgezip: unknown version, coder, transform or flag."""

    exit_code = 3


class ModelError(EdgezipError):
    """A model is missing, is another one than the file names, or cannot be used."""

    exit_code = 4


class ModelNotFoundError(ModelError):
    """No model with the wanted name or SHA-256 is in the folders that were searched."""

    exit_code = 4


class EngineError(EdgezipError):
    """The engine cannot be loaded, fails its self-test or does not match the file."""

    exit_code = 5


class EngineMismatchError(EngineError):
    """The file was written by an engine with another arithmetic than this one."""

    exit_code = 5


class PackageError(EdgezipError):
    """The file needs an optional package that is not installed; the message names it."""

    exit_code = 7


class LimitError(EdgezipError):
    """A limit set by the caller (output size, memory) would be exceeded."""

    exit_code = 6
