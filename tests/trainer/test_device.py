"""Which device a choice means."""

import pytest
import torch

from trainer.config import TrainConfig
from trainer.data.loading import TensorData
from trainer.device import DeviceUnavailable, list_devices, resolve
from trainer.training.evaluation import evaluate
from trainer.training.loop import TrainState, train


def test_the_cpu_is_always_there_and_has_a_name() -> None:
    cpu = list_devices()[-1]
    assert cpu.device == "cpu"
    assert cpu.name


def test_auto_means_the_first_device() -> None:
    assert str(resolve("auto")) == list_devices()[0].device


def test_cpu_means_the_cpu() -> None:
    assert resolve("cpu") == torch.device("cpu")


@pytest.mark.parametrize("choice", ["cuda:64", "mps:9"])
def test_an_unavailable_device_is_refused_with_the_available_ones(choice: str) -> None:
    with pytest.raises(DeviceUnavailable, match=f"'{choice}' is not available here.*cpu.*Choose"):
        resolve(choice)


@pytest.mark.parametrize("choice", ["tpu", "", "meta", "cuda:x"])
def test_an_unknown_device_is_refused_with_the_known_ones(choice: str) -> None:
    with pytest.raises(DeviceUnavailable, match=f"Unknown device '{choice}': expected one of auto"):
        resolve(choice)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_run_on_cuda_keeps_model_and_data_there_and_agrees_with_the_cpu(data: TensorData) -> None:
    cuda = resolve("cuda")
    assert resolve("auto") == cuda
    assert list_devices()[0].name == torch.cuda.get_device_name(0)
    config = TrainConfig(depth=3, epochs=3, batch_size=128)
    on_cuda = TensorData(*(tensor.to(cuda) for tensor in vars(data).values()))
    on_cpu_state = TrainState.start(config, torch.device("cpu"))
    state = TrainState.start(config, cuda)
    for ours, theirs in zip(state.model.parameters(), on_cpu_state.model.parameters(), strict=True):
        assert ours.device == cuda
        assert torch.equal(ours.cpu(), theirs)
    records = list(train(config, on_cuda, state))
    expected = list(train(config, data, on_cpu_state))
    for record, other in zip(records, expected, strict=True):
        assert record.train_loss == pytest.approx(other.train_loss, rel=1e-4)
        assert record.test_loss == pytest.approx(other.test_loss, rel=1e-4)
    assert all(parameter.device == cuda for parameter in state.model.parameters())
    assert 0 <= evaluate(state.model, on_cuda.test_images, on_cuda.test_labels).accuracy <= 1
