"""A number that can be sent back in comes back as the same bits, whichever way it goes."""

import ast
import html
import json
import re
import shlex
import struct
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
import typer.main
from hypothesis import example, given
from hypothesis import strategies as st

from app import cli, formats
from app.commands import remote
from app.queue import run_rows
from app.runs import export
from app.runs.listing.query import RunQuery
from app.runs.reading import as_answers
from app.schemas.configurations import identity
from app.schemas.grid import parse
from app.schemas.hyperparameters import HYPERPARAMETERS
from app.schemas.runs import RunOut, RunRequest
from app.schemas.studies import StudyRequest
from app.web.pages import forms, snippets
from tests.app.conftest import Served
from tests.app.states import finished_run, queue_run
from trainer.config import TrainConfig

HARD = (0.002154434690031882, 0.1 + 0.2, 5e-324, 1e-300, 1e-05, 99.99999999999999, 100.0, 1 / 3)
"""Numbers that take all of their digits, an exponent, or none at all."""

RATES = st.floats(0, 100, exclude_min=True)
SHARES = st.floats(0, 1, exclude_max=True)
CONFIGS = st.builds(
    lambda lr, momentum, weight_decay, dropout: TrainConfig(
        depth=2, lr=lr, momentum=momentum, weight_decay=weight_decay, dropout=dropout
    ),
    RATES,
    SHARES,
    st.floats(0, 1),
    SHARES,
)
COMMAND = typer.main.get_command(cli.app)
FLOATS = tuple(name for name, field in TrainConfig.model_fields.items() if field.annotation is float)


def bits(value: object) -> object:
    """A float as its eight bytes; anything else as it is."""
    return struct.pack(">d", value) if isinstance(value, float) else value


def same(found: Any, config: TrainConfig) -> bool:
    """Whether something has the very hyperparameters of a configuration."""
    return all(bits(getattr(found, name)) == bits(getattr(config, name)) for name in HYPERPARAMETERS)


def run_of(config: TrainConfig) -> RunOut:
    nothing = dict.fromkeys(RunOut.model_fields)
    return RunOut.model_construct(None, **nothing | config.model_dump() | {"tags": [], "note": ""})


def command_line(text: str, read: Callable[[dict[str, str]], dict[str, Any]]) -> dict[str, Any]:
    """What the installed command makes of a line that a person pasted."""
    name, verb, *words = shlex.split(text)
    assert name == "depthboard"
    given = COMMAND.commands[verb].make_context(verb, words).params  # type: ignore[attr-defined]
    return read({each: given[each] for each in HYPERPARAMETERS if given.get(each) is not None})


def of_curl(text: str) -> Any:
    words = shlex.split(text.replace("\\\n", " "))
    return json.loads(words[words.index("-d") + 1])


def of_python(text: str) -> Any:
    call = next(node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.keyword))
    return ast.literal_eval(call.value)


def every_way(request: Any) -> tuple[Any, Any, dict[str, Any]]:
    """What each snippet of a request sends."""
    found = snippets.of_request(request, "http://127.0.0.1:8000")
    read = remote._values if "submit" in found.command else remote._lists  # noqa: SLF001
    return of_curl(found.curl), of_python(found.python), command_line(found.command, read)


@given(RATES)
@example(0.1 + 0.2)
@example(5e-324)
@example(100.0)
def test_a_number_is_written_in_the_fewest_digits_that_are_read_as_the_same(number: float) -> None:
    text = formats.decimal(number)
    assert bits(float(text)) == bits(number)
    assert parse("lr", text) == [number]
    assert RunQuery.parse([("lr", text)], strict=True).terms[0].values.exact == (number,)
    assert len(text) <= len(repr(number))
    assert not text.endswith(".0")
    assert identity({"depth": 2, "lr": number}) == f"depth=2,lr={text}"


@given(CONFIGS)
def test_a_clone_has_the_same_hyperparameters(config: TrainConfig) -> None:
    form = forms.clone(run_of(config))
    assert form.request is not None
    (cloned,) = form.request.configs
    assert same(cloned, config)
    refused = forms.read({**form.texts, "priority": "high"})  # shown again with what was typed
    assert refused.request is None
    assert {name: refused.texts[name] for name in FLOATS} == {
        name: formats.decimal(getattr(config, name)) for name in FLOATS
    }


@given(CONFIGS)
def test_snippets_of_one_run_send_the_same_hyperparameters(config: TrainConfig) -> None:
    request = forms.clone(run_of(config)).request
    for body in every_way(request):
        assert same(RunRequest.model_validate(body).config, config)


@given(*[st.lists(values, min_size=1, max_size=3, unique=True) for values in (RATES, SHARES, SHARES)])
def test_snippets_of_a_study_and_hidden_fields_send_the_same_lists(
    rates: Sequence[float], decays: Sequence[float], dropouts: Sequence[float]
) -> None:
    asked = {"depth": [1, 2], "lr": rates, "weight_decay": decays, "dropout": dropouts}
    request = StudyRequest.model_validate(asked)
    hidden = forms.fields_of({"seeds": 2, "only": asked})
    for body in (*every_way(request), forms.filled(hidden)):
        found = StudyRequest.model_validate(body).axes
        for name, values in asked.items():
            assert list(map(bits, found[name])) == list(map(bits, values))


@given(st.lists(RATES, min_size=1, max_size=8), st.integers(1, 17))
@example([0.3, 0.1 + 0.2], 4)
@example([5e-324, 1e-323], 4)
def test_adjacent_numbers_look_different_if_they_differ(numbers: list[float], digits: int) -> None:
    shown = formats.apart(numbers, digits)
    assert len(set(shown.values())) == len(set(numbers))
    assert all(len(text) <= len(repr(number)) for number, text in shown.items())


def test_adjacent_numbers_have_the_fewest_digits_that_distinguish_them() -> None:
    assert formats.apart([0.002154434690031882, 0.05], 4) == {0.002154434690031882: "0.002154", 0.05: "0.05"}
    assert formats.apart([0.3, 0.1 + 0.2, 1 / 3], 4) == {
        0.3: "0.3",
        0.1 + 0.2: "0.30000000000000004",
        1 / 3: "0.3333",
    }
    assert formats.apart([0.12345, 0.12346], 4) == {0.12345: "0.12345", 0.12346: "0.12346"}


@pytest.mark.parametrize("name", ["momentum", "weight_decay", "dropout"])
def test_minus_zero_is_zero(name: str) -> None:
    assert bits(getattr(TrainConfig.model_validate({"depth": 1, name: -0.0}), name)) == bits(0.0)


def test_a_number_goes_through_the_dashboard_and_back(site: Served) -> None:
    client: httpx.Client = site.client
    for number in HARD:
        run = client.post("/runs", json={"depth": 1, "lr": number}).json()
        assert bits(run["lr"]) == bits(number)
        page = client.get(f"/runs/new?from={run['id']}", headers={"Accept": "text/html"}).text
        field = re.search(r'name="lr" value="([^"]*)"', page)
        assert field
        assert field[1] == formats.decimal(number)
        curl = re.search(r'<pre[^>]* id="snippet-2"[^>]*>(.*?)</pre>', page, re.DOTALL)
        assert curl
        assert bits(of_curl(html.unescape(curl[1]))["lr"]) == bits(number)
        found = client.get("/runs", params={"lr": field[1]}).json()["runs"]
        assert [each["id"] for each in found] == [run["id"]]
        fields = {"depth": "1", "lr": field[1]}
        answer = client.post("/runs", data=fields, headers={"Accept": "text/html"}, follow_redirects=False)
        again = client.get(answer.headers["location"], headers={"Accept": "application/json"}).json()
        assert bits(again["lr"]) == bits(number)
        assert client.delete(answer.headers["location"]).status_code == 204


def test_more_seeds_are_added_for_exactly_the_given_values(site: Served) -> None:
    client: httpx.Client = site.client
    study = client.post("/studies", json={"depth": 1, "lr": [0.3, 0.1 + 0.2]}).json()
    fields = {"seeds": "1", **forms.fields_of({"only": {"lr": [0.1 + 0.2]}})}
    client.post(f"/studies/{study['id']}/runs", data=fields, headers={"Accept": "text/html"})
    runs = client.get("/runs", params={"study": study["id"], "sort": "id"}).json()["runs"]
    assert [run["lr"] for run in runs] == [0.3, 0.1 + 0.2, 0.1 + 0.2]


def test_tables_distinguish_close_rates(site: Served) -> None:
    ids = [queue_run(site.database, lr=rate) for rate in (0.3, 0.1 + 0.2, 0.002154434690031882)]
    with site.database.read() as session:
        found = as_answers(session, [run_rows.get(session, run_id) for run_id in ids])
    text = "".join(export.runs(found, 1))
    assert all(f",{number!r}," in text for number in (0.3, 0.1 + 0.2, 0.002154434690031882))
    for path in ("/runs", f"/compare?runs={','.join(map(str, ids))}"):
        page = site.client.get(path, headers={"Accept": "text/html"}).text
        cells = re.findall(r'<td class="number"[^>]*>(0\.[0-9]+)</td>', page)
        assert {"0.3", "0.30000000000000004"} <= set(cells)


def test_a_finished_run_is_found_again_by_all_of_its_digits(site: Served) -> None:
    done = finished_run(site.database, lr=0.1 + 0.2)
    body = {"depth": 1, "epochs": 3, "lr": [0.3, 0.1 + 0.2], "reuse": True}
    study = site.client.post("/studies", json=body).json()
    assert done in study["runs"]
    assert study["counts"] == {"queued": 1, "running": 0, "finished": 1, "failed": 0, "cancelled": 0}
