"""The comparison image by image over HTTP, from answers that were stored."""

import io
import zlib
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.queue import run_queue
from app.settings import Settings
from app.storage import artifacts
from tests.app.conftest import Served
from tests.app.states import finished_run, queue_run
from trainer import predictions
from trainer.folder import SHIPPED, TEST_IMAGES_FILE, TEST_LABELS_FILE, DataFolder
from trainer.idx import IdxFile
from trainer.predictions import Predictions

IMAGES = 10_000


SHIPPED_FILES = DataFolder.of(SHIPPED, Path()).find().files
LABELS = IdxFile.labels(SHIPPED_FILES[TEST_LABELS_FILE]).items


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    detail: str = answer.json()["detail"]
    return detail


def trained(server: Served, settings: Settings, wrong: list[int], **config: Any) -> int:
    """A finished run that reads every test image but these."""
    run_id = finished_run(server.database, **config)
    classes = LABELS.copy()
    classes[wrong] = (classes[wrong] + 1) % 10
    confidence = np.full(IMAGES, 0.75, np.float16)
    predictions.save(
        artifacts.of_run(settings.artifacts, run_id).predictions(1), Predictions(classes, confidence)
    )
    return run_id


@pytest.fixture
def study(server: Served, settings: Settings) -> list[int]:
    """Two runs of one layer and three of two."""
    return [
        trained(server, settings, [0, 1, 2, 3], depth=1, seed=0),
        trained(server, settings, [0, 1, 2], depth=1, seed=1),
        trained(server, settings, [0, 9], depth=2, seed=0),
        trained(server, settings, [0, 9, 5], depth=2, seed=1),
        trained(server, settings, [1], depth=2, seed=2),
    ]


def test_the_overview_tells_digits_and_steps(server: Served, study: list[int]) -> None:
    found = server.client.get(f"/compare/images?runs={','.join(map(str, study))}").json()
    assert (found["dataset"], found["images"]) == (SHIPPED, IMAGES)
    assert (found["missing"], found["warnings"]) == ([], [])
    assert [(row["depth"], row["runs"]) for row in found["depths"]] == [(1, study[:2]), (2, study[2:])]
    (step,) = found["steps"]
    assert (step["shallow"], step["deep"]) == (1, 2)
    # by majority one layer misses 0, 1 and 2 (on 3 its runs are divided), and two layers miss 0 and 9
    assert (step["fixed"], step["broken"], step["p"]) == (2, 1, 1.0)
    for run in found["runs"]:
        assert np.sum(run["confusion"]) == IMAGES
    first = next(run for run in found["runs"] if run["id"] == study[0])
    assert np.trace(first["confusion"]) == IMAGES - 4


def test_a_step_lists_the_images_that_only_one_depth_reads(server: Served, study: list[int]) -> None:
    ids = ",".join(map(str, study[1:]))
    found = server.client.get(f"/compare/images/step?runs={ids}&shallow=1&deep=2").json()
    assert [image["index"] for image in found["fixed"]] == [1, 2]
    assert [image["index"] for image in found["broken"]] == [9]
    image = found["broken"][0]
    label = int(LABELS[9])
    assert image == {
        "index": 9,
        "label": label,
        "shallow": {"digit": label, "confidence": 0.75},
        "deep": {"digit": (label + 1) % 10, "confidence": 0.75},
    }


def test_any_two_runs_are_paired(server: Served, study: list[int]) -> None:
    found = server.client.get(f"/compare/images/pair?first={study[0]}&second={study[4]}").json()
    assert (found["gained"], found["lost"], found["difference"]) == (3, 0, 0.0003)
    assert found["p"] == 0.25
    assert found["sentence"].startswith(f"Of 10,000 images run {study[4]} reads 3 that run {study[0]} misses")


def test_runs_whose_answers_are_gone_are_named_and_the_rest_is_told(
    server: Served, settings: Settings, study: list[int]
) -> None:
    artifacts.of_run(settings.artifacts, study[0]).predictions(1).unlink()
    artifacts.of_run(settings.artifacts, study[2]).predictions(1).write_bytes(b"damaged")
    found = server.client.get(f"/compare/images?runs={','.join(map(str, study))}").json()
    assert found["missing"] == [study[0], study[2]]
    assert [row["runs"] for row in found["depths"]] == [[study[1]], [study[3], study[4]]]
    detail = problem(server.client.get(f"/compare/images/pair?first={study[0]}&second={study[1]}"), 409)
    assert "train it again" in detail


def test_runs_that_saw_other_images_are_left_out_with_a_word(server: Served, study: list[int]) -> None:
    with server.database.write() as session:
        run_queue.get(session, study[4]).environment = {"data_sha256": "of other files"}
    found = server.client.get(f"/compare/images?runs={','.join(map(str, study))}").json()
    assert found["warnings"] == [
        f"1 run saw other images than run {study[0]} and can't be paired with it: {study[4]}."
    ]
    assert study[4] not in [run["id"] for run in found["runs"]]


def test_a_repeated_run_votes_once_and_can_still_be_paired(server: Served, settings: Settings) -> None:
    old, kept, other = (
        trained(server, settings, wrong, depth=1, seed=seed) for wrong, seed in (([0], 0), ([0], 0), ([1], 1))
    )
    artifacts.of_run(settings.artifacts, old).predictions(1).unlink()
    found = server.client.get(f"/compare/images?runs={old},{kept},{other}").json()
    assert [row["runs"] for row in found["depths"]] == [[kept, other]]
    assert found["missing"] == []
    again = trained(server, settings, [2], depth=1, seed=1)
    pair = server.client.get(f"/compare/images/pair?first={other}&second={again}").json()
    assert (pair["gained"], pair["lost"]) == (1, 1)


def test_it_is_said_when_runs_of_one_depth_are_no_repeats(server: Served, settings: Settings) -> None:
    runs = [trained(server, settings, [0], depth=1, lr=lr) for lr in (0.01, 0.1)]
    found = server.client.get(f"/compare/images?runs={runs[0]},{runs[1]}").json()
    assert [warning.partition(",")[0] for warning in found["warnings"]] == ["Runs of one depth differ in lr"]


def test_what_can_not_be_compared_says_why(server: Served, study: list[int]) -> None:
    waiting = queue_run(server.database)
    found = server.client.get(f"/compare/images?runs={waiting}").json()
    assert found["warnings"] == ["No run has finished, so there are no answers to compare."]
    assert (found["dataset"], found["runs"], found["steps"]) == (None, [], [])
    problem(server.client.get("/compare/images?runs=999"), 404)
    problem(server.client.get("/compare/images"), 422)
    problem(server.client.get(f"/compare/images?runs={study[0]}&colour=red"), 422)
    step = server.client.get(f"/compare/images/step?runs={study[0]}&shallow=1&deep=5")
    assert "5 layers" in problem(step, 409)


def test_an_image_is_a_png_of_its_pixels(server: Served) -> None:
    answer = server.client.get(f"/datasets/{SHIPPED}/test/7.png")
    assert answer.headers["content-type"] == "image/png"
    assert "max-age" in answer.headers["cache-control"]
    content = io.BytesIO(answer.content)
    assert content.read(8) == b"\x89PNG\r\n\x1a\n"
    chunks = {}
    while length := content.read(4):
        kind, body, check = content.read(4), content.read(int.from_bytes(length)), content.read(4)
        assert int.from_bytes(check) == zlib.crc32(kind + body)
        chunks[kind] = body
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(28, 29)
    assert (rows[:, 1:] == IdxFile.images(SHIPPED_FILES[TEST_IMAGES_FILE]).items[7]).all()


@pytest.mark.parametrize("path", ["/datasets/nonesuch/test/0.png", f"/datasets/{SHIPPED}/test/10000.png"])
def test_an_image_that_is_not_there_is_404(server: Served, path: str) -> None:
    problem(server.client.get(path), 404)
