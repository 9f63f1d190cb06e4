"""Kernels that are compiled for another machine; nothing here can run them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numba import types as nt

from edgezip import crossing
from edgezip.coding import jit, kernelcache, rangecoder

pytestmark = pytest.mark.skipif(jit.PLAIN, reason="kernels are plain Python here")


def test_kernels_for_aarch64(tmp_path: Path) -> None:
    signature = (nt.Array(nt.uint64, 1, "C"), nt.Array(nt.uint8, 1, "C"))
    kernels = [
        crossing.Kernel("edgezip.coding.rangecoder", "encode_finish", signature),
        crossing.Kernel("edgezip.coding.plain", "_code_slots", None),
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "edgezip.crossing"],
        input=pickle.dumps(("generic", "text", pickle.dumps(kernels))),
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    names = done.stdout.decode().split()
    assert [name.rpartition("/")[2].partition("-")[0] for name in names] == [
        "rangecoder.encode_finish", "plain._code_slots",
    ]  # fmt: skip
    wanted = ("aarch64-unknown-linux-gnu", "generic", "")
    kernel: Any = rangecoder.encode_finish
    assert names[0].endswith(kernel._cache._name(signature, wanted))
    for name in names:
        content = kernelcache._content(tmp_path / (name + kernelcache.SUFFIX))
        code = pickle.loads(content)[0][2][0]
        assert code[:4] == b"\x7fELF"
        assert int.from_bytes(code[18:20], "little") == 183  # EM_AARCH64
    (mark,) = tmp_path.glob("*/group.text-*")
    assert kernelcache._content(mark).decode().split("\n") == sorted(names)


def test_what_is_compiled_follows_from_this_machines_kernels() -> None:
    """As `scripts/release.sh` does it, up to the compiling."""
    if jit.store().shipped is None:
        pytest.skip("no kernels came with this installation")
    steps = crossing.wanted(jit.SHIPPED)
    kernels = {(kernel.module, kernel.name) for found in steps.values() for kernel in found}
    assert ("edgezip.coding.plain", "_code_slots") in kernels
    assert all(steps.values())


def test_a_folder_without_kernels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no kernels for"):
        crossing.wanted(tmp_path)
