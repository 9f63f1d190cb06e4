"""Compiles the kernels for another kind of machine.

    python -m edgezip.crossing SOURCE TARGET LEVEL

SOURCE is a folder that `edgezip warm --package` has filled on this machine, and tells which kernels
packing and unpacking load, and for which types. They are compiled again in processes of their own
that take LEVEL's machine for theirs (`_pretend`): Numba asks LLVM for code of that machine, and
nothing of it is run. Nor are samples packed, so what `warming` learns by trying comes from SOURCE.

Both machines must agree on the size of an integer and the order of its bytes, which all that LLVM
and edgezip know of do: 64 bits, the low byte first. Release scripts use it; installed programs do
not.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pickle
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

TRIPLES = {"aarch64": "aarch64-unknown-linux-gnu"}
"""What LLVM calls each machine there."""


class Kernel(NamedTuple):
    """A kernel by its module and name. `signature` is None where the source fixes it."""

    module: str
    name: str
    signature: Any


def _found(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def wanted(folder: Path) -> dict[str, list[Kernel]]:
    """The kernels that each step of `warming` loads, as the kernels in `folder` have it.

    Raises:
        ValueError: the folder has none for these sources and this Python.
    """
    from numba.core.registry import cpu_target

    from edgezip import warming
    from edgezip.coding import jit, kernelcache
    from edgezip.coding.kernelcache import SUFFIX

    content = kernelcache._content  # noqa: SLF001
    processors = jit._processors(cpu_target.target_context)  # noqa: SLF001
    found: dict[str, list[Kernel]] = {}
    for step in warming.STEPS:
        for processor, mark in zip(processors, jit._marks(step), strict=True):  # noqa: SLF001
            listed = folder / jit.store().name / (mark + SUFFIX)
            if listed.is_file():
                names = content(listed).decode().split("\n")
                files = [folder / (name + SUFFIX) for name in names]
                found[step] = [_described(path, content(path), processor) for path in files]
                break
        else:
            raise ValueError(f"{folder} has no kernels for {step}: edgezip warm --package")
    return found


def _described(path: Path, content: bytes, processor: tuple[str, str, str]) -> Kernel:
    """Which kernel a file is, whose name has the types in a digest only."""
    _, description, _, signature, *_ = pickle.loads(content)
    kernel = _found(description.modname, description.qualname)
    if not hasattr(kernel, "py_func"):  # lazy_njit
        return Kernel(description.modname, description.qualname, None)
    for form in (signature.args, signature):
        if path.name.startswith(kernel._cache._name(form, processor)):  # noqa: SLF001
            return Kernel(description.modname, description.qualname, form)
    raise ValueError(f"{path} was compiled for types that it does not tell")


def _pretend(level: str) -> None:
    """Make Numba take a processor of `level` for this one."""
    assert "numba" not in sys.modules, "Numba has looked at the processor already"
    from llvmlite import binding

    from edgezip.coding.levels import LEVELS

    machine = LEVELS[level][0]
    os.environ |= {"NUMBA_CPU_NAME": level, "NUMBA_CPU_FEATURES": ""}
    platform.machine = lambda: machine
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    for module in (binding, binding.targets):
        module.get_process_triple = module.get_default_triple = lambda: TRIPLES[machine]


def compile_here(level: str, step: str, pickled: bytes) -> list[str]:
    """Compile a list of `Kernel` for `level` in this process, which is good for nothing else
    afterwards.

    They go to NUMBA_CACHE_DIR; returns their names there, behind that of the store and "/".
    """
    _pretend(level)
    kernels: list[Kernel] = pickle.loads(pickled)  # only now: their types are Numba's
    from edgezip.coding import jit
    from edgezip.coding.watch import watching

    names: list[str] = []
    for module, name, signature in kernels:
        told: list[str] = []
        with watching(lambda full, _kept, told=told: told.append(full)):  # type: ignore[misc]
            kernel = _found(module, name)
            if signature is None:
                inspect.getclosurevars(kernel).nonlocals["compiled"]()
            else:
                kernel.compile(signature)
        names.append(told[0])  # those that it calls come behind it
    jit.mark(step, set(names))
    return names


def compile_kernels(source: Path, target: Path, level: str) -> int:
    """Fill `target` with kernels for `level`; those that are there stay. Returns how many."""
    steps = wanted(source)

    def work(step: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "edgezip.crossing"],
            input=pickle.dumps((level, step, pickle.dumps(steps[step]))),
            env=os.environ | {"NUMBA_CACHE_DIR": str(folder), "TMPDIR": private},
            stdout=subprocess.PIPE,
            check=True,
        )
        return done.stdout.decode().split()

    with tempfile.TemporaryDirectory(prefix="edgezip-crossing-") as private:
        folder = Path(private) / "kernels"
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
            names = {name for found in pool.map(work, steps) for name in found}
        for path in sorted(folder.glob("*/*")):
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name in names or path.name.startswith("group."):
                place = target / path.relative_to(folder)
                place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                place.write_bytes(path.read_bytes())
                place.chmod(0o644)
    return len(names)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        count = compile_kernels(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
        print(f"{count} kernels for {sys.argv[3]}")
    else:
        print(*compile_here(*pickle.load(sys.stdin.buffer)))
