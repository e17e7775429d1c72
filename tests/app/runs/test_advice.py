"""What to try when runs have ended without a result."""

import errno
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from app.queue import actions, endings, registry, run_rows
from app.queue.claims import Claim
from app.runs import advice
from app.runs.advice import Advice, Ending
from app.schemas.runs import RunDetail, RunOut
from app.storage.database import Database
from app.worker.messages import EpochDone
from app.worker.recording import Refused
from app.worker.stall import Silence, why_stalled
from tests.app.conftest import Served
from tests.app.states import add_worker, claimed, measured, queue_run, record, row
from tests.trainer import idx_files
from trainer.data.folder import SHIPPED, TRAIN_IMAGES_FILE, TRAIN_LABELS_FILE, DataFolder
from trainer.data.inspection import DataError
from trainer.data.loading import load
from trainer.device import DeviceUnavailable, resolve
from trainer.files.durable import NotWritten
from trainer.training.loop import Diverged

IDLE = Silence(seconds=400, cpu_seconds=0, waits_for_files=False, longest_step=0.1)


def failed(reason: str, lr: float = 0.05, optimizer: str = "sgd") -> Advice:
    """The advice for a run that failed for this reason."""
    found = advice.of(
        RunOut.model_construct(
            status="failed",
            reason=reason,
            lr=lr,
            optimizer=optimizer,
            momentum=0.9 * (optimizer == "nesterov"),
        )
    )
    assert found
    return found


def test_only_failed_and_cancelled_runs_have_advice() -> None:
    for status in ("queued", "running", "finished"):
        assert advice.of(RunOut.model_construct(status=status, reason=None)) is None


@pytest.mark.parametrize(
    ("lr", "optimizer", "lower"),
    [
        (0.3, "sgd", "0.1"),
        (0.05, "sgd", "0.02"),
        (0.5, "sgd", "0.2"),
        (1.0, "sgd", "0.05"),  # the usual one, far below
        (100.0, "sgd", "0.05"),
        (100.0, "nesterov", "0.05"),
        (100.0, "adam", "0.001"),
        (0.05, "adamw", "0.001"),
        (0.003, "adamw", "0.001"),
        (3e-5, "adam", "0.00001"),
    ],
)
def test_the_advice_for_a_diverged_run_is_a_lower_learning_rate_and_no_retry(
    lr: float, optimizer: str, lower: str
) -> None:
    for error in (Diverged(3), Diverged(3, "gradient")):
        found = failed(str(error), lr, optimizer)
        assert f"lower learning rate, such as {lower}." in found.words.replace("1e-05", "0.00001")
        assert not found.can_retry


def test_the_advice_for_an_unusable_data_set_is_to_fix_it(tmp_path: Path) -> None:
    lacking, damaged, unequal, altered = (
        tmp_path / name for name in ("lacking", "bad", "unequal", "altered")
    )
    idx_files.write(lacking, idx_files.small())
    next(lacking.glob(f"{TRAIN_LABELS_FILE}*")).unlink()
    idx_files.write(damaged, idx_files.small() | {TRAIN_IMAGES_FILE: b"nonsense"})
    idx_files.write(unequal, idx_files.small() | {TRAIN_LABELS_FILE: idx_files.labels([1])})
    idx_files.write(altered, idx_files.small())
    for name, folder in (
        ("own", tmp_path / "nowhere"),
        ("own", lacking),
        ("own", damaged),
        ("own", unequal),
        (SHIPPED, altered),
    ):
        with pytest.raises(DataError) as caught:
            load(name, DataFolder(folder))
        found = failed(f"the data set {name} can't be used: {caught.value}")
        assert found.words.startswith("Fix the data set, then retry the run")
        assert found.needs_system


def test_the_advice_for_a_missing_device_refers_to_the_system_page() -> None:
    with pytest.raises(DeviceUnavailable) as caught:
        resolve("mps")
    found = failed(str(caught.value))
    assert found.words.startswith("Start a worker that has this device")
    assert found.needs_system


@pytest.mark.parametrize(
    ("reason", "beginning"),
    [
        (
            str(NotWritten(Path("x"), OSError(errno.ENOSPC, "No space left on device"))),
            "The cause lies outside",
        ),
        ("the database could not be written for 60 s: database or disk is full; mend that", "The cause lies"),
        (
            "the device ran out of memory; choose a smaller width or batch size (CUDA)",
            "Clone the run with a smaller",
        ),
        ("MemoryError: ", "Clone the run with a smaller"),
        (
            "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory",
            "Clone the run with a smaller",
        ),
        ("lost worker 3 times; the last time, its process was killed by SIGKILL", "The operating system"),
        ("lost worker 3 times; the last time, its process exited with code 1", "Its process ended"),
        ("lost worker 10 times; the last time, its worker died", "Its worker or the machine ended"),
        ("what its process reported (EpochDone) could not be recorded: no such column", "The worker's log"),
        ("the device failed: CUDA error: an illegal memory access", "The fault is in the device"),
        (str(Refused(EpochDone(measured(1)), ValueError("no such column"))), "The worker's log says"),
        ("ValueError: it broke", "Training raised an error; the traceback on the run's page shows where"),
    ],
)
def test_the_advice_for_external_causes_allows_a_retry(reason: str, beginning: str) -> None:
    found = failed(reason)
    assert found.words.startswith(beginning)
    assert found.can_retry


def crash(session: Session, claim: Claim, why: str) -> None:
    """The process of a run ends in this way."""
    assert endings.lose(session, claim, why)


def worker_dies(session: Session, claim: Claim, why: str) -> None:
    """The worker of a run ends in this way."""
    worker_id = run_rows.get(session, claim.run_id).worker_id
    assert registry.retire(session, str(worker_id), why) == [claim.run_id]


@pytest.mark.parametrize(
    ("loss", "why", "beginning"),
    [
        (crash, "its process was killed by SIGKILL", "The operating system kills"),
        (crash, "its process exited with code 1", "Its process ended"),
        (crash, str(why_stalled(IDLE, threads=1, stall_seconds=300)), "Its process made no progress"),
        (worker_dies, "its worker died", "Its worker or the machine ended"),
    ],
)
def test_the_advice_for_a_lost_run_depends_on_the_kind_of_loss(
    database: Database, loss: Callable[[Session, Claim, str], None], why: str, beginning: str
) -> None:
    run_id = queue_run(database)
    for number in range(endings.MAX_WORKER_LOSSES):
        if row(database, run_id).status == "failed":
            break
        add_worker(database, f"w{number}")
        claim = claimed(database, f"w{number}")
        with database.write() as session:
            loss(session, claim, why)
    found = failed(row(database, run_id).reason or "")
    assert found.words.startswith(beginning)
    assert found.can_retry


def page(site: Served, run_id: int) -> str:
    return site.client.get(f"/runs/{run_id}", headers={"Accept": "text/html"}).text


def test_a_failed_run_without_an_epoch_shows_its_reason_and_no_charts(site: Served) -> None:
    add_worker(site.database)
    run_id = queue_run(site.database, lr=30.0)
    claim = claimed(site.database)
    assert 'id="run-charts" data-live="outside" aria-labelledby="charts">' in page(site, run_id)
    with site.database.write() as session:
        assert endings.fail(session, claim, str(Diverged(1)))
    text = page(site, run_id)
    assert 'id="run-charts" data-live="outside" aria-labelledby="charts" hidden>' in text
    assert "Failed: diverged: loss became non-finite at epoch 1" in text
    assert "such as 0.05." in text
    assert f'action="/runs/{run_id}/retry"' not in text
    assert re.search(r'<a class="button primary"[^>]*>(<svg[^>]*>.*?</svg>)? Clone</a>', text)
    retried = site.client.post(f"/runs/{run_id}/retry")  # programs may
    assert retried.json()["status"] == "queued"


def test_a_run_that_diverged_later_keeps_its_charts_and_has_no_retry(site: Served) -> None:
    add_worker(site.database)
    run_id = queue_run(site.database)
    claim = claimed(site.database)
    assert record(site.database, claim, 1)
    with site.database.write() as session:
        assert endings.fail(session, claim, str(Diverged(2)))
    text = page(site, run_id)
    assert 'id="run-charts" data-live="outside" aria-labelledby="charts">' in text
    assert "Training is deterministic" in text
    assert f'action="/runs/{run_id}/retry"' not in text


def test_a_cancelled_run_without_an_epoch_says_so_and_may_be_retried(site: Served) -> None:
    run_id = queue_run(site.database)
    with site.database.write() as session:
        actions.cancel(session, run_id)
    text = page(site, run_id)
    assert "Cancelled before its first epoch was recorded" in text
    assert 'aria-labelledby="charts" hidden>' in text
    assert f'action="/runs/{run_id}/retry"' in text


SETTINGS: dict[str, Any] = {"lr": 0.1, "optimizer": "sgd", "momentum": 0.0}


def ended(status: str, reason: str | None = None, **other: Any) -> RunOut:
    """A run that ended so, by default without an epoch."""
    return RunOut.model_construct(
        **{"status": status, "reason": reason, "epochs_done": 0, **SETTINGS} | other
    )


@pytest.mark.parametrize(
    "other",
    [
        ended("queued"),
        ended("running"),
        ended("finished", epochs_done=3),
        ended("failed", str(Diverged(2)), epochs_done=1),
        ended("cancelled", "cancelled by user", epochs_done=1),
    ],
)
def test_runs_count_as_without_epochs_only_if_all_ended_without_one(other: RunOut) -> None:
    without = ended("failed", str(Diverged(1)))
    assert advice.without_epochs([without])
    assert advice.without_epochs([without, other]) == []
    assert advice.without_epochs([other, without]) == []
    assert advice.without_epochs([]) == []


def test_runs_without_epochs_are_counted_by_reason_with_one_advice_per_kind() -> None:
    cancelled = ended("cancelled", "cancelled by user")
    loss, gradient = str(Diverged(1)), str(Diverged(1, "gradient"))
    missing = "Device 'cuda' is not available here"
    found = advice.without_epochs(
        [
            cancelled,
            ended("failed", missing),
            cancelled,
            ended("failed", gradient, lr=30.0),
            ended("failed", loss, lr=100.0),
            ended("failed", loss, lr=0.3),
        ]
    )
    assert [(ending.status, ending.reasons) for ending in found] == [
        ("failed", (f"2 runs failed: {loss}", f"1 run failed: {gradient}")),
        ("cancelled", ("2 runs were cancelled before their first epoch was recorded",)),
        ("failed", (f"1 run failed: {missing}",)),
    ]
    assert [ending.advice for ending in found] == [
        failed(loss, lr=30.0),  # the lowest of the rates to try
        advice.of(cancelled),
        failed(missing),
    ]


def test_the_most_frequent_reasons_are_quoted() -> None:
    reasons = ["A", "B", "C", "D", "E", "E", None]
    (found,) = advice.without_epochs([ended("failed", reason) for reason in reasons])
    assert found == Ending(
        "failed",
        ("2 runs failed: E", "1 run failed: A", "1 run failed: B", "3 more runs failed for similar reasons"),
        failed("A"),
    )
    (one,) = advice.without_epochs([ended("cancelled")])
    assert one.reasons == ("1 run was cancelled before its first epoch was recorded",)
    (unknown,) = advice.without_epochs([ended("failed")])
    assert unknown.reasons == ("1 run failed: no reason was recorded",)


def test_a_study_and_its_comparison_without_an_epoch_say_why_and_hide_their_charts(site: Served) -> None:
    add_worker(site.database)
    body = {"depth": [5, 6], "lr": [100], "seed": [0], "epochs": 3}
    study_id = site.client.post("/studies", json=body).raise_for_status().json()["id"]
    ids = [each["id"] for each in site.client.get("/runs").json()["runs"]]
    chosen = ",".join(map(str, ids))
    pages = {
        f"/studies/{study_id}": 'id="study-charts" data-live="outside" aria-label="Charts"',
        f"/compare?study={study_id}": 'id="results" data-live="outside" aria-label="Results"',
        f"/compare?runs={chosen}": 'id="results" data-live="outside" aria-label="Results"',
        f"/compare/report.html?study={study_id}": 'class="results" aria-label="Results"',
    }
    why = 'aria-label="Why there is no result"'

    def shows_charts() -> bool:
        texts = {path: site.client.get(path, headers={"Accept": "text/html"}).text for path in pages}
        shown = {f"{charts}>" in texts[path] for path, charts in pages.items()}
        hidden = {f"{charts} hidden>" in texts[path] for path, charts in pages.items()}
        explained = {f"{why}>" in text for text in texts.values()}
        for text in texts.values():
            assert "press Retry" not in text
        assert all("No run has finished yet" not in text for text in texts.values() if f"{why}>" in text)
        told = {
            f"2 runs failed: {Diverged(1)}" in text and text.count("such as 0.05.") == 1
            for text in texts.values()
        }
        assert len(shown) == 1
        assert hidden == explained == told == {not each for each in shown}
        return shown.pop()

    assert shows_charts()
    for is_last in (False, True):
        claim = claimed(site.database)
        with site.database.write() as session:
            assert endings.fail(session, claim, str(Diverged(1)))
        assert shows_charts() is not is_last
    site.client.post(f"/runs/{ids[0]}/retry").raise_for_status()
    assert shows_charts()


def test_a_table_of_runs_prints_why_each_one_failed(site: Served) -> None:
    add_worker(site.database)
    for run_id in (queue_run(site.database), queue_run(site.database), queue_run(site.database)):
        claim = claimed(site.database)
        assert claim.run_id == run_id
        if run_id > 1:
            with site.database.write() as session:
                assert endings.fail(session, claim, f"ValueError: <{run_id}>")
    for path in ("/runs", "/compare?runs=1,2,3"):
        text = site.client.get(path, headers={"Accept": "text/html"}).text
        printed = re.findall(r'data-cell="reason">([^<]*)<', text)
        assert sorted(printed) == ["", "ValueError: &lt;2&gt;", "ValueError: &lt;3&gt;"]


@pytest.mark.parametrize("traceback", ["", "Traceback (most recent call last): …"])
def test_a_traceback_is_mentioned_only_where_the_page_shows_one(traceback: str) -> None:
    found = advice.of(
        RunDetail.model_construct(status="failed", reason="ValueError: it broke", traceback=traceback)
    )
    assert found
    assert ("traceback" in found.words) == bool(traceback)
