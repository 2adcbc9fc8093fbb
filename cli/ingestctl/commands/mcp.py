"""`ingestctl mcp`: the service's MCP server over standard input and output, for agents that start their servers themselves."""

from __future__ import annotations

import typer

from ingestctl.commands._options import EPILOG
from ingestctl.shell import Shell


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(mcp)


def mcp(ctx: typer.Context) -> None:
    """Let an agent (Claude, an IDE) ask the datasets: speaks MCP on standard input and output until the input ends.

    Configure it as a stdio server with the command `ingestctl mcp`. It passes each message on to the service at /mcp, so
    that nothing has to be installed beside this command line.
    """
    shell: Shell = ctx.obj
    from ingestctl.bridge import Bridge

    settings = shell.settings
    with Bridge(settings.service_url, settings.token) as bridge:
        bridge.run()
