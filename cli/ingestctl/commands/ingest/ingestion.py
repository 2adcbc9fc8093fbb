"""The way of `ingest` from files to the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from docgraph.domain.jobs import Operation

if TYPE_CHECKING:
    from ingestctl.board import Board
    from ingestctl.client import ServiceClient
    from ingestctl.commands.ingest.result import IngestResult
    from ingestctl.files import LocalDocument
    from ingestctl.progress import View
    from ingestctl.shell import Shell


class Ingestion:
    """The way from files to verdict; it fills the result as far as it gets."""

    def __init__(self, shell: Shell, client: ServiceClient, result: IngestResult, op: Operation) -> None:
        self._shell = shell
        self._client = client
        self._result = result
        self._op = op

    def run(self, documents: Iterable[LocalDocument], *, wait: bool) -> None:
        """Bring the documents in and, with `wait`, follow their jobs to the verdict; Ctrl-C detaches."""
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

    def _send(self, documents: list[LocalDocument], board: Board, view: View) -> None:
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

    def _watch(self, board: Board, view: View) -> None:
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
