"""Renders notes: Markdown as safe HTML."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_TOP: Final = 3
"""The level of a note's largest headings: the page and its sections have those above."""
_LOWEST: Final = 6
_SCHEMES: Final = ("", "http", "https", "mailto")
"""Schemes of addresses that are linked; without a scheme, they are on this server."""


def markdown(text: str) -> Markup:
    """Render Markdown as HTML that can't run scripts or load anything.

    HTML in the text is shown as text, images are shown as links, and addresses other than those of pages and
    mail are not linked.
    """
    return Markup(_parser().render(text))  # noqa: S704  # the parser escapes HTML


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # noqa: PLC0415  # takes 30 ms; only notes need it

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.disable("image")
    parser.validateLink = _may_link  # type: ignore[method-assign, assignment]
    parser.core.ruler.push("safe", lambda state: _make_safe(state.tokens))
    return parser


def _may_link(address: str) -> bool:
    try:
        return urlsplit(address).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _make_safe(tokens: Sequence["Token"]) -> None:
    """Open links without access to this page, and lower headings below those of the page."""
    for token in tokens:
        if token.type == "link_open":
            token.attrSet("rel", "noopener noreferrer nofollow")
        elif token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(_LOWEST, int(token.tag[1:]) + _TOP - 1)}"
        _make_safe(token.children or ())
