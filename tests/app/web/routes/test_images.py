"""The comparison image by image over HTTP, from answers that were stored."""

import io
import zlib

import numpy as np
import pytest

from app.settings import Settings
from tests.app.answered import IMAGES, LABELS, SHIPPED_FILES, problem, study_of
from tests.app.conftest import Served
from trainer.data.folder import SHIPPED, TEST_IMAGES_FILE
from trainer.data.idx import IdxFile


@pytest.fixture
def study(site: Served, settings: Settings) -> list[int]:
    """Two runs of one layer and three of two."""
    return study_of(site, settings)


def test_the_overview_has_classes_and_steps(site: Served, study: list[int]) -> None:
    found = site.client.get(f"/compare/images?runs={','.join(map(str, study))}").json()
    assert (found["dataset"], found["images"]) == (SHIPPED, IMAGES)
    assert (found["missing"], found["warnings"]) == ([], [])
    assert [(row["id"], row["label"], row["runs"], row["of"]) for row in found["groups"]] == [
        ("depth=1", "1 layer", study[:2], 2),
        ("depth=2", "2 layers", study[2:], 3),
    ]
    (step,) = found["steps"]
    # two layers are correct more often on 0, 1, 2 and 3, and less often on 9 and 5
    assert step == {
        "ids": ["depth=1", "depth=2"],
        "groups": ["1 layer", "2 layers"],
        "depths": [1, 2],
        "fixed": 4,
        "broken": 2,
        "difference": pytest.approx((3.5 - 2) / IMAGES),
        "sentence": (
            "Exploratory: of 10,000 test images, 4 are classified correctly more often with 2 layers than "
            "with 1 layer, and 2 less often (2 and 3 seeds). Difference of mean test accuracy: +0.01 pp."
        ),
    }
    assert [row["seeds"] for row in found["groups"]] == [2, 3]
    for run in found["runs"]:
        assert np.sum(run["confusion"]) == IMAGES
    first = next(run for run in found["runs"] if run["id"] == study[0])
    assert np.trace(first["confusion"]) == IMAGES - 4


def test_a_step_lists_the_images_with_the_shares_of_seeds(site: Served, study: list[int]) -> None:
    ids = ",".join(map(str, study))
    found = site.client.get(f"/compare/images/step?runs={ids}&first=depth%3D1&second=depth%3D2").json()
    assert [image["index"] for image in found["fixed"]] == [2, 1, 3, 0]  # by 3/3 - 0/2, 2/3, 3/3 - 1/2, 1/3
    assert [image["index"] for image in found["broken"]] == [9, 5]  # by 2/2 - 1/3, 2/2 - 2/3
    label = int(LABELS[9])
    assert found["broken"][0] == {
        "index": 9,
        "label": label,
        "first": {"runs": 2, "correct": 2, "digit": label, "given": 2, "confidence": 0.75},
        "second": {"runs": 3, "correct": 1, "digit": (label + 1) % 10, "given": 2, "confidence": 0.75},
    }


def test_any_two_runs_are_paired(site: Served, study: list[int]) -> None:
    found = site.client.get(f"/compare/images/pair?first={study[0]}&second={study[4]}").json()
    assert (found["gained"], found["lost"], found["difference"]) == (3, 0, 0.0003)
    assert found["p"] == 0.25
    assert found["sentence"] == (
        f"Of 10,000 images, run {study[4]} classifies 3 correctly that run {study[0]} gets wrong, and gets 0 "
        f"wrong that run {study[0]} classifies correctly: +0.03 pp (McNemar's exact test, p = 0.25), no "
        "significant difference. This compares two networks, not two depths."
    )
    found = site.client.get(f"/compare/images/pair?first={study[0]}&second={study[1]}").json()
    assert found["sentence"].endswith("This compares two networks, not two configurations.")


def test_an_image_is_a_png_of_its_pixels(site: Served) -> None:
    answer = site.client.get(f"/datasets/{SHIPPED}/test/7.png")
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
def test_an_image_that_is_not_there_is_404(site: Served, path: str) -> None:
    problem(site.client.get(path), 404)
