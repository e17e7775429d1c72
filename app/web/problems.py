"""Errors as RFC 9457 `application/problem+json`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from app.formats import as_utf8
from app.schemas.bodies import FieldError, Problem

MEDIA_TYPE: Final = "application/problem+json"
_SHOWN: Final = 60


def problem(
    status: int, detail: str, errors: Sequence[FieldError] = (), headers: dict[str, str] | None = None
) -> Response:
    """An error response; `errors` says for each field what was wrong and what was expected."""
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=as_utf8(detail),
        errors=list(errors),
    )
    return Response(body.model_dump_json(), status, headers, MEDIA_TYPE)


def field_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Validation errors by field, in sentences: the expected and, briefly, the given value."""
    return [FieldError(loc=_place(error["loc"]), msg=_sentence(error)) for error in errors]


def invalid(error: RequestValidationError) -> Response:
    """The response to a request with an invalid body, path or query."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(
            400, f"The body is not valid JSON: {first['ctx']['error']} (at character {first['loc'][-1]})."
        )
    errors = field_errors(error.errors())
    return problem(422, summary(errors), errors)


def summary(errors: Sequence[FieldError]) -> str:
    """All errors as one text."""
    return " ".join(
        f"{'.'.join(map(str, each.loc))}: {each.msg}." if each.loc else f"{each.msg}." for each in errors
    )


def _place(loc: Sequence[str | int]) -> list[str | int]:
    """The location of an error without the leading body, query, path or header."""
    return list(loc[1:] if loc and loc[0] in ("body", "query", "path", "header") else loc)


def _sentence(error: Any) -> str:  # noqa: ANN401  # pydantic's error dictionary
    message = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "should", 1)
    if error["type"] == "extra_forbidden":
        return "unknown field"
    if error["type"] == "missing":
        return "this field is required"
    given = error.get("input")
    if isinstance(given, str | int | float | bool):
        shown = ascii(given)
        message += f", got {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}"
    return message
