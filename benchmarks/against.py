"""Measures this checkout against an older one: the same benchmark of both in turn, and the ratios of medians.

    git worktree add ../older v0.1.0 && make -C ../older lint      # the older checkout, with its environment
    python benchmarks/against.py ../older                          # all benchmarks, three rounds
    python benchmarks/against.py ../older --only web --rounds 5

Machines differ and are noisy, so only the ratios count. Prints Markdown. Exits with status 1 if a median is
more than 1.1 times as long as in the older checkout.
"""

import argparse
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent.parent
PARTS = {
    "web": ["web.py"],
    "compare": ["compare.py"],
    "training": ["training.py"],
    "dispatch": [str(HERE / "benchmarks/dispatch.py")],  # older checkouts do not have it
}
WORST = 1.1
"""Maximum ratio of a time to that of the older checkout."""

_FIGURE = re.compile(r"([\d,.]+)(?: (?:ms|s|MiB))?")
_SPREAD = {"min", "max", "floor"}
"""Columns that are not compared."""


def main() -> int:
    """Measure both checkouts in turn, print each figure before and now, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("older", type=Path, help="a checkout with an environment of its own in .venv")
    parser.add_argument("--only", choices=PARTS, help="one benchmark instead of all")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    worst = 0.0
    print(f"{datetime.now(UTC):%Y-%m-%d}, `python benchmarks/against.py`, {asked.rounds} rounds in turn.\n")
    print("| benchmark | figure | before | now | ratio |\n|---|---|---:|---:|---:|")
    for part in [asked.only] if asked.only else PARTS:
        before: dict[str, list[float]] = defaultdict(list)
        now: dict[str, list[float]] = defaultdict(list)
        for _ in range(asked.rounds):
            for checkout, kept in ((asked.older, before), (HERE, now)):
                seen: Counter[str] = Counter()
                for name, figure in measured(checkout.resolve(), PARTS[part]):
                    seen[name] += 1
                    kept[name if seen[name] == 1 else f"{name} ({seen[name]})"].append(figure)
        for name in (name for name in before if name in now):
            old, new = median(before[name]), median(now[name])
            worst = max(worst, new / old)
            print(f"| {part} | {name} | {old:g} | {new:g} | {new / old:.2f} |", flush=True)
    return int(worst > WORST)


def measured(checkout: Path, words: list[str]) -> Iterator[tuple[str, float]]:
    """Run a benchmark of a checkout and yield the name and value of every figure in its tables."""
    script, *options = words
    command = [checkout / ".venv/bin/python", checkout / "benchmarks" / script, *options]
    said = subprocess.run(command, cwd=checkout, stdout=subprocess.PIPE, text=True, check=True).stdout
    columns: list[str] = []
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells
        for column, cell in zip(columns[1:], cells[1:], strict=False):
            figure = _FIGURE.fullmatch(cell)
            if figure and column not in _SPREAD and "/" not in column:
                name = cells[0] if column == "median" else f"{columns[0]} {cells[0]}, {column}"
                yield name, float(figure[1].replace(",", ""))


if __name__ == "__main__":
    sys.exit(main())
