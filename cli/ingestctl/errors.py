"""What can go wrong for a person at the command line, and the exit code that says so to a script."""

from __future__ import annotations

from enum import IntEnum

from docgraph.domain.errors import DocgraphError


class ExitCode(IntEnum):
    """The documented exit codes; 2 is also what a mistyped command line ends with, 130 is Ctrl-C."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


class CommandError(DocgraphError):
    """The command failed; the message says on which input and why, `hint` what to do."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str | None = None, *, hint: str = "", code: str = "failed") -> None:
        """Keep the message (what, on which input, why), the hint (what to do) and the service's name of the reason."""
        super().__init__(message)
        self.hint = hint
        self.code = code


class RefusedError(CommandError):
    """The service understood the request and refused it."""


class UsageError(CommandError):
    """The command line or the settings can't be used as they are."""

    exit_code = ExitCode.USAGE


class UnreachableError(CommandError):
    """The ingestion service can't be reached, is not able to work, or does not accept the token."""

    exit_code = ExitCode.UNREACHABLE


class NotFoundError(CommandError):
    """The service knows nothing by this name."""

    exit_code = ExitCode.NOT_FOUND
