"""Many files on a Dask cluster on this machine, one worker of which is killed in the middle.

    python -m bench.cluster                      # 200 files, 2 workers

Packs the files in one process, then on the cluster, whose first worker gets SIGKILL when a third is
done; unpacks all on what is left, and compares: every content, and every packed file with that of
the one process. Needs edgezip[dask].
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.common import RESULTS, ROOT, load_average, log, provenance, write_csv
from edgezip.distributed import Report, pack_urls, unpack_urls
from edgezip.pipeline.options import PackOptions


def main() -> int:
    """Run it; 1 unless all that came back is right."""
    parser = argparse.ArgumentParser(
        prog="bench.cluster",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--size", type=int, default=1500, help="bytes of a file")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", default=None)
    parser.add_argument("--csv", type=Path, default=RESULTS / "cluster.csv")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgezip-cluster-") as name:
        row = measure(Path(name), arguments)
    print("\n".join(f"{key:<22} {value}" for key, value in row.items()))
    write_csv(arguments.csv, [{**row, **provenance()}])
    return 0 if row["equal"] == row["files"] and row["same_bits"] == row["files"] else 1


def measure(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row: sizes, seconds, memory, and how many files are right."""
    sources = make_files(folder / "sources", arguments.files, arguments.size)
    options = PackOptions(model=arguments.model, threads=1)
    pack_urls(sources[:1], str(folder / "warm"), options=options)  # engine and kernels are loaded
    start = time.monotonic()
    alone = pack_urls(sources, str(folder / "alone"), options=options)
    seconds = time.monotonic() - start
    log(f"one process: {seconds:.1f} s")
    load = load_average()
    cluster_seconds, packed, back, killed = on_cluster(folder, sources, options, arguments.workers)
    equal = sum(
        (folder / "back" / Path(source).name).read_bytes() == Path(source).read_bytes()
        for source in sources
    )
    same = sum(
        a.packed_sha256 == b.packed_sha256 for a, b in zip(alone.done, packed.done, strict=True)
    )
    left = [path.name for path in (folder / "packed").iterdir() if not path.name.endswith(".ez")]
    return {
        "files": len(sources),
        "workers": arguments.workers,
        "killed_after": killed,
        "raw_size": packed.raw_size,
        "packed_size": packed.packed_size,
        "seconds_alone": round(seconds, 1),
        "seconds_cluster": round(cluster_seconds, 1),
        "equal": equal,
        "same_bits": same,
        "failed": len(packed.failed) + len(back.failed),
        "packed_files": len(list((folder / "packed").glob("*.ez"))),
        "left_over": len(left),
        "processes": len({done.worker for done in packed.done}),
        "peak_mb_worker": round(max(done.peak_memory or 0 for done in packed.done) / 1e6),
        "load_average": load,
    }


def on_cluster(
    folder: Path, sources: list[str], options: PackOptions, workers: int
) -> tuple[float, Report, Report, int]:
    """Pack with a worker killed when a third is done, unpack."""
    from dask.distributed import Client, LocalCluster

    killed = 0
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None,
            local_directory=str(folder / "dask"),
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        pids = client.run(os.getpid)
        warm = client.run(
            pack_urls, sources[:1], str(folder / "warm"), options=options, overwrite=True
        )
        list(warm.values())
        start = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal killed
            if not killed and done >= total // 3:
                os.kill(next(iter(pids.values())), signal.SIGKILL)
                killed = done

        packed = pack_urls(
            sources, str(folder / "packed"), client=client, options=options, progress=progress
        )
        seconds = time.monotonic() - start
        log(f"{workers} workers, one killed after {killed} files: {seconds:.1f} s")
        names = [done.target for done in packed.done]
        back = unpack_urls(names, str(folder / "back"), client=client)
    return seconds, packed, back, killed


def make_files(folder: Path, count: int, size: int) -> list[str]:
    """Small texts, each another part of a book."""
    folder.mkdir()
    text = (ROOT / "tests" / "data" / "roughing_it.txt").read_bytes()
    names = []
    for number in range(count):
        begin = number * 997 % max(len(text) - size, 1)
        path = folder / f"{number:04}.txt"
        path.write_bytes(text[begin : begin + size])
        names.append(str(path))
    return names


if __name__ == "__main__":
    sys.exit(main())
