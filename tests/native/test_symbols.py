"""The compiled libraries hold no fused multiply-add and call no inexact function of libm."""

from __future__ import annotations

import ctypes
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

# Functions that IEEE 754 or the C standard define exactly: one result, on every machine.
EXACT = {
    *("ceil", "floor", "round", "trunc", "rint", "nearbyint", "sqrt", "fmod", "ldexp", "frexp"),
    *("fmax", "fmin", "fabs", "copysign", "lround", "llround", "lrint", "llrint", "scalbn", "modf"),
    "nextafter",
}
LIBM = re.compile(
    r"(a?(sin|cos|tan)h?|atan2|sincos|exp(2|10|m1)?|log(2|10|1p|b)?|pow|cbrt|hypot|erfc?|[tl]gamma"
    r"|fma|ceil|floor|round|trunc|rint|nearbyint|sqrt|fmod|remainder|remquo|ldexp|frexp|scalbln?"
    r"|scalbn|fmax|fmin|fdim|fabs|copysign|l?lround|l?lrint|modf|ilogb|nextafter)[fl]?"
)
FUSED = re.compile(r"\s(vfn?m(add|sub)\w*|v?fn?m(la|ls|add|sub)|fcmla|bfml\w*|fml\w*)\s")
SAMPLERS = {"logl"}
"""Of constants, in libstdc++'s generate_canonical: GCC computes it, Clang calls it."""
LEVELS = {
    "x86_64": ["portable C", "SSE2", "AVX2", "AVX-VNNI", "AVX-512", "AVX-512 VNNI"],
    "aarch64": ["portable C", "NEON", "NEON dotprod"],
}
LIBRARIES = ["libggml-base.so", "libggml-cpu.so", "libggml.so", "libllama.so"]


def tool(name: str) -> str:
    """A binary utility; skips when it is missing."""
    found = shutil.which(name)
    if not found:
        pytest.skip(f"no {name}")
    return found


def by_clang(lib_dir: Path) -> bool:
    """Whether Clang compiled libllama."""
    command: list[str | Path] = [tool("readelf"), "-p", ".comment", lib_dir / "libllama.so"]
    return "clang" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_inexact_libm_symbol(lib_dir: Path, library: str) -> None:
    command: list[str | Path] = [tool("nm"), "-D", "-u", lib_dir / library]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1].partition("@")[0] for line in output.splitlines()}
    from_libm = {name for name in names if LIBM.fullmatch(name)}
    inexact = {name for name in from_libm if name not in EXACT and name[:-1] not in EXACT}
    if inexact and library == "libllama.so" and by_clang(lib_dir):
        inexact -= SAMPLERS
    assert inexact == set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_fused_multiply_add(lib_dir: Path, library: str) -> None:
    command: list[str | Path] = [tool("objdump"), "-d", "--no-show-raw-insn", lib_dir / library]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = 0
        for line in process.stdout:
            lines += 1
            assert not FUSED.search(line), line
    assert lines > 1000


def test_floating_point_state_is_set_and_seen(lib_dir: Path) -> None:
    """A library built with -ffast-math leaves flush-to-zero behind; the check must notice."""
    ctypes.CDLL(str(lib_dir / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(lib_dir / "libggml-cpu.so"))
    assert library.edgezip_engine_version() >= 1
    library.edgezip_fpenv_set()
    assert library.edgezip_fpenv_check() == 1
    libm = ctypes.CDLL("libm.so.6")
    before = libm.fegetround()
    try:
        assert libm.fesetround(0x400 if before == 0 else before) in (0, 1)
        if libm.fegetround() != before:
            assert library.edgezip_fpenv_check() == 0
            library.edgezip_fpenv_set()
            assert library.edgezip_fpenv_check() == 1
    finally:
        libm.fesetround(before)
        library.edgezip_fpenv_set()


def test_levels_can_be_limited(lib_dir: Path) -> None:
    ctypes.CDLL(str(lib_dir / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(lib_dir / "libggml-cpu.so"))
    library.edgezip_simd_name.restype = ctypes.c_char_p
    best = library.edgezip_simd_limit(-1)
    assert library.edgezip_simd_level() == best >= 1
    assert library.edgezip_simd_limit(0) == library.edgezip_simd_level() == 0
    assert library.edgezip_simd_name() == b"portable C"
    for level in range(best + 1):
        chosen = library.edgezip_simd_limit(level)
        assert chosen == library.edgezip_simd_level() <= level
        assert library.edgezip_simd_name().decode() == LEVELS[platform.machine()][chosen]
    assert library.edgezip_simd_limit(99) == best
    assert library.edgezip_simd_limit(-1) == best


def test_avx_vnni_is_used_where_the_cpu_has_it(lib_dir: Path) -> None:
    cpu = Path("/proc/cpuinfo")
    if not cpu.exists() or " avx_vnni" not in cpu.read_text():
        pytest.skip("this CPU has no AVX-VNNI")
    ctypes.CDLL(str(lib_dir / "libggml-base.so"), mode=ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL(str(lib_dir / "libggml-cpu.so"))
    try:
        assert library.edgezip_simd_limit(3) == 3, "built by a compiler without AVX-VNNI?"
    finally:
        library.edgezip_simd_limit(-1)
