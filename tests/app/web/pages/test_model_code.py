"""The code on a run's page loads its weights and classifies images as training does."""

from pathlib import Path
from typing import Any

import pytest
import torch

from app.settings import Settings
from app.storage import artifacts
from app.web.pages import model_code
from tests.app import states
from tests.app.conftest import Served
from trainer.config import TrainConfig
from trainer.files import weights
from trainer.training.evaluation import predict
from trainer.training.loop import TrainState

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("depth", [1, 3])
def test_it_runs_as_it_stands(
    server: Served, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    states.add_worker(server.database)
    run_id = states.finished_run(server.database, depth=depth, width=32, seed=4)
    config = TrainConfig(depth=depth, width=32, seed=4)
    model = TrainState.start(config, torch.device("cpu")).model
    weights.save(artifacts.of_run(settings.artifacts, run_id).model(1), model, config, epochs=3)
    code = model_code.of_run(states.shown(server.database, run_id), server.url)
    monkeypatch.chdir(tmp_path)
    loaded: dict[str, Any] = {}
    exec(code, loaded)  # noqa: S102  # as a reader pastes it
    images = torch.randint(256, (50, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    expected = predict(model, images.reshape(-1, 784)).argmax(dim=1)
    assert len(set(expected.tolist())) > 1
    assert torch.equal(loaded["classify"](images), expected)
    page = server.client.get(f"/runs/{run_id}", headers={"Accept": "text/html"}).text
    assert "nn.Linear(" in page
