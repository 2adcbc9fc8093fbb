"""Bringing the sections that were there before into the version that is being built, a batch of documents at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import ConfigurationError, DocumentError
from docgraph.integrity.compare import look
from docgraph.integrity.repair import repair_document
from docgraph.integrity.staging import Pace, Text, VectorStager
from docgraph.model_servers import EmbeddingInputError
from docgraph.reembed.versions import is_current, noting
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint

#: Sections of a mapped batch, at least; and batches at most, below Airflow's limit of mapped indexes.
BATCH_SECTIONS = 1000
MAX_BATCHES = 500
#: Sections that are embedded before their documents are staged: enough to fill batches across small documents.
GROUP_SECTIONS = 512
#: Documents looked at with one question.
GROUP_DOCUMENTS = 50


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
        InfrastructureError: a store or the embedding server failed; call again.
    """
    embedded = 0
    with noting(runtime, tag, "backfill"):
        embedder = runtime.embedder.serving(name)
        runtime.vectors.ensure(embedder.version)
        stager = VectorStager(runtime, embedder.version, _Backfilling(runtime, embedder.version))
        for start in range(0, len(document_ids), GROUP_DOCUMENTS):
            for group in _groups(runtime, embedder.version, document_ids[start : start + GROUP_DOCUMENTS]):
                if is_current(runtime, tag, name):
                    return embedded
                # Batches are filled across the group's documents; the repair of each then finds its vectors in the journal.
                embedded += len(stager.embed(stager.lacking([text for texts in group.values() for text in texts])))
                for document_id in group:
                    repair_document(runtime, embedder.version, document_id, tag=tag, from_journal=True)
                    runtime.journal.discard(name, document_id)
                failpoint("reembed.after_group")
    return embedded


def _groups(
    runtime: Runtime, version: EmbeddingVersion, document_ids: Sequence[str]
) -> Iterator[dict[str, list[Text]]]:
    """Yield the documents that the version lacks sections of, with these, a group having enough of them to fill batches.

    One that was committed meanwhile is among them: what was seen of it may be wrong. The others are left alone, and their
    attempts undisturbed.
    """
    group: dict[str, list[Text]] = {}
    for document_id, seen in look(runtime, version, document_ids, with_vectors=True).items():
        lacking = [*seen.found.missing, *seen.found.mismatched]
        if lacking or seen.moved:
            found = runtime.graph.sections(lacking).values()
            group[document_id] = [Text(s.section_id, document_id, s.heading_path, s.text) for s in found]
        if sum(map(len, group.values())) >= GROUP_SECTIONS:
            yield group
            group = {}
    if group:
        yield group


class _Backfilling(Pace):
    """Each batch has a place where it may be killed; a text that the new model can't read is a fault of the configuration."""

    def __init__(self, runtime: Runtime, version: EmbeddingVersion) -> None:
        super().__init__(runtime)
        self._version = version

    def refused(self, text: Text, error: DocumentError) -> None:
        if not isinstance(error, EmbeddingInputError):
            raise error
        raise ConfigurationError(
            f"Section {text.section_id} ({' > '.join(text.heading_path)}) of document {text.document_id} has "
            f"{error.tokens} tokens, and {self._version.model} reads {self._version.max_tokens}: it would be cut silently. "
            "Choose a model that reads more; `ingestctl reembed --abort` gives this one up."
        ) from error

    def finished(self) -> None:
        failpoint("reembed.after_batch")
