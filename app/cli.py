"""The `depthboard` command. Each command imports what it needs: `up` has to start at once."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app import __version__
from app.address import DEFAULT_URL, Address
from app.commands.failures import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    Failure,
    address_errors,
    backup_errors,
    database_errors,
)
from app.commands.options import flag, options, with_options
from app.commands.preflight import begin, check_data_dir, check_login, places, settings_of
from app.formats import as_utf8
from app.schemas.grid import GridError, Value, parse
from app.settings import ENVIRONMENT, Settings
from trainer import streams
from trainer.config import TrainConfig

if TYPE_CHECKING:
    from rich.console import Console

    from app.client import Client
    from app.commands.backup import Contents

log = logging.getLogger("app.cli")  # also where this is __main__

_BAD_REQUEST: Final = (400, 422)
_ORPHAN_SECONDS: Final = 1.5
"""How long the web process may take to end once its supervisor is gone."""

_STORED_SETTINGS: Final = frozenset({"data_dir", "database_url", "artifacts_url"})
_OF_STORAGE: Final = options(Settings, panel="Settings", environment=ENVIRONMENT, only=_STORED_SETTINGS)
_SETTINGS: Final = options(Settings, panel="Settings", environment=ENVIRONMENT)
_TRAINING_SETTINGS: Final = frozenset({"data_dir", "threads"})
_OF_TRAINING: Final = options(Settings, panel="Settings", environment=ENVIRONMENT, only=_TRAINING_SETTINGS)
_ALONE: Final = {"slots": "1"}
_HYPERPARAMETERS: Final = options(TrainConfig, panel="Hyperparameters")
_AXES: Final = options(TrainConfig, panel="Hyperparameters, each a value, a list or a range", many=True)

app = typer.Typer(
    name="depthboard",
    help="A dashboard that launches and compares training runs.",
    epilog="Exit codes: 0 done; 1 it failed, a run that was waited for failed or was cancelled, no server "
    "answers, or output was lost; 2 a bad value, option or setting; 3 an address that can't be listened "
    "on; 130 interrupted by Ctrl-C (0 of `up` and `worker`: that is how they are stopped).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Parent = Annotated[int | None, typer.Option(hidden=True, help="Process whose end ends this one.")]
Again = Annotated[
    bool,
    typer.Option("--again", hidden=True, help="It ran before: where its database is gone, begin no other."),
]
Url = Annotated[str, typer.Option(envvar=f"{ENVIRONMENT}URL", help="The running Depthboard to talk to.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Wait = Annotated[
    bool, typer.Option("--wait", "--follow", help="Wait until all runs have ended, showing progress.")
]
Name = Annotated[str | None, typer.Option(help="A name; by default made from the hyperparameters.")]
Tag = Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")]
Note = Annotated[str | None, typer.Option(help="Free text.")]
Priority = Annotated[int, typer.Option(help="Higher goes first.")]


def main() -> None:
    """Run the command line."""
    streams.prepare()
    sys.exit(streams.written(_run))


def _run() -> int:
    """The exit code of the command that the arguments ask for."""
    try:
        app(prog_name=app.info.name)
    except Failure as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SystemExit as end:  # however a command ends
        return end.code if isinstance(end.code, int) else 0
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _say_json(text: str) -> None:
    _say(streams.as_json(text))


@app.callback(invoke_without_command=True)
def _version(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        _say(f"depthboard {__version__}")
        raise typer.Exit


@app.command()
@with_options(_SETTINGS)
def up(given: dict[str, str]) -> None:
    """Run the whole dashboard: the web server and a worker. Ctrl-C stops both."""
    from app.commands import supervisor
    from app.storage import folder_lock

    settings = settings_of(given)
    held = places(settings)
    with address_errors():
        check_login(settings)
    check_data_dir(settings)
    try:
        with folder_lock.held(held) as introduce, address_errors():
            address = Address(settings.host, settings.port).settled()
            introduce(f"process {os.getpid()}, {address.url}")
            os.environ[f"{ENVIRONMENT}PORT"] = str(address.port)
            exit_code = supervisor.up(address, settings.hosts)
    except (folder_lock.FolderInUse, folder_lock.LockUnusable) as error:
        raise Failure(str(error), EXIT_USAGE) from error
    raise typer.Exit(exit_code)


@app.command()
@with_options(_SETTINGS)
def serve(given: dict[str, str], *, parent: Parent = None, again: Again = False) -> None:
    """Run the web server only."""
    settings = begin(given, anew=not again)
    from app import main as web
    from app.worker import lifeline

    if parent is not None:
        lifeline.watch(parent, _end)
    with address_errors(), database_errors(settings):
        check_login(settings)
        exposure = Address(settings.host, settings.port).exposure
        if exposure:
            log.warning(exposure)
        web.serve(settings, deaths=None if parent is None else sys.stdin.fileno())


@app.command()
@with_options(_SETTINGS)
def worker(
    given: dict[str, str],
    *,
    parent: Parent = None,
    again: Again = False,
    worker_id: Annotated[str | None, typer.Option("--id", hidden=True, help="Its id.")] = None,
    replaces: Annotated[str | None, typer.Option(hidden=True, help="A dead worker's id.")] = None,
) -> None:
    """Run a worker only: it trains the queued runs of the database that it shares with the web server."""
    settings = begin(given, anew=not again)
    from app.worker import program
    from app.worker.loop import SlotsUnusable

    try:
        with database_errors(settings):
            program.main(settings, worker_id, replaces, parent)
    except SlotsUnusable as error:
        raise Failure(f"The worker gives up: {error}. What its slots printed says why.") from error


@app.command()
@with_options([*_HYPERPARAMETERS, *_OF_TRAINING])
def train(given: dict[str, str], *, json: AsJson = False) -> None:
    """Train one network without a server, database or files."""
    settings = settings_of({name: given.pop(name) for name in _TRAINING_SETTINGS & given.keys()} | _ALONE)
    from trainer import command

    raise typer.Exit(command.train(given, settings.data_dir, settings.thread_count, as_json=json))


@app.command()
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
            _say(f"Run {run.id} ({run.name}) waits at {url}/runs/{run.id}")
        if wait:
            from app.commands.terminal import follow_run, outcome

            run = follow_run(client, run, _progress_console(hidden=json))
            if not json:
                _say(f"Run {run.id} ({run.name}) {outcome(run)}")
        if json:
            _say_json(run.model_dump_json())
        if wait and run.status != "finished":
            raise typer.Exit(EXIT_FAILED)


@app.command()
@with_options(_AXES)
def study(
    given: dict[str, str],
    *,
    name: Name = None,
    tag: Tag = None,
    note: Note = None,
    priority: Priority = 0,
    reuse: Annotated[bool, typer.Option("--reuse", help="Skip configurations that have finished.")] = False,
    preview: Annotated[
        bool,
        typer.Option("--preview", help="Show the number of runs and the estimated time; create nothing."),
    ] = False,
    wait: Wait = False,
    json: AsJson = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Queue a grid of runs at a running Depthboard, such as --depth 1-5 --seed 0,1,2 --epochs 20."""
    body = {**_lists(given), **_labels(name, tag, note, priority), "reuse": reuse}
    with _connect(url) as client:
        if preview:
            _preview(client, body, json=json)
            return
        created = client.create_study(body)
        if not (json or wait):
            from app.formats import plural

            _say(
                f"Study {created.id} ({created.name}): {plural(len(created.runs), 'run')} at "
                f"{url}/studies/{created.id}"
            )
        if wait:
            from app.commands.terminal import depth_table, follow_study

            created = follow_study(client, created, _progress_console(hidden=json))
        if json:
            _say_json(created.model_dump_json())
        elif wait:
            comparison = client.compare(study=created.id)
            _console().print(depth_table(comparison))
            for sentence in [*comparison.verdict.sentences, *comparison.warnings]:
                _say(sentence)
        if wait and created.counts.get("finished", 0) < len(created.runs):
            raise typer.Exit(EXIT_FAILED)


@app.command()
def runs(
    ids: Annotated[list[int] | None, typer.Argument(help="Only these runs.")] = None,
    *,
    status: Annotated[str | None, typer.Option(help="Only these states, separated by commas.")] = None,
    depth: Annotated[str | None, typer.Option(help="Only these depths, separated by commas.")] = None,
    study: Annotated[int | None, typer.Option(help="Only the runs of this study.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only runs with one of these tags.")] = None,
    q: Annotated[
        str | None, typer.Option("--search", help="Only runs whose name, tags or note contain this text.")
    ] = None,
    archived: Annotated[str, typer.Option(metavar="false|true|all", help="Archived runs too.")] = "false",
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
        _say_json(f"[{','.join(run.model_dump_json() for run in found)}]")
    elif found:
        from app.commands.terminal import run_table

        _console().print(run_table(found))
    else:
        _say("No runs.")


@app.command()
@with_options(_OF_STORAGE)
def backup(
    given: dict[str, str],
    *,
    file: Annotated[Path, typer.Argument(help="A new file.")],
) -> None:
    """Save runs, studies, weights and checkpoints to one file; also while the dashboard runs."""
    settings = begin(given, anew=False)
    from app.commands import backup as archive
    from app.storage.database import Database

    with database_errors(settings), backup_errors(), closing(Database(settings.url)) as database:
        found = archive.save(database, settings.artifacts, file)
    _say(f"Saved {_told(found)} to {as_utf8(str(file))} ({found.bytes / 1e6:,.1f} MB).")


@app.command()
@with_options(_OF_STORAGE)
def restore(
    given: dict[str, str],
    *,
    file: Annotated[Path, typer.Argument(help="A file written by `depthboard backup`.")],
) -> None:
    """Restore a backup into an empty data folder or database."""
    settings = begin(given)
    from app.commands import backup as archive
    from app.storage import folder_lock
    from app.storage.database import Database

    with (
        database_errors(settings),
        backup_errors(),
        folder_lock.held(places(settings)),
        closing(Database(settings.url, idle_seconds=0)) as database,  # files are written meanwhile
    ):
        found = archive.restore(file, database, settings.artifacts)
    folder = as_utf8(str(settings.data_dir))
    _say(f"Restored {_told(found)} into {folder}. Start it with `depthboard up`.")


def _told(found: "Contents") -> str:
    runs = "1 run" if found.runs == 1 else f"{found.runs:,} runs"
    return f"{runs} and {'1 file' if found.files == 1 else f'{found.files:,} files'}"


def _end() -> None:
    """End the web process, whose supervisor is gone."""
    from app.worker import lifeline

    lifeline.end_within(_ORPHAN_SECONDS, EXIT_FAILED)
    os.kill(os.getpid(), signal.SIGTERM)


def _lists(given: dict[str, str]) -> dict[str, list[Value]]:
    """Hyperparameters as lists of values, from lists and ranges as people type them."""
    lists = {}
    for name, text in given.items():
        try:
            lists[name] = parse(name, text)
        except GridError as error:
            raise Failure(f"{flag(name)}: {error}", EXIT_USAGE) from error
    return lists


def _values(given: dict[str, str]) -> dict[str, Value]:
    """Hyperparameters of one run."""
    values = {}
    for name, found in _lists(given).items():
        if len(found) > 1:
            raise Failure(
                f"{flag(name)}: one value was expected, got {len(found)}; `depthboard study` takes lists.",
                EXIT_USAGE,
            )
        values[name] = found[0]
    return values


def _text(argument: str) -> str:
    """An argument as text: where the locale knows ASCII alone, its bytes may still be UTF-8."""
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
    except UnicodeEncodeError as error:  # an argument whose bytes are none of the terminal's encoding
        bad = error.object[error.start : error.end]
        raise Failure(f"{bad!r} is not valid text; write it in UTF-8.", EXIT_USAGE) from error


def _console() -> "Console":
    from rich.console import Console

    return Console()


def _progress_console(*, hidden: bool) -> "Console":
    """Where progress is shown: beside the output, so that this can be piped."""
    from rich.console import Console

    return Console(stderr=True, quiet=hidden)


def _preview(client: "Client", body: dict[str, Any], *, json: bool) -> None:
    """Say what a study would be."""
    found = client.preview_study(body)
    if json:
        _say_json(found.model_dump_json())
        return
    from app.formats import about, between, plural

    _say(
        f"{plural(found.runs, 'run')}, {about(found.seconds)}, {between(found.seconds_range)} "
        f"(from {found.basis}); {plural(found.duplicates, 'run has', 'runs have')} an identical finished run."
    )
    for warning in found.warnings:
        typer.echo(warning)


if __name__ == "__main__":
    main()
