"""The commands that talk to a running Depthboard."""

import csv
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client import Client
from app.schemas.runs import RunOut
from tests.app.conftest import Run
from tests.dashboard import get, running
from tests.forked import Forks
from tests.waiting import eventually


def list_of(url: str, text: str) -> list[RunOut]:
    """The runs that mention a text."""
    with Client(url) as client:
        return list(client.runs(q=text))


def trained(run: Run, url: str, name: str) -> int:
    """The id of a new finished run of two epochs."""
    answer = run("submit", "--depth", "1", "--epochs", "2", "--name", name, "--wait", "--json", "--url", url)
    return int(json.loads(answer.stdout)["id"])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard that trains."""
    with running(tmp_path_factory.mktemp("remote")) as dashboard:
        yield dashboard.url


def test_submit_prints_the_url_of_the_run(run: Run, url: str) -> None:
    answer = run("submit", "--depth", "1", "--epochs", "1", "--name", "from here", "--url", url)
    assert answer.returncode == 0
    assert answer.stdout.startswith("Queued run ")
    assert "(from here): " in answer.stdout
    page = answer.stdout.split()[-1]
    assert page.startswith(f"{url}/runs/")
    assert get(url, page.removeprefix(url))[0] == 200


def test_submit_follows_a_run_to_its_end(run: Run, url: str) -> None:
    answer = run("submit", "--depth", "1", "--epochs", "2", "--wait", DEPTHBOARD_URL=url)
    assert answer.returncode == 0
    assert "finished: " in answer.stdout
    assert "100%" in answer.stderr


def test_submit_prints_the_finished_run_as_json(run: Run, url: str) -> None:
    answer = run(
        "submit",
        "--depth",
        "1",
        "--epochs",
        "2",
        "--tag",
        "a",
        "--tag",
        "b",
        "--wait",
        "--json",
        "--url",
        url,
    )
    assert answer.returncode == 0
    assert answer.stderr == ""
    finished = json.loads(answer.stdout)
    assert (finished["status"], finished["epochs_done"], finished["tags"]) == ("finished", 2, ["a", "b"])


def test_verify_trains_again_and_compares_records_and_weights(run: Run, url: str) -> None:
    run_id = trained(run, url, "to verify")
    answer = run("verify", str(run_id), "--url", url)
    assert answer.returncode == 0, answer.stdout
    assert f"is bit-identical to run {run_id}: the records of all 2 epochs" in answer.stdout
    refused = run("verify", "999", "--url", url)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There is no run 999." in refused.stderr


def test_a_study_prints_the_groups_that_it_varies_and_its_verdict(run: Run, url: str) -> None:
    words = ("study", "--depth", "1", "--lr", "0.05,0.1", "--epochs", "1", "--wait", "--url", url)
    answer = run(*words)
    assert answer.returncode == 0, answer.stderr
    first_words = [line.strip().partition("  ")[0] for line in answer.stdout.splitlines()]
    assert {"group", "lr 0.05", "lr 0.1"} <= set(first_words)
    assert "lr 0.1 vs. lr 0.05: " in " ".join(answer.stdout.split())
    assert "Exploratory" not in answer.stdout


def test_a_run_that_does_not_finish_is_exit_code_1(forks: Forks, url: str) -> None:
    following = forks.captured(
        "app.cli", "submit", "--depth", "1", "--device", "cuda", "--name", "given up", "--wait", "--url", url
    )
    eventually(lambda: list_of(url, "given up"))
    with Client(url) as client:
        client.cancel(list_of(url, "given up")[0].id)
    out, _ = following.communicate(timeout=60)
    assert following.returncode == 1
    assert "(given up) cancelled: " in out


def test_study_takes_lists_and_ranges_and_ends_with_the_comparison(run: Run, url: str) -> None:
    words = ("study", "--depth", "1", "--seed", "20-21", "--epochs", "1,2", "--url", url)
    preview = run(*words, "--preview")
    assert re.match(r"4 runs, (about|under) .+ \(.+ to .+, from .+\); ", preview.stdout)
    assert json.loads(run(*words, "--preview", "--json").stdout)["runs"] == 4
    followed = run(*words, "--wait")
    assert followed.returncode == 0
    assert "4 finished" in followed.stderr
    assert "7,850" in followed.stdout
    again = json.loads(run(*words, "--reuse", "--json").stdout)
    assert again["counts"]["finished"] == 4


def test_runs_lists_what_the_filters_let_through(run: Run, url: str) -> None:
    words = ("study", "--depth", "3", "--seed", "30-33", "--device", "cuda", "--tag", "listed", "--json")
    study = json.loads(run(*words, "--url", url).stdout)
    listed = json.loads(run("runs", "--tag", "listed", "--json", "--sort", "seed", "--url", url).stdout)
    assert [found["id"] for found in listed] == study["runs"]
    few = json.loads(run("runs", "--tag", "listed", "--limit", "2", "--json", "--url", url).stdout)
    assert len(few) == 2
    first, second, *_ = study["runs"]
    table = run("runs", str(first), str(second), "--url", url).stdout.splitlines()
    # why they wait stands there too, once the worker knows which devices it has
    assert table[0].rstrip().removesuffix("reason").split() == [
        "id",
        "name",
        "status",
        "depth",
        "seed",
        "epochs",
        "test",
        "accuracy",
        "trained",
    ]
    assert len(table) == 3
    assert run("runs", "--search", "nothing mentions this", "--url", url).stdout == "No runs.\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("submit",), "--depth"),
        (("submit", "--depth", "three"), "--depth: 'three' is not a whole number"),
        (("submit", "--depth", "1-3"), "--depth: expected one value, got 3"),
        (("submit", "--depth", "1", "--wat"), "--wat"),
        (("study", "--depth", "3-1"), "--depth: '3-1' is an empty range"),
        (("study", "--depth", "1", "--lr", "nan"), "--lr: 'nan' is not a number"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_names_the_option(
    run: Run, words: tuple[str, ...], complaint: str
) -> None:
    answer = run(*words)
    assert answer.returncode == 2
    assert complaint in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_rejected_request_exits_with_2_and_names_the_field(run: Run, url: str) -> None:
    answer = run("submit", "--depth", "11", "--url", url)
    assert answer.returncode == 2
    assert answer.stderr.startswith("depth: ")
    assert answer.stderr.count("\n") == 1


def test_no_server_is_exit_code_1_and_says_how_to_start_one(run: Run) -> None:
    answer = run("runs", "--url", "http://127.0.0.1:1")
    assert answer.returncode == 1
    assert "http://127.0.0.1:1" in answer.stderr
    assert "depthboard up" in answer.stderr
    assert answer.stderr.count("\n") == 1


def test_ctrl_c_while_following_exits_with_130_and_does_not_cancel_the_run(forks: Forks, url: str) -> None:
    following = forks.captured(
        "app.cli",
        "submit",
        "--depth",
        "1",
        "--device",
        "cuda",
        "--name",
        "left alone",
        "--wait",
        "--url",
        url,
    )
    eventually(lambda: list_of(url, "left alone"))
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=60)
    assert following.returncode == 130
    assert "Traceback" not in err
    assert [found.status for found in list_of(url, "left alone")] == ["queued"]


def test_export_writes_runs_and_their_epochs_as_csv(run: Run, url: str, tmp_path: Path) -> None:
    ids = [trained(run, url, name) for name in ("exported", "other")]
    lines = csv.DictReader(run("export", str(ids[0]), "--url", url).stdout.splitlines())
    assert [(line["id"], line["name"]) for line in lines] == [(str(ids[0]), "exported")]
    assert {str(each) for each in ids} <= {
        line["id"] for line in csv.DictReader(run("export", "--url", url).stdout.splitlines())
    }
    file = tmp_path / "epochs.csv"
    done = run("export", *map(str, ids), "--epochs", "--output", str(file), "--url", url)
    assert (done.returncode, done.stdout) == (0, "")
    epochs = [(line["run_id"], line["epoch"]) for line in csv.DictReader(file.read_text().splitlines())]
    assert epochs == [(str(each), str(epoch)) for each in ids for epoch in (1, 2)]
    again = run("export", "--output", str(file), "--url", url)
    assert (again.returncode, "already exists; specify a new file." in again.stderr) == (2, True)


def test_export_of_epochs_needs_a_choice(run: Run, url: str) -> None:
    refused = run("export", "--epochs", "--url", url)
    assert (refused.returncode, refused.stderr) == (2, "--epochs requires run ids or --study.\n")


def test_a_study_takes_ranges_and_leaves_out_invalid_combinations(run: Run, url: str) -> None:
    words = ("study", "--depth", "3,8", "--lr", "0.01-1 log 3", "--epochs", "1", "--preview", "--url", url)
    refused = run(*words)
    assert (refused.returncode, "choose at most 7 layers" in refused.stderr) == (2, True)
    preview = run(*words, "--skip-invalid")
    assert preview.stdout.startswith("3 runs, ")
    assert "Left out: 3 combinations: Depth 8 at width 512 would have" in preview.stdout
