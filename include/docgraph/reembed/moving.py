"""Moving a dataset to another embedding version while it is read and written.

`begin` → `plan` → `backfill` (each batch of documents) → `complete`, the tasks of the DAG `reembed_dataset`; each may be
killed anywhere and called again. From `begin` on every commit stages its sections in both versions, which the commit
itself makes sure of (`protocol.is_staged_everywhere`); `backfill` brings the sections that were there before, under the fence
rules of a repair. So once it has been through all documents, the new version holds every generation, whatever is written
meanwhile. `complete` doesn't take that on trust: it compares in full, asks probes, and only then gives the version to readers, in
one transaction. The earlier version's points stay until `retire`.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import (
    DatasetVersionsError,
    EmbeddingVersionError,
    ReembeddingRefusedError,
    StoreUnavailableError,
)
from docgraph.domain.jobs import now
from docgraph.domain.verdict import Reason, ReasonCode, Verdict
from docgraph.domain.versions import DatasetVersions
from docgraph.integrity.compare import compare_dataset
from docgraph.integrity.comparison import Comparison
from docgraph.integrity.repair import repair_document
from docgraph.readiness.audit_report import publish_audit
from docgraph.readiness.judgement import drift_of, judge
from docgraph.reembed.backfilling import backfill, plan
from docgraph.reembed.versions import is_current, noting, versions_of
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint

logger = logging.getLogger(__name__)
REEMBED_DAG = "reembed_dataset"
#: How often a comparison may find something, which is repaired, before the move is refused.
COMPARISONS = 4


@dataclass(frozen=True, slots=True)
class Reembedded:
    """A dataset whose readers have another version now; the one before is kept until it is retired."""

    tag: str
    version: str
    sections: int
    verdict: Verdict
    report: str


def target(runtime: Runtime, tag: str, to: str | None = None) -> EmbeddingVersion:
    """Return the version that the dataset would move to: `to`, else the one being built, else the new one that is served.

    A version that the dataset had before is only gone back to by name: a move that is asked for once more stays where it is.

    Raises:
        UnknownDatasetError: nothing was ever ingested under the tag.
        DatasetVersionsError: the dataset can't move to it, or no one version is meant.
        EmbeddingVersionError: no embedding server makes it.
        StoreUnavailableError: Neo4j or an embedding server can't be reached.
    """
    versions = versions_of(runtime, tag)
    name = to or versions.building or _other_served(runtime, tag, versions)
    versions.build(name)
    return runtime.embedder.serving(name).version


def begin(runtime: Runtime, tag: str, to: str | None = None, *, run_id: str = "") -> str:
    """Let commits go to a new version too, from now on; returns its name. Repeated, it goes on with the same.

    Raises:
        DatasetVersionsError: the dataset can't move to it, or no one version is meant; further errors as in `target`.
    """
    version = target(runtime, tag, to)
    runtime.vectors.ensure(version)
    runtime.graph.change_versions(tag, lambda versions: versions.build(version.name))
    progress = {"version": version.name, "model": version.model, "run_id": run_id, "step": "backfill", "error": ""}
    runtime.state.reembeddings.begin(tag, progress)
    failpoint("reembed.after_begin")
    return version.name


def complete(runtime: Runtime, tag: str, name: str, *, run_id: str = "") -> Reembedded:
    """Compare the version that was built with the graph in full, ask it probes, and give it to readers in one transaction.

    What differs is repaired first. The dataset gets a new verdict and report. Repeated after the switch, it only gives those.

    Raises:
        ReembeddingRefusedError: it does not equal the graph, or does not answer what the version of today answers; nothing has
            changed for readers, and calling again tries again.
        DatasetVersionsError: the version is not being built (any more).
        InfrastructureError: a store or an embedding server failed; call again.
    """
    started = time.monotonic()
    with noting(runtime, tag, "compare"):
        version = runtime.embedder.serving(name).version
        is_switched = is_current(runtime, tag, name)
        comparison = _compare(runtime, version, tag)
        if not is_switched:
            runtime.state.reembeddings.note(tag, {"step": "probes"})
            _refuse_unless_fit(runtime, tag, name, comparison)
            failpoint("reembed.before_switch")
            runtime.graph.change_versions(tag, lambda versions: versions.switch(name))
            failpoint("reembed.after_switch")
        runtime.state.reembeddings.note(tag, {"step": "report"})
        verdict, report = publish_audit(
            runtime,
            tag,
            comparison,
            run_id=run_id or f"reembed__{tag}__{name}__{now()}",
            dag_id=REEMBED_DAG,
            seconds=time.monotonic() - started,
        )
        runtime.state.reembeddings.note(tag, {"step": "done", "report": report})
    return Reembedded(tag, name, comparison.graph_total, verdict, report)


def reembed(runtime: Runtime, tag: str, to: str | None = None) -> Reembedded:
    """Move a dataset from begin to end in this process, as the DAG does in several."""
    name = begin(runtime, tag, to)
    for batch in plan(runtime, tag):
        backfill(runtime, tag, name, batch)
    return complete(runtime, tag, name)


def abandon(runtime: Runtime, tag: str) -> str:
    """Stop building: commits go to the readers' version alone again, and what was built is deleted. Returns its name.

    Raises:
        UnknownDatasetError: nothing was ever ingested under the tag.
        DatasetVersionsError: nothing is being built.
        StoreUnavailableError: a store can't be reached; repeated, or by `retire`, it is finished.
    """
    name = versions_of(runtime, tag).building
    if name is None:
        raise DatasetVersionsError(f"No embedding version is being built for the dataset {tag!r}.")
    runtime.graph.change_versions(tag, lambda versions: versions.abandon(name))
    runtime.state.reembeddings.note(tag, {"step": "aborted", "error": ""})
    _delete(runtime, tag, name)
    return name


def retire(runtime: Runtime, tag: str, name: str) -> int:
    """Delete the dataset's points of an earlier version; returns how many there were.

    The version's collection is dropped with the last dataset that has points in it, unless new datasets get that version.

    Raises:
        UnknownDatasetError: nothing was ever ingested under the tag.
        DatasetVersionsError: readers use the version, or it is being built, or the dataset never had it.
        StoreUnavailableError: a store can't be reached; repeated, it is finished.
    """
    versions_of(runtime, tag)
    runtime.graph.change_versions(tag, lambda versions: versions.retire(name))
    return _delete(runtime, tag, name)


def status(runtime: Runtime, tag: str) -> dict[str, Any]:
    """Return which versions the dataset has, how many points in each, and how far a move is.

    Raises:
        UnknownDatasetError: nothing was ever ingested under the tag.
        StoreUnavailableError: a store can't be reached.
    """
    versions = versions_of(runtime, tag)
    try:
        models = {version.name: version.model for version in runtime.embedder.served()}
    except StoreUnavailableError as error:
        logger.warning("no embedding server answers: %s", error)
        models = {}
    roles = dict.fromkeys(versions.kept, "kept") | dict.fromkeys(versions.retiring, "retiring")
    roles |= dict(zip(versions.wanted, ("current", "building"), strict=False))
    rows = [
        {"version": name, "role": roles[name], "points": _count(runtime, tag, name), "model": models.get(name)}
        for name in versions.all
    ]
    return {
        "tag": tag,
        "embedding_version": versions.current,
        "building": versions.building,
        "sections": runtime.graph.counts(tag)["sections"],
        "versions": rows,
        "progress": runtime.state.reembeddings.get(tag),
    }


def _other_served(runtime: Runtime, tag: str, versions: DatasetVersions) -> str:
    served = [each.name for each in runtime.embedder.served() if each.name != versions.current]
    others = [name for name in served if name not in versions.kept]
    if len(others) == 1:
        return others[0]
    if others:
        raise DatasetVersionsError(
            f"The embedding servers make {' and '.join(others)}, and the dataset {tag!r} uses neither; say which with --to."
        )
    if served:
        raise DatasetVersionsError(
            f"The dataset {tag!r} has moved to embedding version {versions.current} already; --to {served[0]} goes back."
        )
    raise EmbeddingVersionError(
        f"No embedding server makes another version than {versions.current}, which the dataset {tag!r} uses. Start one with the "
        "new model and name it in DOCGRAPH_SECOND_EMBEDDINGS_URL (on the local stack: DOCGRAPH_SECOND_EMBEDDER, then `make up`)."
    )


def _compare(runtime: Runtime, version: EmbeddingVersion, tag: str) -> Comparison:
    """Compare the dataset in full, vectors by hash, and repair what differs, a bounded number of times."""
    for remaining in reversed(range(COMPARISONS)):
        comparison = compare_dataset(runtime, version, tag, with_vectors=True)
        if comparison.is_equal or comparison.inconsistent or not remaining:
            break
        logger.warning("version %s of %s: %d documents differ", version.name, tag, len(comparison.documents))
        for document_id in sorted(filter(None, comparison.documents)):
            repair_document(runtime, version, document_id, tag=tag)
    return comparison


def _refuse_unless_fit(runtime: Runtime, tag: str, name: str, comparison: Comparison) -> None:
    """Raise unless the version equals the graph, and answers every probe that the readers' version answers.

    A dataset without documents has nothing to be asked.
    """
    current = versions_of(runtime, tag).current
    reasons = _reasons(runtime, tag, name, comparison)
    if comparison.is_equal and reasons and _is_served(runtime, current):
        # What the version of today doesn't answer either says nothing against the new one. The command names the question.
        known = {(reason.code, reason.command) for reason in _reasons(runtime, tag, current, comparison)}
        reasons = [reason for reason in reasons if (reason.code, reason.command) not in known]
    messages = [reason.message for reason in reasons]
    if not comparison.is_equal:
        messages.append(
            f"It differs from the graph in {len(comparison.documents)} documents; `ingestctl repair --tag={tag}`."
        )
    if messages:
        raise ReembeddingRefusedError(
            f"Embedding version {name} is not fit for the dataset {tag!r}, which keeps {current}: {' '.join(messages)} Fix that "
            "and run `ingestctl reembed` again, or give the version up with --abort."
        )


def _reasons(runtime: Runtime, tag: str, name: str, comparison: Comparison) -> list[Reason]:
    verdict = judge(
        tag,
        graph=runtime.graph,
        vectors=runtime.vectors,
        embedder=runtime.embedder,
        config=runtime.config,
        drift=drift_of(comparison),
        embedding_version=name,
    )
    return [reason for reason in verdict.reasons if reason.code is not ReasonCode.NO_DOCUMENTS]


def _is_served(runtime: Runtime, name: str) -> bool:
    try:
        runtime.embedder.serving(name)
    except EmbeddingVersionError:
        return False
    return True


def _count(runtime: Runtime, tag: str, name: str) -> int:
    version = EmbeddingVersion.named(name)
    return runtime.vectors.count(version, tag)


def _delete(runtime: Runtime, tag: str, name: str) -> int:
    """Delete the dataset's points of a version that it has given up, and the collection if nobody else needs it."""
    version = EmbeddingVersion.named(name)
    points = _count(runtime, tag, name)
    if points:
        runtime.vectors.delete_dataset(version, tag)
    # A dataset may be made with the first server's version at any moment: that collection stays.
    needed = runtime.embedding_version.name == name or set(runtime.graph.datasets_with(name)) - {tag}
    if not needed and runtime.vectors.exists(version):
        runtime.vectors.drop(version)
        logger.info("the collection of embedding version %s is dropped: no dataset has it", name)
    runtime.graph.change_versions(tag, lambda versions: versions.forget(name))
    return points
