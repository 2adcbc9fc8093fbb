"""`ingestctl ingest`: files up to the service, jobs into the queue, progress to the end, and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from docgraph.domain.jobs import Operation
from ingestctl.commands._options import EPILOG, Json, Tag, start
from ingestctl.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(ingest)


def ingest(
    ctx: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…",
            help="Files, folders (recursively) or patterns: .md .markdown .mdx .txt",
            show_default=False,
        ),
    ],
    tag: Tag,
    base: Annotated[
        Path, typer.Option("--base", metavar="DIR", help="A document's address is its path below this folder.")
    ] = Path(),
    delete: Annotated[bool, typer.Option("--delete", help="Delete these documents from the dataset instead.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow the jobs to their end, or only queue them.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Bring documents into a dataset and follow them to the verdict.

    A document that has not changed costs nothing; run the same command again whenever you like.
    """
    from ingestctl.commands.ingest.ingestion import Ingestion
    from ingestctl.commands.ingest.result import IngestResult
    from ingestctl.files import select

    shell = start(ctx, as_json)
    if "-" in paths:
        raise UsageError(
            "Standard input can't be ingested: a document is known by its file name.",
            hint="Save it to a file and name that.",
            code="usage",
        )
    if not base.is_dir():
        raise UsageError(f"--base {base} is not a folder.", hint="Name an existing folder.", code="usage")
    selection = select(paths, base, delete=delete)
    result = IngestResult(tag=tag, rejected=list(selection.rejected))
    if selection.documents:
        with shell.client() as client:
            Ingestion(shell, client, result, Operation.DELETE if delete else Operation.UPSERT).run(
                selection.documents, wait=wait
            )
    shell.show(result)
    raise typer.Exit(result.exit_code)
