"""Hybrid search: dense and full text at once, their candidates put in one order, over what the graph says exists.

The adapters (Python, HTTP, `ingestctl search`, MCP) and the verdict all call `search`; none of them has a retrieval of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from docgraph.domain.errors import EmbeddingVersionError, StoreUnavailableError
from docgraph.domain.identity import canonical_text, is_tag
from docgraph.domain.site_routes import Site
from docgraph.model_servers import Embedder, EmbeddingServers
from docgraph.retrieval.answer import Answer, Evidence, Related
from docgraph.retrieval.arms import POOL, Arms, Filters, Stopwatch
from docgraph.retrieval.confidence import Features, confidence
from docgraph.retrieval.errors import QueryError, UnknownDatasetError
from docgraph.retrieval.expansion import Near, expand
from docgraph.retrieval.matching import matched, query_terms, share, snippet
from docgraph.retrieval.ranking import Ranked, rank
from docgraph.retrieval.validated import Candidates, Hit, ValidatedRead, validated_read
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.stillness import Stillness
from docgraph.stores.graph.views import SectionText
from docgraph.stores.vectors import VectorStore

MAX_LIMIT = 100
MAX_OFFSET = 1000
MAX_QUERY_LENGTH = 10_000
_WORDS_ALONE = "Found by words alone, not by meaning:"
_TOP_FOR_COVERAGE, _TOP_FOR_AGREEMENT = 3, 5


@dataclass(frozen=True, slots=True)
class _Found:
    """What both arms found and exists, each best first, and all of it in one order."""

    hits: Mapping[str, Hit]
    dense: list[str]
    lexical: list[str]
    ranked: Ranked


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
    sites: Sequence[Site] = (),
    embed_within: float | None = None,
) -> Answer:
    """Answer a question from one dataset: evidence, best first, with reasons, confidence (0 to 1) and timings (seconds).

    `source_prefix`, `content_type` and `heading` (part of the heading path, any case) restrict it. `related` adds what
    stands near each hit in the graph, of the same state; while the dataset is written to without a break it is left out. Links
    among it are followed as on the `sites` that the dataset is published as.
    `embedding_version` asks the points of another version than the readers' (by name), which is how one that is being
    built is tried.
    `embed_within` is for a caller who waits: where the embedding server has not answered after so many seconds, sections are
    found by their words alone, and the answer's notes say so.

    Raises:
        QueryError: the question, tag, limit or offset can't be used as it is.
        UnknownDatasetError: nothing was ever ingested under the tag.
        EmbeddingVersionError: no embedding server makes the version that the dataset's readers use.
        ReadConflictError: the documents kept changing while they were read.
        StoreUnavailableError: Neo4j, Qdrant or the embedder can't be reached.
    """
    watch = Stopwatch()
    question = _checked(query, tag, limit, offset)
    filters = Filters(*(_sendable(value) if value else None for value in (source_prefix, content_type, heading)))
    unavailable: StoreUnavailableError | None = None
    own: Embedder | None = None
    dataset = reader.dataset(tag)
    try:
        own = _embedder_of(reader, embedder, tag, embedding_version, dataset, within=embed_within)
    except StoreUnavailableError as error:
        if embed_within is None:
            raise
        unavailable = error
    documents = None
    if filters.on_documents:
        documents = reader.documents_matching(
            tag, source_prefix=filters.source_prefix, content_type=filters.content_type
        )
    if documents is not None and not documents:
        return Answer(query, tag, (), 0.0, watch.timings, {"dense": 0, "fulltext": 0, "dropped": 0})
    pool = max(POOL, 2 * (limit + offset))
    arms = Arms(reader, vectors, own, tag, [question], pool, filters, documents, watch, embed_within=embed_within)
    terms = query_terms(question)

    def ranked(candidates: Candidates, hits: Mapping[str, Hit]) -> _Found:
        return _rank(candidates, {i: h for i, h in hits.items() if filters.allows(h.section.heading_path)}, terms)

    def with_near(candidates: Candidates, hits: Mapping[str, Hit], stillness: Stillness) -> tuple[_Found, Near]:
        found = ranked(candidates, hits)
        shown = [hits[i] for i, _ in found.ranked.ranking[offset : offset + limit]]
        return found, expand(reader, shown, stillness, sites)

    read = validated_read(reader, tag, arms.ask, with_near if related else None)
    watch.seconds["join"] += read.join_seconds
    watch.seconds["read"] += read.read_seconds
    found, near = read.beside or (ranked(read.candidates, read.hits), Near())
    page = found.ranked.ranking[offset : offset + limit]
    answer = _answer(query, tag, found, page, near, read.dropped, watch)
    unavailable = unavailable or arms.without_meaning
    return answer if unavailable is None else replace(answer, notes=(f"{_WORDS_ALONE} {unavailable}",))


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, and the whole texts of the sections that it names, in its order and of the same state."""

    answer: Answer
    sections: tuple[SectionText, ...]


def ask_many(
    reader: GraphStore, vectors: VectorStore, embedder: Embedder, queries: Sequence[str], tag: str, *, limit: int
) -> list[Asked]:
    """Answer several questions as `search` would, without what stands near the hits: in as many statements as one takes.

    `embedder` makes the embedding version whose points are asked.

    Raises:
        QueryError: a question, the tag or the limit can't be used as it is.
        ReadConflictError: the documents kept changing while they were read.
        StoreUnavailableError: Neo4j, Qdrant or the embedder can't be reached.
    """
    watch = Stopwatch()
    questions = [_checked(query, tag, limit, 0) for query in queries]
    arms = Arms(reader, vectors, embedder, tag, questions, max(POOL, 2 * limit), Filters(), None, watch)
    read: ValidatedRead[None] = validated_read(reader, tag, arms.ask)
    watch.seconds["join"] += read.join_seconds
    watch.seconds["read"] += read.read_seconds
    asked = []
    for query, question, candidates in zip(queries, questions, arms.asked, strict=True):
        own = candidates.all
        hits = {i: replace(read.hits[i], candidate=own[i]) for i in own if i in read.hits}
        terms = query_terms(question)
        found = _rank(candidates, hits, terms)
        page = found.ranked.ranking[:limit]
        answer = _answer(query, tag, found, page, Near(), read.dropped, watch)
        asked.append(Asked(answer, tuple(hits[i].section for i, _ in page)))
    return asked


def _answer(
    query: str,
    tag: str,
    found: _Found,
    page: Sequence[tuple[str, float]],
    near: Mapping[str, tuple[Related, ...]],
    dropped: int,
    watch: Stopwatch,
) -> Answer:
    dense, lexical = found.dense, found.lexical
    features = _features(found)
    evidence = tuple(_evidence(i, score, found, near.get(i, ())) for i, score in page)
    counts = {"dense": len(dense), "fulltext": len(lexical), "dropped": dropped}
    return Answer(query, tag, evidence, confidence(features), watch.timings, counts, features)


def _rank(candidates: Candidates, hits: Mapping[str, Hit], terms: Sequence[str]) -> _Found:
    dense = [c.section_id for c in candidates.dense if c.section_id in hits]
    lexical = [c.section_id for c in candidates.fulltext if c.section_id in hits]
    return _Found(hits, dense, lexical, rank(hits, dense, lexical, terms))


def readers_embedder(
    reader: GraphStore, embedder: EmbeddingServers, tag: str, dataset: Mapping[str, Any] | None = None
) -> Embedder:
    """Return the server that makes the embedding version of the dataset's readers; `dataset` is its node where that was read already.

    Raises:
        UnknownDatasetError: no dataset has this tag.
        EmbeddingVersionError: no server makes that version.
    """
    return _embedder_of(reader, embedder, tag, None, dataset)


def _embedder_of(
    reader: GraphStore,
    embedder: EmbeddingServers,
    tag: str,
    name: str | None,
    dataset: Mapping[str, Any] | None = None,
    *,
    within: float | None = None,
) -> Embedder:
    dataset = dataset or reader.dataset(tag)
    if dataset is None:
        raise UnknownDatasetError(
            f"No dataset has the tag {tag!r}; `ingestctl status` lists the datasets, `ingestctl ingest FILES --tag={tag}` makes it."
        )
    try:
        return embedder.serving(name or dataset["embedding_version"], within=within)
    except EmbeddingVersionError as error:
        raise EmbeddingVersionError(
            f"The dataset {tag!r} can't be asked. {error} Start a server with the model that the dataset was indexed with, or move "
            f"the dataset to another: `ingestctl reembed --tag={tag}`."
        ) from error


def _checked(query: str, tag: str, limit: int, offset: int) -> str:
    if not is_tag(tag):
        raise QueryError(f"{tag!r} is not a valid tag: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit.")
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


def _features(found: _Found) -> Features | None:
    ranked = found.ranked
    if not ranked.ranking:
        return None
    top = [i for i, _ in ranked.ranking[:_TOP_FOR_AGREEMENT]]
    both = set(found.dense) & set(found.lexical)
    return Features(
        cosine=max((found.hits[i].candidate.cosine or 0.0 for i in found.dense), default=0.0),
        coverage=share(ranked.term_weights, frozenset().union(*(ranked.held[i] for i in top[:_TOP_FOR_COVERAGE]))),
        agreement=sum(1 for i in top if i in both) / len(top),
    )


def _evidence(section_id: str, score: float, found: _Found, near: tuple[Related, ...]) -> Evidence:
    hit, term_weights = found.hits[section_id], found.ranked.term_weights
    section = hit.section
    why: list[str] = []
    if section_id in found.dense:
        why.append(
            f"similar in meaning: rank {found.dense.index(section_id) + 1}, cosine {hit.candidate.cosine or 0.0:.2f}"
        )
    if section_id in found.lexical:
        words = [term for term in term_weights if term in found.ranked.held[section_id]]
        said = f" ({', '.join(words[:8])})" if words else ""
        why.append(f"same words{said}: rank {found.lexical.index(section_id) + 1}")
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
