"""The two arms of a search: the vector store asked by meaning, the full-text index by words, both at the same time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass

from docgraph.domain.errors import StoreUnavailableError
from docgraph.model_servers import Embedder, EmbeddingInputError
from docgraph.retrieval.validated import Candidate, Candidates
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.stillness import Stillness
from docgraph.stores.vectors import VectorStore

#: Candidates asked of each arm; more when a later page is wanted.
POOL = 50
#: A heading can't be filtered inside the vector store: there the pool is made larger and filtered at the join.
HEADING_POOL = 400
_SHORTEST_CUT = 40


@dataclass(frozen=True, slots=True)
class Filters:
    """What restricts a search: the beginning of the source address, the content type, a part of the heading path."""

    source_prefix: str | None = None
    content_type: str | None = None
    heading: str | None = None

    @property
    def on_documents(self) -> bool:
        """Whether documents have to be chosen before sections."""
        return self.source_prefix is not None or self.content_type is not None

    def allows(self, heading_path: Sequence[str]) -> bool:
        """Whether a section with this heading path may be in the answer."""
        return self.heading is None or self.heading.lower() in " > ".join(heading_path).lower()


class Stopwatch:
    """Sums up the seconds of named steps; each name is written by one thread only."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.seconds = dict.fromkeys(("embed", "dense", "fulltext", "join", "read"), 0.0)

    def add(self, name: str, since: float) -> None:
        """Add what has passed since then to a step."""
        self.seconds[name] += time.perf_counter() - since

    @property
    def timings(self) -> dict[str, float]:
        """The seconds of each step, and of the whole."""
        return {**self.seconds, "total": time.perf_counter() - self.started}


class Arms:
    """Both ways of finding candidates, asked at the same time; questions are embedded once, while their words are looked for."""

    def __init__(
        self,
        reader: GraphStore,
        vectors: VectorStore,
        embedder: Embedder | None,
        tag: str,
        questions: Sequence[str],
        pool: int,
        filters: Filters,
        documents: Sequence[str] | None,
        watch: Stopwatch,
        *,
        embed_within: float | None = None,
    ) -> None:
        """Prepare both; without an `embedder`, or where it takes longer than `embed_within` seconds, only words are looked for."""
        self._reader = reader
        self._vectors = vectors
        self._embedder = embedder
        self._tag = tag
        self._questions = questions
        self._pool = pool
        self._filters = filters
        self._documents = documents
        self._watch = watch
        self._embed_within = embed_within
        self._embedded: list[list[float]] = []
        #: Why only words were looked for.
        self.without_meaning: StoreUnavailableError | None = None
        #: What both arms named for each of the questions when they were last asked.
        self.asked: list[Candidates] = []

    def ask(self, stillness: Stillness) -> Candidates:
        """Ask both arms, and return the candidates of all questions together."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dense") as executor:
            # In this context: what is waited for there belongs to the same request.
            dense = executor.submit(copy_context().run, self._dense)
            lexical = self._fulltext(stillness)
            self.asked = [Candidates(*both) for both in zip(dense.result(), lexical, strict=True)]
        return Candidates(
            tuple(candidate for each in self.asked for candidate in each.dense),
            tuple(candidate for each in self.asked for candidate in each.fulltext),
        )

    def _dense(self) -> list[tuple[Candidate, ...]]:
        if self._embedder is None or self.without_meaning is not None:
            return [() for _ in self._questions]
        if not self._embedded:
            started = time.perf_counter()
            try:
                self._embedded = embed_questions(self._embedder, self._questions, within=self._embed_within)
            except StoreUnavailableError as error:
                if self._embed_within is None:
                    raise
                self.without_meaning = error
                return [() for _ in self._questions]
            finally:
                self._watch.add("embed", started)
        started = time.perf_counter()
        limit = self._pool if self._filters.heading is None else max(HEADING_POOL, self._pool)
        found = []
        for vector in self._embedded:
            points = self._vectors.nearest(
                self._embedder.version, self._tag, vector, limit, document_ids=self._documents
            )
            # Equal scores come in any order from the store.
            points.sort(key=lambda p: (-p.score, p.section_id))
            found.append(tuple(Candidate(p.section_id, p.document_id, fence=p.fence, cosine=p.score) for p in points))
        self._watch.add("dense", started)
        return found

    def _fulltext(self, stillness: Stillness) -> list[tuple[Candidate, ...]]:
        started = time.perf_counter()
        if self._documents is None and self._filters.heading is None:
            found = self._reader.fulltext_many(self._tag, self._questions, self._pool, stillness=stillness)
        else:
            found = [
                self._reader.fulltext(
                    self._tag,
                    question,
                    self._pool,
                    document_ids=self._documents,
                    heading=self._filters.heading,
                    stillness=stillness,
                )
                for question in self._questions
            ]
        self._watch.add("fulltext", started)
        return [
            tuple(
                Candidate(hit.section_id, hit.document_id, bm25=hit.score)
                for hit in sorted(hits, key=lambda hit: (-hit.score, hit.section_id))
            )
            for hits in found
        ]


def embed_questions(embedder: Embedder, questions: Sequence[str], *, within: float | None = None) -> list[list[float]]:
    """Return the vectors of questions; one that is longer than the model reads is embedded from its beginning.

    `within` is how many seconds the server may take.
    """
    texts = list(questions)
    while True:
        try:
            return [[float(x) for x in vector] for vector in embedder.embed(texts, within=within)]
        except EmbeddingInputError as error:
            text = texts[error.index]
            if len(text) <= _SHORTEST_CUT:
                raise
            texts[error.index] = text[: len(text) * 2 // 3]
