"""The settings that all compared runs share, in a phrase."""

from typing import Any

import pytest

from app.compare.settings_phrase import ended_schedules, settings_phrase
from app.schemas.runs import RunOut
from tests.app.compare.judged import group


def runs(*depths: int, **config: Any) -> list[RunOut]:
    """A run of each depth with these hyperparameters, and a seed of its own."""
    chosen = depths or (1, 2, 3)
    same: dict[str, Any] = {name: [value] * len(chosen) for name, value in config.items()}
    found = group({}, [0.9] * len(chosen), depth=chosen, **same)
    return list(found.runs)


def test_optimizer_learning_rate_epochs_and_width_are_always_named() -> None:
    assert (
        settings_phrase(runs(), ["depth"])
        == "SGD at learning rate 0.05, 200 epochs, width 512 (halved per layer)"
    )


@pytest.mark.parametrize(
    ("optimizer", "shown"),
    [("sgd", "SGD"), ("nesterov", "SGD with Nesterov momentum"), ("adam", "Adam"), ("adamw", "AdamW")],
)
def test_optimizers_have_their_usual_names(optimizer: str, shown: str) -> None:
    words = settings_phrase(runs(optimizer=optimizer, lr=0.001, epochs=1), ["depth"])
    assert words.startswith(f"{shown} at learning rate 0.001, 1 epoch, ")


def test_a_width_halves_only_from_the_second_hidden_layer_on() -> None:
    assert settings_phrase(runs(1, 2), ["depth"]).endswith("width 512")
    assert settings_phrase(runs(1, 3), ["depth"]).endswith("width 512 (halved per layer)")


def test_other_settings_are_named_if_they_are_not_the_default() -> None:
    words = settings_phrase(
        runs(momentum=0.9, batch_size=64, dataset="fashion", schedule="cosine"), ["depth"]
    )
    assert words.startswith("SGD at learning rate 0.05, 200 epochs, width 512 (halved per layer), ")
    assert set(words.split(", ")[3:]) == {
        "momentum 0.9",
        "batch size 64",
        "data set fashion",
        "schedule cosine",
    }


@pytest.mark.parametrize(
    ("by", "left"),
    [
        ("lr", "SGD, 200 epochs, width 512 (halved per layer)"),
        ("optimizer", "learning rate 0.05, 200 epochs, width 512 (halved per layer)"),
        ("epochs", "SGD at learning rate 0.05, width 512 (halved per layer)"),
        ("width", "SGD at learning rate 0.05, 200 epochs"),
    ],
)
def test_settings_that_runs_are_grouped_by_are_left_out(by: str, left: str) -> None:
    assert settings_phrase(runs(), [by]) == left


def test_settings_that_differ_are_left_out() -> None:
    mixed = [*runs(lr=0.05), *runs(lr=0.1)]
    assert settings_phrase(mixed, ["depth"]) == "SGD, 200 epochs, width 512 (halved per layer)"


def test_schedules_that_ended_say_that_a_longer_one_was_not_tried() -> None:
    assert ended_schedules(runs()) == []
    (one,) = ended_schedules(runs(schedule="cosine"))
    assert one == (
        "The cosine schedule ended at learning rate 0: further epochs at that rate would change nothing. "
        "A longer schedule was not tried."
    )
    (sentence,) = ended_schedules([*runs(schedule="cosine"), *runs(schedule="onecycle")])
    assert sentence.startswith("The cosine and onecycle schedules ended at learning rate 0: ")


def test_depth_seed_device_and_patience_are_never_named() -> None:
    words = settings_phrase(runs(2, device="cpu", patience=3), [])
    assert words == "SGD at learning rate 0.05, 200 epochs, width 512"


def test_near_learning_rates_are_written_exactly() -> None:
    assert "learning rate 0.30000000000000004," in settings_phrase(runs(lr=0.1 + 0.2), ["depth"])


def test_without_runs_there_is_nothing_to_name() -> None:
    assert settings_phrase([], ["depth"]) == ""
