"""The error of an invalid query."""


class QueryError(ValueError):
    """An invalid query; the message says what the parameter expects.

    `part` is the invalid part of a search text: its start and its end.
    """

    def __init__(self, parameter: str, message: str, part: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.part = part
