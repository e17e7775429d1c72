"""Files of runs as answers."""

from typing import Any

from starlette.responses import StreamingResponse
from upath import UPath

from app.settings import Settings
from app.storage import artifacts
from app.web.routes.downloads import download
from tests.app.conftest import Served
from tests.app.states import finished_run
from trainer.files import durable


def test_the_weights_of_a_finished_run_are_downloaded_as_a_file(site: Served, settings: Settings) -> None:
    run_id = finished_run(site.database)
    durable.write(artifacts.of_run(settings.artifacts, run_id).model(1), b"weights")
    answer = site.client.get(f"/runs/{run_id}/model.safetensors")
    assert (answer.status_code, answer.content) == (200, b"weights")
    assert answer.headers["content-disposition"] == f'attachment; filename="run-{run_id}.safetensors"'


def test_a_file_in_a_store_is_sent_with_its_length_in_pieces() -> None:
    content = bytes(range(256)) * 5_000
    path: Any = UPath("memory://downloads/model.safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    answer = download(path, "run-7.safetensors")
    assert isinstance(answer, StreamingResponse)
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-disposition"] == 'attachment; filename="run-7.safetensors"'
    assert answer.headers["content-type"] == "application/octet-stream"
