"""One invocation: settings, the two output streams, and how a result or an error leaves the process.

A result is one object rendered twice: `as_json()` for machines, `for_people()` for the terminal. With `--json` standard
output holds exactly one JSON document (also when the command fails) and everything for people goes to standard error.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

from docgraph.domain.errors import ConfigurationError, DocgraphError
from ingestctl.errors import CommandError, ExitCode, UsageError
from ingestctl.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

    from docgraph.settings import Settings
    from ingestctl.client import ServiceClient


#: Cells of a line that no terminal breaks: ids, paths and sentences stay whole for whatever reads the pipe.
PIPE_WIDTH = 10_000


class Unpadded:
    """A stream that gets each line without the blanks with which Rich fills it up to the console's width."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write whole lines, as Rich prints them."""
        return self._stream.write("\n".join(line.rstrip(" ") for line in text.split("\n")))

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's own."""
        return getattr(self._stream, name)


class Result(Protocol):
    """What a command found out or did."""

    def as_json(self) -> Any:
        """Return the result as values that JSON knows."""

    def for_people(self) -> Iterable[RenderableType]:
        """Return what Rich prints, top to bottom."""


@dataclass
class Shell:
    """The state of one invocation; the commands find it in their context."""

    debug: bool = False
    as_json: bool = False
    home: Path | None = None
    service_url: str | None = None
    _settings: Settings | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        """The settings, read at first use.

        Raises:
            ConfigurationError: a value can't be read.
        """
        if self._settings is None:
            from docgraph.settings import Settings

            self._settings = Settings.load(home=self.home, flags={"DOCGRAPH_SERVICE_URL": self.service_url or None})
        return self._settings

    def client(self) -> ServiceClient:
        """Return a client for the service that the settings name; close it, or use it in a `with` statement."""
        from ingestctl.client import ServiceClient

        return ServiceClient(self.settings.service_url, self.settings.token, say=self._say)

    def _say(self, message: str) -> None:
        from rich.text import Text

        self.notes().print(Text(printable(message), style="dim"), soft_wrap=True)

    def people(self) -> Console:
        """Return the console for human text: standard output, or standard error when that belongs to JSON."""
        return self._console(sys.stderr if self.as_json else sys.stdout)

    def notes(self) -> Console:
        """Return the console for remarks that are no result: standard error."""
        return self._console(sys.stderr)

    def _console(self, stream: Any) -> Console:
        from rich.console import Console

        console = Console(file=stream, highlight=False)
        if console.is_terminal:
            return console
        return Console(file=cast("IO[str]", Unpadded(stream)), highlight=False, width=PIPE_WIDTH)

    def show(self, result: Result) -> None:
        """Print a result: one JSON document, or renderables for people."""
        if self.as_json:
            print_json(result.as_json())
            return
        console = self.people()
        for renderable in result.for_people():
            console.print(renderable)

    def fail(self, error: Exception) -> ExitCode:
        """Tell about an error, for people and (with `--json`) for machines, and return the exit code that belongs to it."""
        failure = _as_command_error(error)
        if self.as_json:
            print_json({"error": {"code": failure.code, "message": str(failure), "hint": failure.hint}})
        from rich.text import Text

        console = self.notes()
        console.print(Text.assemble(("error: ", "bold red"), printable(str(failure), keep="\n")), soft_wrap=True)
        if failure.hint:
            console.print(Text.assemble(("what to do: ", "bold"), printable(failure.hint, keep="\n")), soft_wrap=True)
        if self.debug:
            console.print(Text("".join(traceback.format_exception(error))), soft_wrap=True)
        return failure.exit_code


def _as_command_error(error: Exception) -> CommandError:
    if isinstance(error, CommandError):
        return error
    if isinstance(error, ConfigurationError):
        return UsageError(str(error), code="configuration")
    if isinstance(error, DocgraphError):
        return CommandError(str(error))
    return CommandError(
        f"ingestctl stopped unexpectedly: {type(error).__name__}: {error}",
        hint="Run it again with --debug in front of the command and report what it prints.",
        code="unexpected",
    )


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()
