"""Plot the loss and the bits per byte of one or more runs.

python -m train.plot OUT.png RUN ... [--kinds english all]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a log, none when there is no file."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(argv: list[str] | None = None) -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m train.plot",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="image to write (.png, .svg)")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of train.fit")
    parser.add_argument("--kinds", nargs="+", default=["english", "all"])
    args = parser.parse_args(argv)
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for run in args.runs:
        rows = read_csv(run / "log.csv")
        x = [int(row["tokens"]) / 1e6 for row in rows]
        left.plot(x, [float(row["loss"]) for row in rows], label=run.name)
        rows = read_csv(run / "val.csv")
        for kind in args.kinds:
            chosen = [row for row in rows if row["kind"] == kind]
            x = [int(row["tokens"]) / 1e6 for row in chosen]
            y = [float(row["bpb"]) for row in chosen]
            right.plot(x, y, marker="o", label=f"{run.name}, {kind}")
    left.set(xlabel="training tokens (millions)", ylabel="training loss (nats per token)")
    right.set(xlabel="training tokens (millions)", ylabel="validation (bits per byte)")
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(args.out, dpi=120)


if __name__ == "__main__":
    main()
