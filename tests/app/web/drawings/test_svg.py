"""A drawing as an SVG document."""

import math
import re
from xml.etree.ElementTree import Element, fromstring

from app.web.drawings import axes
from app.web.drawings.svg import ACROSS, UP, Bar, Dots, Drawing, Entry, Line, palette

SVG = "{http://www.w3.org/2000/svg}"


def drawing(*lines: Line, **parts: object) -> Drawing:
    across, up = axes.epochs(10, ACROSS), axes.linear("Loss (nats)", (0, 2), UP, most=4)
    return Drawing("Loss of <b>", "It falls.", across, up, lines, **parts)  # type: ignore[arg-type]


def parsed(text: str) -> Element:
    return fromstring(text)  # noqa: S314  # our own


def test_a_drawing_has_a_title_a_description_and_axis_titles() -> None:
    root = parsed(drawing().render())
    assert root.findtext(f"{SVG}title") == "Loss of <b>"
    assert root.findtext(f"{SVG}desc") == "It falls."
    assert root.get("aria-labelledby") == "title description"
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert {"Epoch", "Loss (nats)", "0", "0.5", "1.5", "10"} <= {*texts}


def test_a_line_has_every_point_and_gaps() -> None:
    line = Line([(0, 2.0), (5, 1.0), (6, math.nan), (7, 1.0), (10, 0.0)], shade=3, dash="dash")
    (path,) = [
        each for each in parsed(drawing(line).render()).iter(f"{SVG}path") if each.get("class") == "line"
    ]
    assert path.get("d") == "M64.0,14.0L384.0,181.0M512.0,181.0L704.0,348.0"
    assert path.get("stroke") == "var(--depth-3)"
    assert path.get("stroke-dasharray") == "6 5"


def test_points_intervals_legend_and_notes_are_drawn() -> None:
    root = parsed(
        drawing(
            dots=[Dots([(5, 1.0), (6, math.nan)], 2), Dots([(5, 0.5)], 2, is_open=True)],
            bars=[Bar(5, (0.5, 1.5))],
            legend=[Entry("2 layers & more", 2), Entry("a run", dot="open")],
            notes=["Partly outside the axis: 1 run."],
        ).render()
    )
    circles = [(each.get("cx"), each.get("cy"), each.get("fill")) for each in root.iter(f"{SVG}circle")]
    assert circles[:2] == [("384.0", "181.0", "var(--depth-2)"), ("384.0", "264.5", "none")]
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert texts[-3:] == ["2 layers & more", "a run", "Partly outside the axis: 1 run."]
    assert "M384.0,264.5V97.5" in "".join(each.get("d") or "" for each in root.iter(f"{SVG}path"))
    below = [float(each.get("y") or 0) for each in root.iter(f"{SVG}text")]
    assert max(below) < float(root.get("height") or 0)


def test_a_long_legend_takes_several_rows() -> None:
    root = parsed(
        drawing(legend=[Entry(f"lr 0.{number}, batch size 1024", 1) for number in range(9)]).render()
    )
    places = [
        (each.get("x"), each.get("y")) for each in root.iter(f"{SVG}text") if each.get("class") == "entry"
    ]
    assert len({*places}) == 9
    assert len({y for _, y in places}) > 1


def test_the_colors_are_those_of_the_style_sheet_in_both_themes() -> None:
    few, many = palette(many=False), palette(many=True)
    assert re.search(r"--ink: light-dark\(#\w+, #\w+\);", few)
    assert few.count("--depth-1:") == 1
    assert many.startswith(few)
    assert many.count("--depth-1:") == 2
    assert many.count("--depth-10: light-dark") == 1
