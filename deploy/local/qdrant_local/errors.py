"""The errors that the server answers with, each with the HTTP status that a real Qdrant gives for it.

The messages keep Qdrant's own prefixes ("Wrong input: ", "Not found: "), because clients and people look for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ServerError(Exception):
    """A request failed in a way the caller can act on."""

    status_code = 500


class BadInputError(ServerError):
    """The request can't be carried out as it stands; nothing was changed."""

    status_code = 400

    def __init__(self, message: str) -> None:
        super().__init__(f"Wrong input: {message}")


class UnsupportedError(BadInputError):
    """The request asks for a feature of Qdrant that the local server does not have."""

    def __init__(self, feature: str) -> None:
        super().__init__(f"{feature} is not supported by the local server; use a real Qdrant for it")


class NotFoundError(ServerError):
    """The collection, alias or point that the request names does not exist."""

    status_code = 404

    def __init__(self, message: str) -> None:
        super().__init__(f"Not found: {message}")


class AlreadyExistsError(ServerError):
    """The name is taken."""

    status_code = 409

    def __init__(self, message: str) -> None:
        super().__init__(f"Wrong input: {message}")


class DataFolderError(Exception):
    """The data folder can't be opened: another process owns it, or a collection in it is damaged."""


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn what the engine raises into an answer: it uses bare exceptions, and words tell whose fault it was."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInputError(str(error)) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        message = str(error)
        if message.startswith("No point with id"):
            raise NotFoundError(message) from error
        if message.startswith(("Service", "Out of memory")):
            raise ServerError(message) from error
        raise BadInputError(message) from error
