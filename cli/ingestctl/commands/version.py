"""`ingestctl version`: the releases of the command line and of the service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from docgraph import __version__
from ingestctl.commands._options import EPILOG, Json, start
from ingestctl.errors import CommandError

if TYPE_CHECKING:
    from rich.console import RenderableType


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(version)


def version(ctx: typer.Context, as_json: Json = False) -> None:
    """Show the versions of ingestctl and of the service, if it answers."""
    shell = start(ctx, as_json)
    url = shell.settings.service_url
    try:
        with shell.client() as client:
            found = client.health().version
            result = Versions(__version__, url, found, "")
    except CommandError as error:
        result = Versions(__version__, url, None, str(error))
    shell.show(result)


@dataclass(frozen=True, slots=True)
class Versions:
    """Both sides' releases; the service's is None when it does not answer."""

    ingestctl: str
    service_url: str
    service: str | None
    error: str

    def as_json(self) -> dict[str, Any]:
        """Return the versions."""
        return {
            "ingestctl": self.ingestctl,
            "service": self.service,
            "service_url": self.service_url,
            "error": self.error or None,
        }

    def for_people(self) -> Iterable[RenderableType]:
        """Return a line a side."""
        from rich.text import Text

        from ingestctl.text import printable

        yield Text(f"ingestctl {self.ingestctl}")
        if self.service is not None:
            yield Text(f"service   {printable(self.service)}  {printable(self.service_url)}")
        else:
            yield Text(f"service   {printable(self.error)}", style="yellow")
