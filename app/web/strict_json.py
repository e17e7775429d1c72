"""Strict JSON bodies: no repeated keys, nothing outside the JSON standard."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute


class StrictRequest(Request):
    """A request whose JSON may not repeat a key.

    The fields themselves reject NaN and infinities, with errors that name the field.
    """

    async def json(self) -> Any:  # noqa: ANN401  # whatever the body holds
        """The parsed body."""
        body = await self.body()
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise json.JSONDecodeError("it is not UTF-8", "", error.start) from None
        try:
            return json.loads(text, object_pairs_hook=_unrepeated)
        except RecursionError:
            raise json.JSONDecodeError("it is nested too deeply", "", 0) from None


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise json.JSONDecodeError(f"the key {repeated!a} is repeated", "", 0)
    return found


class JsonRoute(APIRoute):
    """A route that reads strict JSON bodies only."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler to read the body strictly."""
        handler = super().get_route_handler()
        has_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if has_body and media_type != "application/json" and not media_type.endswith("+json"):
                raise HTTPException(415, "Send the body as JSON, with Content-Type: application/json.")
            return await handler(StrictRequest(request.scope, request.receive))

        return strict
