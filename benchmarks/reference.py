"""Repeats the reference experiment through a running dashboard and prints it beside the published figures.

    depthboard up                        # in one terminal
    python benchmarks/reference.py       # in another: 5 depths, 3 seeds, 200 epochs each

The study stays on the dashboard. `--study ID` prints the table of an existing study.
"""

import argparse
import time

from app.client import Client
from app.schemas.compare.comparison import Comparison, Spread
from trainer.config import TrainConfig

DEPTHS = [1, 2, 3, 4, 5]
POLL_SECONDS = 5.0


def main() -> None:
    """Run the study, wait for it and print the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the dashboard is")
    parser.add_argument("--seeds", type=int, default=3, help="seeds per depth, from 0 on")
    parser.add_argument("--study", type=int, help="print this study instead of starting one")
    given = parser.parse_args()
    with Client(given.url) as client:
        study_id = given.study or _start(client, given.seeds)
        while (counts := client.study(study_id).counts)["queued"] + counts["running"]:
            time.sleep(POLL_SECONDS)
        print(table(client.compare(study=study_id)))


def _start(client: Client, seeds: int) -> int:
    epochs = TrainConfig(depth=1).epochs
    request = {"depth": DEPTHS, "seed": list(range(seeds)), "epochs": epochs, "name": "the reference"}
    study = client.create_study(request)
    print(f"study {study.id}: {len(study.runs)} runs of {epochs} epochs")
    return study.id


def table(comparison: Comparison) -> str:
    """Published and measured accuracies by depth, as a Markdown table."""
    published = {row.depth: row for row in comparison.reference}
    lines = [
        "| depth | parameters | train, published | train, measured | test, published | test, measured |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for row in comparison.by_depth:
        theirs = published[row.depth]
        cells = (
            f"{row.depth}",
            f"{row.parameters:,}",
            f"{theirs.train_accuracy:.4f}",
            _measured(row.train_accuracy),
            f"{theirs.test_accuracy:.4f}",
            _measured(row.test_accuracy),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _measured(spread: Spread) -> str:
    return f"{spread.mean:.4f}" if spread.std is None else f"{spread.mean:.4f} ± {spread.std:.4f}"


if __name__ == "__main__":
    main()
