"""Attacks a whole dashboard for long, and counts what that did to its runs.

    python benchmarks/reliability.py                                # everything
    python benchmarks/reliability.py --only storm --kills 500 --runs 300
    python benchmarks/reliability.py --database-url postgresql+psycopg://…   # an empty database for each part

The attacks are those of `tests/reliability`, larger. Progress goes to standard error, Markdown to the output.
"""

import argparse
import asyncio
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from sqlmodel import func, select

from app import migrations
from app.db import Database
from app.models import Run
from app.settings import Settings
from tests.processes import ENDLESS, Process, Up, up
from tests.reliability.acknowledged import kill_while_posting
from tests.reliability.reconnects import reconnect
from tests.reliability.server import Server
from tests.reliability.stale import wake_too_late
from tests.reliability.storm import storm
from tests.reliability.streams import Listener
from tests.waiting import eventually

EPOCHS_TOLD = 60


def measure_storm(settings: Settings, asked: argparse.Namespace) -> None:
    """Kill processes while runs train."""
    harm = storm(settings, kills=asked.kills, runs=asked.runs, seed=asked.seed, say=_say)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(harm.kills.items()))
    print(
        "| kills | runs | attempts | retried | lost | stuck | wrong epochs | wrong attempts | other weights |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {harm.kills.total()} | {harm.runs} | {harm.attempts} | {harm.retried} | {len(harm.lost)} "
        f"| {len(harm.stuck)} | {len(harm.epochs_wrong)} | {len(harm.attempts_wrong)} "
        f"| {len(harm.weights_differ)} of {harm.compared} |"
    )
    print(f"\nKilled: {kinds}.")


def measure_acknowledged(settings: Settings, asked: argparse.Namespace) -> None:
    """Kill servers while runs are posted."""
    found = kill_while_posting(settings, kills=asked.server_kills, say=_say)
    print("| server kills | runs acknowledged | missing | double |\n|---:|---:|---:|---:|")
    print(f"| {found.kills} | {found.runs} | {found.missing} | {found.double} |")


def measure_stale(settings: Settings, asked: argparse.Namespace) -> None:
    """Let workers wake up after their lease."""
    database = Database(settings.url)
    migrations.upgrade(database)
    found = wake_too_late(database, workers=asked.stale)
    database.close()
    print("| stale workers | writes attempted | written |\n|---:|---:|---:|")
    print(f"| {found.workers} | {found.attempted} | {found.written} |")


def measure_reconnects(settings: Settings, asked: argparse.Namespace) -> None:
    """Break streams at any byte."""
    found = reconnect(settings, connections=asked.reconnects, server_kills=asked.reconnects // 50, say=_say)
    print("| connections | kills | epochs | missing | double | disordered |\n|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {found.connections} | {found.server_kills} | {found.epochs} | {found.missing} | {found.double} "
        f"| {found.out_of_order} |"
    )


def measure_stream(settings: Settings, asked: argparse.Namespace) -> None:
    """Time the delivery of epochs to many clients, from just before the commit."""
    asyncio.run(_measure_stream(settings, asked.clients))


async def _measure_stream(settings: Settings, clients: int) -> None:
    server = Server(settings)
    server.start()
    before = server.mebibytes()
    listeners = [Listener(server.url) for _ in range(clients)]
    listening = [asyncio.create_task(listener.listen()) for listener in listeners]
    await asyncio.gather(*(listener.begun.wait() for listener in listeners))
    connected = server.mebibytes()
    command = [sys.executable, "-m", "tests.reliability.recorder", settings.url, "2", str(EPOCHS_TOLD), "5"]
    recorder = await asyncio.create_subprocess_exec(*command)
    await recorder.wait()
    await asyncio.sleep(1)
    after = server.mebibytes()
    server.stop()
    await asyncio.gather(*listening)
    told = [event for listener in listeners for event in listener.told if event.kind == "epoch"]
    late = sorted(event.at - event.data["last_batch_loss"] for event in told)
    print("| clients | epochs told | p50 | p99 | max | memory before | with clients | at the end |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    print(
        f"| {clients} | {len(told)} of {2 * EPOCHS_TOLD * clients} | {1000 * median(late):.0f} ms "
        f"| {1000 * late[int(0.99 * len(late))]:.0f} ms | {1000 * late[-1]:.0f} ms | {before:.0f} MiB "
        f"| {connected:.0f} MiB | {after:.0f} MiB |"
    )


def measure_times(settings: Settings, asked: argparse.Namespace) -> None:
    """Time how soon things end."""
    print("| what | n | median | max |\n|---|---:|---:|---:|")
    with up(settings.data_dir, settings.database_url) as board:
        cancels = [_cancel(board, stopped=bool(number % 2)) for number in range(asked.times)]
        _print("cancel until the run is cancelled; every second child stopped", cancels)
        killed = [_kill_worker(board) for _ in range(3)]
        _print("worker killed until its run is back in the queue, with a supervisor", killed)
    _print("SIGTERM until everything has ended, within a long epoch", [_drain(settings) for _ in range(3)])
    _print("supervisor killed until its last process is gone", [_orphan(settings) for _ in range(5)])
    streams = [asyncio.run(_end_with_streams(settings)) for _ in range(3)]
    _print("SIGTERM until a server with 100 open streams has ended", streams)
    _print("lone worker killed until its run is back in the queue", [_notice(settings)])


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
    """Seconds until a server notices the death of a worker that nobody watches, at the default lease."""
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


def _print(what: str, seconds: list[float]) -> None:
    print(f"| {what} | {len(seconds)} | {median(seconds):.2f} s | {max(seconds):.2f} s |", flush=True)


def _say(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


PARTS: dict[str, Callable[[Settings, argparse.Namespace], None]] = {
    "stale": measure_stale,
    "stream": measure_stream,
    "reconnects": measure_reconnects,
    "times": measure_times,
    "acknowledged": measure_acknowledged,
    "storm": measure_storm,
}


def main() -> None:
    """Attack, and print what is left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be repeated")
    parser.add_argument(
        "--database-url", help="an empty PostgreSQL database, for one part; by default SQLite"
    )
    parser.add_argument("--kills", type=int, default=500, help="processes killed in the storm")
    parser.add_argument("--runs", type=int, default=300, help="runs in the storm")
    parser.add_argument("--seed", type=int, default=0, help="of the storm's choices")
    parser.add_argument("--server-kills", type=int, default=200, help="servers killed while runs are posted")
    parser.add_argument("--stale", type=int, default=200, help="workers that wake up after their lease")
    parser.add_argument("--reconnects", type=int, default=1000, help="connections of streams")
    parser.add_argument("--clients", type=int, default=200, help="clients of one stream")
    parser.add_argument("--times", type=int, default=20, help="runs cancelled")
    asked = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for part in asked.only or PARTS:
        began = time.monotonic()
        _say(f"{part} …")
        print(f"\n### {part}\n")
        with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
            PARTS[part](Settings(data_dir=Path(folder), database_url=asked.database_url), asked)
        _say(f"{part}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
