"""Groups of runs that a verdict is asked for, and the conclusions about them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.compare.groups import Group
from app.compare.inference import looks
from app.compare.inference.conclusions import Conclusions
from app.compare.inference.judgement import MARGIN
from app.compare.inference.standing import Standing
from app.compare.measured import measured
from app.compare.verdict import verdict
from app.formats import plural
from app.prose import Noun
from app.schemas.compare.comparison import Verdict
from app.schemas.runs import RunOut
from trainer.config import TrainConfig

LEARNING_RATES = Noun("learning rate", "learning rates")
APART = {1: [0.92, 0.921, 0.922], 2: [0.971, 0.972, 0.973]}
CLOSE = {3: [0.9780, 0.9800, 0.9790], 4: [0.9795, 0.9815, 0.9790]}
SAME = {5: [0.98000, 0.98010, 0.98005], 6: [0.98005, 0.98015, 0.98010]}
"""Depths whose difference is certainly within the margin."""
ONE_LAYER = (784, 10)
IMAGES = 10_000
FINAL = Standing("final", 1, looks.FIRST)

_LIKE_ALL: Final = TrainConfig(depth=1).model_dump() | {
    "device_used": "cpu",
    "data_version": None,
    "guessing": None,
    "status": "finished",
    "reason": None,
    "parameters": 7_850,
    "train_seconds": 10.0,
    "epochs_done": 200,
}


def group(
    key: Mapping[str, Any],
    test: Sequence[float],
    train: Sequence[float] | None = None,
    *,
    label: str = "",
    seeds: Sequence[int] = (),
    sizes: Sequence[int] = ONE_LAYER,
    datasets: Sequence[str] = (),
    **others: Sequence[Any],
) -> Group:
    """Finished runs with these accuracies, by default with seeds from 0; `others` are values for each run."""
    runs = [
        RunOut.model_construct(
            **_LIKE_ALL
            | {
                "id": place,
                "seed": seeds[place] if seeds else place,
                "layer_sizes": sizes,
                "test_accuracy": test[place],
                "train_accuracy": (train or test)[place],
            }
            | {name: values[place] for name, values in others.items()}
        )
        for place in range(len(test))
    ]
    return Group(key, runs, label or ", ".join(map(str, key.values())), datasets)


def of_depth(depth: int, test: Sequence[float], train: Sequence[float] | None = None, **others: Any) -> Group:
    """The runs of a depth, with ids from 100 times the depth; another depth has another network."""
    values: dict[str, Any] = {"id": range(100 * depth, 100 * depth + len(test))}
    return group(
        {"depth": depth},
        test,
        train,
        label=plural(depth, "layer"),
        sizes=(784, *[512] * (depth - 1), 10),
        **values | others,
    )


def depths(test: Mapping[int, Sequence[float]]) -> list[Group]:
    """The runs of several depths."""
    return [of_depth(depth, values) for depth, values in test.items()]


def conclusions(
    groups: Sequence[Group],
    standing: Standing = FINAL,
    *,
    margin: float = MARGIN,
    recent: Mapping[int, Sequence[float]] | None = None,
    correct: Mapping[int, NDArray[np.bool_]] | None = None,
) -> Conclusions:
    """What is concluded about these groups; `recent` and `correct` are as in `measured`."""
    return Conclusions(groups, measured(groups, recent or {}, correct or {}), standing, margin)


def judge(test: Mapping[int, Sequence[float]], standing: Standing = FINAL) -> Verdict:
    """The verdict on depths with these accuracies, without predictions."""
    return verdict(conclusions(depths(test), standing))


def nested(groups: Sequence[Group]) -> dict[int, NDArray[np.bool_]]:
    """Correct images of each run: a worse run misses those of a better one, and more."""
    return _missing(groups, dict.fromkeys((group.id for group in groups), 0))


def disjoint(groups: Sequence[Group]) -> dict[int, NDArray[np.bool_]]:
    """Correct images of each run: groups have no misses in common, so differences depend on the images."""
    return _missing(groups, {group.id: place * 1000 for place, group in enumerate(groups)})


def _missing(groups: Sequence[Group], first: Mapping[str, int]) -> dict[int, NDArray[np.bool_]]:
    found = {}
    for group_ in groups:
        for run in group_.runs:
            correct = np.ones(IMAGES, np.bool_)
            misses = round(IMAGES * (1 - (run.test_accuracy or 0.0)))
            correct[np.arange(first[group_.id], first[group_.id] + misses) % IMAGES] = False
            found[run.id] = correct
    return found


def lr(
    label: str, test: Sequence[float], seeds: Sequence[int] = (), sizes: Sequence[int] = ONE_LAYER
) -> Group:
    """A group of runs of one architecture in a comparison by learning rate."""
    return group({"lr": label}, test, label=label, seeds=seeds, sizes=sizes)


def mixing(label: str, test: Sequence[float]) -> Group:
    """Runs of two seeds whose learning rates differ."""
    return group(
        {"width": label},
        test,
        label=label,
        seeds=[0, 1] * (len(test) // 2),
        lr=[0.1 * (1 + place // 2) for place in range(len(test))],
    )


def keyed(depth: int, rate: float, test: Sequence[float]) -> Group:
    """A group of a comparison by depth and learning rate."""
    return group(
        {"depth": depth, "lr": rate},
        test,
        label=f"{depth} layers, lr {rate}",
        sizes=(),
    )
