"""`ingestctl search`: ask a dataset, and see the evidence with the reason for each hit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestctl.commands._options import EPILOG, Json, Tag, start
from ingestctl.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.search import Evidence, SearchAnswer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(search)


def search(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A question or words; quote it.", show_default=False)],
    tag: Tag,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Maximum number of sections.")] = 5,
    source_prefix: Annotated[
        str | None,
        typer.Option("--source-prefix", metavar="URI", help="Only documents whose URI starts with this prefix."),
    ] = None,
    content_type: Annotated[
        str | None,
        typer.Option("--content-type", metavar="TYPE", help="Only documents of this type, e.g. text/markdown."),
    ] = None,
    heading: Annotated[
        str | None, typer.Option("--heading", metavar="TEXT", help="Only sections under such a heading.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a dataset and show the sections that answer."""
    shell = start(ctx, as_json)
    if not query.strip():
        raise UsageError("The query is empty.", hint="Ask a question or name some words.", code="usage")
    with shell.client() as client:
        answer = client.search(
            query, tag, limit=limit, source_prefix=source_prefix, content_type=content_type, heading=heading
        )
    shell.show(SearchResult(answer))


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The service's `answer_json`."""

    answer: SearchAnswer

    def as_json(self) -> dict[str, Any]:
        """Return it unchanged."""
        return self.answer.as_json()

    def for_people(self) -> Iterable[RenderableType]:
        """Return each hit with place, text and reason, and how far the whole is to be trusted."""
        from rich.text import Text

        from ingestctl.text import duration, printable

        evidence = self.answer.evidence
        for rank, hit in enumerate(evidence, start=1):
            yield from _hit(rank, hit)
        confidence = self.answer.confidence
        seconds = self.answer.timings.get("total")
        if not evidence:
            yield Text(f"Nothing in {printable(self.answer.tag)} answers this.", style="yellow")
        for note in self.answer.notes:
            yield Text(f"note: {printable(note)}", style="yellow")
        yield Text.assemble(
            "confidence ",
            _meter(confidence),
            f" {confidence:.2f}",
            (
                f"  ·  {len(evidence)} shown" + (f"  ·  {duration(seconds)}" if seconds is not None else ""),
                "dim",
            ),
        )


def _hit(rank: int, hit: Evidence) -> Iterable[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    from ingestctl.text import printable

    place = [hit.document, *hit.heading_path]
    # A document's title is often its first heading; once is enough.
    if len(place) > 1 and place[0] == place[1]:
        del place[0]
    yield Text.assemble(
        (f"{rank:>2}. ", "bold cyan"),
        (printable(" › ".join(part for part in place if part)), "bold"),
        (f"  {hit.score:.3f}", "dim"),
    )
    anchor = f"#{hit.anchor}" if hit.anchor else ""
    yield Text(f"    {printable(hit.source_uri)}{printable(anchor)}", style="cyan")
    yield Padding(Text(printable(hit.snippet, keep="\n").strip()), (0, 2, 0, 4), expand=False)
    if hit.why:
        yield Padding(
            Text("why: " + "; ".join(printable(reason) for reason in hit.why), style="dim italic"), (0, 2, 0, 4)
        )
    yield ""


def _meter(confidence: float) -> Any:
    from rich.text import Text

    full = round(max(0.0, min(confidence, 1.0)) * 10)
    style = "green" if confidence >= 0.6 else "yellow" if confidence >= 0.3 else "red"
    return Text.assemble(("━" * full, style), ("━" * (10 - full), "bright_black"))
