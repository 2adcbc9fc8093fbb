"""`ingestctl explain`: why is this document not searchable? The first missing link, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestctl.commands._options import EPILOG, AnyTag, Json, start
from ingestctl.errors import ExitCode, NotFoundError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.explain import Explanation

_WATCH_PREFIX = "fs://ingest/watch/"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(explain)


def explain(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="PATH-OR-URI",
            help="A local file, or the address of a document (upload:///…, fs://…).",
            show_default=False,
        ),
    ],
    tag: AnyTag = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base", metavar="DIR", help="The folder that `ingest` was given as --base (default: this folder)."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say why a document is not searchable: exit code 0 = it is, 1 = a link is missing.

    Follows it from its source over queue, stages and stores to the search, names the first link that is missing, and says
    what to do. A local path stands for what `ingest` sends and for what the watch folder takes; its content is compared.
    """
    shell = start(ctx, as_json)
    target = target.strip()
    if not target:
        raise UsageError("The path is empty.", hint="Name a file or an address.", code="usage")
    asked = _as_address(target) or _as_path(target, base or Path.cwd(), shell.settings.watch_root, tag)
    with shell.client() as client:
        answer = client.explain(asked.addresses, tag, asked.checksum)
    if not answer.known and asked.is_missing:
        raise NotFoundError(
            f"There is no file {target}, and docgraph knows no document of that name.",
            hint="Check the spelling, the folder and --base; `ingestctl status` lists what was sent.",
            code="not_found",
        )
    shell.show(Chain(answer, target, "" if answer.known else asked.refused))
    raise typer.Exit(ExitCode.OK if answer.broken is None else ExitCode.FAILED)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The addresses a target may have, the SHA-256 of its content, and why `ingest` would refuse it."""

    addresses: list[str]
    checksum: str = ""
    is_missing: bool = False
    refused: str = ""


def _as_address(target: str) -> _Asked | None:
    scheme, separator, _ = target.partition("://")
    return _Asked([target]) if separator and scheme.isalnum() else None


def _as_path(target: str, base: Path, watch_root: Path, tag: str | None) -> _Asked:
    from docgraph.domain.identity import uri_for_path
    from ingestctl import files

    path = Path(target)
    if path.is_dir():
        raise UsageError(f"{target} is a folder.", hint="Name one file of it.", code="usage")
    addresses: list[str] = []
    for root in (watch_root, watch_root.parent / "done"):
        if relative := _below(path, root):
            addresses.append(uri_for_path(_WATCH_PREFIX, relative))
    if not addresses:
        relative = _below(path, base) or path.name
        addresses = [uri_for_path(files.UPLOAD_PREFIX, relative), uri_for_path(_WATCH_PREFIX, relative)]
        if tag:
            addresses.append(uri_for_path(_WATCH_PREFIX, f"{tag}/{relative}"))
    if not os.path.lexists(path):
        return _Asked(addresses, is_missing=True)
    rejected = files.select([target], path.parent).rejected
    if rejected:
        return _Asked(addresses, refused=f"{rejected[0].message} {rejected[0].hint}".strip())
    return _Asked(addresses, checksum=files.sha256_of(files.read_chunks(path)))


def _below(path: Path, root: Path) -> str:
    """Return the path relative to a folder above it; empty where the folder is not above it."""
    relative = os.path.relpath(os.path.abspath(path), os.path.abspath(root))
    outside = relative == os.pardir or relative.startswith(os.pardir + os.sep)
    return "" if outside else Path(relative).as_posix()


@dataclass(frozen=True, slots=True)
class Chain:
    """The service's answer; `refused` says why `ingest` would not send the local file."""

    answer: Explanation
    target: str
    refused: str

    def as_json(self) -> dict[str, Any]:
        """Return the answer and what is wrong with the local file."""
        return {**self.answer.as_json(), "target": self.target, "refused": self.refused or None}

    def for_people(self) -> Iterable[RenderableType]:
        """Return the checklist, and below it what to do."""
        from rich.text import Text

        from ingestctl.text import printable

        yield Text.assemble((printable(self.answer.source_uri), "bold"), f"  dataset {printable(self.answer.tag)}")
        yield ""
        for link in self.answer.links:
            icon, style = _LOOKS[link.status.value]
            is_broken = link.status.value == "broken"
            name = link.name.ljust(_NAME_WIDTH)
            message = Text(printable(link.message), style="bold" if is_broken else style)
            yield Text.assemble((f"{icon} {name} ", "bold red" if is_broken else style), message)
        yield ""
        broken = self.answer.broken
        if broken is None:
            yield Text.assemble(("✔ ", "green"), ("it is searchable", "bold green"))
            return
        if self.answer.searchable:
            yield Text("It can be found, but the dataset is not to be trusted yet.", style="yellow")
        if self.refused:
            yield Text.assemble(("✘ ", "red"), f"`ingestctl ingest` would refuse the file: {printable(self.refused)}")
        yield Text.assemble(("what to do: ", "bold"), printable(broken.action))


_LOOKS = {"ok": ("✔", "green"), "broken": ("✘", "red"), "unknown": ("·", "dim")}
_NAME_WIDTH = 9
