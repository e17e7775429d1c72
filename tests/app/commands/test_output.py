"""What commands print."""

import json

import pytest

from app.commands.output import say, say_json


def test_json_is_one_line_that_any_encoding_can_show(capsys: pytest.CaptureFixture[str]) -> None:
    say("two ± one")
    say_json('{"name": "José ±"}')
    text, shown = capsys.readouterr().out.splitlines()
    assert text == "two ± one"
    assert json.loads(shown) == {"name": "José ±"}
