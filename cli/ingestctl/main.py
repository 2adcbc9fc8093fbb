"""The entry point: global options, the list of commands, and the one place where errors become exit codes.

Everything heavy (httpx, Rich) is imported by the command that runs, never here: `ingestctl --help` has to be instant.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ingestctl.commands import (
    cancel,
    datasets,
    explain,
    ingest,
    mcp,
    quarantine,
    ready,
    reembed,
    repair,
    report,
    resume,
    retire_embeddings,
    search,
    sources,
    status,
    tail,
    verify,
    version,
)
from ingestctl.commands._options import EPILOG
from ingestctl.errors import ExitCode
from ingestctl.shell import Shell

app = typer.Typer(
    name="ingestctl",
    help="Bring documents into docgraph, watch them on their way, and ask whether the result is fit to be queried.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    ctx: typer.Context,
    service: Annotated[
        str | None,
        typer.Option(
            "--service",
            metavar="URL",
            help="Address of the ingestion service (default: DOCGRAPH_SERVICE_URL).",
            show_default=False,
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            metavar="DIR",
            help="Folder with the .env of the deployment (default: DOCGRAPH_HOME, else the nearest .docgraph upwards).",
            show_default=False,
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Take the options that stand before the command."""
    shell: Shell = ctx.obj
    shell.service_url, shell.home, shell.debug = service, home, debug


for module in (
    ingest,
    status,
    tail,
    cancel,
    resume,
    report,
    search,
    datasets,
    sources,
    quarantine,
    ready,
    verify,
    repair,
    reembed,
    retire_embeddings,
    explain,
    mcp,
    version,
):
    module.register(app)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with the exit code that `--help` documents."""
    for stream in (sys.stdout, sys.stderr):
        # A file name may hold what the terminal's encoding can't: it is escaped, and never the reason of a failure.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    shell = Shell()
    try:
        app(args=None if arguments is None else list(arguments), prog_name="ingestctl", obj=shell)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort: a person reads one sentence, the traceback is behind --debug
        sys.exit(shell.fail(error))
