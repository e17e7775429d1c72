"""One launch in other words; each of them means the same request."""

import ast
import json
import shlex

import pytest

from app.schemas import grid
from app.schemas.runs import RunRequest
from app.schemas.studies import StudyRequest
from app.web.pages import forms, snippets

SERVER = "http://127.0.0.1:8000"


def written(**texts: str) -> snippets.Snippets:
    """The snippets of what was typed."""
    request = forms.read(texts).request
    assert request is not None
    return snippets.of_request(request, SERVER)


def body_of_curl(text: str) -> dict[str, object]:
    """The JSON that a curl command sends."""
    words = shlex.split(text.replace("\\\n", " "))
    body: dict[str, object] = json.loads(words[words.index("-d") + 1])
    return body


def test_one_run_leaves_defaults_out() -> None:
    found = written(depth="3", epochs="200", reuse="on")
    assert body_of_curl(found.curl) == {"depth": 3}
    assert f"{SERVER}/runs " in found.curl
    assert found.command == f"depthboard submit --depth 3 --url {SERVER}"


def test_several_values_make_a_study_in_every_form() -> None:
    found = written(depth="1-5", seed="0, 7", lr="0.01, 0.05, 0.1", tags="a b, c", name="it's", reuse="on")
    body = body_of_curl(found.curl)
    assert body["depth"] == [1, 2, 3, 4, 5]
    assert body["reuse"] is True
    words = shlex.split(found.command)
    options = dict(zip(words[2::2], words[3::2], strict=False))
    assert words[:2] == ["depthboard", "study"]
    assert grid.parse("depth", options["--depth"]) == body["depth"]
    assert grid.parse("lr", options["--lr"]) == body["lr"]
    assert [words[at + 1] for at, word in enumerate(words) if word == "--tag"] == body["tags"] == ["a b", "c"]
    call = next(node for node in ast.walk(ast.parse(found.python)) if isinstance(node, ast.keyword))
    assert ast.literal_eval(call.value) == body


@pytest.mark.parametrize("note", ["plain", 'it\'s "quoted"', "two\nlines", "ümlaut $HOME `x`"])
def test_any_note_survives_the_shell(note: str) -> None:
    body = body_of_curl(written(depth="2", note=note).curl)
    assert RunRequest.model_validate(body).note == note


def test_the_body_of_a_study_snippet_is_valid() -> None:
    body = body_of_curl(written(depth="1-2", device="cpu,cuda", priority="5").curl)
    assert StudyRequest.model_validate(body).axes["device"] == ["cpu", "cuda"]


def test_left_out_combinations_and_the_study_it_follows_are_in_the_body() -> None:
    found = written(depth="3, 8", follows="7")
    body = body_of_curl(found.curl)
    assert body == {"depth": [3, 8], "skip_invalid": True, "follows": 7}
    assert StudyRequest.model_validate(body).rejected
    assert found.command.startswith("depthboard study --depth 3,8 --skip-invalid ")
