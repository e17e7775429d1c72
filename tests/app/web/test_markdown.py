"""Notes as HTML: what is rendered, and what can't get into the page."""

import pytest

from app.web.markdown import markdown


def test_the_usual_marks_are_rendered() -> None:
    html = markdown("**bold**\nnext\n\n- a\n- b\n\n|x|y|\n|-|-|\n|1|2|")
    for part in ("<strong>bold</strong><br", "<li>a</li>", "<td>2</td>"):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[x](javascript:alert(1))",
        "[x](JAVASCRIPT:alert(1))",
        "[x](data:text/html,hi)",
        "[x](vbscript:x)",
        "<javascript:alert(1)>",
        "![x](http://evil.example/x.png)",
        "[x](//[)",
    ],
)
def test_nothing_runs_or_loads(text: str) -> None:
    html = markdown(text)
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html.lower()
    assert 'href="data' not in html
    assert 'href="vbscript' not in html


def test_links_have_no_access_to_the_page() -> None:
    assert markdown("[x](https://example.org/?a=1&b=2)") == (
        '<p><a href="https://example.org/?a=1&amp;b=2" rel="noopener noreferrer nofollow">x</a></p>\n'
    )
    assert 'href="/runs/3"' in markdown("[run 3](/runs/3)")


def test_headings_are_below_those_of_the_page() -> None:
    assert markdown("# One") == "<h3>One</h3>\n"
    assert markdown("##### Five") == "<h6>Five</h6>\n"
