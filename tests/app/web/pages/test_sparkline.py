"""Lines of small charts: where values are drawn, and where a line breaks."""

from app.web.pages.sparkline import lines


def test_now_is_at_the_right_and_full_use_at_the_top() -> None:
    assert lines([100, 50, 0], [0.0, 0.5, 1.0], span=100, interval=50) == ["0.0,40.0 120.0,20.0 240.0,0.0"]


def test_a_missing_value_or_a_pause_breaks_the_line() -> None:
    drawn = lines([90, 80, 70, 60, 10], [0, 0, None, 0, 0], span=100, interval=10)
    assert drawn == ["24.0,40.0 48.0,40.0", "96.0,40.0 96.0,40.0", "216.0,40.0 216.0,40.0"]


def test_older_values_are_left_out_and_others_are_limited() -> None:
    assert lines([200, 50, 0], [0.5, -1, 2], span=100, interval=50) == ["120.0,40.0 240.0,0.0"]
