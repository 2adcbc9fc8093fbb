"""`ingestctl ready`: is everything up, and is the dataset fit to be queried? The exit code answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestctl.commands._options import EPILOG, AnyTag, Json, start
from ingestctl.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.health import DatasetReadiness, Readiness


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(ready)


def ready(
    ctx: typer.Context,
    tag: AnyTag = None,
    intake: Annotated[
        bool,
        typer.Option("--intake", help="What is new has to become searchable too, not only what is there be found."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the services (and a dataset's verdict); exit code 0 = ready, 1 = not."""
    shell = start(ctx, as_json)
    with shell.client() as client:
        answer = client.ready(tag)
    lives = not intake or (answer.intake is not None and answer.intake.live)
    shell.show(ReadinessResult(answer, tag))
    raise typer.Exit(ExitCode.OK if answer.ready and lives else ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class ReadinessResult:
    """The service's checks."""

    answer: Readiness | DatasetReadiness
    tag: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the answer unchanged."""
        return self.answer.as_json()

    def for_people(self) -> Iterable[RenderableType]:
        """Return one line a check, then the answer."""
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import duration, printable

        table = render.table("", "Check", "Time", "", right=("Time",))
        for name, check in self.answer.checks.items():
            table.add_row(
                Text("✔" if check.ok else "✘", style="green" if check.ok else "red"),
                Text(printable(name)),
                Text(duration(check.seconds), style="dim"),
                Text(printable(check.error or ""), style="red"),
            )
        yield table
        dataset = getattr(self.answer, "dataset", None)
        if self.tag and dataset:
            facts = "  ".join(f"{key}={value}" for key, value in dataset.items())
            yield Text(f"dataset {self.tag}: {printable(facts)}", style="dim")
        elif self.tag:
            yield Text(f"dataset {self.tag} has no verdict yet: no run of it has ended", style="yellow")
        embedding = getattr(self.answer, "embedding", None)
        if embedding and not embedding.served:
            yield Text(printable(str(embedding.error)), style="red")
        if self.answer.intake is not None:
            yield from render.intake(self.answer.intake)
        what = f"dataset {self.tag}" if self.tag else "docgraph"
        if self.answer.ready:
            yield Text.assemble(("✔ ", "green"), (f"{what} is ready", "bold green"))
        else:
            yield Text.assemble(("✘ ", "red"), (f"{what} is not ready", "bold red"))
            then = (
                f"`ingestctl report latest --tag {self.tag}` says why"
                if self.tag
                else "`make status` shows the processes"
            )
            yield Text(f"  {then}", style="dim")
