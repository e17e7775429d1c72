"""Charts of runs and groups as SVG: every recorded epoch, nothing downsampled."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from app import formats
from app.prose import listed
from app.schemas.compare.comparison import Findings, GroupRow, Members, Spread
from app.schemas.configurations import title_of
from app.schemas.epochs import EpochColumns
from app.schemas.runs import RunOut
from app.web.drawings import axes
from app.web.drawings.axes import Axis, Extent
from app.web.drawings.svg import ACROSS, UP, Bar, Dots, Drawing, Entry, Line

Metric = Literal["train_loss", "test_loss", "last_batch_loss", "test_accuracy", "train_accuracy"]
"""A quantity that an epoch records."""

Points = Sequence[tuple[int, float]]
"""Epochs with their values."""

_TITLES: Final[Mapping[Metric, str]] = {
    "train_loss": "Train loss (mean of the epoch)",
    "test_loss": "Test loss",
    "last_batch_loss": "Loss of the last batch",
    "test_accuracy": "Test accuracy",
    "train_accuracy": "Running train accuracy",
}
_TICKS: Final = 6
_LEAST_LOSS: Final = 3.0
"""Losses of a few nats are usual: an axis leaves out higher ones only."""

_THIN: Final = 20
"""Above this many lines, lines are thinner."""

_NEAR: Final = 2.0
"""Groups with more errors than this times the errors of the best one do not determine the axis."""

_NAMED: Final = 3
"""How many runs or groups outside the axis a note names."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of a chart: its points, its name in a note, and how it is drawn."""

    points: Points
    name: str
    shade: int
    dash: str = "solid"


def of_run(run: RunOut, columns: EpochColumns, what: Literal["loss", "accuracy"]) -> Drawing:
    """The train and test curve of a run."""
    metrics: tuple[Metric, Metric] = (
        ("test_loss", "train_loss") if what == "loss" else ("test_accuracy", "train_accuracy")
    )
    names = ("test", "train, mean" if what == "loss" else "train, running")
    curves = [
        Curve(list(zip(columns.epoch, getattr(columns, metric), strict=True)), name, run.depth, dash)
        for metric, name, dash in zip(metrics, names, ("solid", "dash"), strict=True)
    ]
    legend = [Entry(curve.name, curve.shade, curve.dash) for curve in curves]
    title = f"{what.capitalize()} of {run.name}"
    return _drawing(title, metrics[0], curves, legend)


def of_groups(
    members: Sequence[Members], names: Mapping[int, str], curves: Mapping[int, Points], metric: Metric
) -> Drawing:
    """A line per run, with the color and dash of its group; `names` and `curves` are by run."""
    lines = [
        Curve(curves[run_id], names[run_id], group.shade, group.dash)
        for group in members
        for run_id in group.runs
        if curves.get(run_id)
    ]
    legend = [Entry(group.label, group.shade, group.dash) for group in members]
    count = formats.plural(len(lines), "run")
    return _drawing(f"{_TITLES[metric]} of {count}", metric, lines, legend, f"One line per run: {count}.")


def _drawing(
    title: str, metric: Metric, curves: Sequence[Curve], legend: Sequence[Entry], note: str = ""
) -> Drawing:
    last = max((curve.points[-1][0] for curve in curves if curve.points), default=0)
    scale = 1.0 if metric.endswith("loss") else 100.0
    extents = {
        place: extent
        for place, curve in enumerate(curves)
        if (extent := axes.extent_of(scale * value for _, value in curve.points))
    }
    up = _up(metric, list(extents.values()))
    low, high = up.range
    outside = [curves[place].name for place, extent in extents.items() if extent[0] < low or extent[1] > high]
    width = 2.0 if len(curves) <= _THIN else 1.0
    ends = [
        f"{curve.name}: {_value(metric, curve.points[-1][1])}" for curve in curves[:_NAMED] if curve.points
    ]
    described = f"{up.title} by epoch, up to epoch {last}."
    if len(curves) <= _NAMED and ends:
        described += f" At the end: {'; '.join(ends)}."
    return Drawing(
        title=title,
        description=described,
        across=axes.epochs(last, ACROSS),
        up=up,
        lines=[
            Line(((epoch, scale * value) for epoch, value in curve.points), curve.shade, curve.dash, width)
            for curve in curves
            if len(curve.points) > 1
        ],
        dots=[
            Dots([(epoch, scale * value) for epoch, value in curve.points], curve.shade)
            for curve in curves
            if len(curve.points) == 1
        ],
        legend=legend,
        notes=[text for text in (note, _beyond(outside)) if text],
    )


def _up(metric: Metric, extents: Sequence[Extent]) -> Axis:
    if metric.endswith("loss"):
        found = axes.within(extents, _LEAST_LOSS, (0, math.inf)) if extents else (0.0, 2.5)
        return axes.linear("Cross-entropy (nats)", found, UP, most=_TICKS)
    found = axes.within(extents, 20, (0, 100), downward=True) if extents else (0.0, 100.0)
    return axes.linear("Accuracy (%)", found, UP, most=_TICKS)


def _value(metric: Metric, value: float) -> str:
    return f"{formats.loss(value)} nats" if metric.endswith("loss") else formats.percent(value)


def _beyond(names: Sequence[str]) -> str:
    """Which lines leave the range of the axis."""
    if not names:
        return ""
    shown = [*names[:_NAMED], *([f"{len(names) - _NAMED} more"] if len(names) > _NAMED else [])]
    return f"Partly outside the axis: {listed(shown)}."


# Accuracy by group


def of_findings(found: Findings, runs: Mapping[int, RunOut]) -> Drawing:
    """Test and train accuracy of each group: a dot per finished run, means, and 95 % intervals."""
    rows = found.groups
    places = {row.id: float(place) for place, row in enumerate(rows, 1)}
    up = _accuracies(rows)
    across = _names(found.by, rows)
    drawn: list[Line] = []
    bars: list[Bar] = []
    dots: list[Dots] = []
    for field, dash, is_open in (("train_accuracy", "dash", True), ("test_accuracy", "solid", False)):
        spreads = [(places[row.id], _spread(row, field)) for row in rows]
        means = [(x, 100 * spread.mean) for x, spread in spreads]
        if found.by == ["depth"] and len(rows) > 1:
            drawn.append(Line(means, dash=dash))
        else:
            drawn += [Line([(x - 0.14, y), (x + 0.14, y)], dash=dash) for x, y in means]
        bars += [
            Bar(x, (max(0.0, 100 * spread.ci95[0]), min(100.0, 100 * spread.ci95[1])))
            for x, spread in spreads
            if spread.ci95
        ]
        dots += [_spots(row, places[row.id], runs, field, found, is_open=is_open) for row in rows]
    test_means = [f"{row.label}: {formats.percent(row.test_accuracy.mean)}" for row in rows]
    by = listed([title_of(name).lower() for name in found.by])
    below = [row.label for row in rows if 100 * row.test_accuracy.mean < up.range[0]]
    notes = [
        "Final accuracies of finished runs. Bars: 95 % intervals of the mean over seeds." if bars else ""
    ]
    return Drawing(
        title=f"Accuracy by {by}",
        description=f"Mean test accuracy by {by}: {'; '.join(test_means)}."
        if rows
        else "No run has finished.",
        across=across,
        up=up,
        lines=drawn,
        bars=bars,
        dots=dots,
        legend=[
            Entry("test: mean"),
            Entry("train: mean", dash="dash"),
            Entry("a test run", dot="filled"),
            Entry("a train run", dot="open"),
        ],
        notes=[text for text in (*notes, f"Below the axis: {listed(below)}." if below else "") if text],
    )


def _spread(row: GroupRow, field: str) -> Spread:
    spread: Spread = getattr(row, field)
    return spread


def _spots(
    row: GroupRow, x: float, runs: Mapping[int, RunOut], field: str, found: Findings, *, is_open: bool
) -> Dots:
    """The runs of a group side by side, so that they do not hide each other."""
    shade = next(group.shade for group in found.members if group.id == row.id)
    step = min(0.06, 0.3 / len(row.runs))
    points = [
        (x + (place - (len(row.runs) - 1) / 2) * step, 100 * (getattr(runs[run_id], field) or math.nan))
        for place, run_id in enumerate(row.runs)
    ]
    return Dots(points, shade, is_open)


def _accuracies(rows: Sequence[GroupRow]) -> Axis:
    """The axis that shows the groups near the best one."""
    if not rows:
        return axes.linear("Accuracy (%)", (0, 100), UP, most=_TICKS)
    errors = min(1 - row.test_accuracy.mean for row in rows)
    near = [row for row in rows if 1 - row.test_accuracy.mean <= max(_NEAR * errors, 0.002)]
    spreads = [spread for row in near for spread in (row.test_accuracy, row.train_accuracy)]
    extents = [(100 * spread.min, 100 * spread.max) for spread in spreads]
    extents += [(100 * spread.ci95[0], 100 * spread.ci95[1]) for spread in spreads if spread.ci95]
    low, high = min(low for low, _ in extents), max(high for _, high in extents)
    return axes.linear("Accuracy (%)", axes.within([(low, high)], 0, (0, 100)), UP, most=_TICKS)


def _names(by: Sequence[str], rows: Sequence[GroupRow]) -> Axis:
    """The axis of groups: their depths, their names if they fit, or their numbers in the table."""
    extent = (0.5, max(len(rows), 1) + 0.5)
    is_depth = list(by) == ["depth"]
    names = [str(row.key["depth"]) if is_depth else row.label for row in rows]
    room = (ACROSS[1] - ACROSS[0]) / max(len(rows), 1)
    fits = all(7.2 * len(name) < room for name in names)
    title = "Layers" if is_depth else ", ".join(title_of(name) for name in by)
    labels = names if fits else [str(place) for place in range(1, len(rows) + 1)]
    title = title if fits else f"{title} (numbers: rows of the table)"
    return Axis(title, extent, ACROSS, [float(place) for place in range(1, len(rows) + 1)], labels)
