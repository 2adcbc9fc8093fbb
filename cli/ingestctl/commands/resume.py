"""`ingestctl resume`: queue failed or cancelled jobs again; finished stages are not repeated."""

from __future__ import annotations

import typer

from ingestctl.commands._options import EPILOG, JobIds, Json, start


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(resume)


def resume(ctx: typer.Context, jobs: JobIds, as_json: Json = False) -> None:
    """Queue failed or cancelled jobs again; they go on where they stopped."""
    from ingestctl.commands._each import each

    shell = start(ctx, as_json)
    with shell.client() as client:
        result = each(jobs, client.resume, "queued again")
    shell.show(result)
    if result.answers and not as_json:
        shell.notes().print(f"Follow: ingestctl tail {' '.join(list(result.answers)[:3])}", style="dim", soft_wrap=True)
    raise typer.Exit(result.exit_code)
