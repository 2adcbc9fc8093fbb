"""The links `commit`, `graph`, `embedding` and `vectors`: what the stores hold of the document."""

from __future__ import annotations

from docgraph.diagnosis.chain import BrokenError, Case
from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import EmbeddingVersionError
from docgraph.domain.jobs import Operation


def commit(case: Case) -> tuple[str, str]:
    """Say whether the content that was asked for is committed.

    Raises:
        BrokenError: the link is missing.
    """
    committed, job = case.committed, case.job
    again = f"Ingest it again: `ingestctl ingest FILE --tag {case.tag}`."
    if committed.deleted:
        raise BrokenError("deleted", "The document was deleted; what is left of it is a tombstone.", again)
    if not committed.exists:
        raise BrokenError(
            "not_committed",
            f"The job completed, but Neo4j knows no document {case.document}: the graph was emptied or restored since.",
            again,
        )
    if job is not None and job.job.op is Operation.UPSERT and committed.checksum != job.job.checksum:
        raise BrokenError(
            "other_content_committed",
            f"Neo4j holds other content (SHA-256 {committed.checksum[:12]}…) than the last job delivered "
            f"({job.job.checksum[:12]}…): the graph was restored from an earlier state.",
            again,
        )
    return "committed", f"{len(committed.generation)} sections are committed under fence {committed.fence}."


def graph(case: Case) -> tuple[str, str]:
    """Say whether every section of the generation has its node.

    Raises:
        BrokenError: the link is missing.
    """
    nodes = case.runtime.graph.section_hashes([case.document])[case.document]
    lost = [i for i in case.committed.generation if i not in nodes]
    if lost:
        raise BrokenError(
            "sections_missing",
            f"{len(lost)} of {len(case.committed.generation)} sections of the committed generation are not in Neo4j (first: {lost[0]}).",
            f"`ingestctl repair --tag {case.tag}` repairs the graph.",
        )
    return "sections_there", f"All {len(nodes)} sections are in Neo4j."


def embedding(case: Case) -> tuple[str, str]:
    """Say whether a server makes the dataset's embedding version.

    Raises:
        BrokenError: the link is missing.
    """
    name = _readers_version(case)
    try:
        case.runtime.embedder.serving(name)
    except EmbeddingVersionError as error:
        raise BrokenError(
            "wrong_embedding_version",
            f"The dataset {case.tag!r} is indexed under embedding version {name or 'none'}. {error}",
            "Start a server with the model that the dataset was indexed with, or move the dataset: "
            f"`ingestctl reembed --tag={case.tag}`.",
        ) from error
    return "version_served", f"An embedding server makes the dataset's embedding version {name}."


def _readers_version(case: Case) -> str:
    return (case.runtime.graph.dataset(case.tag) or {}).get("embedding_version") or ""


def vectors(case: Case) -> tuple[str, str]:
    """Say whether every section has its point, made of its text.

    Raises:
        BrokenError: the link is missing.
    """
    runtime, generation = case.runtime, case.committed.generation
    version = EmbeddingVersion.named(_readers_version(case))
    repair = f"`ingestctl repair --tag {case.tag}` puts them back."
    if not runtime.vectors.exists(version):
        raise BrokenError("collection_missing", f"Qdrant has no collection {version.collection}.", repair)
    points = runtime.vectors.retrieve(version, generation)
    lost = [i for i in generation if i not in points]
    if lost:
        raise BrokenError(
            "points_missing",
            f"{len(lost)} of {len(generation)} sections have no point in Qdrant (first: {lost[0]}).",
            repair,
        )
    hashes = runtime.graph.section_hashes([case.document])[case.document]
    wrong = [i for i in generation if points[i].text_hash != hashes.get(i) or points[i].tag != case.tag]
    if wrong:
        raise BrokenError(
            "points_mismatched",
            f"{len(wrong)} points in Qdrant were made of other text than Neo4j holds (first: {wrong[0]}).",
            repair,
        )
    return "points_there", f"All {len(generation)} points are in Qdrant."
