"""`ingestctl retire-embeddings`: delete a dataset's vectors of an embedding version that it no longer uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestctl.commands._options import EPILOG, Json, Tag, start

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.datasets import RetiredEmbeddings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("retire-embeddings", epilog=EPILOG)(retire_embeddings)


def retire_embeddings(
    ctx: typer.Context,
    tag: Tag,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="Its name, as `ingestctl reembed --status` shows it.")
    ],
    as_json: Json = False,
) -> None:
    """Delete the dataset's vectors of an earlier embedding version; what readers use, or what is being built, is refused."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        shell.show(Retired(client.retire_embeddings(tag, version)))


@dataclass(frozen=True, slots=True)
class Retired:
    """What was deleted."""

    answer: RetiredEmbeddings

    def as_json(self) -> dict[str, Any]:
        """Return the answer unchanged."""
        return self.answer.as_json()

    def for_people(self) -> Iterable[RenderableType]:
        """Return one line."""
        from rich.text import Text

        from ingestctl.text import plural

        done = f"{plural(self.answer.deleted, 'vector')} of embedding version {self.answer.version} are deleted"
        yield Text.assemble(("✔ ", "green"), f"{self.answer.tag}: {done}")
