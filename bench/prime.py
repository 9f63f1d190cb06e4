"""Short records packed one by one, with and without a primer, beside zstd with a dictionary.

    python -m bench.prime                  # 200 JSON events, primed with 200 others
    python -m bench.prime --count 20

The events are made here from a seed: what a web service logs about its users. edgezip's primer and
zstd's dictionary are made from the same 200 events; zstd gets its best of a trained dictionary (of
several sizes) and of the events as they are, at level 19 and without checksum and dictionary id.
Every record is decoded and compared. `bare` leaves header and checksum out, for callers that carry
model and length themselves.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.common import RESULTS, ROOT, load_average, log, print_table, provenance, write_csv
from edgezip import api
from edgezip.pipeline.bare import compress_bare, decompress_bare
from edgezip.pipeline.options import PackOptions, UnpackOptions

Pack = Callable[[bytes], bytes]
Unpack = Callable[[bytes, int], bytes]
KINDS = ("comment.created", "file.uploaded", "invoice.paid", "login.failed", "task.closed")
TRAINED_SIZES = (2048, 4096, 8192, 16384, 32768)


def main() -> int:
    """Measure, print, store; 1 if a record does not come back."""
    parser = argparse.ArgumentParser(
        prog="bench.prime", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200, help="records to pack (200)")
    parser.add_argument("--model", help="GGUF, name or SHA-256 prefix (default: the bundled one)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the engine (1)")
    parser.add_argument("--csv", type=Path, default=RESULTS / "prime.csv")
    arguments = parser.parse_args()
    events = make_events(200 + arguments.count)
    reference, records = events[:200], events[200:]
    rows = []
    for name, (pack, unpack) in _ways(reference, records, arguments.model, arguments.threads):
        log(name)
        rows.append(_measure(name, pack, unpack, records))
    _show(rows)
    write_csv(arguments.csv, rows)
    return 1 if any(row["verified"] == "no" for row in rows) else 0


def make_events(count: int, seed: int = 20) -> list[bytes]:
    """One-line JSON events; the sentences in them are from a book in tests/data."""
    source = random.Random(seed)
    text = (ROOT / "tests" / "data" / "roughing_it.txt").read_text(encoding="utf-8")
    sentences = [s.strip() for s in " ".join(text.split()).split(". ") if 30 < len(s) < 160]
    users = [f"{name}{source.randrange(100)}" for name in ("ada", "bob", "eve", "kim", "leo")]
    clock = 1_760_000_000.0
    events = []
    for _ in range(count):
        clock += source.expovariate(1 / 40)
        events.append(_event(source, clock, users, sentences))
    return events


def _event(
    source: random.Random, clock: float, users: Sequence[str], sentences: Sequence[str]
) -> bytes:
    kind = source.choice(KINDS)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(clock))
    details: dict[str, dict[str, object]] = {
        "comment.created": {"task": source.randrange(9000), "body": source.choice(sentences)},
        "file.uploaded": {
            "name": f"report-{source.randrange(400)}.pdf",
            "bytes": source.randrange(1 << 22),
        },
        "invoice.paid": {"amount": source.randrange(90_000) / 100, "currency": "EUR"},
        "login.failed": {
            "reason": source.choice(["password", "expired", "locked"]),
            "attempt": source.randrange(1, 5),
        },
        "task.closed": {"task": source.randrange(9000), "title": source.choice(sentences)[:60]},
    }
    event = {
        "id": f"{source.getrandbits(48):012x}",
        "time": f"{stamp}.{source.randrange(1000):03}Z",
        "type": kind,
        "user": {"name": source.choice(users), "ip": f"10.2.{source.randrange(4)}.17"},
        "service": "tracker-api",
        "version": "4.12.1",
        "data": details[kind],
    }
    return json.dumps(event).encode() + b"\n"


def _ways(
    reference: Sequence[bytes], records: Sequence[bytes], model: str | None, threads: int
) -> list[tuple[str, tuple[Pack, Unpack]]]:
    """Names and functions of all the ways to pack a record."""
    prime = b"".join(reference)
    ways: list[tuple[str, tuple[Pack, Unpack]]] = []
    for name, primer in (("edgezip", None), ("edgezip primed", prime)):
        options = PackOptions(model=model, threads=threads, prime=primer)
        ways.append((name, _edgezip(options)))
        ways.append((f"{name}, bare", _bare(options)))
    try:
        ways += _zstd_ways(reference, records)
    except ImportError:
        log("zstd is left out: the Python module zstandard is not installed")
    return ways


def _edgezip(options: PackOptions) -> tuple[Pack, Unpack]:
    back = UnpackOptions(model=options.model, threads=options.threads, prime=options.prime)
    return (
        lambda data: api.compress(data, options=options),
        lambda packed, size: api.decompress(packed, options=back),
    )


def _bare(options: PackOptions) -> tuple[Pack, Unpack]:
    return (
        lambda data: compress_bare(data, options),
        lambda packed, size: decompress_bare(packed, size, options),
    )


def _zstd_ways(
    reference: Sequence[bytes], records: Sequence[bytes]
) -> list[tuple[str, tuple[Pack, Unpack]]]:
    """Zstandard alone, with the best trained dictionary, and with the raw events as dictionary."""
    import zstandard

    def way(dictionary: zstandard.ZstdCompressionDict | None) -> tuple[Pack, Unpack]:
        packer = zstandard.ZstdCompressor(level=19, dict_data=dictionary, write_dict_id=False)
        return packer.compress, lambda packed, size: zstandard.ZstdDecompressor(
            dict_data=dictionary
        ).decompress(packed)

    trained = []
    for size in TRAINED_SIZES:
        try:
            trained.append(zstandard.train_dictionary(size, list(reference), level=19))
        except zstandard.ZstdError as error:
            log(f"zstd cannot train a dictionary of {size} bytes: {error}")
    raw = zstandard.ZstdCompressionDict(
        b"".join(reference), dict_type=zstandard.DICT_TYPE_RAWCONTENT
    )
    best = min(
        (way(dictionary) for dictionary in trained),
        key=lambda functions: sum(len(functions[0](record)) for record in records),
    )
    named = {"zstd -19": way(None), "zstd -19 trained": best, "zstd -19 raw events": way(raw)}
    return list(named.items())


def _measure(name: str, pack: Pack, unpack: Unpack, records: Sequence[bytes]) -> dict[str, object]:
    pack(records[0])
    started = time.perf_counter()
    packed = [pack(record) for record in records]
    middle = time.perf_counter()
    back = [unpack(part, len(record)) for part, record in zip(packed, records, strict=True)]
    ended = time.perf_counter()
    return {
        "way": name,
        "records": len(records),
        "raw_bytes": sum(map(len, records)),
        "bytes": sum(map(len, packed)),
        "pack_ms": f"{1000 * (middle - started) / len(records):.2f}",
        "unpack_ms": f"{1000 * (ended - middle) / len(records):.2f}",
        "verified": "yes" if back == list(records) else "no",
        **provenance(),
        "load": load_average(),
    }


def _show(rows: Sequence[dict[str, object]]) -> None:
    sizes = {str(row["way"]): int(str(row["bytes"])) for row in rows}
    unprimed = sizes["edgezip"]
    headings = ["", "bytes", "per record", "edgezip / this", "pack ms", "unpack ms", "verified"]
    cells = []
    for row in rows:
        size, count = sizes[str(row["way"])], int(str(row["records"]))
        ratio = f"{unprimed / size:.2f}"
        times = [row["pack_ms"], row["unpack_ms"], row["verified"]]
        cells.append([row["way"], f"{size:,}", f"{size / count:.1f}", ratio, *times])
    print_table(headings, cells)
    print(f"raw: {rows[0]['raw_bytes']} bytes in {rows[0]['records']} records")


if __name__ == "__main__":
    raise SystemExit(main())
