"""What `verify` and `repair` share: which documents are meant, following the operation, and how its findings are told."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from docgraph.domain.identity import uri_for_path
from ingestctl.errors import UsageError
from ingestctl.files import UPLOAD_PREFIX

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from docgraph.api.integrity import Operation, Repair, RepairedDocument, RepairRequest, Verification
    from ingestctl.client import ServiceClient
    from ingestctl.shell import Shell

#: What each kind of finding means, in the order in which they are told.
KINDS = {
    "missing": "sections without a vector",
    "stray": "vectors of no section",
    "payload": "vectors whose tag or document is wrong",
    "text": "vectors of another text",
    "vector": "vectors that are not what was stored",
    "broken": "sections damaged in the graph",
    "duplicate": "sections named twice",
    "unsettled": "documents that kept changing",
    "staged": "staged vectors, seen by nobody (no drift)",
    "other_version": "vectors of an unused embedding version (no drift)",
}
HARMLESS = {"staged", "other_version"}
_FIRST = 3
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_STEPS = {"compare": "comparing", "repair": "repairing", "fulltext": "building the full-text index"}


def target(tag: str | None, documents: Sequence[str], everything: bool) -> dict[str, Any]:
    """Return the request's fields for what the command line names.

    Raises:
        UsageError: nothing is named, or `--all` beside something else.
    """
    if everything and (tag or documents):
        raise UsageError("--all means every dataset.", hint="Leave --all out, or the rest.", code="usage")
    if not (everything or tag or documents):
        raise UsageError(
            "Nothing is named to look at.",
            hint="Name a dataset with --tag, documents by their address, or --all.",
            code="usage",
        )
    return {"tag": tag, "documents": [address_of(document) for document in documents], "all": everything}


def address_of(text: str) -> str:
    """Return a document's address or id as it is, and a path as the address that `ingest` gave it."""
    if _ID.fullmatch(text) or _SCHEME.match(text):
        return text
    return uri_for_path(UPLOAD_PREFIX, text)


def outcome(shell: Shell, client: ServiceClient, operation: str, body: RepairRequest) -> Operation:
    """Have it done, showing how far it is, and return it completed. Ctrl-C leaves it to Airflow.

    Raises:
        CommandError: it could not be done.
    """
    from ingestctl.operations import failure, follow

    begun = client.start(operation, body)
    if begun.run_id is None:
        return begun
    notes = shell.notes()
    try:
        with Progress(notes) as progress:
            for event, data in follow(client, begun.run_id):
                match event:
                    case "progress":
                        progress.tell(data)
                    case "problem":
                        message = data["error"]["message"]
                        notes.print(f"A task failed: {message} It is tried three times.", markup=False, style="yellow")
                    case "lost":
                        reason = data["reason"]
                        notes.print(
                            f"The service does not answer ({reason}); trying again.", markup=False, style="yellow"
                        )
                    case "back":
                        notes.print("The service is back.", style="dim")
    except KeyboardInterrupt:
        notes.print(f"It goes on without you, as the run {begun.run_id} of verify_datasets in Airflow.", markup=False)
        raise
    ended = client.operation(begun.run_id)
    if ended.error is not None:
        raise failure(ended.error)
    return ended


class Line:
    """One line that changes in place, on a terminal; nothing anywhere else."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Any = None

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._status = self._console.status("asking the service")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._status is not None:
            self._status.update(text)


class Progress(Line):
    """How far a comparison or repair is."""

    def tell(self, event: Mapping[str, Any]) -> None:
        """Tell how far a step is."""
        if event.get("step") in _STEPS:
            amount = f"{int(event['done']):,} of {int(event['total']):,} {event['unit']}"
            self.show(f"{event['tag']}: {_STEPS[event['step']]}, {amount}")


D = TypeVar("D", bound="Verification | Repair")


@dataclass(frozen=True)
class Outcome(ABC, Generic[D]):
    """What an operation found or did, dataset by dataset."""

    operation: Operation

    @property
    def datasets(self) -> list[D]:
        """The results of the operation's datasets."""
        return cast("list[D]", self.operation.datasets)

    def as_json(self) -> dict[str, Any]:
        """Return the answers unchanged."""
        return {"equal": self.operation.equal, "datasets": [dataset.as_json() for dataset in self.datasets]}

    def for_people(self) -> Iterable[RenderableType]:
        """Return one dataset after the other."""
        from rich.text import Text

        if not self.datasets:
            yield Text("No datasets yet. `ingestctl ingest PATH --tag TAG` makes one.", style="dim")
        for dataset in self.datasets:
            yield from self.told(dataset)

    @abstractmethod
    def told(self, dataset: D) -> Iterable[RenderableType]:
        """Return what there is to say about one dataset."""


class Verifications(Outcome["Verification"]):
    """What `verify` found."""

    def told(self, dataset: Verification) -> Iterable[RenderableType]:
        """Return the dataset's findings, and the command that repairs them."""
        from rich.text import Text

        yield from verification(dataset)
        if not dataset.equal:
            yield Text(f"  ingestctl repair --tag={dataset.tag}", style="cyan")


def verification(found: Verification) -> Iterable[RenderableType]:
    """Return how a dataset stands: one line, and a line for each kind of finding."""
    from rich.text import Text

    from ingestctl import render
    from ingestctl.text import duration, plural, printable

    tag = printable(found.tag)
    amount = f"{plural(found.sections, 'section')}, {duration(found.seconds)}"
    if found.equal:
        yield Text.assemble(("✔ ", "green"), (f"{tag}: graph and vectors are equal", "bold green"), f"  ({amount})")
    else:
        drift = f"graph and vectors differ, drift {found.drift_pct:.2f} %"
        yield Text.assemble(("✘ ", "red"), (f"{tag}: {drift}", "bold red"), f"  ({amount})")
    table = render.table("  Kind", "Count", "", "First", right=("Count",))
    for kind, meaning in KINDS.items():
        each = found.findings.get(kind)
        if each is not None and each.count:
            first = ", ".join(each.ids[:_FIRST]) + (" …" if each.count > _FIRST else "")
            style = "dim" if kind in HARMLESS else "red"
            table.add_row(Text(f"  {kind}", style=style), f"{each.count:,}", meaning, Text(first, style="dim"))
    if table.row_count:
        yield table
    fulltext = found.fulltext
    if fulltext and not fulltext.in_step:
        text = f"  the full-text index finds {fulltext.indexed:,} of {fulltext.nodes:,} sections"
        yield Text(text, style="red")
    if found.served_version != found.embedding_version:
        yield Text(
            f"  the dataset uses embedding version {found.embedding_version}, the embedding servers make "
            f"{found.served_version}: start one with the dataset's model, or `ingestctl reembed --tag={found.tag}`",
            style="red",
        )


class Repairs(Outcome["Repair"]):
    """What `repair` did."""

    def told(self, dataset: Repair) -> Iterable[RenderableType]:
        """Return what was done to each document, how the dataset stands now, and the verdict."""
        from rich.text import Text

        from ingestctl import render

        for document in dataset.documents[: render.MAX_ROWS]:
            yield _repaired(document)
        if (more := len(dataset.documents) - render.MAX_ROWS) > 0:
            yield Text(f"… and {more:,} documents more (--json lists all)", style="dim")
        if dataset.fulltext_rebuilt:
            yield Text.assemble(("✔ ", "green"), "the full-text index was built again")
        yield from verification(dataset.after)
        yield from render.verdict_lines(dataset.ready, dataset.reasons)


def _repaired(document: RepairedDocument) -> RenderableType:
    from rich.text import Text

    from ingestctl import render
    from ingestctl.text import plural, printable

    name = render.name_of(document.source_uri or document.document_id or "points of no document")
    did = [
        "made again in the graph" if document.rebuilt else "",
        f"{plural(document.restaged, 'vector')} computed again" if document.restaged else "",
        f"{plural(document.removed, 'vector')} removed" if document.removed else "",
    ]
    found = ", ".join(f"{count:,} {kind}" for kind, count in document.found.items())
    icon, style = ("✘ ", "red") if document.error else ("✔ ", "green")
    parts = [found, "; ".join(part for part in did if part) or "nothing to do", printable(document.error)]
    return Text.assemble((icon, style), (name, "bold"), "  ", "  ".join(part for part in parts if part))
