"""The commands behind `make up`, `down`, `status`, `env`, `clean`, `logs` and `preflight`: rendering only."""

from __future__ import annotations

import json
import logging
import os
import shlex
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from docgraph.domain.errors import DocgraphError
from docgraph_local import preflight
from docgraph_local.compose import compose_environment
from docgraph_local.deployment import Deployment
from docgraph_local.programs import SERVICES
from docgraph_local.stack import Event, ProgramStatus, Stack

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The docgraph stack on this machine, without Docker."
)
Only = Annotated[list[str] | None, typer.Option(help=f"Only this service (repeat it): {', '.join(SERVICES)}.")]
_QUIET_SECONDS = 5.0


class _Display:
    """Shows the events of `up` and `down`: a line a finished step, and what is waited for while it lasts."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._waiting: dict[str, tuple[str, str]] = {}
        self._spoke = time.monotonic()
        self._status: Status | None = console.status("starting") if console.is_terminal else None
        if self._status:
            self._status.start()

    def __call__(self, event: Event) -> None:
        if event.kind in {"starting", "waiting"}:
            self._waiting[event.subject] = (f"{event.subject} {event.seconds:.0f} s", event.detail)
        else:
            self._waiting.pop(event.subject, None)
        if event.kind == "ready":
            self._line(f"[green]ready[/]    {event.subject:<24} {event.seconds:6.1f} s  {event.detail}")
        elif event.kind == "stopped":
            self._line(f"[yellow]stopped[/]  {event.subject:<24} {event.seconds:6.1f} s")
        elif event.kind == "note":
            self._line(f"[cyan]note[/]     {event.subject}: {event.detail}")
        self._show_waiting()

    def close(self) -> None:
        if self._status:
            self._status.stop()

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)
        self._spoke = time.monotonic()

    def _show_waiting(self) -> None:
        text = "waiting for " + ", ".join(what for what, _ in self._waiting.values())
        if len(self._waiting) == 1:
            [(_, reason)] = self._waiting.values()
            text += f" ({reason})" if reason else ""
        if self._status:
            self._status.update(text if self._waiting else "working")
        elif self._waiting and time.monotonic() - self._spoke > _QUIET_SECONDS:
            self._line(text)


@app.command()
def up(only: Only = None, timeout: Annotated[float, typer.Option(help="Seconds until giving up.")] = 240.0) -> None:
    """Start everything that isn't running and wait until it is ready."""
    console = Console()
    stack = Stack(only=only or tuple(SERVICES))
    display = _Display(console)
    try:
        result = stack.up(display, timeout)
    finally:
        display.close()
    if result.unchanged:
        console.print(f"The stack of {stack.paths.home} runs already; nothing was changed.", soft_wrap=True)
    else:
        console.print(f"[green]The stack is ready[/] after {result.seconds:.0f} s.", highlight=False)
    _summary(console, stack.deployment(), set(only or SERVICES))


@app.command()
def down() -> None:
    """End every process of the stack and keep its data."""
    console = Console()
    stack = Stack()
    display = _Display(console)
    began = time.monotonic()
    try:
        stack.down(display)
    finally:
        display.close()
    console.print(
        f"No process of {stack.paths.home} is left ({time.monotonic() - began:.1f} s); its data are kept. "
        "`make up` goes on with them.",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show service, state, pid, uptime, address and health; exit code 1 unless all of it is supervised and healthy."""
    stack = Stack()
    programs = stack.status()
    left = [program for program in programs if program.state == "unsupervised"]
    healthy = bool(programs) and not left and all(program.healthy for program in programs)
    if as_json:
        body = {
            "home": str(stack.paths.home),
            "healthy": healthy,
            "supervised": stack.running and not left,
            "programs": [asdict(p) for p in programs],
        }
        typer.echo(json.dumps(body, indent=2))
    else:
        _table(programs)
        if left:
            typer.echo(_unsupervised(stack, left))
        elif not stack.running:
            typer.echo(f"The stack of {stack.paths.home} is not running; `make up` starts it.")
    raise typer.Exit(0 if healthy else 1)


@app.command()
def env() -> None:
    """Print shell exports with which clients reach the stack: eval "$(make -s env)"."""
    stack = Stack()
    if not stack.paths.secrets_file.is_file():
        typer.echo(f"There is no stack in {stack.paths.home} yet; `make up` makes one.", err=True)
        raise typer.Exit(1)
    for name, value in stack.env().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def clean(yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False) -> None:
    """End the stack and remove its data, logs and passwords."""
    stack = Stack()
    home = stack.paths.home
    if not home.is_dir():
        typer.echo(f"{home} does not exist; there is nothing to remove.")
        return
    if not yes and os.environ.get("YES") != "1":
        if not sys.stdin.isatty():
            typer.echo(f"This would remove all data in {home}; say `make clean YES=1` to mean it.", err=True)
            raise typer.Exit(2)
        typer.confirm(f"Remove all data, logs and passwords of the stack in {home}?", abort=True)
    for path in stack.clean():
        typer.echo(f"removed {path}")


@app.command()
def logs(
    program: Annotated[str | None, typer.Argument(help="One program, as `status` names it; default all.")] = None,
    lines: Annotated[int, typer.Option("-n", help="Lines from the end of each log.")] = 30,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until interrupted.")] = False,
) -> None:
    """Show the ends of the logs."""
    folder = Stack().paths.logs
    found = [folder / f"{program}.log"] if program else sorted(folder.glob("*.log"))
    missing = [path for path in found if not path.is_file()]
    if missing or not found:
        have = ", ".join(path.stem for path in sorted(folder.glob("*.log"))) or "none yet: run `make up`"
        typer.echo(f"There is no log of {program or 'this stack'} in {folder}; there are: {have}.", err=True)
        raise typer.Exit(2)
    command = ["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, found)]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


@app.command()
def compose_env() -> None:
    """Print generated passwords for docker-compose.yaml; keep them: the databases remember the first ones."""
    for name, value in compose_environment().items():
        typer.echo(f"{name}={value}")


@app.command(name="preflight")
def preflight_command() -> None:
    """Look whether this machine can run the stack; exit code 1 when it can't."""
    stack = Stack()
    # What is left of a killed supervisor holds the ports that `up` will free first.
    runs = stack.running or bool(stack.unsupervised)
    findings = preflight.inspect(stack.deployment(), SERVICES, frozenset(SERVICES) if runs else frozenset())
    for finding in findings:
        typer.echo(("error: " if finding.fatal else "note: ") + finding.message)
    fatal = any(finding.fatal for finding in findings)
    typer.echo("The stack can't start here." if fatal else "The stack can start here.")
    raise typer.Exit(1 if fatal else 0)


def _unsupervised(stack: Stack, left: list[ProgramStatus]) -> str:
    ended = "does not answer" if stack.running else "has ended"
    first = f" First end it: `kill -9 {stack.supervisor_pid}`." if stack.running else ""
    return (
        f"The supervisor of {stack.paths.home} {ended}; {len(left)} of its programs run on, and nothing restarts them when they end.\n"
        f"{first.lstrip()}{' ' if first else ''}`make up` ends them and starts everything again under a new supervisor; data are kept. "
        "`make down` only ends them."
    )


def _summary(console: Console, deployment: Deployment, services: set[str]) -> None:
    settings = deployment.settings
    table = Table(box=None, show_header=False, pad_edge=False)
    if "airflow" in services:
        table.add_row("Airflow", settings.airflow_api_url, f"user {settings.airflow_user}")
    if "sidecar" in services:
        table.add_row("docgraph", settings.service_url, "health, jobs, reports, search, MCP")
    if "neo4j" in services:
        browser = f"http://127.0.0.1:{deployment.port('neo4j-http')}"
        table.add_row("Neo4j", settings.neo4j_uri, "external" if "neo4j" in deployment.external else browser)
    if "qdrant" in services:
        table.add_row("Qdrant", settings.qdrant_url, "external" if "qdrant" in deployment.external else "")
    console.print(table)
    console.print(
        f"Passwords: {deployment.paths.env_file} (or `make env`).  Watch folder: {settings.watch_root}",
        highlight=False,
        soft_wrap=True,
    )
    if {"airflow", "sidecar"} <= services:
        console.print("Next: drop a Markdown file into the watch folder, or `make demo`.", highlight=False)


def _table(programs: list[ProgramStatus]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("service", "state", "pid", "uptime", "address", "health"):
        table.add_column(title, justify="right" if title in {"pid", "uptime"} else "left", no_wrap=True)
    for program in programs:
        unkept = program.state == "unsupervised"
        colour = "red" if program.state == "failed" else "green" if program.healthy and not unkept else "yellow"
        table.add_row(
            program.name,
            f"[{colour}]{program.state}[/]",
            str(program.pid or ""),
            _duration(program.uptime_seconds),
            program.address,
            "ok" if program.healthy else program.detail or "-",
        )
    # Addresses are there to be copied: a narrow terminal wraps the line, but nothing is cut off.
    console = Console()
    console.width = max(console.width, 140)
    console.print(table)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def main() -> None:
    """Run a command; an expected failure is a message and exit code 1, never a trace."""
    # A server that isn't up yet is what is waited for, and said by the display; the driver would say it on its own.
    logging.getLogger("neo4j").addHandler(logging.NullHandler())
    try:
        app(prog_name="docgraph_local")
    except DocgraphError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
