"""Attacks a whole dashboard for a long time, and counts the damage to its runs.

    python benchmarks/reliability.py                                # everything
    python benchmarks/reliability.py --only storm --kills 500 --runs 300
    python benchmarks/reliability.py --only times --write           # store this part in RESULTS.md
    python benchmarks/reliability.py --only times --database-url postgresql+psycopg://…   # an empty database

The attacks are larger versions of those in `tests/reliability`. Progress goes to standard error, Markdown to
standard output. With `--write`, each part replaces its last results in `benchmarks/RESULTS.md`.
"""

import argparse
import asyncio
import gc
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import median

from results import keep
from sqlalchemy import text
from sqlmodel import func, select

from app.settings import Settings
from app.storage import migrations
from app.storage.database import Database
from app.storage.tables import Run
from tests.processes import ENDLESS, Process, Up, up
from tests.reliability.acknowledged import kill_while_posting
from tests.reliability.reconnects import reconnect
from tests.reliability.server import Server
from tests.reliability.stale import write_too_late
from tests.reliability.storm import Harm, dashboard, kill_one_run, storm
from tests.reliability.streams import Listener
from tests.reliability.woken import wake_too_late
from tests.waiting import eventually
from trainer.device import list_devices

EPOCHS_TOLD = 60
TOGETHER = 8
"""Number of workers that sleep at the same time; each uses half a gibibyte."""


def measure_storm(settings: Settings, asked: argparse.Namespace) -> str:
    """Kill processes while runs train."""
    with dashboard(settings, seed=asked.seed) as victim:
        harm = storm(victim, kills=asked.kills, runs=asked.runs, epochs=asked.epochs, say=_say)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(harm.kills.items()))
    return _table(
        "Processes of a dashboard with two slots killed at random moments while runs of one to five "
        f"layers and {asked.epochs} epochs train, each kind once and then at random; a stopped worker "
        "is woken after its run has been reclaimed. Between two kills of a run's process, the run has "
        f"at least one new epoch. Killed: {kinds}.",
        HARM,
        _harm(harm),
    )


def measure_one_run(settings: Settings, asked: argparse.Namespace) -> str:
    """Kill the process of one run repeatedly."""
    with dashboard(settings, slots=1, seed=asked.seed) as victim:
        harm = kill_one_run(victim, kills=asked.slot_kills, say=_say)
    return _table(
        "The process of one run is killed repeatedly, each time after at least one new epoch.",
        HARM,
        _harm(harm),
    )


HARM = (
    "kills | while a run trained | runs | attempts | failed | lost | stuck | wrong epochs | wrong attempts "
    "| final weights that differ from an undisturbed run"
)


def _harm(harm: Harm) -> str:
    return (
        f"{harm.kills.total()} | {harm.training} | {harm.runs} | {harm.attempts} | {len(harm.failed)} "
        f"| {len(harm.lost)} | {len(harm.stuck)} | {len(harm.epochs_wrong)} | {len(harm.attempts_wrong)} "
        f"| {len(harm.weights_differ)} of {harm.compared}"
    )


def measure_acknowledged(settings: Settings, asked: argparse.Namespace) -> str:
    """Kill servers while runs are posted."""
    found = kill_while_posting(settings, kills=asked.server_kills, say=_say)
    return _table(
        "Servers killed while four clients post runs with idempotency keys and repeat unanswered requests.",
        "server kills | runs acknowledged | missing | duplicated",
        f"{found.kills} | {found.runs} | {found.missing} | {found.double}",
    )


def measure_stale(settings: Settings, asked: argparse.Namespace) -> str:
    """Try every step of the queue with expired claims."""
    database = Database(settings.url)
    migrations.upgrade(database)
    found = write_too_late(database, claims=asked.stale)
    database.close()
    return _table(
        "Expired claims whose run was queued or had another worker, in one process: each claim "
        "attempts each of the seven steps that write to a run, and every table is compared.",
        "expired claims | writes attempted | written",
        f"{found.claims} | {found.attempted} | {found.written}",
    )


def measure_woken(settings: Settings, asked: argparse.Namespace) -> str:
    """Wake worker processes after their lease has expired."""
    database = Database(settings.url)
    migrations.upgrade(database)
    database.close()
    found = wake_too_late(settings, attempts=asked.woken, together=min(TOGETHER, asked.woken), say=_say)
    return _table(
        f"Processes of `depthboard worker` stopped by SIGSTOP while they train, at most {TOGETHER} at "
        "a time, and woken by SIGCONT when their lease of 2 s had expired and another worker had "
        "claimed their run; the same processes repeatedly, each time with a new run. Attempted: "
        "according to its log, the worker sent a report of its slot and was rejected. Written: runs, "
        "attempts, epochs or files differ afterwards.",
        "workers woken after their lease | writes attempted | written",
        f"{found.workers} | {found.attempted} | {found.written}",
    )


def measure_reconnects(settings: Settings, asked: argparse.Namespace) -> str:
    """Break streams at any byte."""
    kills = -(-asked.reconnects // 50)
    found = reconnect(settings, connections=asked.reconnects, server_kills=kills, say=_say)
    return _table(
        "Streams whose connection breaks at a random byte, or whose server is killed, while two runs "
        "are recorded; each stream is compared with the database.",
        "connections | server kills | epochs | missing | duplicated | out of order",
        f"{found.connections} | {found.server_kills} | {found.epochs} | {found.missing} | {found.double} "
        f"| {found.out_of_order}",
    )


def measure_stream(settings: Settings, asked: argparse.Namespace) -> str:
    """Measure the delivery of epochs to many clients, from just before the commit.

    All clients are in this process. A garbage collection would delay each of them by about 200 ms.
    """
    gc.disable()
    try:
        return asyncio.run(_measure_stream(settings, asked.clients))
    finally:
        gc.enable()


async def _measure_stream(settings: Settings, clients: int) -> str:
    server = Server(settings)
    server.start()
    before = server.mebibytes()
    listeners = [Listener(server.url) for _ in range(clients)]
    listening = [asyncio.create_task(listener.listen()) for listener in listeners]
    await asyncio.gather(*(listener.begun.wait() for listener in listeners))
    connected = server.mebibytes()
    command = [
        sys.executable,
        "-m",
        "tests.reliability.recorder",
        str(settings.url),
        "2",
        str(EPOCHS_TOLD),
        "5",
    ]
    recorder = await asyncio.create_subprocess_exec(*command)
    await recorder.wait()
    await asyncio.sleep(1)
    after = server.mebibytes()
    server.stop()
    await asyncio.gather(*listening)
    told = [event for listener in listeners for event in listener.told if event.kind == "epoch"]
    late = sorted(event.at - event.data["last_batch_loss"] for event in told)
    return _table(
        "Clients of one stream while two runs together record 10 epochs per second: time from just "
        "before the commit until the client has read the event.",
        "clients | epochs received | p50 | p99 | max | memory before | with clients | at the end",
        f"{clients} | {len(told)} of {2 * EPOCHS_TOLD * clients} | {1000 * median(late):.0f} ms "
        f"| {1000 * late[int(0.99 * len(late))]:.0f} ms | {1000 * late[-1]:.0f} ms | {before:.0f} MiB "
        f"| {connected:.0f} MiB | {after:.0f} MiB",
    )


def measure_times(settings: Settings, asked: argparse.Namespace) -> str:
    """Measure the time until cancelled runs end, processes stop and lost runs are queued again."""
    again = range(asked.times)
    with up(settings.data_dir, settings.database_url) as board:
        cancels = [_cancel(board, stopped=bool(number % 2)) for number in range(asked.cancels)]
        watched = [_kill_worker(board) for _ in again]
    times = {
        "cancel until the run is cancelled; every second child stopped by SIGSTOP": cancels,
        "worker killed until its run is back in the queue, with a supervisor": watched,
        "SIGTERM during a long epoch until all processes have ended": [_drain(settings) for _ in again],
        "supervisor killed until its last process has ended": [_orphan(settings) for _ in again],
        "SIGTERM until a server with 100 open streams has ended": [
            asyncio.run(_end_with_streams(settings)) for _ in again
        ],
        "lone worker killed until its run is back in the queue, default lease": [
            _notice(settings) for _ in again
        ],
    }
    return _table(
        "Times until something ends.", "what | n | median | max", *map(_times, times, times.values())
    )


def _times(what: str, seconds: list[float]) -> str:
    return f"{what} | {len(seconds)} | {median(seconds):.2f} s | {max(seconds):.2f} s"


def _cancel(board: Up, *, stopped: bool) -> float:
    run = board.post(**ENDLESS)
    board.training(run, 1)
    if stopped:
        os.kill(board.slot.pid, signal.SIGSTOP)
    path = f"/runs/{run['id']}/cancel"
    return _seconds(lambda: board.client.post(path), lambda: board.read(run)["status"] == "cancelled")


def _kill_worker(board: Up) -> float:
    run = board.post(**ENDLESS)
    board.training(run, 1)
    waited = _seconds(board.worker.kill, lambda: board.read(run)["attempts"][0]["outcome"] == "lost")
    board.client.post(f"/runs/{run['id']}/cancel")
    board.ended(run)
    return waited


def _drain(settings: Settings) -> float:
    with up(settings.data_dir, settings.database_url) as board:
        board.post(depth=5, epochs=1000, batch_size=32)
        _wait_for_training(board)
        return _seconds(board.process.terminate, lambda: board.process.poll() is not None)


def _orphan(settings: Settings) -> float:
    with up(settings.data_dir, settings.database_url) as board:
        _wait_for_training(board)
        family = board.supervisor.family()
        return _seconds(board.supervisor.kill, lambda: not any(each.alive for each in family))


def _wait_for_training(board: Up) -> None:
    def training() -> bool:
        running = board.client.get("/runs?status=running").json()["runs"]
        return any(run["device_used"] for run in running)

    eventually(training, 120)


async def _end_with_streams(settings: Settings) -> float:
    server = Server(settings)
    server.start()
    listeners = [Listener(server.url) for _ in range(100)]
    listening = [asyncio.create_task(listener.listen()) for listener in listeners]
    await asyncio.gather(*(listener.begun.wait() for listener in listeners))
    began = time.monotonic()
    await asyncio.to_thread(server.stop)
    ended = time.monotonic() - began
    await asyncio.gather(*listening)
    return ended


def _notice(settings: Settings) -> float:
    """Seconds until a server detects the death of an unsupervised worker, with the default lease."""
    server = Server(settings)
    server.start()
    command = [sys.executable, "-m", "app.cli", "worker", "--device", "cpu", "--slots", "1"]
    command += ["--data-dir", str(settings.data_dir)]
    if settings.database_url:
        command += ["--database-url", settings.database_url]
    worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    database = Database(settings.url)
    try:
        eventually(lambda: _statuses(database)["running"], 120)
        return _seconds(Process(worker.pid).kill, lambda: not _statuses(database)["running"])
    finally:
        worker.kill()
        worker.wait()
        database.close()
        server.stop()


def _statuses(database: Database) -> dict[str, int]:
    with database.read() as session:
        found = dict(session.exec(select(Run.status, func.count()).group_by(Run.status)).all())
    return {"running": found.get("running", 0), "queued": found.get("queued", 0)}


def _seconds(cause: Callable[[], object], effect: Callable[[], object]) -> float:
    began = time.monotonic()
    cause()
    eventually(effect, 120)
    return time.monotonic() - began


def _table(note: str, columns: str, *rows: str) -> str:
    """A note and a table in Markdown; a first column of text is left-aligned."""
    kinds = ["---:"] * len(columns.split(" | "))
    if columns.startswith("what"):
        kinds[0] = "---"
    return "\n".join([note, "", f"| {columns} |", f"|{'|'.join(kinds)}|", *(f"| {row} |" for row in rows)])


def _heading(settings: Settings, part: str) -> str:
    """Date, command, machine and versions of a part."""
    database = Database(settings.url)
    database.create()
    query = "SELECT 'SQLite ' || sqlite_version()" if database.is_sqlite else "SELECT version()"
    with database.read() as session:
        version = " ".join(str(session.execute(text(query)).scalar_one()).split()[:2])
    database.close()
    options = ["URL" if "://" in each else each for each in sys.argv[1:] if each != "--write"]
    if "--only" not in options:
        options += ["--only", part]
    command = shlex.join(["python", "benchmarks/reliability.py", *options])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{list_devices()[-1].name}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"
    versions = f"Python {platform.python_version()}, {version}, PyTorch {metadata.version('torch')}"
    return f"{time.strftime('%Y-%m-%d')}, `{command}`, {machine}, {versions}; {_load()}."


def _load() -> str:
    return f"load average {os.getloadavg()[1]:.1f} before it began"


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


PARTS: dict[str, Callable[[Settings, argparse.Namespace], str]] = {
    "stale": measure_stale,
    "woken": measure_woken,
    "stream": measure_stream,
    "reconnects": measure_reconnects,
    "times": measure_times,
    "acknowledged": measure_acknowledged,
    "storm": measure_storm,
    "one run": measure_one_run,
}


def main() -> None:
    """Run the attacks and print the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be repeated")
    parser.add_argument(
        "--database-url", help="an empty PostgreSQL database, for one part; by default SQLite"
    )
    parser.add_argument("--kills", type=int, default=500, help="processes killed in the storm")
    parser.add_argument("--runs", type=int, default=300, help="runs in the storm")
    parser.add_argument("--epochs", type=int, default=6, help="of each run in the storm")
    parser.add_argument("--seed", type=int, default=0, help="of the storm's choices")
    parser.add_argument("--slot-kills", type=int, default=30, help="kills of the process of one run")
    parser.add_argument("--server-kills", type=int, default=200, help="servers killed while runs are posted")
    parser.add_argument("--stale", type=int, default=200, help="claims that are over, in one process")
    parser.add_argument(
        "--woken", type=int, default=200, help="worker processes that write after their lease"
    )
    parser.add_argument("--reconnects", type=int, default=1000, help="connections of streams")
    parser.add_argument("--clients", type=int, default=200, help="clients of one stream")
    parser.add_argument("--cancels", type=int, default=20, help="runs cancelled")
    parser.add_argument("--times", type=int, default=5, help="how often everything else is timed")
    parser.add_argument("--write", action="store_true", help="keep the figures in benchmarks/RESULTS.md")
    asked = parser.parse_args()
    for part in asked.only or PARTS:
        began = time.monotonic()
        _say(f"{part} …")
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data_dir=Path(folder), database_url=asked.database_url)
            heading = _heading(settings, part)
            figures = f"### {part}\n\n{heading}\n\n{PARTS[part](settings, asked)}"
        print(f"{figures}\n", flush=True)
        if asked.write:
            keep(part if asked.database_url is None else f"{part} on PostgreSQL", figures)
        _say(f"{part}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
