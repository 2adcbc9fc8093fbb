"""Hybrid search: dense and full text at once, fused by rank, over what the graph says exists.

The doors (Python, HTTP, `ingestctl search`, MCP) and the verdict all call `search`; none of them has a retrieval of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import EmbeddingVersionError
from docgraph.domain.identity import canonical_text, is_tag
from docgraph.model_servers import Embedder, EmbeddingInputError, EmbeddingServers
from docgraph.retrieval.answer import Answer, Evidence, Related
from docgraph.retrieval.confidence import Features, confidence
from docgraph.retrieval.errors import QueryError, UnknownDatasetError
from docgraph.retrieval.expansion import Near, expand
from docgraph.retrieval.fusion import reciprocal_rank_fusion
from docgraph.retrieval.matching import coverage, is_identifier, matched, query_terms, snippet, weights
from docgraph.retrieval.validated import Candidate, Candidates, Hit, validated_read
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.stillness import Stillness
from docgraph.stores.vectors import VectorStore

#: Candidates asked of each arm; more when a later page is wanted.
POOL = 50
#: A heading can't be filtered inside the vector store: there the pool is made larger and filtered at the join.
HEADING_POOL = 400
#: What full text counts for beside the dense arm where the question is one identifier: nothing but its words can be meant.
IDENTIFIER_WEIGHT = 3.0
MAX_LIMIT = 100
MAX_OFFSET = 1000
MAX_QUERY_LENGTH = 10_000
_SHORTEST_CUT = 40
_TOP_FOR_COVERAGE, _TOP_FOR_AGREEMENT = 3, 5


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


class _Stopwatch:
    """Sums up the seconds of named steps; each name is written by one thread only."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.seconds = dict.fromkeys(("embed", "dense", "fulltext", "join", "read"), 0.0)

    def add(self, name: str, since: float) -> None:
        self.seconds[name] += time.perf_counter() - since

    @property
    def timings(self) -> dict[str, float]:
        return {**self.seconds, "total": time.perf_counter() - self.started}


@dataclass(frozen=True, slots=True)
class _Ranked:
    """What both arms found and exists, each best first, and fused."""

    hits: Mapping[str, Hit]
    dense: list[str]
    lexical: list[str]
    ranking: list[tuple[str, float]]


def search(
    reader: GraphStore,
    vectors: VectorStore,
    embedder: EmbeddingServers,
    query: str,
    tag: str,
    *,
    limit: int = 10,
    offset: int = 0,
    source_prefix: str | None = None,
    content_type: str | None = None,
    heading: str | None = None,
    related: bool = True,
    embedding_version: str | None = None,
) -> Answer:
    """Answer a question from one dataset: evidence, best first, with reasons, confidence (0 to 1) and timings (seconds).

    `source_prefix`, `content_type` and `heading` (part of the heading path, any case) restrict it. `related` adds what
    stands near each hit in the graph, of the same state; while the dataset is written to without a break it is left out.
    `embedding_version` asks the points of another version than the readers' (by name), which is how one that is being
    built is tried.

    Raises:
        QueryError: the question, tag, limit or offset can't be used as it is.
        UnknownDatasetError: nothing was ever ingested under the tag.
        EmbeddingVersionError: no embedding server makes the version that the dataset's readers use.
        ReadConflictError: the documents kept changing while they were read.
        StoreUnavailableError: Neo4j, Qdrant or the embedder can't be reached.
    """
    watch = _Stopwatch()
    question = _checked(query, tag, limit, offset)
    filters = Filters(*(_sendable(value) if value else None for value in (source_prefix, content_type, heading)))
    own = _embedder_of(reader, embedder, tag, embedding_version)
    documents = None
    if filters.on_documents:
        documents = reader.documents_matching(
            tag, source_prefix=filters.source_prefix, content_type=filters.content_type
        )
    if documents is not None and not documents:
        return Answer(query, tag, (), 0.0, watch.timings, {"dense": 0, "fulltext": 0, "dropped": 0})
    pool = max(POOL, 2 * (limit + offset))
    arms = _Arms(reader, vectors, own, tag, question, pool, filters, documents, watch)
    terms = query_terms(question)

    def ranked(candidates: Candidates, hits: Mapping[str, Hit]) -> _Ranked:
        return _rank(candidates, {i: h for i, h in hits.items() if filters.allows(h.section.heading_path)}, terms)

    def with_near(candidates: Candidates, hits: Mapping[str, Hit], stillness: Stillness) -> tuple[_Ranked, Near]:
        found = ranked(candidates, hits)
        return found, expand(reader, [hits[i] for i, _ in found.ranking[offset : offset + limit]], stillness)

    read = validated_read(reader, tag, arms.ask, with_near if related else None)
    watch.seconds["join"] += read.join_seconds
    watch.seconds["read"] += read.read_seconds

    found, near = read.beside or (ranked(read.candidates, read.hits), Near())
    hits, dense, lexical = found.hits, found.dense, found.lexical
    term_weights = weights(terms, [_full_text(hit) for hit in hits.values()])
    features = _features(found.ranking, hits, dense, lexical, term_weights)
    page = found.ranking[offset : offset + limit]
    evidence = tuple(_evidence(hits[i], score, dense, lexical, term_weights, near.get(i, ())) for i, score in page)
    counts = {"dense": len(dense), "fulltext": len(lexical), "dropped": read.dropped}
    return Answer(query, tag, evidence, confidence(features), watch.timings, counts, features)


def _rank(candidates: Candidates, hits: Mapping[str, Hit], terms: Sequence[str]) -> _Ranked:
    dense = [c.section_id for c in candidates.dense if c.section_id in hits]
    lexical = [c.section_id for c in candidates.fulltext if c.section_id in hits]
    arms = (1.0, IDENTIFIER_WEIGHT if is_identifier(terms) else 1.0)
    return _Ranked(hits, dense, lexical, reciprocal_rank_fusion(dense, lexical, weights=arms))


def readers_version(reader: GraphStore, embedder: EmbeddingServers, tag: str) -> EmbeddingVersion:
    """Return the embedding version that the dataset's readers use, if an embedding server makes it.

    Raises:
        UnknownDatasetError: no dataset has this tag.
        EmbeddingVersionError: no server makes that version.
    """
    return _embedder_of(reader, embedder, tag, None).version


def _embedder_of(reader: GraphStore, embedder: EmbeddingServers, tag: str, name: str | None) -> Embedder:
    dataset = reader.dataset(tag)
    if dataset is None:
        raise UnknownDatasetError(
            f"No dataset has the tag {tag!r}; `ingestctl status` lists the datasets, `ingestctl ingest FILES --tag={tag}` makes it."
        )
    try:
        return embedder.serving(name or dataset["embedding_version"])
    except EmbeddingVersionError as error:
        raise EmbeddingVersionError(
            f"The dataset {tag!r} can't be asked. {error} Start a server with the model that the dataset was indexed with, or move "
            f"the dataset to another: `ingestctl reembed --tag={tag}`."
        ) from error


class _Arms:
    """Both ways of finding candidates, asked at the same time; the question is embedded once, while its words are looked for."""

    def __init__(
        self,
        reader: GraphStore,
        vectors: VectorStore,
        embedder: Embedder,
        tag: str,
        question: str,
        pool: int,
        filters: Filters,
        documents: Sequence[str] | None,
        watch: _Stopwatch,
    ) -> None:
        self._reader = reader
        self._vectors = vectors
        self._embedder = embedder
        self._tag = tag
        self._question = question
        self._pool = pool
        self._filters = filters
        self._documents = documents
        self._watch = watch
        self._vector: list[float] = []

    def ask(self, stillness: Stillness) -> Candidates:
        """Ask both arms."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dense") as executor:
            dense = executor.submit(self._dense)
            lexical = self._fulltext(stillness)
            return Candidates(dense.result(), lexical)

    def _dense(self) -> tuple[Candidate, ...]:
        if not self._vector:
            started = time.perf_counter()
            self._vector = embed_question(self._embedder, self._question)
            self._watch.add("embed", started)
        started = time.perf_counter()
        limit = self._pool if self._filters.heading is None else max(HEADING_POOL, self._pool)
        points = self._vectors.nearest(
            self._embedder.version, self._tag, self._vector, limit, document_ids=self._documents
        )
        self._watch.add("dense", started)
        # Equal scores come in any order from the store.
        points.sort(key=lambda p: (-p.score, p.section_id))
        return tuple(Candidate(p.section_id, p.document_id, fence=p.fence, cosine=p.score) for p in points)

    def _fulltext(self, stillness: Stillness) -> tuple[Candidate, ...]:
        started = time.perf_counter()
        found = self._reader.fulltext(
            self._tag,
            self._question,
            self._pool,
            document_ids=self._documents,
            heading=self._filters.heading,
            stillness=stillness,
        )
        self._watch.add("fulltext", started)
        found.sort(key=lambda hit: (-hit.score, hit.section_id))
        return tuple(Candidate(hit.section_id, hit.document_id, bm25=hit.score) for hit in found)


def embed_question(embedder: Embedder, question: str) -> list[float]:
    """Return the vector of a question; one that is longer than the model reads is embedded from its beginning."""
    text = question
    while True:
        try:
            return [float(x) for x in embedder.embed([text])[0]]
        except EmbeddingInputError:
            if len(text) <= _SHORTEST_CUT:
                raise
            text = text[: len(text) * 2 // 3]


def _checked(query: str, tag: str, limit: int, offset: int) -> str:
    if not is_tag(tag):
        raise QueryError(f"{tag!r} is no tag: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit.")
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryError(f"limit={limit} is out of range; ask for 1 to {MAX_LIMIT} hits.")
    if not 0 <= offset <= MAX_OFFSET:
        raise QueryError(f"offset={offset} is out of range; it goes from 0 to {MAX_OFFSET}.")
    question = canonical_text(_sendable(query)).strip()
    if not question:
        raise QueryError("The question is empty; ask for something.")
    if len(question) > MAX_QUERY_LENGTH:
        raise QueryError(f"The question has {len(question):,} characters; ask with at most {MAX_QUERY_LENGTH:,}.")
    return question


def _sendable(text: str) -> str:
    """Return the text without lone surrogates, which can't be sent to any store."""
    return text.encode("utf-8", "replace").decode()


def _full_text(hit: Hit) -> str:
    return " > ".join(hit.section.heading_path) + "\n" + hit.section.text


def _features(
    ranking: Sequence[tuple[str, float]],
    hits: Mapping[str, Hit],
    dense: Sequence[str],
    lexical: Sequence[str],
    term_weights: Mapping[str, float],
) -> Features | None:
    if not ranking:
        return None
    top = [i for i, _ in ranking[:_TOP_FOR_AGREEMENT]]
    both = set(dense) & set(lexical)
    return Features(
        cosine=max((hits[i].candidate.cosine or 0.0 for i in dense), default=0.0),
        coverage=coverage(term_weights, [_full_text(hits[i]) for i in top[:_TOP_FOR_COVERAGE]]),
        agreement=sum(1 for i in top if i in both) / len(top),
    )


def _evidence(
    hit: Hit,
    score: float,
    dense: Sequence[str],
    lexical: Sequence[str],
    term_weights: Mapping[str, float],
    near: tuple[Related, ...],
) -> Evidence:
    section = hit.section
    why: list[str] = []
    if section.section_id in dense:
        why.append(
            f"similar in meaning: rank {dense.index(section.section_id) + 1}, cosine {hit.candidate.cosine or 0.0:.2f}"
        )
    if section.section_id in lexical:
        words = matched(list(term_weights), _full_text(hit))
        said = f" ({', '.join(words[:8])})" if words else ""
        why.append(f"same words{said}: rank {lexical.index(section.section_id) + 1}")
    in_heading = matched(list(term_weights), " > ".join(section.heading_path))
    if in_heading:
        why.append(f"in the heading: {', '.join(in_heading[:8])}")
    return Evidence(
        section_id=section.section_id,
        document_id=section.document_id,
        document=hit.document.title,
        source_uri=hit.document.source_uri,
        heading_path=section.heading_path,
        anchor=hit.member.anchor,
        snippet=snippet(section.text, term_weights),
        score=score,
        why=tuple(why),
        related=near,
    )
