"""A slot from its worker's side, with a child that echoes every message."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import interpreter
from app.queue.claims import Claim
from app.settings import Settings
from app.storage.artifacts import of_run
from app.worker.engine import Gone
from app.worker.messages import Recorded, Stop, Train
from app.worker.slot_process import SlotProcess
from trainer.config import TrainConfig

ECHO = """
import sys
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
while True:
    message = pipe.recv()
    if type(message).__name__ == "Leave":
        sys.exit(7)
    pipe.send(message)
"""


@pytest.fixture
def slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlotProcess]:
    monkeypatch.setattr(interpreter, "command", lambda _, *words: [sys.executable, "-c", ECHO, *words])
    monkeypatch.setattr(
        interpreter,
        "environment",
        lambda **more: {"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin", **more},
    )
    slot = SlotProcess(Settings(data_dir=tmp_path, threads=2, device="cuda"))
    yield slot
    slot.kill()


def claim(**config: Any) -> Claim:
    return Claim(run_id=7, attempt=2, config=TrainConfig(depth=1, **config), threads=2, epochs_done=4)


def test_a_claim_is_sent_with_its_hyperparameters_and_folder(slot: SlotProcess, tmp_path: Path) -> None:
    assert slot.claim is None
    files = of_run(str(tmp_path), 7)
    for wanted, device in (("auto", "cuda"), ("cpu", "cpu")):
        chosen = claim(device=wanted, lr=0.3)
        slot.train(chosen, files, 30)
        told: object = slot.receive()
        assert told == Train(chosen.config.model_dump(), device, 2, files.folder, 2, 4, 30)
        assert slot.claim is chosen
    assert slot.rest() is chosen
    assert slot.claim is None


def test_the_slot_receives_acknowledgements_and_stop_requests(slot: SlotProcess) -> None:
    slot.acknowledge(5)
    slot.ask_to_stop(kill_at=123.0)
    told: list[object] = [slot.receive(), slot.receive()]
    assert told == [Recorded(5), Stop()]
    assert slot.kill_at == 123.0
    slot.rest()
    assert slot.kill_at is None


def test_a_child_that_ended_by_itself_is_reported_with_its_exit_code(slot: SlotProcess) -> None:
    slot.ask_to_leave()
    assert slot.receive() == Gone()
    slot.acknowledge(1)  # nobody hears it
    slot.process.wait()
    assert slot.kill() == "its process exited with code 7"
    assert slot.kill() == "its process exited with code 7"
    assert slot.receive() == Gone()


def test_a_killed_child_is_described_by_its_signal(slot: SlotProcess) -> None:
    assert slot.process.poll() is None
    assert slot.kill() == "its process was killed by SIGKILL"
