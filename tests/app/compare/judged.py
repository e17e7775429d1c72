"""Groups of runs that a verdict is asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.compare.groups import Group
from app.compare.verdict import verdict
from app.formats import plural
from app.prose import Noun
from app.schemas.answers import RunOut
from app.schemas.comparison import Verdict
from trainer.config import TrainConfig

LEARNING_RATES = Noun("learning rate", "learning rates")
APART = {1: [0.92, 0.921, 0.922], 2: [0.971, 0.972, 0.973]}
CLOSE = {3: [0.9780, 0.9800, 0.9790], 4: [0.9795, 0.9815, 0.9790]}
ONE_LAYER = (784, 10)

_LIKE_ALL: Final = TrainConfig(depth=1).model_dump() | {
    "device_used": "cpu",
    "data_version": None,
    "guessing": None,
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
            | {name: values[place] for name, values in others.items()}
            | {
                "id": place,
                "seed": seeds[place] if seeds else place,
                "layer_sizes": sizes,
                "test_accuracy": test[place],
                "train_accuracy": (train or test)[place],
            }
        )
        for place in range(len(test))
    ]
    return Group(key, runs, label or ", ".join(map(str, key.values())), datasets)


def of_depth(depth: int, test: Sequence[float], train: Sequence[float] | None = None) -> Group:
    """The runs of a depth; another depth has another network."""
    return group(
        {"depth": depth}, test, train, label=plural(depth, "layer"), sizes=(784, *[512] * (depth - 1), 10)
    )


def judge(test: Mapping[int, Sequence[float]], train: Mapping[int, Sequence[float]] | None = None) -> Verdict:
    """The verdict on depths with these accuracies."""
    return verdict([of_depth(depth, values, (train or test)[depth]) for depth, values in test.items()])


def text_of(test: dict[int, list[float]], train: dict[int, list[float]] | None = None) -> str:
    return " ".join(judge(test, train).sentences)


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
