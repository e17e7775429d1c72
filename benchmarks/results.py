"""Keeps the figures of a benchmark in RESULTS.md, between marks that carry the benchmark's name."""

import textwrap
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
_WIDTH = 120


def keep(part: str, figures: str, results: Path = RESULTS) -> None:
    """Store a part's results between its marks, or at the end of the document if it has no marks yet."""
    begin, end = f"<!-- {part} begins -->", f"<!-- {part} ends -->"
    before, marked, rest = results.read_text().partition(begin)
    if not marked:
        before, rest = f"{before.rstrip()}\n\n", f"{end}\n"
    results.write_text(f"{before}{begin}\n{_wrapped(figures)}\n{end}{rest.partition(end)[2]}")


def _wrapped(figures: str) -> str:
    """The results with wrapped paragraphs; tables and headings are unchanged."""
    return "\n".join(
        line
        if line.startswith(("|", "#"))
        else textwrap.fill(line, _WIDTH, break_long_words=False, break_on_hyphens=False)
        for line in figures.splitlines()
    )
