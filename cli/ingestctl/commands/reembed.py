"""`ingestctl reembed`: move a dataset to another embedding version while it is in use; Airflow does it, this starts and follows."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestctl.commands._options import EPILOG, Json, Tag, start
from ingestctl.errors import CommandError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.datasets import Embeddings, ReembeddingStarted
    from ingestctl.client import ServiceClient
    from ingestctl.shell import Shell

POLL_SECONDS = 1.0
_STEPS = {
    "backfill": "embedding",
    "compare": "comparing with the graph",
    "probes": "asking probes",
    "report": "writing the report",
}
_ENDED_RUNS = {"failed", "absent"}
_STYLES = {"current": "green", "building": "cyan", "kept": "dim", "retiring": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(reembed)


def reembed(
    ctx: typer.Context,
    tag: Tag,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="VERSION", help="Embedding version to move to, where more than one could be meant."
        ),
    ] = None,
    show_status: Annotated[
        bool, typer.Option("--status", help="Show how the dataset stands, and start nothing.")
    ] = False,
    abort: Annotated[
        bool,
        typer.Option("--abort", help="Give up the version that is being built, and delete it; readers keep theirs."),
    ] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow to the end, or only start.")] = True,
    as_json: Json = False,
) -> None:
    """Move a dataset to another embedding version while it is read and written; run again, it goes on where it stopped.

    Exit code 0 = readers have the new version (with --no-wait: it was started), 1 = it was refused or failed, and readers keep theirs.
    """
    shell = start(ctx, as_json)
    if show_status and (abort or to):
        raise UsageError("--status only shows how the dataset stands.", hint="Leave it or the rest out.", code="usage")
    with shell.client() as client:
        if show_status:
            shell.show(Versions(client.embeddings(tag)))
            return
        if abort:
            client.abort_reembedding(tag)
            shell.show(Versions(client.embeddings(tag)))
            return
        begun = client.reembed(tag, to)
        shell.notes().print(f"{tag}: moving to embedding version {begun.version} ({begun.model}), run {begun.run_id}")
        answer = _follow(shell, client, tag, begun) if wait else client.embeddings(tag, begun.run_id)
    shell.show(Versions(answer))


def _follow(shell: Shell, client: ServiceClient, tag: str, begun: ReembeddingStarted) -> Embeddings:
    """Show how far the move is until it has ended; Ctrl-C leaves it to Airflow."""
    from ingestctl.integrity import Line

    try:
        with Line(shell.notes()) as line:
            while True:
                answer = client.embeddings(tag, begun.run_id)
                if _is_done(answer, begun):
                    return answer
                line.show(f"{tag}: {_stage(answer, begun)}")
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        shell.notes().print(f"The move goes on; `ingestctl reembed --tag={tag}` follows it again, --abort ends it.")
        raise


def _is_done(answer: Embeddings, begun: ReembeddingStarted) -> bool:
    """Whether readers have the new version.

    Raises:
        CommandError: the run ended without giving it to them.
    """
    state = answer.run.state if answer.run else "unknown"
    if answer.embedding_version == begun.version and state not in {"queued", "running"}:
        return True
    if state in _ENDED_RUNS or state == "success":
        progress = answer.progress or {}
        reason = progress.get("error") if progress.get("run_id") == begun.run_id else ""
        raise CommandError(
            str(reason or f"The run {begun.run_id} ended ({state}) before readers had version {begun.version}."),
            hint=f"Airflow shows the run. `ingestctl reembed --tag={answer.tag}` goes on where it stopped, --abort gives it up.",
            code="not_moved",
        )
    return False


def _stage(answer: Embeddings, begun: ReembeddingStarted) -> str:
    progress = answer.progress or {}
    if progress.get("run_id") != begun.run_id:
        return f"the run is {answer.run.state if answer.run else 'unknown'}"
    step = _STEPS.get(str(progress.get("step")), str(progress.get("step")))
    error = f"; last error, tried again: {progress['error']}" if progress.get("error") else ""
    points = next((row.points for row in answer.versions if row.version == begun.version), 0)
    return f"{step}, {points:,} of {answer.sections:,} sections are in the new version{error}"


@dataclass(frozen=True, slots=True)
class Versions:
    """A dataset's embedding versions."""

    answer: Embeddings

    def as_json(self) -> dict[str, Any]:
        """Return the answer unchanged."""
        return self.answer.as_json()

    def for_people(self) -> Iterable[RenderableType]:
        """Return one line a version, and what is to be done with those that are kept."""
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import printable

        answer = self.answer
        yield Text(f"{answer.tag}: {answer.sections:,} sections")
        table = render.table("Embedding version", "", "Vectors", "Model", right=("Vectors",))
        for row in answer.versions:
            table.add_row(
                Text(printable(row.version)),
                Text(row.role, style=_STYLES[row.role]),
                f"{row.points:,}",
                Text(printable(row.model or "served by no server"), style="" if row.model else "dim"),
            )
        yield table
        progress = answer.progress or {}
        if answer.building and progress.get("error"):
            yield Text(printable(str(progress["error"])), style="red")
        for row in answer.versions:
            if row.role in {"kept", "retiring"}:
                yield Text(f"  ingestctl retire-embeddings {row.version} --tag={answer.tag}", style="cyan")
