"""Durations are counted in the intervals they fall in."""

from app.histogram import BOUNDS, Histogram


def test_counts_are_cumulative_and_bounds_belong_to_the_interval_below() -> None:
    histogram = Histogram()
    for seconds in (0.001, 0.0011, 3.0, 99.0):
        histogram.add(seconds, "GET", "/runs")
    histogram.add(0.2, "POST", "/runs")
    first, second = histogram.read()
    assert first[0] == ("GET", "/runs")
    counts = dict(first[1])
    assert (counts["0.001"], counts["0.0025"], counts["2.5"], counts["5.0"], counts["+Inf"]) == (
        1,
        2,
        2,
        3,
        4,
    )
    assert first[2] == 0.001 + 0.0011 + 3.0 + 99.0
    assert len(second[1]) == len(BOUNDS) + 1
