"""`ingestctl report`: a run's report, rendered in the terminal, as Markdown, JSON or HTML."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestctl.commands._options import EPILOG, AnyTag, Json, start
from ingestctl.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.reports import Report
    from ingestctl.client import ServiceClient

_REPORT_ID = re.compile(r"\d{8}T\d{6}(\.\d+)?Z")
LATEST = "latest"


class Format(StrEnum):
    """How a report is wanted."""

    MD = "md"
    JSON = "json"
    HTML = "html"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(report)


def report(
    ctx: typer.Context,
    which: Annotated[
        str, typer.Argument(metavar="[JOB|latest|REPORT_ID]", help="A job's report, the newest one, or one by its id.")
    ] = LATEST,
    tag: AnyTag = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="Markdown is rendered on a terminal.")] = Format.MD,
    open_it: Annotated[bool, typer.Option("--open", help="Open it as a page in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a run did and whether its dataset is fit to be queried."""
    if as_json:
        if form is Format.HTML:
            raise UsageError(
                "--json and --format html exclude each other.", hint="Leave one of them out.", code="usage"
            )
        form = Format.JSON
    shell = start(ctx, form is Format.JSON)
    if tag and which != LATEST:
        raise UsageError(
            "--tag picks the newest report of a dataset; a job or a report id names one already.",
            hint="Leave --tag out, or ask for `latest`.",
            code="usage",
        )
    with shell.client() as client:
        source = _Source(client, which, tag)
        if open_it:
            _open_page(source.text("html"), source.name)
            shell.notes().print(f"Opened the report {source.name} in the browser.", markup=False)
        if form is Format.JSON:
            shell.show(JsonReport(source.json()))
        elif not open_it:
            text = source.text(form.value)
            if form is Format.HTML or not shell.people().is_terminal:
                sys.stdout.write(text if text.endswith("\n") else text + "\n")
            else:
                from rich.markdown import Markdown

                shell.people().print(Markdown(text))


@dataclass(frozen=True, slots=True)
class JsonReport:
    """The report as it was written."""

    raw: Report

    def as_json(self) -> dict[str, Any]:
        """Return it unchanged."""
        return self.raw.as_json()

    def for_people(self) -> Iterable[RenderableType]:
        """Return its verdict."""
        from ingestctl import render

        return render.verdict_lines(self.raw.ready_for_queries, self.raw.reasons, self.raw.summary)


class _Source:
    """Where the report comes from: a job, an id, or the newest."""

    def __init__(self, client: ServiceClient, which: str, tag: str | None) -> None:
        self._client = client
        self._job_id: str | None = None
        self._raw: Report | None = None
        if which == LATEST:
            self._raw = client.latest_report(tag)
            self.name = self._raw.report_id
        else:
            self.name = which
            self._job_id = None if _REPORT_ID.fullmatch(which) else which

    def json(self) -> Report:
        if self._raw is None:
            self._raw = self._client.job_report(self._job_id) if self._job_id else self._client.report(self.name)
        return self._raw

    def text(self, form: str) -> str:
        if self._job_id:
            return self._client.job_report_as(self._job_id, form)
        return self._client.report_as(self.name, form)


def _open_page(page: str, name: str) -> None:
    """Save the page where it outlives this process, and ask the desktop to show it."""
    import tempfile
    import webbrowser
    from pathlib import Path

    safe = re.sub(r"[^A-Za-z0-9.-]", "_", name)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix=f"report-{safe}-", suffix=".html", delete=False
    ) as file:
        file.write(page)
    if not webbrowser.open(Path(file.name).as_uri()):
        raise UsageError(
            f"No browser could be started for the report {name}.",
            hint=f"It is saved as {file.name}.",
            code="no_browser",
        )
