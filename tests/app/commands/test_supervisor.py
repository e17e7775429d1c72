import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import eventually

SUPERVISOR = """
import asyncio, json, sys
from pathlib import Path
from app.commands.supervisor import Patience, Supervisor

given = json.loads(sys.argv[1])

async def main():
    supervisor = Supervisor(
        given["web"], given["worker"], Path(given["answers"]).exists,
        greeting="The dashboard is there.", patience=Patience(**given["patience"]),
    )
    return await supervisor.run()

sys.exit(asyncio.run(main()))
"""
ROOT = Path(__file__).parents[3]
QUICK = {"first_delay": 0.01, "longest_delay": 0.05, "short_life": 0, "head_start": 60, "drain": 30}


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def wait_for_the_end_of(pid: int) -> None:
    eventually(lambda: not alive(pid))


class Up:
    """A supervisor in a process of its own, with stand-ins for its two children."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.answers = folder / "answers"
        self.answers.touch()
        self._web = self._folder_of("web")
        self._worker = self._folder_of("worker")
        self.process: subprocess.Popen[str] | None = None

    def _folder_of(self, name: str) -> Path:
        path = self._folder / name
        path.mkdir()
        return path

    def start(self, *, web: str = "", worker: str = "", **patience: float) -> subprocess.Popen[str]:
        """Start with extra words for the stand-ins and a patience other than the quick one."""
        stand_in = [sys.executable, "-m", "tests.app.stand_in"]
        given = {
            "web": [*stand_in, str(self._web), *web.split()],
            "worker": [*stand_in, str(self._worker), *worker.split()],
            "answers": str(self.answers),
            "patience": {**QUICK, **patience},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, json.dumps(given)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        return self.process

    def births(self, name: str) -> list[list[str]]:
        """For each start of a child so far: process id, `--id` and `--replaces`."""
        path = self._folder / name / "births"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def signals(self, name: str) -> list[list[str]]:
        """For each signal that a child was sent: process id and number."""
        path = self._folder / name / "signals"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def told(self, name: str) -> list[str]:
        """What a child was told by its standard input so far."""
        path = self._folder / name / "told"
        return path.read_text().splitlines() if path.exists() else []

    def child(self, name: str, start: int = 1) -> int:
        """Process id of a child's n-th start, once that has happened."""
        return int(eventually(lambda: self.births(name)[start - 1 : start])[0][0])

    def end(self) -> tuple[int, str]:
        """Wait for its end; exit code and all it wrote."""
        assert self.process
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path)
    yield up
    if up.process:
        up.process.kill()
        up.process.communicate()
    for name in ("web", "worker"):
        for pid, *_ in up.births(name):
            wait_for_the_end_of(int(pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_all_cleanly(up: Up, number: signal.Signals) -> None:
    process = up.start()
    children = {name: up.child(name) for name in ("web", "worker")}
    process.send_signal(number)
    code, output = up.end()
    assert code == 0
    assert "The dashboard is there." in output
    for name, pid in children.items():
        assert not alive(pid)
        assert up.signals(name) == [[str(pid), str(signal.SIGTERM.value)]], "told once, however it was asked"


def test_ctrl_c_reaches_only_the_supervisor_which_signals_each_child_once(up: Up) -> None:
    process = up.start()
    up.child("web")
    worker = up.child("worker")
    os.killpg(process.pid, signal.SIGINT)
    assert up.end()[0] == 0
    assert up.signals("worker") == [[str(worker), str(signal.SIGTERM.value)]]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_child_that_dies_is_started_again(up: Up, name: str) -> None:
    process = up.start()
    other = "worker" if name == "web" else "web"
    spared = up.child(other)
    os.kill(up.child(name), signal.SIGKILL)
    os.kill(up.child(name, 2), signal.SIGKILL)
    up.child(name, 3)
    assert alive(spared)
    process.send_signal(signal.SIGTERM)
    code, output = up.end()
    assert code == 0
    assert output.count("was killed by SIGKILL; starting it again") == 2


def test_a_new_worker_gets_the_id_of_its_predecessor(up: Up) -> None:
    up.start()
    os.kill(up.child("worker"), signal.SIGKILL)
    up.child("worker", 2)
    (_, first, nobody), (_, second, replaced) = up.births("worker")
    assert nobody == "None"
    assert replaced == first
    assert second != first


def test_the_web_process_gets_the_ids_of_dead_workers(up: Up) -> None:
    up.start()
    up.child("web")
    os.kill(up.child("worker"), signal.SIGKILL)
    os.kill(up.child("worker", 2), signal.SIGKILL)
    up.child("worker", 3)
    dead = [worker_id for _, worker_id, _ in up.births("worker")[:2]]
    assert eventually(lambda: up.told("web")[1:]) == dead[1:]
    assert up.told("web") == dead


def test_a_worker_that_dies_while_there_is_no_web_process_is_started_again(up: Up) -> None:
    up.start(first_delay=3600, longest_delay=3600)
    os.kill(up.child("web"), signal.SIGKILL)
    os.kill(up.child("worker"), signal.SIGKILL)
    assert up.process
    up.process.send_signal(signal.SIGTERM)
    code, output = up.end()
    assert code == 0
    assert "Traceback" not in output


def test_the_worker_waits_until_the_web_process_answers(up: Up) -> None:
    up.answers.unlink()
    process = up.start()
    up.child("web")
    assert not up.births("worker")
    up.answers.touch()
    up.child("worker")
    process.send_signal(signal.SIGTERM)
    assert up.end()[1].startswith("The dashboard is there.")


def test_the_worker_starts_even_if_the_web_process_never_responds(up: Up) -> None:
    up.answers.unlink()
    process = up.start(head_start=0)
    up.child("worker")
    process.send_signal(signal.SIGTERM)
    assert "The dashboard is there." not in up.end()[1]


def test_stopping_does_not_wait_for_a_response(up: Up) -> None:
    up.answers.unlink()
    process = up.start()
    up.child("web")
    process.send_signal(signal.SIGTERM)
    assert up.end()[0] == 0
    assert not up.births("worker")


@pytest.mark.parametrize("code", [2, 3])
def test_wrong_settings_or_a_taken_port_end_it_at_once(up: Up, code: int) -> None:
    up.start(web=f"--dies {code}")
    assert up.end()[0] == code
    assert len(up.births("web")) == 1


def test_after_repeated_failed_starts_the_supervisor_stops_with_a_message(up: Up) -> None:
    up.start(worker="--dies 1", short_life=3600)
    code, output = up.end()
    assert code == 1
    assert len(up.births("worker")) == 5
    assert (
        "The worker failed to start 5 times in a row; the last time, it ended with exit code 1. Giving up."
        in output
    )


def test_a_worker_without_its_cluster_is_started_again_and_again(up: Up) -> None:
    process = up.start(worker="--dies 4", short_life=3600, longest_delay=0.01)
    eventually(lambda: len(up.births("worker")) > 6)
    process.send_signal(signal.SIGTERM)
    code, output = up.end()
    assert code == 0
    assert "The worker ended with exit code 4; starting it again in 0.01 s." in output


def test_a_second_signal_kills(up: Up) -> None:
    process = up.start(worker="--stubborn", drain=3600)
    up.child("web")
    worker = up.child("worker")
    process.send_signal(signal.SIGINT)
    eventually(lambda: up.signals("worker"))
    assert alive(worker)
    process.send_signal(signal.SIGINT)
    assert up.end()[0] == 130
    assert not alive(worker)


def test_a_child_that_does_not_end_in_time_is_killed(up: Up) -> None:
    process = up.start(web="--stubborn", drain=0.2)
    web = up.child("web")
    up.child("worker")
    process.send_signal(signal.SIGTERM)
    assert up.end()[0] == 0
    assert not alive(web)


def test_children_end_when_their_supervisor_is_killed(up: Up) -> None:
    process = up.start()
    children = [up.child("web"), up.child("worker")]
    process.kill()
    for pid in children:
        wait_for_the_end_of(pid)


def test_the_supervisor_imports_no_slow_module() -> None:
    """`/health` has to answer soon after `depthboard up`, so its own imports must be few."""
    loaded: list[Any] = json.loads(
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import app.commands.supervisor as _, json, sys; print(json.dumps([*sys.modules]))",
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    assert not {"fastapi", "sqlmodel", "sqlalchemy", "torch", "pydantic", "httpx"} & {*loaded}
