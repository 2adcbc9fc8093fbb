"""`ingestctl quarantine`: what was set aside because nothing could be made of it, and what a person decides about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestctl.commands._options import EPILOG, Json, start

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.quarantine import SetAside

Entry = Annotated[
    str, typer.Argument(metavar="ID", help="As `ingestctl quarantine list` shows it.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True, help="See what was set aside, with its reason, and put it back or drop it."
    )
    for name, command in (("list", list_), ("show", show), ("retry", retry), ("drop", drop)):
        group.command(name, epilog=EPILOG)(command)
    app.add_typer(group, name="quarantine")


def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """List what was set aside: entries of the stream, unreadable keys, and files that can't be taken."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        shell.show(Entries(client.quarantine()))


def show(ctx: typer.Context, entry: Entry, as_json: Json = False) -> None:
    """Show one of them with what it held."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        shell.show(Entries([client.set_aside(entry)], in_full=True))


def retry(ctx: typer.Context, entry: Entry, as_json: Json = False) -> None:
    """Put an entry back into the stream as it came; a bad one is set aside again."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        shell.show(Entries([client.decide(entry, "retry")], done="is in the stream again"))


def drop(ctx: typer.Context, entry: Entry, as_json: Json = False) -> None:
    """Remove an entry or an unreadable key for good; files are yours to remove."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        shell.show(Entries([client.decide(entry, "drop")], done="is removed"))


@dataclass(frozen=True, slots=True)
class Entries:
    """What was set aside; `done` says what was done to it."""

    rows: list[SetAside]
    in_full: bool = False
    done: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the entries as the service tells them."""
        return {"entries": [row.as_json() for row in self.rows]}

    def for_people(self) -> Iterable[RenderableType]:
        """Return a block an entry: its id, what it is, and why it was set aside."""
        from rich.text import Text

        from ingestctl.text import printable

        if not self.rows:
            yield Text("Nothing was set aside.", style="dim")
        for row in self.rows:
            if self.done:
                yield Text.assemble(("✔ ", "green"), (printable(row.id), "bold"), f"  {self.done}")
                continue
            yield Text.assemble(
                (printable(row.id), "bold"), f"  {row.door.value}  {printable(row.name)}  ", (row.at, "dim")
            )
            yield Text(f"  {printable(row.reason)}", style="yellow")
            if self.in_full:
                for name, value in sorted(row.fields.items()):
                    yield Text(f"  {printable(name)}: {printable(value)}")
