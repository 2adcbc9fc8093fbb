"""Auditing datasets: compare in full, repair what differs, judge anew. The logic behind `ingestctl verify`, `repair` and the audit DAG.

Comparing changes nothing. Repairing follows the commit protocol, so that both may run while documents are being ingested.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docgraph.api import integrity as api
from docgraph.api.reports import Reason
from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import DocumentError, InfrastructureError, StaleAttemptError, StoreUnavailableError
from docgraph.domain.jobs import JobStatus, now
from docgraph.domain.verdict import Verdict
from docgraph.ingest.rebuild import rebuild_document
from docgraph.ingest.work import target_versions
from docgraph.integrity.compare import compare_dataset, compare_documents, other_versions
from docgraph.integrity.comparison import KINDS, Comparison
from docgraph.integrity.repair import RepairedDocument, repair_document
from docgraph.readiness.audit_report import publish_audit
from docgraph.retrieval import UnknownDatasetError
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph.auditing import FulltextCount

logger = logging.getLogger(__name__)
AUDIT_DAG = "audit_datasets"
#: Ids that a result names of each kind; the totals are beside them.
IDS_SHOWN = 20
#: Garbage of work in progress: nobody sees it, and it is no drift.
HARMLESS = frozenset({"staged", "other_version"})
_JOBS_LOOKED_AT = 10_000

#: Told about progress: `{"step", "done", "total", "unit"}` and more.
Say = Callable[[Mapping[str, Any]], None]


def _silent(event: Mapping[str, Any]) -> None:
    del event


@dataclass(frozen=True, slots=True)
class Verification:
    """What comparing a dataset (or some of its documents) found."""

    tag: str
    #: The version that the dataset's readers use, and the same if an embedding server makes it, else what the servers make.
    embedding_version: str
    served_version: str
    comparison: Comparison
    #: None: not looked at (single documents), or the dataset did not stand still.
    fulltext: FulltextCount | None
    seconds: float

    @property
    def is_equal(self) -> bool:
        """Whether graph, full-text index and vectors hold the same."""
        return (
            self.comparison.is_equal
            and self.embedding_version == self.served_version
            and (self.fulltext is None or self.fulltext.in_step)
        )

    def as_model(self) -> api.Verification:
        """Return what the HTTP contract tells of it: counts and first ids of each kind."""
        found: dict[str, list[str]] = {kind: getattr(self.comparison, kind) for kind in KINDS}
        fulltext = self.fulltext
        return api.Verification(
            tag=self.tag,
            scope=self.comparison.scope,
            equal=self.is_equal,
            drift_pct=self.comparison.drift_pct,
            sections=self.comparison.graph_total,
            vectors=self.comparison.vector_total,
            findings={kind: api.Finding(count=len(ids), ids=ids[:IDS_SHOWN]) for kind, ids in found.items()},
            documents=sorted(self.comparison.documents)[:IDS_SHOWN],
            documents_affected=len(self.comparison.documents),
            fulltext=None if fulltext is None else api.Fulltext.model_validate(fulltext),
            embedding_version=self.embedding_version,
            served_version=self.served_version,
            seconds=self.seconds,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return self.as_model().as_json()


@dataclass(frozen=True, slots=True)
class DocumentRepair:
    """What was found at one document, and done about it; `error` says why something is left."""

    document_id: str
    source_uri: str
    found: Mapping[str, int]
    rebuilt: bool = False
    restaged: int = 0
    removed: int = 0
    error: str = ""

    def as_model(self) -> api.RepairedDocument:
        """Return what the HTTP contract tells of it."""
        return api.RepairedDocument.model_validate(self)


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair from end to end: before, what was done, after, and the verdict that follows."""

    before: Verification
    after: Verification
    documents: Sequence[DocumentRepair]
    fulltext_rebuilt: bool
    verdict: Verdict
    report: str

    def as_model(self) -> api.Repair:
        """Return what the HTTP contract tells of it."""
        return api.Repair(
            tag=self.before.tag,
            equal=self.after.is_equal,
            before=self.before.as_model(),
            after=self.after.as_model(),
            documents=[each.as_model() for each in self.documents],
            fulltext_rebuilt=self.fulltext_rebuilt,
            ready=self.verdict.ready,
            reasons=[Reason(**reason.as_json()) for reason in self.verdict.reasons],
            report=self.report,
        )

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return self.as_model().as_json()


def verify(
    runtime: Runtime,
    tag: str,
    document_ids: Sequence[str] | None = None,
    *,
    with_vectors: bool = False,
    say: Say = _silent,
) -> Verification:
    """Compare a dataset, or some of its documents, without changing anything.

    `with_vectors` reads every vector and every text back and hashes them; otherwise the stored hashes are compared.

    Raises:
        UnknownDatasetError: nothing was ever ingested under the tag.
        InfrastructureError: a store or the embeddings server can't be reached.
    """
    started = time.monotonic()
    dataset = runtime.graph.dataset(tag)
    if dataset is None:
        raise UnknownDatasetError(f"No dataset has the tag {tag!r}; `ingestctl datasets` lists them.")
    # What the stores hold can be compared whichever server makes the vectors.
    version = EmbeddingVersion.named(dataset["embedding_version"])
    names = [each.name for each in runtime.embedder.served()]
    served = version.name if version.name in names else ", ".join(names)
    fulltext = None
    if document_ids is None:
        total = runtime.graph.counts(tag)["sections"]

        def compared(done: int) -> None:
            say({"step": "compare", "done": done, "total": max(done, total), "unit": "sections"})

        comparison = compare_dataset(runtime, version, tag, with_vectors=with_vectors, say=compared)
        fulltext = runtime.graph.fulltext_count(tag)
    else:
        comparison = compare_documents(runtime, version, document_ids, with_vectors=with_vectors)
    return Verification(tag, version.name, served, comparison, fulltext, time.monotonic() - started)


def repair(
    runtime: Runtime,
    tag: str,
    document_ids: Sequence[str] | None = None,
    *,
    say: Say = _silent,
    run_id: str | None = None,
    dag_id: str = "",
) -> Repair:
    """Repair what differs in a dataset or some of its documents, compare again, and publish a new verdict on the dataset.

    The graph comes first, then the full-text index and the vectors, which are made from it. What can't be repaired is said
    with its document, and the others go on. Garbage of attempts that never committed is collected too, unless a job of
    its document is at work.

    Raises:
        UnknownDatasetError: nothing was ever ingested under the tag.
        EmbeddingVersionError: no embedding server makes the version that the dataset uses.
        InfrastructureError: a store or the embeddings server can't be reached; what was repaired until then stays.
    """
    started = time.monotonic()
    before = verify(runtime, tag, document_ids, with_vectors=True, say=say)
    version = target_versions(runtime, tag)[0]
    runtime.vectors.ensure(version)
    done = _mend_documents(runtime, version, before, say)
    rebuilt = document_ids is None and before.fulltext is not None and not before.fulltext.in_step
    if rebuilt:
        say(
            {
                "step": "fulltext",
                "done": 0,
                "total": before.fulltext.nodes if before.fulltext else 0,
                "unit": "sections",
            }
        )
        runtime.graph.rebuild_fulltext()
    dataset = verify(runtime, tag, say=say)
    repaired = compare_documents(runtime, version, [each.document_id for each in done if each.document_id])
    dataset.comparison.widen(repaired)
    after = dataset if document_ids is None else verify(runtime, tag, document_ids, with_vectors=True)
    verdict, report = publish_audit(
        runtime,
        tag,
        dataset.comparison,
        run_id=run_id or f"repair__{tag}__{now()}__{uuid.uuid4().hex[:6]}",
        dag_id=dag_id,
        seconds=time.monotonic() - started,
    )
    return Repair(before, after, done, rebuilt, verdict, report)


def _mend_documents(
    runtime: Runtime, version: EmbeddingVersion, before: Verification, say: Say
) -> list[DocumentRepair]:
    wanted = sorted(before.comparison.documents)
    others = other_versions(runtime, version, before.tag) if before.comparison.other_version else []
    addresses = {row["document_id"]: row["source_uri"] or "" for row in runtime.graph.documents_of(before.tag)}
    vectors = frozenset(before.comparison.vector)
    at_work = _at_work(runtime, before.tag)
    done: list[DocumentRepair] = []
    for position, document_id in enumerate(wanted):
        say({"step": "repair", "done": position, "total": len(wanted), "unit": "documents"})
        result = _mend(
            runtime, version, before.tag, document_id, addresses.get(document_id, ""), others, at_work, vectors
        )
        if result is not None:
            done.append(result)
            say({"step": "document", **result.as_model().as_json()})
    return done


def _mend(
    runtime: Runtime,
    version: EmbeddingVersion,
    tag: str,
    document_id: str,
    source_uri: str,
    others: Sequence[EmbeddingVersion],
    at_work: set[str],
    vectors: frozenset[str],
) -> DocumentRepair | None:
    if not _is_document_id(document_id):
        return _drop_unowned(runtime, [version, *others], tag, document_id)
    found = compare_documents(runtime, version, [document_id])
    foreign = vectors.intersection(runtime.graph.committed(document_id).generation)
    if found.is_equal and not foreign and document_id in at_work:
        return None
    counts = _counts(found)
    if foreign:
        counts["vector"] = len(foreign.union(found.vector))
    rebuilt, repaired, error = False, RepairedDocument(document_id, found), ""
    try:
        if found.inconsistent:
            rebuild_document(runtime, document_id, tag=tag)
            rebuilt = True
        repaired = repair_document(runtime, version, document_id, tag=tag, others=others, foreign=foreign)
    except StoreUnavailableError:
        raise
    except (DocumentError, StaleAttemptError, InfrastructureError) as failure:
        logger.warning("document %s could not be repaired: %s", document_id, failure)
        error = str(failure)
    return DocumentRepair(document_id, source_uri, counts, rebuilt, repaired.restaged, repaired.removed, error)


def _drop_unowned(runtime: Runtime, versions: Iterable[EmbeddingVersion], tag: str, document_id: str) -> DocumentRepair:
    """Remove the points whose payload names something that is no document; their sections' own documents are repaired apart."""
    removed = 0
    for version in versions:
        ids = [p.section_id for p in runtime.vectors.scroll(version, tag=tag) if p.document_id == document_id]
        if ids:
            runtime.vectors.delete_unowned(version, ids, document_id)
        removed += len(ids)
    return DocumentRepair(document_id, "", {"stray": removed}, removed=removed)


def _counts(found: Comparison) -> dict[str, int]:
    return {kind: len(getattr(found, kind)) for kind in KINDS if getattr(found, kind)}


def _at_work(runtime: Runtime, tag: str) -> set[str]:
    """Return the documents of jobs that are under way: what they have staged may be committed in a moment."""
    jobs = runtime.state.jobs
    live = (JobStatus.RUNNING, JobStatus.PAUSED)
    return {state.document_id for status in live for state in jobs.find(tag=tag, status=status, limit=_JOBS_LOOKED_AT)}


def _is_document_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def audit(runtime: Runtime, tag: str, run_id: str) -> Repair:
    """Audit one dataset as the daily DAG does: a repair of everything, with a report of its own."""
    return repair(runtime, tag, run_id=run_id, dag_id=AUDIT_DAG)
