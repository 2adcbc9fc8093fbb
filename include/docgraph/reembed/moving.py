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
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from docgraph.domain.documents import EmbeddingVersion, embedded_text
from docgraph.domain.errors import (
    ConfigurationError,
    DatasetVersionsError,
    DocgraphError,
    EmbeddingVersionError,
    ReembeddingRefusedError,
    StoreUnavailableError,
)
from docgraph.domain.jobs import now
from docgraph.domain.verdict import Reason, ReasonCode, Verdict
from docgraph.domain.versions import DatasetVersions
from docgraph.integrity.compare import Comparison, compare_dataset, look
from docgraph.integrity.repair import repair_document
from docgraph.model_servers import Embedder, EmbeddingInputError
from docgraph.model_servers.client import Vectors
from docgraph.readiness.judgement import drift_of, judge
from docgraph.readiness.publishing import publish_audit
from docgraph.retrieval import UnknownDatasetError
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint
from docgraph.stores.graph.reading import SectionText

logger = logging.getLogger(__name__)
REEMBED_DAG = "reembed_dataset"
#: Sections of a mapped batch, at least; and batches at most, below Airflow's limit of mapped indexes.
BATCH_SECTIONS = 1000
MAX_BATCHES = 500
#: Sections that are embedded before their documents are staged: enough to fill batches across small documents.
GROUP_SECTIONS = 512
#: Documents looked at with one question.
GROUP_DOCUMENTS = 50
#: How often a comparison may find something, which is mended, before the move is refused.
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
    versions = _versions(runtime, tag)
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


def plan(runtime: Runtime, tag: str) -> list[list[str]]:
    """Cut the dataset's documents into batches of about equally many sections; what a batch need not do it finds out itself."""
    documents = [row for row in runtime.graph.documents_of(tag) if row["sections"]]
    size = max(BATCH_SECTIONS, -(-sum(row["sections"] for row in documents) // MAX_BATCHES))
    batches: list[list[str]] = []
    room = 0
    for row in documents:
        if room <= 0:
            batches.append([])
            room = size
        batches[-1].append(row["document_id"])
        room -= row["sections"]
    return batches


def backfill(runtime: Runtime, tag: str, name: str, document_ids: Sequence[str]) -> int:
    """Bring the sections of these documents into the version that is being built; returns how many texts were embedded.

    Each batch of texts is durable before the next: a killed call, repeated, embeds what the journal and Qdrant lack.

    Raises:
        DatasetVersionsError: the version is not being built (any more).
        ConfigurationError: a text is longer than the new model reads.
        WorldError: a store or the embedding server failed; call again.
    """
    embedded = 0
    with _noting(runtime, tag, "backfill"):
        embedder = runtime.embedder.serving(name)
        runtime.vectors.ensure(embedder.version)
        for start in range(0, len(document_ids), GROUP_DOCUMENTS):
            for group in _groups(runtime, embedder.version, document_ids[start : start + GROUP_DOCUMENTS]):
                if _is_current(runtime, tag, name):
                    return embedded
                vectors, made = _embed(runtime, embedder, group)
                embedded += made
                for document_id in group:
                    repair_document(runtime, embedder.version, document_id, tag=tag, vectors=vectors)
                    runtime.journal.discard(name, document_id)
                failpoint("reembed.after_group")
    return embedded


def complete(runtime: Runtime, tag: str, name: str, *, run_id: str = "") -> Reembedded:
    """Compare the version that was built with the graph in full, ask it probes, and give it to readers in one transaction.

    What differs is mended first. The dataset gets a new verdict and report. Repeated after the switch, it only gives those.

    Raises:
        ReembeddingRefusedError: it does not equal the graph, or does not answer what the version of today answers; nothing has
            changed for readers, and calling again tries again.
        DatasetVersionsError: the version is not being built (any more).
        WorldError: a store or an embedding server failed; call again.
    """
    started = time.monotonic()
    with _noting(runtime, tag, "compare"):
        version = runtime.embedder.serving(name).version
        is_switched = _is_current(runtime, tag, name)
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
    name = _versions(runtime, tag).building
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
    _versions(runtime, tag)
    runtime.graph.change_versions(tag, lambda versions: versions.retire(name))
    return _delete(runtime, tag, name)


def status(runtime: Runtime, tag: str) -> dict[str, Any]:
    """Return which versions the dataset has, how many points in each, and how far a move is.

    Raises:
        UnknownDatasetError: nothing was ever ingested under the tag.
        StoreUnavailableError: a store can't be reached.
    """
    versions = _versions(runtime, tag)
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


def _versions(runtime: Runtime, tag: str) -> DatasetVersions:
    versions = runtime.graph.dataset_versions(tag)
    if versions is None:
        raise UnknownDatasetError(f"No dataset has the tag {tag!r}; `ingestctl datasets` lists them.")
    return versions


def _is_current(runtime: Runtime, tag: str, name: str) -> bool:
    """Whether readers have the version already; else it is being built.

    Raises:
        DatasetVersionsError: it is neither.
    """
    versions = _versions(runtime, tag)
    return versions.switch(name).current == versions.current


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


@contextmanager
def _noting(runtime: Runtime, tag: str, step: str) -> Iterator[None]:
    """Note the step, and what it failed with, for whoever waits."""
    runtime.state.reembeddings.note(tag, {"step": step, "error": ""})
    try:
        yield
    except DocgraphError as error:
        runtime.state.reembeddings.note(tag, {"error": str(error)})
        raise


def _groups(
    runtime: Runtime, version: EmbeddingVersion, document_ids: Sequence[str]
) -> Iterator[dict[str, list[SectionText]]]:
    """Yield the documents that the version lacks sections of, with these, a group having enough of them to fill batches.

    One that was committed meanwhile is among them: what was seen of it may be wrong. The others are left alone, and their
    attempts undisturbed.
    """
    group: dict[str, list[SectionText]] = {}
    for document_id, seen in look(runtime, version, document_ids, with_vectors=True).items():
        lacking = [*seen.found.missing, *seen.found.mismatched]
        if lacking or seen.moved:
            group[document_id] = list(runtime.graph.sections(lacking).values())
        if sum(map(len, group.values())) >= GROUP_SECTIONS:
            yield group
            group = {}
    if group:
        yield group


def _embed(
    runtime: Runtime, embedder: Embedder, group: Mapping[str, Sequence[SectionText]]
) -> tuple[dict[str, Vectors], int]:
    """Return the vectors of a group's sections and how many were made now; batches are filled across its documents."""
    name = embedder.version.name
    vectors: dict[str, Vectors] = {}
    for document_id, sections in group.items():
        vectors |= runtime.journal.load(name, document_id, [section.section_id for section in sections])
    missing = [each for sections in group.values() for each in sections if each.section_id not in vectors]
    missing.sort(key=lambda section: (-len(section.text), section.section_id))
    size = runtime.config.pipeline.embed_batch
    for start in range(0, len(missing), size):
        runtime.state.gate.wait()
        batch = missing[start : start + size]
        made = _embed_batch(embedder, batch)
        by_document: dict[str, dict[str, Vectors]] = defaultdict(dict)
        for section, vector in zip(batch, made, strict=True):
            by_document[section.document_id][section.section_id] = vector
        for document_id, rows in by_document.items():
            runtime.journal.put(name, document_id, rows)
            vectors |= rows
        failpoint("reembed.after_batch")
    return vectors, len(missing)


def _embed_batch(embedder: Embedder, batch: Sequence[SectionText]) -> Vectors:
    try:
        return embedder.embed([embedded_text(section.heading_path, section.text) for section in batch])
    except EmbeddingInputError as error:
        section = batch[error.index]
        raise ConfigurationError(
            f"Section {section.section_id} ({' > '.join(section.heading_path)}) of document {section.document_id} has "
            f"{error.tokens} tokens, and {embedder.version.model} reads {embedder.version.max_tokens}: it would be cut silently. "
            "Choose a model that reads more; `ingestctl reembed --abort` gives this one up."
        ) from error


def _compare(runtime: Runtime, version: EmbeddingVersion, tag: str) -> Comparison:
    """Compare the dataset in full, vectors by hash, and mend what differs, a bounded number of times."""
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
    current = _versions(runtime, tag).current
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
            f"Embedding version {name} is not fit for the dataset {tag!r}, which keeps {current}: {' '.join(messages)} Mend that "
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
    return runtime.vectors.count(version, tag) if runtime.vectors.exists(version) else 0


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
