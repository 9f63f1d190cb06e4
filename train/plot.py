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


def smoothed(values: list[float]) -> list[float]:
    """The mean of each value and up to four on both sides of it."""
    around = [values[max(i - 4, 0) : i + 5] for i in range(len(values))]
    return [sum(part) / len(part) for part in around]


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

    validations = {run: read_csv(run / "val.csv") for run in args.runs}
    # One validation, at the end of a run, is no curve.
    curves = any(len({row["tokens"] for row in rows}) > 1 for rows in validations.values())
    figure, axes = pyplot.subplots(
        1, 1 + curves, figsize=(5.5 + 5.5 * curves, 4), layout="constrained", squeeze=False
    )
    loss = axes[0, 0]
    for run in args.runs:
        rows = read_csv(run / "log.csv")
        x = [int(row["tokens"]) / 1e6 for row in rows]
        y = [float(row["loss"]) for row in rows]
        (line,) = loss.plot(x, y, linewidth=0.5, alpha=0.5)
        loss.plot(x, smoothed(y), color=line.get_color(), label=run.name)
    loss.set(xlabel="training tokens (millions)", ylabel="training loss (nats per token)")
    if curves:
        right = axes[0, 1]
        for run, rows in validations.items():
            for kind in args.kinds:
                chosen = [row for row in rows if row["kind"] == kind]
                x = [int(row["tokens"]) / 1e6 for row in chosen]
                y = [float(row["bpb"]) for row in chosen]
                right.plot(x, y, marker="o", label=f"{run.name}, {kind}")
        right.set(xlabel="training tokens (millions)", ylabel="validation (bits per byte)")
    for each in axes.flat:
        each.legend()
        each.grid(alpha=0.3)
    figure.savefig(args.out, dpi=120)


if __name__ == "__main__":
    main()
