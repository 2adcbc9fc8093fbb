"""`ingestctl repair`: repair what `verify` finds, collect garbage, and publish a new verdict."""

from __future__ import annotations

import typer

from ingestctl import integrity
from ingestctl.commands._options import EPILOG, AllDatasets, AnyTag, Documents, Json, start
from ingestctl.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(repair)


def repair(
    ctx: typer.Context,
    documents: Documents = None,
    tag: AnyTag = None,
    everything: AllDatasets = False,
    as_json: Json = False,
) -> None:
    """Repair what differs between the stores, and judge the dataset anew; exit code 0 = equal now, 1 = something is left."""
    from docgraph.api.integrity import RepairRequest

    shell = start(ctx, as_json)
    body = RepairRequest(**integrity.target(tag, documents or [], everything))
    with shell.client() as client:
        done = integrity.outcome(shell, client, "repair", body)
    shell.show(integrity.Repairs(done))
    raise typer.Exit(ExitCode.OK if done.equal else ExitCode.FAILED)
