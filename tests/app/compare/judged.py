"""Samples that a verdict is asked for."""

from collections.abc import Mapping, Sequence

from app.compare.pairs import Sample
from app.compare.verdict import verdict
from app.formats import plural
from app.prose import Noun
from app.schemas.comparison import Verdict

LEARNING_RATES = Noun("learning rate", "learning rates")
APART = {1: [0.92, 0.921, 0.922], 2: [0.971, 0.972, 0.973]}
CLOSE = {3: [0.9780, 0.9800, 0.9790], 4: [0.9795, 0.9815, 0.9790]}


def judge(test: Mapping[int, Sequence[float]], train: Mapping[int, Sequence[float]] | None = None) -> Verdict:
    """The verdict on depths with these accuracies."""
    return verdict(
        [
            Sample(plural(depth, "layer"), values, (train or test)[depth], depth)
            for depth, values in test.items()
        ]
    )


def text_of(test: dict[int, list[float]], train: dict[int, list[float]] | None = None) -> str:
    return " ".join(judge(test, train).sentences)


def lr(label: str, test: Sequence[float], seeds: Sequence[int], sizes: Sequence[int] = (784, 10)) -> Sample:
    """Runs of one architecture that a comparison by learning rate puts together."""
    return Sample(label, test, test, None, sizes, seeds)


def mixing(label: str, test: Sequence[float]) -> Sample:
    """Runs of two seeds whose learning rates differ."""
    return Sample(label, test, test, seeds=[0, 1] * (len(test) // 2), mixed=["lr"])


def keyed(depth: int, rate: float, test: Sequence[float]) -> Sample:
    """A group of a comparison by depth and learning rate."""
    return Sample(f"{depth} layers, lr {rate}", test, test, key={"depth": depth, "lr": rate})
