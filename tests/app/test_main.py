"""The application put together: its routes, and their description for programs."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi.routing import APIRoute

from app.address import Address
from app.main import ROUTES, Server, create_app, warm_up
from app.runs.listing.query import PARAMETERS
from app.settings import Settings
from app.web import html
from app.web.connections import configuration


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a JSON document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_openapi_document_is_complete(unchanged: httpx.Client) -> None:
    document = unchanged.get("/openapi.json").json()
    for reference in references(document):
        found = document
        for key in reference.removeprefix("#/").split("/"):
            found = found[key]
    identifiers = [
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    assert len(identifiers) == len(set(identifiers))
    listed = {each["name"] for each in document["paths"]["/runs"]["get"]["parameters"]}
    assert listed == set(PARAMETERS)


def test_every_json_route_is_documented_with_its_errors(unchanged: httpx.Client) -> None:
    paths = unchanged.get("/openapi.json").json()["paths"]
    for route in (route for room in ROUTES for route in room.router.routes):
        assert isinstance(route, APIRoute)
        for method in (route.methods or ()) if route.include_in_schema else ():
            operation = paths[route.path][method.lower()]
            assert operation["summary"]
            assert operation["description"]
            assert operation["tags"]
            refused = operation["responses"]["422"]["content"]
            assert refused == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
    assert not [path for path in paths if path.startswith("/static")]


def test_every_field_and_parameter_is_described(unchanged: httpx.Client) -> None:
    document = unchanged.get("/openapi.json").json()
    bare = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, about in schema.get("properties", {}).items()
        if not about.get("description")
    ]
    bare += [
        f"{path} {parameter['name']}"
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("post", "/runs", {"201", "400", "403", "409", "413", "415", "422", "503"}),
        ("get", "/runs/{run_id}", {"200", "404", "422", "503"}),
        ("patch", "/runs/{run_id}", {"200", "400", "403", "404", "409", "413", "415", "422", "503"}),
        ("delete", "/runs/{run_id}", {"204", "404", "409", "422"}),
        ("post", "/runs/{run_id}/cancel", {"200", "404", "409", "422"}),
        ("post", "/studies", {"201", "400", "415", "422"}),
        ("post", "/studies/{study_id}/runs", {"201", "400", "404", "409", "415", "422"}),
        ("get", "/compare", {"200", "404", "422"}),
    ],
)
def test_the_openapi_document_names_the_statuses(
    unchanged: httpx.Client, method: str, path: str, statuses: set[str]
) -> None:
    documented = unchanged.get("/openapi.json").json()["paths"][path][method]["responses"]
    assert statuses <= documented.keys()


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_accepted_while_the_server_shuts_down_is_closed(settings: Settings, turns: int) -> None:
    """Otherwise the client waits for a response that never comes; `turns` of the event loop lie between."""

    async def ends() -> bytes:
        app = create_app(settings)
        listener = Address("127.0.0.1", 0).listen()
        config = configuration(app, log_level="critical")
        config.load()
        server = Server(config, app.state.events)
        server.lifespan = config.lifespan_class(config)
        await server.startup([listener])
        client = socket.create_connection(listener.getsockname(), timeout=20)
        client.settimeout(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.shutdown([listener])
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 20)
        except ConnectionResetError:
            return b""
        finally:
            client.close()

    with start_blocking_portal() as portal:
        assert portal.call(ends) == b""


def test_a_server_answers_pages_before_its_first_request(settings: Settings) -> None:
    app = create_app(settings)
    answered: list[str] = []
    inner = app.state.database.read

    def read() -> Any:
        answered.append("read")
        return inner()

    app.state.database.read = read
    with ThreadPoolExecutor() as thread:  # this one may run an event loop of the browser's tests
        thread.submit(asyncio.run, warm_up(app, settings)).result()
    app.state.database.close()
    assert len(answered) >= 4
    environment = html._environment()  # noqa: SLF001  # what it has compiled
    assert {name for _, name in environment.cache or ()} == {*environment.list_templates()}
