"""A launch form as curl, `depthboard` command and Python."""

import json
import shlex
from dataclasses import dataclass
from typing import Any

from app.formats import written
from app.schemas.studies import GridRequest
from trainer.config import TrainConfig


@dataclass(frozen=True)
class Snippets:
    """A launch in three notations."""

    curl: str
    command: str
    python: str


def of_request(request: GridRequest, server: str) -> Snippets:
    """Snippets that send this request to the server at this URL, without values that equal the defaults."""
    axes = {name: values for name, values in request.axes.items() if values != _default(name)}
    single = all(len(values) == 1 for values in axes.values())
    body: dict[str, Any] = {name: values[0] if len(values) == 1 else values for name, values in axes.items()}
    labels = request.model_dump(include={"priority", "name", "tags", "note"}, exclude_defaults=True)
    flags = {name for name in ("reuse", "skip_invalid") if getattr(request, name)}
    labels |= dict.fromkeys(sorted(flags), True) if not single else {}
    body |= labels
    if request.follows is not None and not single:
        body["follows"] = request.follows
    route = "runs" if single else "studies"
    text = json.dumps(body, ensure_ascii=False)
    return Snippets(
        curl=(
            f"curl -X POST {server}/{route} \\\n"
            f"  -H 'Content-Type: application/json' \\\n"
            f"  -d {shlex.quote(text)}"
        ),
        command=_command("submit" if single else "study", axes, labels, server),
        python=(
            f'import httpx\n\nanswer = httpx.post("{server}/{route}", json={body!r})\n'
            'answer.raise_for_status()\nprint(answer.json()["id"])'
        ),
    )


def _default(name: str) -> list[Any] | None:
    info = TrainConfig.model_fields[name]
    return None if info.is_required() else [info.default]


def _command(verb: str, axes: dict[str, list[Any]], labels: dict[str, Any], server: str) -> str:
    words = ["depthboard", verb]
    for name, values in axes.items():
        words += [f"--{name.replace('_', '-')}", _compact(values)]
    for name, value in labels.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif name == "tags":
            words += [word for tag in value for word in ("--tag", tag)]
        else:
            words += [f"--{name}", str(value)]
    return " ".join([*map(shlex.quote, words), "--url", server])


def _compact(values: list[Any]) -> str:
    """Values as one argument: consecutive whole numbers as a range, others as a list."""
    first = values[0]
    if isinstance(first, int) and len(values) > 2 and values == list(range(first, first + len(values))):  # noqa: PLR2004
        return f"{first}-{values[-1]}"
    return ",".join(map(written, values))
