"""The commands that talk to a running dashboard: queue runs and studies, follow, list and export them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.address import DEFAULT_URL
from app.commands.failures import EXIT_FAILED, EXIT_USAGE, Failure
from app.commands.options import flag, options, with_options
from app.commands.output import AsJson, say, say_json
from app.formats import as_utf8
from app.schemas.grid import GridError, Value, parse
from app.settings import ENVIRONMENT
from trainer.config import TrainConfig

if TYPE_CHECKING:
    from rich.console import Console

    from app.client import Client

_BAD_REQUEST: Final = (400, 422)
_HYPERPARAMETERS: Final = options(TrainConfig, panel="Hyperparameters")
_AXES: Final = options(TrainConfig, panel="Hyperparameters, each a value, a list or a range", many=True)

Url = Annotated[str, typer.Option(envvar=f"{ENVIRONMENT}URL", help="URL of the running Depthboard.")]
Wait = Annotated[
    bool, typer.Option("--wait", "--follow", help="Wait until all runs have ended, showing progress.")
]
Name = Annotated[str | None, typer.Option(help="Name; generated from the hyperparameters by default.")]
Tag = Annotated[list[str] | None, typer.Option(help="Tag; repeat the option for several.")]
Note = Annotated[str | None, typer.Option(help="Free text.")]
Priority = Annotated[int, typer.Option(help="Runs with a higher priority start first.")]


@with_options(_HYPERPARAMETERS)
def submit(
    given: dict[str, str],
    *,
    name: Name = None,
    tag: Tag = None,
    note: Note = None,
    priority: Priority = 0,
    wait: Wait = False,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Queue one run at a running Depthboard."""
    body = {**_values(given), **_labels(name, tag, note, priority)}
    with _connect(url) as client:
        run = client.create_run(body)
        if not (json or wait):
            say(f"Queued run {run.id} ({run.name}): {url}/runs/{run.id}")
        if wait:
            from app.commands.terminal import follow_run, outcome

            run = follow_run(client, run, _progress_console(hidden=json))
            if not json:
                say(f"Run {run.id} ({run.name}) {outcome(run)}")
        if json:
            say_json(run.model_dump_json())
        if wait and run.status != "finished":
            raise typer.Exit(EXIT_FAILED)


@with_options(_AXES)
def study(
    given: dict[str, str],
    *,
    name: Name = None,
    tag: Tag = None,
    note: Note = None,
    priority: Priority = 0,
    reuse: Annotated[
        bool,
        typer.Option("--reuse", help="Reuse finished runs with the same hyperparameters and seed."),
    ] = False,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid",
            help="Leave out invalid combinations of values; by default they reject the study.",
        ),
    ] = False,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Show the number of runs and the estimated time; create nothing."),
    ] = False,
    wait: Wait = False,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Queue a grid of runs at a running Depthboard, such as --depth 1-5 --seed 0,1,2 --lr "0.01-1 log 5"."""
    body = {**_lists(given), **_labels(name, tag, note, priority), "reuse": reuse}
    body |= {"skip_invalid": True} if skip_invalid else {}
    with _connect(url) as client:
        if preview:
            _preview(client, body, json=json)
            return
        created = client.create_study(body)
        if not (json or wait):
            from app.formats import plural

            say(
                f"Created study {created.id} ({created.name}) with {plural(len(created.runs), 'run')}: "
                f"{url}/studies/{created.id}"
            )
        if wait:
            from app.commands.terminal import follow_study, groups_table

            created = follow_study(client, created, _progress_console(hidden=json))
        if json:
            say_json(created.model_dump_json())
        elif wait:
            comparison = client.compare(study=created.id)
            _console().print(groups_table(comparison))
            for sentence in [*comparison.verdict.sentences, *comparison.warnings]:
                say(sentence)
        if wait and created.counts.get("finished", 0) < len(created.runs):
            raise typer.Exit(EXIT_FAILED)


def verify(
    run_id: Annotated[int, typer.Argument(metavar="ID", help="Id of a finished run.")],
    *,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Train a finished run again, and check that records and weights are bit-identical."""
    with _connect(url) as client:
        from app.commands.terminal import follow_run

        repeated = follow_run(client, client.verify(run_id), _progress_console(hidden=json))
        found = client.run(repeated.id).verification
    if found is None:
        raise Failure(f"Run {repeated.id} has no verification.", EXIT_FAILED)
    if json:
        say_json(found.model_dump_json())
    else:
        say(found.sentence)
    if found.status != "bit-identical":
        raise typer.Exit(EXIT_FAILED)


def runs(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids of the runs; all by default.")] = None,
    *,
    status: Annotated[str | None, typer.Option(help="Only these statuses, separated by commas.")] = None,
    depth: Annotated[str | None, typer.Option(help="Only these depths, separated by commas.")] = None,
    study: Annotated[int | None, typer.Option(help="Only the runs of this study.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only runs with one of these tags.")] = None,
    q: Annotated[
        str | None, typer.Option("--search", help="Only runs whose name, tags or note contain this text.")
    ] = None,
    archived: Annotated[
        str,
        typer.Option(metavar="false|true|all", help="Archived runs: false hides them, true lists only them."),
    ] = "false",
    sort: Annotated[
        str, typer.Option(help="Field to sort by; a leading - sorts in descending order.")
    ] = "-id",
    limit: Annotated[int, typer.Option(min=0, help="Maximum number of runs; 0 for all.")] = 50,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """List runs of a running Depthboard."""
    asked = {"id": ids, "status": status, "depth": depth, "study": study, "tag": tag, "q": q}
    filters = {
        name: _text(value) if isinstance(value, str) else value for name, value in asked.items() if value
    }
    with _connect(url) as client:
        found = list(islice(client.runs(archived=archived, sort=sort, **filters), limit or None))
    if json:
        say_json(f"[{','.join(run.model_dump_json() for run in found)}]")
    elif found:
        from app.commands.terminal import run_table

        _console().print(run_table(found))
    else:
        say("No runs.")


def export(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids of the runs; all by default.")] = None,
    *,
    study: Annotated[int | None, typer.Option(help="Only the runs of this study.")] = None,
    epochs: Annotated[bool, typer.Option("--epochs", help="One line per epoch instead of per run.")] = False,
    output: Annotated[Path | None, typer.Option(help="File to create; standard output by default.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Write all runs, the given runs, or those of a study as CSV."""
    if ids and study is not None:
        raise Failure("Specify run ids or --study, not both.", EXIT_USAGE)
    if epochs and not ids and study is None:
        raise Failure("--epochs requires run ids or --study.", EXIT_USAGE)
    with _connect(url) as client:
        text = client.export(ids or (), study=study, epochs=epochs)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with output.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError as error:
        raise Failure(f"{as_utf8(str(output))} already exists; specify a new file.", EXIT_USAGE) from error
    except OSError as error:
        why = error.strerror or error
        raise Failure(f"{as_utf8(str(output))} could not be written: {why}.", EXIT_FAILED) from error


def _lists(given: dict[str, str]) -> dict[str, list[Value]]:
    """Parse the lists and ranges given for hyperparameters."""
    lists = {}
    for name, text in given.items():
        try:
            lists[name] = parse(name, text)
        except GridError as error:
            raise Failure(f"{flag(name)}: {error}", EXIT_USAGE) from error
    return lists


def _values(given: dict[str, str]) -> dict[str, Value]:
    """The hyperparameters of one run."""
    values = {}
    for name, found in _lists(given).items():
        if len(found) > 1:
            raise Failure(
                f"{flag(name)}: expected one value, got {len(found)}; use `depthboard study` for lists.",
                EXIT_USAGE,
            )
        values[name] = found[0]
    return values


def _text(argument: str) -> str:
    """Decode an argument as UTF-8, which an ASCII locale does not do."""
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        return argument


def _labels(name: str | None, tags: list[str] | None, note: str | None, priority: int) -> dict[str, Any]:
    labels = {
        "name": name and _text(name),
        "tags": tags and [_text(tag) for tag in tags],
        "note": note and _text(note),
        "priority": priority,
    }
    return {field: value for field, value in labels.items() if value}


@contextmanager
def _connect(url: str) -> Iterator["Client"]:
    from app.client import Client, ClientError, NoUrl

    try:
        with Client(url) as client:
            yield client
    except ClientError as error:
        is_usage = isinstance(error, NoUrl) or error.status in _BAD_REQUEST
        raise Failure(str(error), EXIT_USAGE if is_usage else EXIT_FAILED) from error
    except UnicodeEncodeError as error:  # an argument that is not valid in the terminal's encoding
        bad = error.object[error.start : error.end]
        raise Failure(f"{bad!r} is not valid text; write it in UTF-8.", EXIT_USAGE) from error


def _console() -> "Console":
    from rich.console import Console

    return Console()


def _progress_console(*, hidden: bool) -> "Console":
    """A console on standard error, so that standard output can be piped."""
    from rich.console import Console

    return Console(stderr=True, quiet=hidden)


def _preview(client: "Client", body: dict[str, Any], *, json: bool) -> None:
    """Print the number of runs of a study and the estimated time."""
    found = client.preview_study(body)
    if json:
        say_json(found.model_dump_json())
        return
    from app.formats import about, between, plural, sentence

    finished = plural(found.duplicates, "identical run has", "identical runs have")
    say(
        f"{plural(found.runs, 'run')}, {about(found.seconds)} ({between(found.seconds_range)}, "
        f"from {found.basis}); {finished} finished."
    )
    left_out = [
        f"Left out: {plural(each.combinations, 'combination')}: {sentence(each.reason)}"
        for each in found.rejected
    ]
    for words in filter(None, [*left_out, found.can_show, *found.warnings]):
        say(words)
