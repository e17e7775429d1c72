"""Keeps the last run's update with its CUDA graphs for the next run on a GPU."""

from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.training.update import Update


class UpdateCache:
    """Keeps the update of the last run, if its steps are recorded, for a similar next run.

    Runs are similar if they differ only in seed, epochs and patience. The next run trains in the tensors of
    the last run, whose state can't be used any more.
    """

    def __init__(self) -> None:
        self._config: TrainConfig | None = None
        self._data: TensorData | None = None
        self._update: Update | None = None

    def update(
        self, config: TrainConfig, data: TensorData, model: nn.Sequential, moments: dict[str, Tensor]
    ) -> Update:
        """The last run's update with the values of `model` and `moments`, or a new one."""
        alike = config.model_copy(update={"seed": 0, "epochs": 1, "patience": 0})
        if self._update and self._config == alike and self._data is data:
            self._update.take(model, moments)
            return self._update
        self.clear()
        update = Update(config, data, model, moments)
        if update.is_recorded:
            self._config, self._data, self._update = alike, data, update
        return update

    def clear(self) -> None:
        """Drop the kept update."""
        self._config = self._data = self._update = None
