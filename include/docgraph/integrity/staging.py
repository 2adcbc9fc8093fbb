"""The way of a vector, the same for every caller: journal → embed → point → conditional upsert.

Stages, repairs, rebuilds and moves to another model differ in which texts they bring and what they do between two batches
(`Pace`), and in nothing else: texts of like length share a batch, each batch is durable in the journal before the next is
asked for, and points are upserted under the caller's fence, which the store compares (rule 1 of the commit protocol).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from docgraph.domain.documents import EmbeddingVersion, Point, Section, embedded_text
from docgraph.domain.errors import DocumentError, InfrastructureError
from docgraph.domain.identity import text_hash, vector_hash
from docgraph.domain.protocol import Attempt
from docgraph.model_servers.client import Vectors
from docgraph.runtime.connections import Runtime


@dataclass(frozen=True, slots=True)
class Text:
    """What one section is embedded from, and the document whose journal keeps its vector."""

    section_id: str
    document_id: str
    heading_path: tuple[str, ...]
    text: str

    @classmethod
    def of(cls, section: Section, document_id: str) -> Text:
        """Return the text of a section of this document."""
        return cls(section.section_id, document_id, section.heading_path, section.text)

    @property
    def embedded(self) -> str:
        """The text that the model is given."""
        return embedded_text(self.heading_path, self.text)


class Pace:
    """What a caller does between two batches; this one only waits while the gate is closed."""

    def __init__(self, runtime: Runtime) -> None:
        """Keep what the gate is asked through."""
        self._runtime = runtime

    def wanted(self, batch: Sequence[Text]) -> Sequence[Text]:
        """Wait out a closed gate before a batch; return those of its texts that are still wanted."""
        self._runtime.state.gate.wait()
        return batch

    def embedded(self, document_id: str, section_ids: Sequence[str]) -> None:
        """Take note that the vectors of these sections of a document are durable."""

    def refused(self, text: Text, error: DocumentError) -> None:
        """Take note that a text can't be embedded; raises unless the caller can do without its document."""
        del text
        raise error

    def finished(self) -> None:
        """Take note that a batch is done."""

    def staging(self, done: int, total: int) -> None:
        """Take note that so many points of a document are staged; asked before the first and after each batch."""


class VectorStager:
    """Brings vectors of one embedding version to where they belong."""

    def __init__(self, runtime: Runtime, version: EmbeddingVersion, pace: Pace | None = None) -> None:
        """Bind the version; its server must answer when something has to be embedded."""
        self._runtime = runtime
        self._version = version
        self._pace = pace or Pace(runtime)

    def lacking(self, texts: Sequence[Text]) -> list[Text]:
        """Return those of the texts whose vectors the journal lacks."""
        there: set[str] = set()
        for document_id, own in _by_document(texts).items():
            there |= self._runtime.journal.load(self._version.name, document_id, [t.section_id for t in own]).keys()
        return [text for text in texts if text.section_id not in there]

    def embed(self, texts: Sequence[Text]) -> dict[str, Vectors]:
        """Embed texts of any documents, batch by batch, longest first; return the vectors by section id.

        Each batch is in the journal before the next is asked for.

        Raises:
            DocumentError: the model can't take a text, and the pace does not do without its document.
            InfrastructureError: the server failed; what was embedded until then stays in the journal.
        """
        made: dict[str, Vectors] = {}
        size = self._runtime.config.pipeline.embed_batch
        ordered = sorted(texts, key=lambda text: (-len(text.text), text.section_id))
        for start in range(0, len(ordered), size):
            batch = self._pace.wanted(ordered[start : start + size])
            if batch:
                made |= self._embed_batch(batch)
            self._pace.finished()
        return made

    def stage(
        self, attempt: Attempt, tag: str, sections: Iterable[Section], *, anew: frozenset[str] = frozenset()
    ) -> int:
        """Upsert the points of sections of the attempt's document, conditionally, under its fence; returns how many.

        Vectors come from the journal; those that it lacks, and those of the sections in `anew`, whatever it has, are embedded.

        Raises:
            DocumentError: the model can't take a text.
            InfrastructureError: a store or the server failed.
        """
        texts = [Text.of(section, attempt.document_id) for section in sections]
        size = self._runtime.config.pipeline.upsert_batch
        if texts:
            self._pace.staging(0, len(texts))
        for start in range(0, len(texts), size):
            part = texts[start : start + size]
            vectors = self._vectors(attempt.document_id, part, anew)
            points = [_point(text, tag, vectors[text.section_id]) for text in part]
            self._runtime.vectors.stage(self._version, points, attempt.fence)
            self._pace.staging(start + len(part), len(texts))
        return len(texts)

    def _vectors(self, document_id: str, texts: Sequence[Text], anew: frozenset[str]) -> dict[str, Vectors]:
        known = [text.section_id for text in texts if text.section_id not in anew]
        vectors = self._runtime.journal.load(self._version.name, document_id, known)
        missing = [text for text in texts if text.section_id not in vectors]
        if missing:
            vectors |= self.embed(missing)
        if lost := [text.section_id for text in texts if text.section_id not in vectors]:
            raise InfrastructureError(
                f"{len(lost)} vectors of document {document_id} are missing after they were computed (first: {lost[0]}); "
                "resume its job."
            )
        return vectors

    def _embed_batch(self, batch: Sequence[Text]) -> dict[str, Vectors]:
        embedder = self._runtime.embedder.serving(self._version.name)
        try:
            rows = embedder.embed([text.embedded for text in batch])
        except DocumentError:
            # The server refuses the whole request: find out whose text it was, so that only that document fails.
            return self._embed_one_by_one(batch)
        return self._keep(batch, dict(zip((text.section_id for text in batch), rows, strict=True)))

    def _embed_one_by_one(self, batch: Sequence[Text]) -> dict[str, Vectors]:
        made: dict[str, Vectors] = {}
        embedder = self._runtime.embedder.serving(self._version.name)
        for text in batch:
            if not self._pace.wanted([text]):
                continue
            try:
                rows = embedder.embed([text.embedded])
            except DocumentError as error:
                self._pace.refused(text, error)
                continue
            made |= self._keep([text], {text.section_id: rows[0]})
        return made

    def _keep(self, batch: Sequence[Text], vectors: Mapping[str, Vectors]) -> dict[str, Vectors]:
        """Make a batch durable, document by document, then announce it."""
        for document_id, own in _by_document(batch).items():
            rows = {text.section_id: vectors[text.section_id] for text in own}
            self._runtime.journal.put(self._version.name, document_id, rows)
            self._pace.embedded(document_id, list(rows))
        return dict(vectors)


def _by_document(texts: Iterable[Text]) -> dict[str, list[Text]]:
    grouped: dict[str, list[Text]] = defaultdict(list)
    for text in texts:
        grouped[text.document_id].append(text)
    return grouped


def _point(text: Text, tag: str, vector: Vectors) -> Point:
    values = vector.tolist()
    return Point(
        section_id=text.section_id,
        document_id=text.document_id,
        tag=tag,
        vector=values,
        text_hash=text_hash(text.heading_path, text.text),
        vector_hash=vector_hash(values),
    )
