"""Packs and unpacks where calls of the C library are refused, as FAT, CIFS, FUSE and Android do it.

    python -m bench.refusals               # needs a C compiler and LD_PRELOAD

A small library stands before the C library and refuses one or several calls with an error code, and
names of more than 12 bytes. Whatever is refused, the content must arrive under its name with exit
code 0 and nothing beside it; metadata is a warning. With ENOSPC, EDQUOT and EIO the exit code must
be 1 and no target may be there, or the older one. Everything runs in one process.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.common import RESULTS, log, print_table, provenance, safe_environment, write_csv

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refused(const char *call) {
    const char *calls = getenv("REFUSED"), *code = getenv("REFUSED_WITH");
    if (!calls || !code || !strstr(calls, call)) return 0;
    errno = atoi(code);
    return 1;
}

static int too_long(const char *path) {
    const char *most = getenv("LONGEST_NAME"), *name = strrchr(path, '/');
    if (!most || strlen(name ? name + 1 : path) <= (size_t)atoi(most)) return 0;
    errno = ENAMETOOLONG;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
int fchmod(int fd, mode_t mode) { return refused("chmod") ? -1 : REAL(fchmod)(fd, mode); }
int fchown(int fd, uid_t u, gid_t g) { return refused("chown") ? -1 : REAL(fchown)(fd, u, g); }
int futimens(int fd, const struct timespec t[2]) {
    return refused("utime") ? -1 : REAL(futimens)(fd, t);
}
int fsync(int fd) { return refused("fsync") ? -1 : REAL(fsync)(fd); }
int link(const char *a, const char *b) { return refused("link") ? -1 : REAL(link)(a, b); }
int linkat(int x, const char *a, int y, const char *b, int f) {
    return refused("link") ? -1 : REAL(linkat)(x, a, y, b, f);
}
int rename(const char *a, const char *b) {
    struct stat s;
    if (refused("rename-over") && !lstat(b, &s)) return -1;
    return REAL(rename)(a, b);
}
static int creating(int flags, const char *path) { return (flags & 0100) && too_long(path); }
int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    return creating(flags, path) ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    va_end(list);
    return creating(flags, path) ? -1 : REAL(open64)(path, flags, mode);
}
"""
CALLS = ["chmod", "chown", "utime", "fsync", "link", "link rename-over", "rename-over"]
CALLS.append("chmod chown utime fsync link rename-over")
TOLERATED = [
    errno.EPERM, errno.EACCES, errno.EXDEV, errno.ENOTTY, errno.EINVAL, errno.EPROTO, errno.ENOSYS,
    errno.EOPNOTSUPP,
]  # fmt: skip
FATAL = [errno.ENOSPC, errno.EDQUOT, errno.EIO]
CONTENT = b"A line that comes again and again.\n" * 100


def main() -> int:
    """Try all refusals; 1 if content did not arrive."""
    parser = argparse.ArgumentParser(
        prog="bench.refusals", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--csv", type=Path, default=RESULTS / "refusals.csv")
    arguments = parser.parse_args()
    return _inside(arguments.csv) if arguments.inside else _outside(sys.argv[1:])


def _outside(arguments: list[str]) -> int:
    """Build the library and start this command again behind it."""
    with tempfile.TemporaryDirectory(prefix="edgezip-refusals-") as name:
        library = str(Path(name) / "refuse.so")
        compiler = ["cc", "-O1", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"]
        subprocess.run(compiler, input=SOURCE.encode(), check=True)
        environment = {**safe_environment(), "LD_PRELOAD": library, "EDGEZIP_MODEL": "none"}
        line = [sys.executable, "-m", "bench.refusals", "--inside", *arguments]
        return subprocess.run(line, env=environment, check=False).returncode


def _inside(csv: Path) -> int:
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="edgezip-refusals-") as name:
        folder = Path(name)
        _prepare(folder)
        rows.extend(_row(folder, call, TOLERATED) for call in CALLS)
        rows.extend(_row(folder, call, FATAL) for call in ("fsync", "link", "rename-over"))
        rows.append(_row(folder, "names of 13 bytes", [errno.ENAMETOOLONG]))
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    stamp = provenance()
    write_csv(csv, [{**row, **stamp} for row in rows])
    return 1 if any(row["wrong"] for row in rows) else 0


def _prepare(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in/t").write_bytes(CONTENT)
    _edgezip("pack", str(folder / "in/t"))
    assert (folder / "in/t.ez").exists()


def _row(folder: Path, call: str, codes: list[int]) -> dict[str, object]:
    """Both commands, with and without an older target, for each error code."""
    tried, wrong, warned = 0, 0, 0
    for code in codes:
        for command, source in (("pack", "t"), ("unpack", "t.ez")):
            for older in (False, True):
                out = folder / "out"
                out.mkdir()
                target = out / "target"
                if older:
                    target.write_bytes(b"older")
                arguments = [command, *(["-f"] * older), str(folder / "in" / source), "-o"]
                with _refused(call, code):
                    exit_code, said = _edgezip(*arguments, str(target))
                found = {path.name: path.read_bytes() for path in out.iterdir()}
                fatal = code in FATAL and _is_used(call, older)
                good = _is_right(command, folder, exit_code, found, older, fatal)
                tried, wrong, warned = tried + 1, wrong + (not good), warned + ("warning:" in said)
                if not good:
                    log(f"  {call}, {errno.errorcode[code]}, {command}: {exit_code} {said} {found}")
                for path in out.iterdir():
                    path.unlink()
                out.rmdir()
    names = " ".join(errno.errorcode[code] for code in codes)
    return {"refused": call, "with": names, "tried": tried, "warned": warned, "wrong": wrong}


def _is_used(call: str, older: bool) -> bool:
    """Whether the call is needed: a new name is linked, an older one renamed over."""
    return call == "fsync" or (call == "rename-over") == older


def _is_right(
    command: str, folder: Path, code: int, found: dict[str, bytes], older: bool, fatal: bool
) -> bool:
    if fatal:
        return code == 1 and found == ({"target": b"older"} if older else {})
    expected = CONTENT if command == "unpack" else (folder / "in/t.ez").read_bytes()
    return code == 0 and found == {"target": expected}


@contextlib.contextmanager
def _refused(call: str, code: int) -> Iterator[None]:
    if call.startswith("names"):
        settings = {"LONGEST_NAME": "12"}
    else:
        settings = {"REFUSED": call, "REFUSED_WITH": str(code)}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in settings:
            del os.environ[name]


def _edgezip(*arguments: str) -> tuple[int, str]:
    """The command line in this process: exit code and stderr."""
    from edgezip.cli import main as edgezip

    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        return edgezip(list(arguments)), said.getvalue()


if __name__ == "__main__":
    raise SystemExit(main())
