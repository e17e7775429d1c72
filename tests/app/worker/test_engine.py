"""Properties of slots with any engine."""

import inspect
from multiprocessing import Pipe
from pathlib import Path

from app.queue.claims import Claim
from app.storage.artifacts import RunFiles
from app.worker.engine import Gone, Slot
from app.worker.messages import FromSlot, Ready
from app.worker.slot_process import LocalEngine, SlotProcess
from trainer.config import TrainConfig


class Pretence(Slot):
    """A slot that trains nothing."""

    def __init__(self, host: str = "here") -> None:
        super().__init__(threads=3, host=host)
        self.connection, self.other_end = Pipe()

    def train(self, claim: Claim, files: RunFiles, checkpoint_seconds: float) -> None:  # noqa: ARG002
        self.claim = claim

    def acknowledge(self, epoch: int) -> None: ...

    def ask_to_stop(self, kill_at: float) -> None:
        self.kill_at = kill_at

    def ask_to_leave(self) -> None: ...

    def receive(self) -> FromSlot | Gone:
        return Gone()

    def kill(self) -> str:
        return "it was never there"


def test_an_idle_slot_has_no_claim_and_no_deadline() -> None:
    slot = Pretence()
    assert (slot.claim, slot.ready, slot.report, slot.threads) == (None, False, None, 3)
    claim = Claim(run_id=7, attempt=2, config=TrainConfig(depth=1), threads=3, epochs_done=4)
    slot.train(claim, RunFiles(Path("/nowhere")), 5)
    slot.ask_to_stop(kill_at=9)
    assert slot.rest() is claim
    assert (slot.claim, slot.kill_at) == (None, None)
    assert slot.rest() is None


def test_the_engine_of_this_machine_implements_the_whole_interface() -> None:
    assert not inspect.isabstract(SlotProcess)
    assert not inspect.isabstract(LocalEngine)


def test_a_slot_takes_runs_for_the_devices_that_it_offers_and_has_found() -> None:
    found = Ready([{"device": "cuda:0", "name": "a GPU"}, {"device": "cpu", "name": "a CPU"}], {"torch": "2"})
    for offered, kinds in (("auto", ["cpu", "cuda"]), ("cpu", ["cpu"]), ("cuda", ["cuda"]), ("mps", [])):
        slot = Pretence()
        slot.offered = offered
        assert (slot.ready, sorted(slot.kinds)) == (False, [])
        slot.get_ready(found)
        assert (slot.ready, sorted(slot.kinds), slot.versions) == (True, kinds, {"torch": "2"})
