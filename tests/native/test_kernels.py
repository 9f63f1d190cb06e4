"""Every kernel of every level against a scalar reference, here and on other architectures."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.native.random_llama import TYPES

NATIVE = Path(__file__).resolve().parents[2] / "native"
FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-tree-vectorize"]
COMMON = ["tiles.c", "dispatch.c", "fpenv.c", "level_portable.c"]
ARM = {"level_arm_neon.c": [], "level_arm_dotprod.c": ["-march=armv8.2-a+dotprod"]}

Driver = Callable[[str], Path]
Run = Callable[..., str]


def digests(output: str) -> set[str]:
    """The first word of each line."""
    return {line.split()[0] for line in output.splitlines()}


@pytest.fixture(scope="module")
def here(driver: Driver, run: Run) -> str:
    """The digest of all kernels' results on this machine."""
    found = digests(run(driver("kernel_check")))
    assert len(found) == 1
    return found.pop()


def test_every_level_equals_the_scalar_reference(here: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", here)


def test_the_benchmark_knows_every_format(driver: Driver, run: Run) -> None:
    """One row per format, none of them without a kernel at any level."""
    for level in range(6):
        rows = run(driver("kernel_bench"), "--level", str(level), "32", "256").splitlines()[1:]
        assert {row.split()[0] for row in rows} == set(TYPES)


def test_another_seed(driver: Driver, run: Run) -> None:
    assert len(digests(run(driver("kernel_check"), "2"))) == 1


def arm_tools() -> tuple[str, list[str]]:
    """The cross compiler and the emulator's command; skips when one is missing."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-gcc"), shutil.which("qemu-aarch64")
    if not compiler or not emulator:
        pytest.skip("needs gcc-aarch64-linux-gnu and qemu-user")
    return compiler, [emulator, "-L", "/usr/aarch64-linux-gnu"]


@pytest.mark.slow
def test_aarch64_gives_the_same_digest(
    here: str, include_flags: list[str], run: Run, tmp_path: Path
) -> None:
    compiler, emulator = arm_tools()
    objects = []
    for name, flags in {**{key: [] for key in COMMON}, **ARM}.items():
        objects.append(tmp_path / f"{name}.o")
        command: list[str | Path] = [compiler, *FLAGS, *flags, *include_flags, "-c"]
        command.append(NATIVE / "src" / name)
        subprocess.run([*command, "-o", objects[-1]], check=True, timeout=300)
    program = tmp_path / "kernel_check"
    source = NATIVE / "tools" / "kernel_check.c"
    command = [compiler, "-O1", "-ffp-contract=off", *include_flags, source, *objects]
    subprocess.run([*command, "-lm", "-o", program], check=True, timeout=300)
    output = run(*emulator, program)
    assert len(output.splitlines()) == 3  # portable C, NEON, NEON with dotprod
    assert digests(output) == {here}


@pytest.mark.slow
def test_emulated_levels_give_the_same_digest(
    here: str, include_flags: list[str], compiler: str, run: Run, tmp_path: Path
) -> None:
    """AVX-VNNI, AVX-512 and AVX-512 VNNI on a CPU without them, by SIMDe in plain C."""
    cpu = Path("/proc/cpuinfo")
    if not cpu.exists() or " avx2 " not in cpu.read_text():
        pytest.skip("needs an x86-64 with AVX2")
    emulated = NATIVE / "tools" / "emulated"
    flags = ["-std=gnu11", "-ffp-contract=off", f"-I{emulated}", "-mavx2", "-mf16c", "-mno-fma"]
    (tmp_path / "probe.c").write_text("#include <immintrin.h>\n")
    probe: list[str | Path] = [compiler, *flags, "-fsyntax-only", tmp_path / "probe.c"]
    if subprocess.run(probe, capture_output=True, check=False, timeout=120).returncode:
        pytest.skip("needs libsimde-dev and a compiler that it knows")
    objects = []
    for name in ("avx_vnni", "avx512", "avx512_vnni"):  # unoptimized: everything is unrolled
        objects.append(tmp_path / f"{name}.o")
        source = NATIVE / "src" / f"level_x86_{name}.c"
        command: list[str | Path] = [compiler, "-O0", *flags, *include_flags, "-c", source]
        command += ["-o", objects[-1]]
        subprocess.run(command, check=True, timeout=300)
    program = tmp_path / "kernel_check"
    sources = [NATIVE / "src" / name for name in ("tiles.c", "fpenv.c", "level_portable.c")]
    sources += [NATIVE / "tools" / "kernel_check.c", emulated / "dispatch.c"]
    command = [compiler, "-O1", "-ffp-contract=off", *include_flags, *sources, *objects]
    subprocess.run([*command, "-lm", "-o", program], check=True, timeout=300)
    output = run(program)
    assert [line.split(maxsplit=1)[1] for line in output.splitlines()] == [
        "portable C", "AVX-VNNI", "AVX-512", "AVX-512 VNNI",
    ]  # fmt: skip
    assert digests(output) == {here}


@pytest.mark.parametrize("flags", [["-O2"], ["-O3", "-march=x86-64-v3", "-mno-fma"], ["-O0"]])
def test_own_libm_is_accurate_and_fixed(
    flags: list[str], compiler: str, run: Run, tmp_path: Path
) -> None:
    probe = subprocess.run(
        [compiler, *flags, "-E", "-x", "c", "/dev/null"], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip(f"the compiler does not know {flags}")
    assert compile_libm(compiler, flags, tmp_path, run, []) == LIBM_DIGEST


@pytest.mark.slow
def test_own_libm_on_aarch64(run: Run, tmp_path: Path) -> None:
    compiler, emulator = arm_tools()
    assert compile_libm(compiler, ["-O2"], tmp_path, run, emulator) == LIBM_DIGEST


LIBM_DIGEST = "499287fb4a2cee41"


def compile_libm(compiler: str, flags: list[str], folder: Path, run: Run, prefix: list[str]) -> str:
    """The digest that libm_check prints; it fails when a value is inaccurate."""
    program = folder / "libm_check"
    source = NATIVE / "tools" / "libm_check.c"
    command = [compiler, *flags, "-ffp-contract=off", "-fno-builtin", f"-I{NATIVE / 'src'}"]
    subprocess.run([*command, source, "-lm", "-o", program], check=True, timeout=120)
    return run(*prefix, program).split()[0]
