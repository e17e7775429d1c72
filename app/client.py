"""A client of a running Depthboard, for the command line and for scripts.

with Client("http://127.0.0.1:8000") as client:
    study = client.create_study({"depth": [1, 2, 3], "epochs": 20})
    comparison = client.compare(study=study.id)
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from httpx_sse import EventSource
from pydantic import BaseModel, ValidationError

from app.address import DEFAULT_URL
from app.schemas.bodies import FieldError, Problem
from app.schemas.compare.comparison import Comparison
from app.schemas.epochs import EpochColumns
from app.schemas.monitoring import WorkerList, WorkerOut
from app.schemas.runs import RunDetail, RunOut, RunPage
from app.schemas.studies import StudyOut, StudyPreview

_PAGE: Final = 500
_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_SILENCE: Final = httpx.Timeout(60, connect=5)
"""The server sends something on an open event stream every 15 s; after 60 s of silence it counts as lost."""
_PATIENCE: Final = 60.0
"""Seconds during which the client tries to reconnect a lost event stream."""
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 4.0)
"""Seconds before each retry of a request without a response, or with a response that asks for a retry."""
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)
_COME_BACK: Final = (409, 503)
"""Retried if they have `Retry-After`: the same request is in flight (409), the database is busy (503)."""

Answer = TypeVar("Answer", bound=BaseModel)


class ClientError(Exception):
    """The request failed; the message says what was wrong, what was expected and what to do.

    `status` is the HTTP status, None without a response. `title`, `detail` and `errors` are those of the
    server's `application/problem+json`.
    """

    def __init__(
        self,
        title: str,
        detail: str = "",
        errors: Iterable[FieldError] = (),
        status: int | None = None,
    ) -> None:
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.status = status
        lines = [f"{'.'.join(map(str, error.loc)) or 'request'}: {error.msg}" for error in self.errors]
        super().__init__("\n".join(lines) or detail or title)


class NoUrl(ClientError):
    """The given server URL is not valid."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url!r} is not a valid URL; expected one like {DEFAULT_URL}.")


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: `run`, `epoch`, `reset`, `deleted` or `queue`, with its data."""

    kind: str
    data: dict[str, Any]
    id: str


class Client:
    """An HTTP client of one server; a context manager that closes its connections.

    Every method raises `ClientError` if the server can't be reached, rejects the request or fails.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._sleep = sleep
        try:
            urlsplit(url)  # rejects an invalid IPv6 address, which httpx would look up
            self._http = httpx.Client(
                base_url=self.url,
                headers={"Accept": "application/json"},
                timeout=_TIMEOUT,
                transport=transport,
                trust_env=False,  # no proxy: it does not know this machine's addresses
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise NoUrl(url) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create_run(self, fields: Mapping[str, Any], *, key: str | None = None) -> RunOut:
        """Queue a run; `fields` as in `POST /runs`, of which only `depth` is required.

        The same `key` never creates a second run. Without `key`, each call generates one, so that the client
        can retry the request after a connection error.
        """
        return self._post("/runs", RunOut, fields, key or uuid.uuid4().hex)

    def runs(self, **filters: object) -> Iterator[RunOut]:
        """Yields runs, page by page; filters and `sort` as in `GET /runs`.

        A filter is a value, or a list of values of which any may match.
        """
        query = {"limit": str(_PAGE), **{name: _query_text(value) for name, value in filters.items()}}
        cursor: str | None = ""
        while cursor is not None:
            page = self._get("/runs", RunPage, {**query, "cursor": cursor})
            yield from page.runs
            cursor = page.next_cursor

    def run(self, run_id: int) -> RunDetail:
        """Returns one run."""
        return self._get(f"/runs/{run_id}", RunDetail)

    def epochs(self, run_id: int) -> EpochColumns:
        """Returns every epoch of a run, as columns."""
        return self._get(f"/runs/{run_id}/epochs", EpochColumns)

    def cancel(self, run_id: int) -> RunOut:
        """Cancel a queued or running run."""
        return self._post(f"/runs/{run_id}/cancel", RunOut)

    def retry(self, run_id: int) -> RunOut:
        """Queue a failed or cancelled run again."""
        return self._post(f"/runs/{run_id}/retry", RunOut)

    def verify(self, run_id: int, *, key: str | None = None) -> RunOut:
        """Queue a finished run again, and return the new run; the result is the `verification` of both runs.

        The same `key` never creates a second run; see `create_run`.
        """
        return self._post(f"/runs/{run_id}/verify", RunOut, key=key or uuid.uuid4().hex)

    def create_study(self, fields: Mapping[str, Any], *, key: str | None = None) -> StudyOut:
        """Queue a grid of runs; `fields` as in `POST /studies`: any hyperparameter may be a list.

        The same `key` never creates a second study; see `create_run`.
        """
        return self._post("/studies", StudyOut, fields, key or uuid.uuid4().hex)

    def preview_study(self, fields: Mapping[str, Any]) -> StudyPreview:
        """Returns the size and estimated time of a study without creating it."""
        return self._post("/studies/preview", StudyPreview, fields)

    def study(self, study_id: int) -> StudyOut:
        """Returns one study and its progress."""
        return self._get(f"/studies/{study_id}", StudyOut)

    def compare(
        self, runs: Iterable[int] = (), *, study: int | None = None, by: Iterable[str] = ()
    ) -> Comparison:
        """Compare runs, or those of a study, grouped by `by`; by default as the compare page does."""
        query = {"study": str(study)} if study is not None else {"runs": _query_text(runs)}
        return self._get("/compare", Comparison, query | ({"by": fields} if (fields := ",".join(by)) else {}))

    def export(self, runs: Iterable[int] = (), *, study: int | None = None, epochs: bool = False) -> str:
        """Returns runs, or their epochs, as CSV. Without a selection: all runs, including archived ones."""
        if epochs:
            query = {"study": str(study)} if study is not None else {"runs": _query_text(runs)}
            return self._text("/compare.csv", query)
        chosen = {"id": _query_text(runs), "study": _query_text([] if study is None else [study])}
        return self._text("/runs.csv", chosen | {"archived": "all", "sort": "id"})

    def workers(self) -> list[WorkerOut]:
        """Returns the live workers."""
        return self._get("/workers", WorkerList).workers

    def events(self, run_id: int | None = None, *, after: str | None = None) -> Iterator[Event]:
        """Yields the events of one run or of all runs as they happen; endless.

        The stream of one run starts with all its data. `after` is the id of the last event already received.
        The client reopens a lost connection and resumes without gaps or repetitions.
        """
        path = "/events" if run_id is None else f"/runs/{run_id}/events"
        lost_for = 0.0
        delay = 0.0
        while True:
            try:
                for event in self._stream(path, after):
                    after, lost_for, delay = event.id, 0.0, 0.0
                    yield event
            except httpx.TransportError as error:
                if after is None or lost_for >= _PATIENCE:
                    raise self._unreachable(error) from error
            delay = min(max(2 * delay, 0.5), 5.0)
            lost_for += delay
            self._sleep(delay)

    def _stream(self, path: str, after: str | None) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        with self._http.stream("GET", path, headers=headers, timeout=_SILENCE) as response:
            if response.is_error:
                response.read()
                raise _refusal(response)
            for event in EventSource(response).iter_sse():
                if event.data:  # an event that only sets the retry delay has none
                    yield Event(event.event, event.json(), event.id)

    def _text(self, path: str, query: Mapping[str, str]) -> str:
        response = self._ask("GET", path, {"params": query}, _PAUSES)
        if not response.is_success:
            raise _refusal(response)
        return response.text

    def _get(self, path: str, kind: type[Answer], query: Mapping[str, str] | None = None) -> Answer:
        return self._send("GET", path, kind, params=query)

    def _post(
        self, path: str, kind: type[Answer], body: Mapping[str, Any] | None = None, key: str | None = None
    ) -> Answer:
        headers = {"Idempotency-Key": key} if key else None
        return self._send("POST", path, kind, json=body, headers=headers)

    def _send(self, method: str, path: str, kind: type[Answer], **request: Any) -> Answer:  # noqa: ANN401  # httpx's own
        repeatable = method == "GET" or bool(request.get("headers"))  # a POST with a key
        response = self._ask(method, path, request, _PAUSES if repeatable else ())
        if not response.is_success:
            raise _refusal(response)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise ClientError(
                f"The response of {response.url} is not from this version of Depthboard; check the URL."
            ) from error

    def _ask(
        self, method: str, path: str, request: Mapping[str, Any], pauses: Iterable[float]
    ) -> httpx.Response:
        """Returns the response; once the server has been reached, retries after each of these pauses."""
        left = iter(pauses)
        known = False
        while True:
            try:
                response = self._http.request(method, path, **request)
            except httpx.TransportError as error:
                known = known or not isinstance(error, _NEVER_SENT)
                pause = next(left, None) if known else None
                if pause is None:
                    raise self._unreachable(error) from error
            else:
                if response.status_code not in _COME_BACK or "retry-after" not in response.headers:
                    return response
                known = True
                pause = next(left, None)
                if pause is None:
                    return response
            self._sleep(pause)

    def _unreachable(self, error: httpx.TransportError) -> ClientError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return ClientError(
                f"No Depthboard responds at {self.url}.",
                f"No Depthboard responds at {self.url}. Start one with `depthboard up`, "
                "or specify another with --url or DEPTHBOARD_URL.",
            )
        if isinstance(error, httpx.UnsupportedProtocol):
            return NoUrl(self.url)
        return ClientError(f"The connection to {self.url} was lost: {str(error) or type(error).__name__}.")


def _query_text(value: object) -> str:
    """A value of a query string: lists with commas, booleans in lower case."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)


def _refusal(response: httpx.Response) -> ClientError:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        title = f"{response.url} returned {response.status_code} {response.reason_phrase}."
        return ClientError(title, status=response.status_code)
    return ClientError(problem.title, problem.detail, problem.errors, problem.status)
