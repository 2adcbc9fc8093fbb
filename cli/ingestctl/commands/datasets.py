"""`ingestctl datasets`: which datasets there are, how large, and whether they are ready."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from ingestctl.commands._options import EPILOG, Json, start

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from docgraph.api.datasets import Dataset


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(datasets)


def datasets(ctx: typer.Context, as_json: Json = False) -> None:
    """List the datasets with their size and last verdict."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        shell.show(DatasetTable(client.datasets()))


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """All datasets."""

    rows: list[Dataset]

    def as_json(self) -> dict[str, Any]:
        """Return the datasets as the service tells them."""
        return {"datasets": [row.as_json() for row in self.rows]}

    def for_people(self) -> Iterable[RenderableType]:
        """Return one line a dataset."""
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import printable

        if not self.rows:
            yield Text("No datasets yet. `ingestctl ingest PATH --tag TAG` makes one.", style="dim")
            return
        table = render.table(
            "Dataset", "Ready", "Documents", "Sections", "Embedding", "Last report", right=("Documents", "Sections")
        )
        for row in self.rows:
            table.add_row(
                Text(printable(row.tag)),
                _ready(row.ready),
                f"{row.documents:,}",
                f"{row.sections:,}",
                Text(printable(row.embedding_version or "")),
                Text(printable(row.report or ""), style="dim"),
            )
        yield table


def _ready(value: bool | None) -> Text:
    from rich.text import Text

    if value is None:
        return Text("unknown", style="yellow")
    return Text("yes", style="green") if value else Text("no", style="red")
