"""Python that loads the weights of a run."""

from itertools import pairwise

from app.schemas.runs import RunOut


def of_run(run: RunOut, server: str) -> str:
    """Code that downloads a run's weights from the server at this URL and classifies images with them."""
    *hidden, last = [f"nn.Linear({inputs}, {outputs})" for inputs, outputs in pairwise(run.layer_sizes)]
    layers = [*(f"{layer}, nn.ReLU()" for layer in hidden), last]
    file = f"run-{run.id}.safetensors"
    return "\n".join(
        [
            "from urllib.request import urlretrieve",
            "",
            "import torch",
            "from safetensors.torch import load_file",
            "from torch import nn",
            "",
            f'urlretrieve("{server}/runs/{run.id}/model.safetensors", "{file}")',
            "model = nn.Sequential(",
            *(f"    {layer}," for layer in layers),
            ")",
            f'model.load_state_dict(load_file("{file}"))',
            "model.eval()",
            "",
            "def classify(images):",
            f'    """The classes of images, uint8 (n, 28, 28), as in {run.dataset}."""',
            "    with torch.no_grad():",
            f"        return model(images.reshape(-1, {run.layer_sizes[0]}).float() / 255).argmax(dim=1)",
            "",
        ]
    )
