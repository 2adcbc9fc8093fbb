"""`ingestctl cancel`: stop jobs; what a document had before stays as it was."""

from __future__ import annotations

import typer

from ingestctl.commands._options import EPILOG, JobIds, Json, start


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(cancel)


def cancel(ctx: typer.Context, jobs: JobIds, as_json: Json = False) -> None:
    """Cancel jobs; a running one stops after the batch in flight, and its document stays as it was."""
    from ingestctl.commands._each import each

    shell = start(ctx, as_json)
    with shell.client() as client:
        result = each(jobs, client.cancel, "cancelled")
    shell.show(result)
    raise typer.Exit(result.exit_code)
