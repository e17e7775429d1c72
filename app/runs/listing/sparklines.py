"""Sparklines of the train loss of listed runs, from a few epochs of each."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

from sqlalchemy import Integer, case, literal
from sqlmodel import Session, col, select

from app import formats
from app.schemas.runs import RunOut
from app.schemas.status import ENDED
from app.storage.tables import Epoch, Run

MOST_POINTS: Final = 32
"""Maximum number of epochs that a sparkline draws."""

WIDTH: Final = 80
HEIGHT: Final = 18
_EDGE: Final = 2
"""Units between the line and the edge of the picture, for the width of the line."""


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The losses of a run after some of its epochs, and the number of epochs that it will have."""

    epochs: Sequence[int]
    losses: Sequence[float]
    last: int
    is_live: bool

    @property
    def points(self) -> str:
        """The line as the points of an SVG polyline, on a logarithmic axis; empty without losses.

        `static/js/table/sparklines.js` draws the line of a training run in the same way.
        """
        found = [
            (epoch, math.log(max(loss, 1e-12)))
            for epoch, loss in zip(self.epochs, self.losses, strict=True)
            if math.isfinite(loss)
        ]
        if not found:
            return ""
        low, high = min(level for _, level in found), max(level for _, level in found)
        across = (WIDTH - 2 * _EDGE) / max(1, self.last - 1)
        down = (HEIGHT - 2 * _EDGE) / (high - low or 1)
        line = [f"{_EDGE + (epoch - 1) * across:.1f},{_EDGE + (high - y) * down:.1f}" for epoch, y in found]
        return " ".join(line if len(line) > 1 else line * 2)

    @property
    def label(self) -> str:
        """The line in words."""
        if not self.epochs:
            return "No epoch yet"
        done = self.epochs[-1]
        drawn = "" if len(self.epochs) == done else f", {len(self.epochs)} of them drawn"
        ends = f"{formats.loss(self.losses[0])} to {formats.loss(self.losses[-1])}"
        return f"Train loss {ends} nats, {formats.plural(done, 'epoch')}{drawn}"


def of_runs(session: Session, runs: Iterable[RunOut]) -> dict[int, Sparkline]:
    """The sparklines of runs by id.

    One query reads at most `MOST_POINTS` epochs of each run, evenly spaced, by their primary key: reading all
    epochs of 50 runs would take most of the time of a page.
    """
    listed = list(runs)
    found = _losses(session, [run.id for run in listed if run.epochs_done])
    return {
        run.id: Sparkline(epochs, losses, max(run.epochs, run.epochs_done), run.status not in ENDED)
        for run in listed
        for epochs, losses in [found.get(run.id, ([], []))]
    }


def _losses(session: Session, run_ids: Sequence[int]) -> dict[int, tuple[list[int], list[float]]]:
    if not run_ids:
        return {}
    places = select(literal(0, Integer).label("place")).cte("places", recursive=True)
    places = places.union_all(select(places.c.place + 1).where(places.c.place < MOST_POINTS - 1))
    done = col(Run.epochs_done)
    spread = 1 + places.c.place * (done - 1) // (MOST_POINTS - 1)
    wanted = case((done <= MOST_POINTS, places.c.place + 1), else_=spread)
    query = (
        select(Epoch.run_id, Epoch.epoch, Epoch.train_loss)
        .select_from(Run)
        .join(places, places.c.place < done)
        .join(Epoch, (col(Epoch.run_id) == Run.id) & (col(Epoch.epoch) == wanted))
        .where(col(Run.id).in_(run_ids))
    )
    rows = sorted(session.connection().execute(query))  # an ORDER BY makes SQLite read all epochs
    found = {}
    for run_id, group in groupby(rows, itemgetter(0)):
        _, epochs, losses = zip(*group, strict=True)
        found[run_id] = (list(epochs), list(losses))
    return found
