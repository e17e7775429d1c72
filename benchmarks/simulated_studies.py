"""Simulated studies whose truth is known: false claims, coverage and power, as Markdown.

    python -m benchmarks.simulated_studies --studies 4000     # about an hour on two cores

Studies are drawn as in tests/app/compare/inference/simulated.py.
"""

import argparse
import itertools
import multiprocessing
import os
from collections.abc import Sequence
from statistics import fmean

from tests.app.compare.inference.simulated import ACCURACY, MARGIN, SPREAD, Truth, equal, seen, unequal, wide

Cell = tuple[int, int, str, float, bool, bool, int]


def main() -> None:
    """Simulate every cell and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=4_000)
    studies = parser.parse_args().studies
    cells: list[Cell] = [
        (n, groups, spreads, dips, follow, False, studies)
        for groups, spreads, dips, follow, n in itertools.product(
            (2, 5), ("equal", "unequal"), (0.0, 0.05), (False, True), (3, 5, 10)
        )
    ]
    cells += [(n, 3, "wide", 0.0, follow, False, studies) for follow in (False, True) for n in (3, 5, 10)]
    cells += [(n, 3, "equal", 0.0, True, True, studies) for n in (3, 5, 10)]
    print(f"{studies} studies a cell. Shares of studies of equal groups in percent.\n")
    print("| groups | spreads | dips | offers | n | false at look 1 | false ever | covered | looks |")
    print("|---:|---|---:|---|---:|---:|---:|---:|---:|", flush=True)
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for line in pool.imap(cell, cells):
            print(line, flush=True)
        print("\n| groups | difference in margins | n | better | equivalent | undecided |")
        print("|---:|---:|---:|---:|---:|---:|")
        for line in pool.imap(power, itertools.product((2, 5), (0.5, 1.0, 2.0), (3, 5, 10), (studies,))):
            print(line, flush=True)


def cell(kind: Cell) -> str:
    """A row on studies of equal groups."""
    n, groups, spreads, dips, follow, paired, studies = kind
    spread = {"equal": equal, "unequal": unequal, "wide": wide}[spreads](groups)
    truth = Truth([ACCURACY] * groups, spread, dips)
    margin = MARGIN * (6 if spreads == "wide" else 1 if groups < 5 else 2)  # noqa: PLR2004  # what offers resolve
    found = seen(truth, n, studies, margin=margin, follow=follow, paired=paired)
    shares = (100 * fmean(each) for each in (found.first, found.ever, found.covered))
    offers = "followed" if follow else "no"
    kinds = f"{groups}{' paired' if paired else ''} | {spreads} | {100 * dips:.0f} % | {offers} | {n}"
    return f"| {kinds} | {' | '.join(f'{share:.1f}' for share in shares)} | {fmean(found.looks):.2f} |"


def power(kind: tuple[int, float, int, int]) -> str:
    """A row on groups of which the last is better by so many margins: the answer against another."""
    groups, margins, n, studies = kind
    truth = Truth([ACCURACY] * (groups - 1) + [ACCURACY + margins * MARGIN], [SPREAD / 2] * groups)
    found = seen(truth, n, studies)
    shares = _shares(found.answers, ("better", "equivalent", "undecided"))
    return f"| {groups} | {margins} | {n} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |"


def _shares(answers: Sequence[str | None], kinds: Sequence[str]) -> list[float]:
    return [fmean(answer == kind for answer in answers) for kind in kinds]


if __name__ == "__main__":
    main()
