"""Final weights as a file that `safetensors.torch.load_file(path)` reads."""

from pathlib import Path

from torch import nn

from trainer.config import TrainConfig
from trainer.files import tensor_file
from trainer.files.checkpoint import to_array


def save(
    path: Path, model: nn.Sequential, config: TrainConfig, epochs: int, base: Path | None = None
) -> None:
    """Write the weights after `epochs` epochs under the names of PyTorch's `state_dict`.

    Creates folders as `durable.write` does. Raises `durable.NotWritten`.
    """
    arrays = {name: to_array(tensor) for name, tensor in model.state_dict().items()}
    about = {"config": config.model_dump(), "layer_sizes": config.layer_sizes, "epochs": epochs}
    tensor_file.write(path, arrays, about, base)
