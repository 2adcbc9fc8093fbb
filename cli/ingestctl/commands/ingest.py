"""`ingestctl ingest`: files up to the service, jobs into the queue, progress to the end, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from docgraph.domain.jobs import JobStatus, Operation
from ingestctl.commands._options import EPILOG, Json, Tag, start
from ingestctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from docgraph.api.jobs import Job
    from ingestctl.board import Board
    from ingestctl.client import ServiceClient
    from ingestctl.delivery import Posted
    from ingestctl.files import Rejected
    from ingestctl.shell import Shell
    from ingestctl.watch import RunVerdict


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(ingest)


def ingest(
    ctx: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…",
            help="Files, folders (recursively) or patterns: .md .markdown .mdx .txt",
            show_default=False,
        ),
    ],
    tag: Tag,
    base: Annotated[
        Path, typer.Option("--base", metavar="DIR", help="A document's address is its path below this folder.")
    ] = Path(),
    delete: Annotated[bool, typer.Option("--delete", help="Delete these documents from the dataset instead.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow the jobs to their end, or only queue them.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Bring documents into a dataset and follow them to the verdict.

    A document that has not changed costs nothing; run the same command again whenever you like.
    """
    from ingestctl.files import select

    shell = start(ctx, as_json)
    if "-" in paths:
        raise UsageError(
            "Standard input can't be ingested: a document is known by its file name.",
            hint="Save it to a file and name that.",
            code="usage",
        )
    if not base.is_dir():
        raise UsageError(f"--base {base} is not a folder.", hint="Name an existing folder.", code="usage")
    selection = select(paths, base, delete=delete)
    result = IngestResult(tag=tag, rejected=list(selection.rejected))
    if selection.documents:
        with shell.client() as client:
            _Ingestion(shell, client, result, Operation.DELETE if delete else Operation.UPSERT).run(
                selection.documents, wait=wait
            )
    shell.show(result)
    raise typer.Exit(result.exit_code)


@dataclass
class IngestResult:
    """What became of each input, and what the runs' reports say."""

    tag: str
    rejected: list[Rejected] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    records: dict[str, Job] = field(default_factory=dict)
    runs: list[RunVerdict] = field(default_factory=list)
    waited: bool = False
    detached: bool = False
    seconds: float = 0.0

    @property
    def ready(self) -> bool | None:
        """Whether all runs say so; None = not known (not waited for, or no report)."""
        if not self.runs or any(run.ready is None for run in self.runs):
            return None
        return all(run.ready for run in self.runs)

    @property
    def exit_code(self) -> ExitCode:
        """0 only if every input became a completed job and, when waited for, the dataset is ready."""
        if self.detached:
            return ExitCode.INTERRUPTED
        all_sent = not self.rejected
        all_done = all(record.status is JobStatus.COMPLETED for record in self.records.values())
        if not self.waited:
            return ExitCode.OK if all_sent else ExitCode.FAILED
        return ExitCode.OK if all_sent and all_done and self.ready else ExitCode.FAILED

    def as_json(self) -> dict[str, Any]:
        """Return the result for machines."""
        return {
            "tag": self.tag,
            "ready_for_queries": self.ready,
            "waited": self.waited,
            "detached": self.detached,
            "seconds": round(self.seconds, 3),
            "documents": [self._document(item) for item in self.posted],
            "rejected": [entry.as_json() for entry in self.rejected],
            "runs": [run.as_json() for run in self.runs],
        }

    def _document(self, item: Posted) -> dict[str, Any]:
        record = self.records.get(item.job_id)
        failed = record is not None and bool(record.error or record.error_code)
        return {
            "path": item.document.name,
            "source_uri": item.document.source_uri,
            "job_id": item.job_id,
            "document_id": item.document_id,
            "deduplicated": item.deduplicated,
            "status": record.status.value if record else None,
            "outcome": (record.outcome or None) if record else None,
            "counts": dict(record.counts) if record else {},
            "seconds": record.seconds if record else None,
            "error": {"code": record.error_code, "message": record.error} if record and failed else None,
        }

    def for_people(self) -> Iterable[RenderableType]:
        """Return the table of documents, what went wrong, and the verdict."""
        from rich.text import Text

        from ingestctl import render

        if self.posted and not self.waited and not self.detached:
            yield from self._queued()
        elif self.records:
            yield ""
            yield self._table()
        problems = [
            *render.rejections(self.rejected),
            *render.job_errors(
                (i.document.name, self.records[i.job_id]) for i in self.posted if i.job_id in self.records
            ),
        ]
        if problems:
            yield ""
            yield from problems
        for run in self.runs:
            yield ""
            yield from render.verdict(run)
        if not self.posted:
            yield Text("Nothing was queued.", style="yellow")

    def _queued(self) -> Iterable[RenderableType]:
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import plural

        table = render.table("Document", "Job", "")
        for item in self.posted[: render.MAX_ROWS]:
            table.add_row(
                render.Name(item.document.name),
                item.job_id,
                Text("queued already" if item.deduplicated else "queued", style="dim"),
            )
        yield table
        if (more := len(self.posted) - render.MAX_ROWS) > 0:
            yield Text(f"… and {plural(more, 'document')} more (--json lists all)", style="dim")
        yield Text(f"Follow: ingestctl status --tag {self.tag}, or ingestctl tail JOB", style="dim")

    def _table(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        from ingestctl import render
        from ingestctl.text import duration, plural

        numbers = ("Embedded", "Reused", "Removed", "Time")
        table = render.table("Document", "Outcome", *numbers, right=numbers)
        known = [(item, self.records[item.job_id]) for item in self.posted if item.job_id in self.records]
        listed = known[: render.MAX_ROWS]
        for item, record in listed:
            counts = record.counts
            table.add_row(
                render.Name(item.document.name),
                render.outcome_text(record),
                *(f"{counts.get(name, 0):,}" for name in ("embedded", "reused", "removed")),
                duration(record.seconds),
            )
        outcomes = Counter(record.outcome or record.status.value for _, record in known)
        summed = ", ".join(f"{number:,} {outcome}" for outcome, number in sorted(outcomes.items()))
        more = f"… and {len(known) - len(listed):,} more. " if len(known) > len(listed) else ""
        altogether = f"{more}{plural(len(known), 'document')} in {duration(self.seconds)}: {summed}"
        return Group(table, Text(altogether, style="dim"))


class _Ingestion:
    """The way from files to verdict; it fills the result as far as it gets."""

    def __init__(self, shell: Shell, client: ServiceClient, result: IngestResult, op: Operation) -> None:
        self._shell = shell
        self._client = client
        self._result = result
        self._op = op

    def run(self, documents: Iterable[Any], *, wait: bool) -> None:
        from ingestctl.board import Board
        from ingestctl.progress import viewing

        board = Board()
        try:
            with viewing(board, self._shell.people(), hint="Ctrl-C detaches, the jobs go on") as view:
                self._send(list(documents), board, view)
                if wait and self._result.posted:
                    self._watch(board, view)
        except KeyboardInterrupt:
            self._detach()

    def _send(self, documents: list[Any], board: Board, view: Any) -> None:
        from ingestctl.delivery import Delivered, deliver, post
        from ingestctl.files import Rejected

        rows = {document.source_uri: board.add(document.name) for document in documents}
        if self._op is Operation.DELETE:
            delivered = [Delivered(document, "") for document in documents]
        else:
            answers = deliver(
                self._client,
                documents,
                lambda document, done, total: board.uploading(rows[document.source_uri], done, total),
            )
            delivered = [answer for answer in answers if isinstance(answer, Delivered)]
            for document, answer in zip(documents, answers, strict=True):
                if isinstance(answer, Rejected):
                    self._result.rejected.append(answer)
                    board.reject(rows[document.source_uri], answer.message)
                    view.changed(rows[document.source_uri])
        self._result.posted = post(self._client, self._result.tag, delivered, self._op, view.note)
        for item in self._result.posted:
            board.bind(item.job_id, rows[item.document.source_uri])

    def _watch(self, board: Board, view: Any) -> None:
        from ingestctl.watch import verdicts, watch

        self._result.records = watch(self._client, board, view, [item.job_id for item in self._result.posted])
        self._result.waited, self._result.seconds = True, board.elapsed()
        self._result.runs = verdicts(self._client, self._result.records.values(), board)

    def _detach(self) -> None:
        from rich.text import Text

        from ingestctl.text import plural

        result, notes = self._result, self._shell.notes()
        result.detached = True
        notes.print()
        if not result.posted:
            notes.print(Text("Stopped before anything was queued."))
            return
        ids = " ".join(item.job_id for item in result.posted[:3])
        notes.print(
            Text(f"Detached: {plural(len(result.posted), 'document')} in dataset {result.tag} go on without you.")
        )
        if len(result.posted) <= 3:
            notes.print(
                Text(f"  follow again   ingestctl tail {ids}\n  stop           ingestctl cancel {ids}"), soft_wrap=True
            )
        else:
            notes.print(
                Text(
                    f"  see            ingestctl status --tag {result.tag}\n"
                    "  follow again   ingestctl tail JOB…\n  stop           ingestctl cancel JOB…"
                ),
                soft_wrap=True,
            )
