"""`ingestctl verify`: do graph, full-text index and vectors hold the same? The exit code answers."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestctl import integrity
from ingestctl.commands._options import EPILOG, AllDatasets, AnyTag, Documents, Json, start
from ingestctl.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(verify)


def verify(
    ctx: typer.Context,
    documents: Documents = None,
    tag: AnyTag = None,
    everything: AllDatasets = False,
    vectors: Annotated[
        bool,
        typer.Option(
            "--vectors", help="Read every vector and text back and hash them, instead of comparing stored hashes."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare the stores and change nothing; exit code 0 = equal, 1 = they differ."""
    from docgraph.api.integrity import VerifyRequest

    shell = start(ctx, as_json)
    body = VerifyRequest(**integrity.target(tag, documents or [], everything), vectors=vectors)
    with shell.client() as client:
        done = integrity.outcome(shell, client, "verify", body)
    shell.show(integrity.Verifications(done))
    raise typer.Exit(ExitCode.OK if done.equal else ExitCode.FAILED)
