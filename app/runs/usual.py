"""Usual ranges of hyperparameters, and warnings about values outside them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app import formats
from app.prose import listed
from app.runs.datasets import Catalogue
from app.runs.prospects import NO_EVIDENCE, Evidence
from trainer.config import TRAIN_IMAGES, TrainConfig

_LOWER: Final = 3
"""The divisor for a learning rate that diverged, about the step of a usual search."""

_FAR: Final = 10
"""A learning rate is far above the usual one if it exceeds this many times its value."""

_FEWEST_UPDATES: Final = 50
"""An epoch of the published runs has 59."""

_DEEPEST_SGD: Final = 5
_MOST_DROPOUT: Final = 0.8
_MOST_DECAY: Final = 0.05


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates of a kind of optimizer: the usual one, and the range that has worked.

    They were measured over two epochs on MNIST at depths 1, 3 and 5 with the default batch size. Below
    `least` a network hardly changes. Above `most` networks of several layers stay at guessing or diverge. A
    single layer tolerates more, up to `most_of_one`.
    """

    least: float
    usual: float
    most: float
    most_of_one: float


_PLAIN: Final = Rates(least=0.001, usual=0.05, most=0.5, most_of_one=10.0)
_MOMENTUM: Final = Rates(least=0.0001, usual=0.05, most=0.2, most_of_one=3.0)
_ADAM: Final = Rates(least=1e-5, usual=0.001, most=0.03, most_of_one=1.0)


def rates(optimizer: str, momentum: float) -> Rates:
    """The learning rates of an optimizer."""
    if optimizer in ("adam", "adamw"):
        return _ADAM
    return _MOMENTUM if momentum else _PLAIN


def lower_rate(lr: float, optimizer: str, momentum: float) -> float:
    """A lower learning rate to try; the usual one if this one is far above it."""
    usual = rates(optimizer, momentum).usual
    return usual if lr > _FAR * usual else float(f"{lr / _LOWER:.1g}")


def warnings(configs: Sequence[TrainConfig], known: Catalogue, evidence: Evidence = NO_EVIDENCE) -> list[str]:
    """A sentence on each kind of value outside the range that has worked; all values remain allowed.

    `known` are the data sets, which determine the number of images per epoch. `evidence` are past runs, which
    take precedence over the usual ranges: a learning rate at which they worked gets no warning, and a value
    that they tell against gets theirs. Theirs come first, and at most three.
    """
    images = {dataset.name: dataset.sizes.train_images for dataset in known.usable}
    outliers = evidence.outliers(configs)

    def others(name: str) -> list[TrainConfig]:
        told = {
            (found.optimizer, value) for found in outliers if found.name == name for value in found.values
        }
        return [config for config in configs if (config.optimizer, getattr(config, name)) not in told]

    return [
        *(found.sentence for found in outliers),
        *_rates(config for config in others("lr") if not evidence.has_worked(config)),
        *_few_updates(configs, images),
        *_deep(configs),
        *_decays(others("weight_decay")),
        *_dropouts(others("dropout")),
    ]


def _rates(configs: Iterable[TrainConfig]) -> list[str]:
    high: dict[tuple[str, float, float], set[float]] = {}
    low: dict[tuple[str, float, float], set[float]] = {}
    for config in configs:
        known = rates(config.optimizer, config.momentum)
        most = known.most_of_one if config.depth == 1 else known.most
        if config.lr > most:
            high.setdefault((config.optimizer, most, known.usual), set()).add(config.lr)
        elif config.lr < known.least:
            low.setdefault((config.optimizer, known.least, known.usual), set()).add(config.lr)
    return [
        *(
            f"{_values('Learning rate', values)} with {optimizer} is above the rates that have worked (up to "
            f"{formats.decimal(most)}): such runs may diverge or stay at the accuracy of guessing. "
            f"{formats.decimal(usual)} is usual."
            for (optimizer, most, usual), values in high.items()
        ),
        *(
            f"{_values('Learning rate', values)} with {optimizer} is below the rates that have worked (from "
            f"{formats.decimal(least)}): such runs may hardly learn. {formats.decimal(usual)} is usual."
            for (optimizer, least, usual), values in low.items()
        ),
    ]


def _few_updates(configs: Iterable[TrainConfig], images: Mapping[str, int]) -> list[str]:
    """Sentences on batches larger than the training set, and on runs with very few updates."""
    large: dict[str, set[int]] = {}
    fewest: int | None = None
    for config in configs:
        count = images.get(config.dataset, TRAIN_IMAGES)
        if config.batch_size > count:
            large.setdefault(config.dataset, set()).add(config.batch_size)
        updates = config.epochs * -(-count // config.batch_size)
        if updates < _FEWEST_UPDATES:
            fewest = min(updates, fewest or updates)
    sentences = [
        f"{_values('Batch size', sizes)} is more than the {images[name]:,} training images of {name}: every "
        "epoch is a single update."
        for name, sizes in large.items()
    ]
    if fewest is not None:
        sentences.append(
            f"The shortest run has {formats.plural(fewest, 'update')} of the weights: too few for useful "
            "training. Use more epochs or a smaller batch size."
        )
    return sentences


def _deep(configs: Sequence[TrainConfig]) -> list[str]:
    deep = {config.depth for config in configs if config.depth > _DEEPEST_SGD and _is_plain(config)}
    if not deep:
        return []
    words = (
        f"{_values('Depth', deep)} is deeper than the networks that have worked with plain sgd (up to "
        f"{_DEEPEST_SGD}): such runs may stay at the accuracy of guessing for many epochs. "
        "adam with learning rate 0.001 has worked."
    )
    return [words]


def _decays(configs: Sequence[TrainConfig]) -> list[str]:
    coupled = [config for config in configs if config.optimizer != "adamw"]
    decays = {config.weight_decay for config in coupled if config.weight_decay > _MOST_DECAY}
    if not decays:
        return []
    words = (
        f"{_values('Weight decay', decays)} is above the values that have worked (up to "
        f"{_MOST_DECAY}): weights may shrink toward 0. 0.0001 is usual; adamw tolerates more."
    )
    return [words]


def _dropouts(configs: Sequence[TrainConfig]) -> list[str]:
    shares = {config.dropout for config in configs if config.dropout > _MOST_DROPOUT and config.depth > 1}
    if not shares:
        return []
    words = (
        f"{_values('Dropout', shares)} is above the values that have worked (up to "
        f"{_MOST_DROPOUT}): too few units may remain. 0.2 to 0.5 is usual."
    )
    return [words]


def _is_plain(config: TrainConfig) -> bool:
    return config.optimizer == "sgd" and not config.momentum


def _values(name: str, values: Iterable[float]) -> str:
    """A setting with its values, such as "Learning rate 100"."""
    return f"{name} {listed([formats.decimal(value) for value in sorted(values)])}"
