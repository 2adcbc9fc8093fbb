"""The links of a document's way from its source to a search, and what is known of a document while it is walked."""

from __future__ import annotations

from dataclasses import dataclass, field

from docgraph.api.explain import LinkStatus
from docgraph.domain.documents import Committed
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import JobState
from docgraph.ingest.airflow_api import AirflowApi
from docgraph.runtime.connections import Runtime

#: The links of the chain, in their order.
LINKS = (
    "source", "queue", "stages", "commit", "graph", "embedding", "vectors", "fulltext", "search", "readiness",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """One link: what was found (`message`), a short name of it (`code`), and, where it is missing, what to do (`action`)."""

    name: str
    status: LinkStatus
    code: str
    message: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The chain of one document. `searchable`: a search finds it now, in the newest content that was asked for."""

    source_uri: str
    tag: str
    document_id: str
    links: tuple[Link, ...]
    #: Every address that was tried, as (tag, address).
    tried: tuple[tuple[str, str], ...] = ()

    @property
    def broken(self) -> Link | None:
        """The first link that is missing."""
        return next((link for link in self.links if link.status is LinkStatus.BROKEN), None)

    @property
    def searchable(self) -> bool:
        """Whether every link up to the search holds; the dataset may still not be ready."""
        return all(link.status is LinkStatus.OK for link in self.links if link.name != "readiness")

    @property
    def is_known(self) -> bool:
        """Whether docgraph has ever heard of the document."""
        return self.broken is None or self.broken.code not in {"never_ingested", "tag_unknown"}


class BrokenError(Exception):
    """A link is missing; ends the walk."""

    def __init__(self, code: str, message: str, action: str) -> None:
        super().__init__(message)
        self.code, self.message, self.action = code, message, action


@dataclass
class Case:
    """What is known of the document while its way is walked."""

    runtime: Runtime
    airflow: AirflowApi | None
    tag: str
    uri: str
    checksum: str
    document: str = ""
    job: JobState | None = None
    committed: Committed = field(default_factory=lambda: Committed(""))

    def __post_init__(self) -> None:
        self.document = document_id(self.tag, self.uri)
        self.committed = Committed(self.document)

    @property
    def older_stands(self) -> str:
        """A remark for the links of the queue: whether earlier content can be searched meanwhile."""
        return " Meanwhile its earlier content stands." if self.committed.exists else ""
