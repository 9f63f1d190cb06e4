"""The command line. Only `main` and `script` are public; everything else is imported when they
run."""

from __future__ import annotations

import os
import sys

STACK = 1 << 20
"""Bytes. 128 KiB were enough for a message; what other libraries need is not known."""
LIMIT = 6
"""`LimitError.exit_code`, without importing it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: arguments without the program's name; None for those of the process.
    """
    try:
        if argv is None:
            _end_quietly()
            _distrust()
        _prepare()
        from edgezip.cli.run import run

        return run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        # Only before `run` has installed its own handlers, when there is nothing to clean up.
        return 130


def script() -> NoReturn:
    """Run the command line and end the process with its exit code.

    At once: taking apart all modules and searching them for cycles, as Python does when it ends,
    frees memory that the system takes back anyway, and takes a tenth of the time of a message.
    """
    import atexit

    code = 0 if (problem := _small_stack()) is None else LIMIT
    if problem is None:
        code = main()
    elif sys.stderr is not None:
        sys.stderr.write(f"edgezip: {problem}\n")
    # What others want to be done at the end: of threads, of temporary folders, of measuring.
    atexit._run_exitfuncs()  # noqa: SLF001 (there is no other way to call them)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            sys.exit(code)  # Python says what is to be said
    os._exit(code)


def _small_stack() -> str | None:
    """Why there is too little stack, None if it suffices: code that runs out of it ends the process
    wherever it is. Where only the soft limit is small, begin anew with a larger one, as threads get
    what was allowed when the process began.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    unlimited = resource.RLIM_INFINITY
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == unlimited or soft >= STACK:
        return None
    if (hard == unlimited or hard >= STACK) and sys.executable:
        resource.setrlimit(resource.RLIMIT_STACK, (STACK, hard))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return f"only {soft >> 10} KiB of stack are allowed, {STACK >> 10} are needed (ulimit -s)"


def _end_quietly() -> None:
    """Let Ctrl-C end the process without a traceback while `run` does not handle it: before it
    begins and behind it there is nothing to clean up."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _prepare() -> None:
    import gc

    # Imports make some 200,000 objects that live to the end; looking through them again and again
    # for cycles takes a tenth of the time of a small file.
    gc.set_threshold(250_000, 50, 50)
    # numpy's BLAS, which nothing here uses, would start threads: where that is not allowed it sends
    # the process a SIGINT.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _distrust() -> None:
    """Keep Numba from settings that lock out, in a process of our own.

    It reads .numba_config.yaml in the working directory, where that may be anybody's (it came with
    an archive, say) and may be no YAML at all, with which every call would fail there. It needs the
    module yaml for it. Variables that it cannot parse count as not set, and its threads are not
    used.
    """
    import warnings

    sys.modules.setdefault("yaml", None)  # type: ignore[arg-type]
    os.environ.pop("NUMBA_NUM_THREADS", None)
    warnings.filterwarnings("ignore", "A Numba config file is found")
    warnings.filterwarnings("ignore", "Environment variable 'NUMBA_")


def allow_yaml() -> None:
    """To be called before a package is imported that needs it."""
    modules: dict[str, object] = sys.modules  # type: ignore[assignment]
    if modules.get("yaml", ...) is None:
        del modules["yaml"]
