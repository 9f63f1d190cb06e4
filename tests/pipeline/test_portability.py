"""One stream and one sample whatever the machine does: SIMD level, threads, locale, time zone,
hash seed. Other machines: native/tools/aarch64_python.sh runs `edgezip` itself on aarch64."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

_PACK = """
import hashlib, sys
import edgezip
from edgezip.pipeline.opening import open_for_packing
from edgezip.pipeline.options import PackOptions, UnpackOptions
from edgezip.pipeline.sample import sample_text
model, threads, packed = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
data = sys.stdin.buffer.read()
options = PackOptions(model=model, threads=threads, streams=3, window=96, keep=24)
out = edgezip.compress(data, options=options)
if packed:
    back = edgezip.decompress(packed, options=UnpackOptions(model=model, threads=threads))
    assert back == data, "another machine's file gives other bytes"
print(out.hex())
opened = open_for_packing(options)
for mix in (False, True):
    made = sample_text(data[:300], 150, 7, opened, opened.settings(options), mix, lambda done: None)
    print(made.hex())
"""


def _made(
    data: bytes, model: Path, threads: int, packed: str, cwd: Path, **env: str
) -> list[bytes]:
    """The packed data, what a model samples after it alone, and mixed."""
    done = subprocess.run(
        [sys.executable, "-c", _PACK, str(model), str(threads), packed],
        input=data,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **env},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [bytes.fromhex(line) for line in done.stdout.decode().split()]


def test_one_stream_and_one_sample_everywhere(
    stories_model: Path, strict_library: Path, data_dir: Path, tmp_path: Path
) -> None:
    data = (data_dir / "courage.txt").read_bytes()[:1500]
    first = _made(data, stories_model, 1, "", data_dir)
    assert [len(made) for made in first[1:]] == [150, 150]
    assert first[1] != first[2]
    settings: list[tuple[int, dict[str, str]]] = [
        (1, {"EDGEZIP_SIMD_LEVEL": "0", "PYTHONHASHSEED": "1"}),
        (2, {"EDGEZIP_SIMD_LEVEL": "1", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
        (3, {"EDGEZIP_SIMD_LEVEL": "2", "TZ": "Pacific/Apia"}),
        (2, {"EDGEZIP_SIMD_LEVEL": "3", "PYTHONHASHSEED": "77"}),
        (1, {"EDGEZIP_SIMD_LEVEL": "4"}),
        (8, {"PYTHONHASHSEED": "0"}),
    ]
    for threads, env in settings:
        again = _made(data, stories_model, threads, first[0].hex(), tmp_path, **env)
        digests = [[hashlib.sha256(made).hexdigest() for made in run] for run in (again, first)]
        assert digests[0] == digests[1], (threads, env)
