"""The tables that `bench.table` prints from its rows."""

from __future__ import annotations

from collections.abc import Sequence

from bench.common import Row, integer, print_table
from bench.peers import COLUMNS, published

SIZES = ("edgezip -9", "edgezip", "edgezip none", "edgezip plain", "ideal")
CLASSIC = ("gzip -9", "bzip2 -9", "xz -9e", "zstd -19", "brotli 11")


class File:
    """What is known of one file, or the sum over a group; sizes are None where one is missing."""

    def __init__(self, name: str, raw: int, rows: dict[str, Row], sizes: dict[str, int]) -> None:
        self.name, self.raw, self.rows, self.sizes = name, raw, rows, sizes

    def size(self, coder: str) -> int | None:
        """Compressed bytes."""
        return self.sizes.get(coder)

    def value(self, coder: str, column: str) -> str:
        """A column of a coder's row, empty where there is none."""
        return self.rows.get(coder, {}).get(column, "")

    def gain(self, coder: str, against: str) -> str:
        """Percent by which `coder` is smaller than `against`."""
        ours, theirs = self.size(coder), self.size(against)
        return f"{100 - 100 * ours / theirs:.1f}" if ours is not None and theirs else ""

    def loss(self) -> str:
        """Percent of the model's ideal that the plain coder adds, on the model's part alone."""
        coded = self.value("edgezip plain", "lm_coded_bytes")
        ideal = self.value("ideal", "lm_coded_bytes")
        return f"{100 * float(coded) / float(ideal) - 100:.3f}" if coded and ideal else ""

    def mixing_time(self) -> str:
        """Percent of packing time that mixing adds to the plain coder's."""
        speeds = [self.value(coder, "pack_kb_s") for coder in ("edgezip plain", "edgezip")]
        return f"{100 * float(speeds[0]) / float(speeds[1]) - 100:.0f}" if all(speeds) else ""


def show(rows: Sequence[Row]) -> None:
    """Print sizes and costs, each with a total per group."""
    if not rows:
        print("no results")
        return
    groups = grouped(rows)
    coders = [c for c in SIZES + CLASSIC if any(row["coder"] == c for row in rows)]
    peers = [c for c in COLUMNS if any(f.size(c) for files in groups.values() for f in files)]
    _show_sizes(groups, [*coders, *peers])
    _show_costs(groups)
    models = sorted({row["model"] for row in rows if row["model"]})
    bad = [f"{row['file']} ({row['coder']})" for row in rows if row["verified"] == "no"]
    print(f"model: {', '.join(models)}; KB are 1000 bytes, MB a million; sizes in bytes")
    print("ideal: code length of the model alone; published: paq8px, cmix, best of all")
    print(f"NOT VERIFIED: {', '.join(bad)}" if bad else "every measured row decodes to its input")


def grouped(rows: Sequence[Row]) -> dict[str, list[File]]:
    """Files by group, a total at the end of those with more than one."""
    by_file: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        by_file.setdefault((row["group"], row["file"]), {})[row["coder"]] = row
    known = published()
    groups: dict[str, list[File]] = {}
    for (group, name), coders in sorted(by_file.items()):
        raw = int(next(iter(coders.values()))["raw_bytes"])
        sizes = {coder: int(row["bytes"]) for coder, row in coders.items() if row["bytes"]}
        sizes |= {c: known[c, name] for c in COLUMNS if (c, name) in known}
        groups.setdefault(group, []).append(File(name, raw, coders, sizes))
    for group, files in groups.items():
        if len(files) > 1:
            files.append(_total(group, files))
    return groups


def _total(group: str, files: Sequence[File]) -> File:
    coders = set.intersection(*(set(file.sizes) for file in files))
    sizes = {coder: sum(file.sizes[coder] for file in files) for coder in coders}
    rows = {coder: _total_row(files, coder) for coder in coders if coder not in COLUMNS}
    return File(f"total {group}", sum(file.raw for file in files), rows, sizes)


def _total_row(files: Sequence[File], coder: str) -> Row:
    """Speeds over all files together, the largest memory, the model once."""
    found = {}
    for column in ("pack_kb_s", "unpack_kb_s"):
        speeds = [file.value(coder, column) for file in files]
        if all(speeds):
            seconds = sum(f.raw / float(s) for f, s in zip(files, speeds, strict=True))
            found[column] = f"{sum(f.raw for f in files) / seconds:.3g}"
    for column in ("pack_mb", "unpack_mb", "model_bytes"):
        values = [file.value(coder, column) for file in files]
        found[column] = max(filter(None, values), key=int, default="")
    for column in ("lm_coded_bytes",):
        values = [file.value(coder, column) for file in files]
        found[column] = str(sum(map(float, values))) if all(values) else ""
    return found


def _show_sizes(groups: dict[str, list[File]], coders: Sequence[str]) -> None:
    headings = ["file", "raw", *coders]
    rows: list[list[str]] = []
    for files in groups.values():
        rows.extend(
            [file.name, integer(file.raw), *(integer(file.size(c)) for c in coders)]
            for file in files
        )
        rows.append([""] * len(headings))
    print_table(headings, rows[:-1])


def _show_costs(groups: dict[str, list[File]]) -> None:
    headings = ["file", "bpb", "% < ideal", "% < xz", "loss %", "mix time %"]
    headings += [
        "pack KB/s",
        "unpack KB/s",
        "pack MB",
        "unpack MB",
        "none KB/s",
        "with model",
        "pays from",
    ]
    rows: list[list[str]] = []
    for files in groups.values():
        for file in files:
            size = file.size("edgezip")
            if size is None:
                continue
            own = [file.value("edgezip", c) for c in ("pack_kb_s", "unpack_kb_s", "pack_mb")]
            rows.append(
                [
                    file.name,
                    f"{8 * size / max(file.raw, 1):.3f}",
                    file.gain("edgezip", "ideal"),
                    file.gain("edgezip", "xz -9e"),
                    file.loss(),
                    file.mixing_time(),
                    *own,
                    file.value("edgezip", "unpack_mb"),
                    file.value("edgezip none", "pack_kb_s"),
                    *_with_model(file, size),
                ]
            )
        rows.append([""] * len(headings))
    print_table(headings, rows[:-1])


def _with_model(file: File, size: int) -> tuple[str, str]:
    """Size with the model in it, and the input of this kind from which that is below xz."""
    model = int(file.value("edgezip", "model_bytes") or 0)
    theirs = file.size("xz -9e")
    saved = theirs - size if theirs is not None else 0
    if not model:
        return integer(size), "0" if saved > 0 else "never"
    pays = f"{model * file.raw / saved / 1e6:,.1f} MB" if saved > 0 else "never"
    return integer(size + model), pays if theirs is not None else ""
