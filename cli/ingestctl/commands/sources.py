"""`ingestctl sources`: where documents come from by themselves, how many are known of each place, and what waits for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from ingestctl.commands._options import EPILOG, Json, start

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.sources import SourceState, WithheldDeletions


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(sources)


def sources(ctx: typer.Context, as_json: Json = False) -> None:
    """List the sources that are watched, and deletions that wait for approval."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        shell.show(SourceTable(client.sources()))


@dataclass(frozen=True, slots=True)
class SourceTable:
    """All configured sources."""

    rows: list[SourceState]

    def as_json(self) -> dict[str, Any]:
        """Return the sources as the service tells them."""
        return {"sources": [row.as_json() for row in self.rows]}

    def for_people(self) -> Iterable[RenderableType]:
        """Return one line a source, and a sentence for what is withheld."""
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import printable

        table = render.table("Source", "Kind", "Dataset", "Documents", "DAG", "Place", right=("Documents",))
        for row in self.rows:
            table.add_row(
                Text(printable(row.name)),
                Text(printable(row.kind)),
                Text(printable(row.tag)),
                "" if row.known is None else f"{row.known:,}",
                Text(printable(row.dag_id), style="dim"),
                Text(printable(row.where), style="dim"),
            )
        yield table
        for row in self.rows:
            if row.withheld is not None:
                yield Text(printable(_kept(row.name, row.withheld)), style="yellow")


def _kept(source: str, withheld: WithheldDeletions) -> str:
    gone = f"{withheld.documents:,} documents have gone from {source} (seen at {withheld.since[:19]}Z) and are kept"
    if withheld.decision == "waiting":
        return f"{gone}: answer the question under Required Actions in Airflow (DAG approve_deletions)."
    by = f"{withheld.decided_by} rejected the deletion" if withheld.decided_by else "nobody answered in time"
    return f"{gone}: {by}. Clear the task `approve` of its run in Airflow to be asked again."
