"""The `depthboard` command. Each command imports what it needs: `up` has to start at once."""

import logging
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app import __version__
from app.address import Address
from app.commands import remote
from app.commands.failures import (
    EXIT_CLUSTER,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    Failure,
    address_errors,
    backup_errors,
    database_errors,
)
from app.commands.options import options, with_options
from app.commands.output import AsJson, say
from app.commands.preflight import begin, check_data_dir, check_login, places, settings_of
from app.formats import as_utf8, sentence
from app.settings import ENVIRONMENT, Settings
from trainer import streams
from trainer.config import TrainConfig

if TYPE_CHECKING:
    from app.commands.archive import Contents

log = logging.getLogger("app.cli")  # `__name__` may be `__main__`

_ORPHAN_SECONDS: Final = 1.5
"""How long the web process may take to end after its supervisor has died."""

_STORED_SETTINGS: Final = frozenset({"data_dir", "database_url", "artifacts_url"})
_OF_STORAGE: Final = options(Settings, panel="Settings", environment=ENVIRONMENT, only=_STORED_SETTINGS)
_SETTINGS: Final = options(Settings, panel="Settings", environment=ENVIRONMENT)
_OF_WORKER: Final = options(
    Settings, panel="Settings", environment=ENVIRONMENT, aliases={"ray_address": "--address"}
)
_TRAINING_SETTINGS: Final = frozenset({"data_dir", "threads"})
_OF_TRAINING: Final = options(Settings, panel="Settings", environment=ENVIRONMENT, only=_TRAINING_SETTINGS)
_ALONE: Final = {"slots": "1"}
_HYPERPARAMETERS: Final = options(TrainConfig, panel="Hyperparameters")

app = typer.Typer(
    name="depthboard",
    help="A dashboard that launches and compares training runs.",
    epilog="Exit codes: 0 success; 1 the command or an awaited run failed, the run was cancelled, no server "
    "responded, or output was lost; 2 invalid value, option or setting; 3 the address can't be used; 4 the "
    "Ray cluster can't be reached; 130 interrupted by Ctrl-C, which ends `up` and `worker` with 0.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Parent = Annotated[
    int | None,
    typer.Option(hidden=True, help="Id of the parent process; this process exits when that one does."),
]
Again = Annotated[
    bool,
    typer.Option("--again", hidden=True, help="Fail if the database is missing instead of creating one."),
]


def main() -> None:
    """Run the command line."""
    streams.prepare()
    sys.exit(streams.written(_run))


def _run() -> int:
    """Returns the exit code of the command that the arguments name."""
    try:
        app(prog_name=app.info.name)
    except Failure as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SystemExit as end:  # Typer ends every command with it
        return end.code if isinstance(end.code, int) else 0
    return 0


@app.callback(invoke_without_command=True)
def _version(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        say(f"depthboard {__version__}")
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
    from app import lifeline
    from app.commands import upgrade

    if parent is not None:
        lifeline.watch(parent, _end)
    with address_errors(), database_errors(settings):
        check_login(settings)
        address = Address(settings.host, settings.port)
        if address.exposure:
            log.warning(address.exposure)
        listener = address.listen()
        with upgrade.apart(settings):
            from app import main as web
        web.serve(settings, listener, deaths=None if parent is None else sys.stdin.fileno())


@app.command()
@with_options(_OF_WORKER)
def worker(
    given: dict[str, str],
    *,
    parent: Parent = None,
    again: Again = False,
    worker_id: Annotated[str | None, typer.Option("--id", hidden=True, help="Its id.")] = None,
    replaces: Annotated[str | None, typer.Option(hidden=True, help="A dead worker's id.")] = None,
) -> None:
    """Run a worker only. It trains the queued runs of the database it shares with the web server."""
    settings = begin(given, anew=not again)
    from app import lifeline
    from app.worker import program
    from app.worker.engine import ClusterUnavailable, EngineMissing, SlotsUnusable

    try:
        with database_errors(settings):
            program.main(settings, worker_id, replaces, parent)
    except SlotsUnusable as error:
        raise Failure(f"The worker has stopped: {error}. See the output of its slots.") from error
    except EngineMissing as error:
        raise Failure(sentence(error), EXIT_USAGE) from error
    except ClusterUnavailable as error:
        lifeline.end_at_exit(EXIT_CLUSTER)
        raise Failure(f"The worker can't train: {error}.", EXIT_CLUSTER) from error


@app.command()
@with_options([*_HYPERPARAMETERS, *_OF_TRAINING])
def train(given: dict[str, str], *, json: AsJson = False) -> None:
    """Train one network without a server or database; nothing is saved."""
    settings = settings_of({name: given.pop(name) for name in _TRAINING_SETTINGS & given.keys()} | _ALONE)
    from trainer import command

    raise typer.Exit(command.train(given, settings.data_dir, settings.thread_count, as_json=json))


for command in (remote.submit, remote.study, remote.verify, remote.runs, remote.export):
    app.command()(command)


@app.command()
@with_options(_OF_STORAGE)
def backup(
    given: dict[str, str],
    *,
    file: Annotated[Path, typer.Argument(help="File to create.")],
) -> None:
    """Save runs, studies, weights, predictions and checkpoints to one file. The dashboard may be running."""
    settings = begin(given, anew=False)
    from app.commands.backup import save
    from app.storage.database import Database

    with database_errors(settings), backup_errors(), closing(Database(settings.url)) as database:
        found = save(database, settings.artifacts, file)
    say(f"Saved {_told(found)} to {as_utf8(str(file))} ({found.bytes / 1e6:,.1f} MB).")


@app.command()
@with_options(_OF_STORAGE)
def restore(
    given: dict[str, str],
    *,
    file: Annotated[Path, typer.Argument(help="A file written by `depthboard backup`.")],
) -> None:
    """Restore a backup into an empty database and an empty artifact location."""
    settings = begin(given)
    from app.commands import restore as restoring
    from app.storage import folder_lock
    from app.storage.database import Database

    with (
        database_errors(settings),
        backup_errors(),
        folder_lock.held(places(settings)),
        closing(Database(settings.url, idle_seconds=0)) as database,  # files are written meanwhile
    ):
        found = restoring.restore(file, database, settings.artifacts)
    folder = as_utf8(str(settings.data_dir))
    say(f"Restored {_told(found)} into {folder}. Start it with `depthboard up`.")


def _told(found: "Contents") -> str:
    runs = "1 run" if found.runs == 1 else f"{found.runs:,} runs"
    return f"{runs} and {'1 file' if found.files == 1 else f'{found.files:,} files'}"


def _end() -> None:
    """End the web process after its supervisor has died."""
    from app import lifeline

    lifeline.end_within(_ORPHAN_SECONDS, EXIT_FAILED)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
