"""The repositories that training text came from, with their licences, as a Markdown list.

    python -m train.sources SHARD.jsonl.xz ...

Of the shards whose rows say where they are from (`src`, `lic`), without what the mix leaves out.
docs/models.md has the list, so that the attribution that CC BY and CC BY-SA ask for is given.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from train.corpus import read_rows
from train.mix import Mix


def by_licence(rows: Iterable[Mapping[str, Any]], mix: Mix) -> dict[str, list[str]]:
    """Repositories by licence as stated, both in order; rows without them are passed over."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if "src" in row and "lic" in row and mix.rate(mix.stream(row)) > 0:
            found[str(row["lic"])].add(str(row["src"]).split(":")[0])
    return {licence: sorted(found[licence], key=str.lower) for licence in sorted(found)}


def main() -> None:
    """Print a line for each licence."""
    parser = argparse.ArgumentParser(
        prog="train.sources", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("shards", nargs="+", type=Path, metavar="SHARD")
    shards = parser.parse_args().shards
    rows = (row for shard in shards for row in read_rows(shard))
    for licence, repositories in by_licence(rows, Mix.load()).items():
        print(f"- {licence}: {', '.join(repositories)}")


if __name__ == "__main__":
    main()
