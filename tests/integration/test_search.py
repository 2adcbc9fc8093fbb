"""Search and verdict on the real engines: what is found, what is hidden, and what is never half there."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest

from docgraph.domain import identity
from docgraph.domain.commit import CommitRequest, LinkRow, SectionRow
from docgraph.domain.documents import EmbeddingVersion, Point, embedded_text
from docgraph.domain.errors import EmbeddingVersionError
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.domain.verdict import Drift, Verdict
from docgraph.model_servers import EmbeddingServers
from docgraph.readiness.judgement import judge
from docgraph.retrieval import Answer, QueryError, UnknownDatasetError, search
from docgraph.runtime.config import DatasetConfig, IngestConfig, SampleQuery
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph import GraphStore
from docgraph.stores.vectors import VectorStore
from support.integration.store_service import bring

GATE = (
    "When a store is overloaded the gate closes: claims wait and batches pause until the store answers quickly again."
)
BACKUP = "Take a snapshot of the cluster every night and copy it to another region, so that a lost disk costs one day at most."
RETRY = "Set max_active_runs to limit how many runs work at once; the rest wait in the queue."
LOGIN = "Users sign in with a password and a one-time code from their telephone."


@dataclass
class Engines:
    graph: GraphStore
    vectors: VectorStore
    embedder: EmbeddingServers

    @property
    def version(self) -> EmbeddingVersion:
        return self.embedder.first.version()


@pytest.fixture(scope="session")
def engines(session_runtime: Runtime) -> Engines:
    session_runtime.vectors.ensure(session_runtime.embedding_version)
    return Engines(session_runtime.graph, session_runtime.vectors, session_runtime.embedder)


class Dataset:
    """A dataset of its own, written by the protocol: stage, commit, sweep."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.tag = f"t-{secrets.token_hex(6)}"
        engines.graph.ensure_dataset(self.tag, engines.version.name)

    def document_id(self, uri: str) -> str:
        return identity.document_id(self.tag, uri)

    def write(
        self,
        uri: str,
        sections: Sequence[tuple[str | tuple[str, ...], str]],
        *,
        title: str = "",
        deleted: bool = False,
        links: Sequence[str] = (),
        mentions: Sequence[str] = (),
    ) -> list[str]:
        """Make these the document's sections; the first one links to `links`, and each mentions `mentions`."""
        document, engines = self.document_id(uri), self.engines
        before = engines.graph.committed(document)
        fence = before.fence + 1
        pathed = [((heading,) if isinstance(heading, str) else heading, text) for heading, text in sections]
        vectors = engines.embedder.first.embed([embedded_text(path, text) for path, text in pathed])
        entities = {identity.entity_id(self.tag, "term", name): ("term", name) for name in mentions}
        mentioned = tuple((entity, "test") for entity in entities)
        rows, points = [], []
        for position, ((path, text), vector) in enumerate(zip(pathed, vectors, strict=True)):
            occurrence = pathed[:position].count((path, text))
            section = identity.section_id(document, path, text, occurrence)
            hashed = identity.text_hash(path, text)
            targets = tuple(LinkRow(self.document_id(link), link, "", "see") for link in links) if position == 0 else ()
            rows.append(SectionRow(section, path, text, hashed, occurrence, "max active runs", mentioned, (), targets))
            points.append(Point(section, document, self.tag, vector, hashed, identity.vector_hash(vector)))
        ids = [row.section_id for row in rows]
        if points:
            engines.vectors.stage(engines.version, points, fence)
        request = CommitRequest(
            attempt=Attempt(document, secrets.token_hex(8), fence, fence, before.generation),
            tag=self.tag,
            source_uri=uri,
            job_id="job",
            checksum=secrets.token_hex(8),
            pipeline="p",
            base_pipeline=before.pipeline,
            generation=tuple(ids),
            removed=tuple(i for i in before.generation if i not in ids),
            rows=[row for row in rows if row.section_id not in before.generation],
            entities=entities,
            properties={
                "title": title or uri,
                "content_type": "text/markdown",
                "levels": [len(path) for path, _ in pathed],
                "anchors": [f"a{i}" for i in range(len(ids))],
            },
            deleted=deleted,
            staged=frozenset({engines.version.name}),
        )
        assert engines.graph.commit(request).decision is CommitDecision.COMMIT
        engines.vectors.sweep(engines.version, document, fence, ids)
        return ids

    def search(self, query: str, **options: object) -> Answer:
        e = self.engines
        return search(e.graph, e.vectors, e.embedder, query, self.tag, **options)  # type: ignore[arg-type]

    def judge(
        self, config: IngestConfig | None = None, drift: Drift | None = None, changed: Sequence[str] = ()
    ) -> Verdict:
        e = self.engines
        total = e.graph.counts(self.tag)["sections"]
        found = drift or Drift("dataset", total, total, checked=total)
        return judge(
            self.tag,
            graph=e.graph,
            vectors=e.vectors,
            embedder=e.embedder,
            config=config or IngestConfig(),
            drift=found,
            changed=changed,
        )


@pytest.fixture
def data(engines: Engines) -> Iterator[Dataset]:
    made = Dataset(engines)
    yield made
    for document in engines.graph.documents_matching(made.tag):
        made.write(engines.graph.documents([document])[document]["source_uri"], [], deleted=True)


@pytest.fixture
def handbook(data: Dataset) -> Dataset:
    data.write(
        "upload:///ops/gate.md",
        [("Back-pressure", GATE), ("Concurrency", RETRY)],
        title="Operations",
        links=["upload:///ops/backup.md"],
    )
    data.write("upload:///ops/backup.md", [("Backups", BACKUP)], title="Backups")
    data.write("upload:///users/login.md", [("Signing in", LOGIN)], title="Users")
    return data


REFERENCE = """# Reference

## Limits

The setting max_active_runs says how many of them work at once.

## Options of the scheduler

With `--skip-serve-logs` no server for logs is started beside it.

## fs.readFile

Gives the content of what is named. The callback gets an error, or the bytes.

## fs.writeFile

Replaces the content of what is named.

## json.JSONEncoder.encode

Gives the text for a value.

## json.JSONDecoder.decode

Gives the value for a text.

## Error E1101

The member is not there. See E1102 for one that is called wrongly.

## Certificates

`ERR_TLS_CERT_ALTNAME_INVALID` says that the certificate names another host.

## Containers

A std::vector keeps its elements side by side.
"""


@pytest.fixture(scope="session")
def reference(session_runtime: Runtime, engines: Engines) -> Iterator[str]:
    """A page of names and codes, brought in by the pipeline itself; the tag of its dataset."""
    tag = f"t-{secrets.token_hex(6)}"
    ingest = bring(session_runtime, tag)
    ingest(reference=REFERENCE)
    yield tag
    ingest(reference=None)


def test_a_question_brings_the_section_that_answers_it_with_reasons(handbook: Dataset) -> None:
    answer = handbook.search("What happens when a store is overloaded?")
    first = answer.evidence[0]
    assert (first.source_uri, first.heading_path, first.anchor) == ("upload:///ops/gate.md", ("Back-pressure",), "a0")
    assert first.snippet == GATE
    assert any(reason.startswith("similar in meaning: rank 1") for reason in first.why)
    assert any("overloaded" in reason for reason in first.why)
    # With three sections there is little that both arms could agree on.
    assert answer.confidence > 0.4
    assert set(answer.timings) == {"embed", "dense", "fulltext", "join", "read", "total"}


def test_a_question_in_other_words_is_answered_by_meaning(handbook: Dataset) -> None:
    assert handbook.search("Is there two-factor authentication?").evidence[0].source_uri == "upload:///users/login.md"


def test_an_identifier_is_found_in_any_spelling(handbook: Dataset) -> None:
    for query in ("max_active_runs", "maxActiveRuns"):
        assert handbook.search(query).evidence[0].heading_path == ("Concurrency",)


@pytest.mark.parametrize(
    ("query", "heading"),
    [
        ("max_active_runs", "Limits"),
        ("active_runs", "Limits"),
        ("--skip-serve-logs", "Options of the scheduler"),
        ("skip-serve-logs", "Options of the scheduler"),
        ("serve logs", "Options of the scheduler"),
        ("fs.readFile", "fs.readFile"),
        ("readFile", "fs.readFile"),
        ("read file", "fs.readFile"),
        ("json.JSONEncoder.encode", "json.JSONEncoder.encode"),
        ("JSONEncoder.encode", "json.JSONEncoder.encode"),
        ("JSONEncoder", "json.JSONEncoder.encode"),
        ("E1101", "Error E1101"),
        ("ERR_TLS_CERT_ALTNAME_INVALID", "Certificates"),
        ("CERT_ALTNAME_INVALID", "Certificates"),
        ("altname invalid", "Certificates"),
        ("std::vector", "Containers"),
    ],
)
def test_identifiers_are_found_whole_and_in_part(reference: str, engines: Engines, query: str, heading: str) -> None:
    answer = search(engines.graph, engines.vectors, engines.embedder, query, reference, limit=3)
    assert answer.evidence[0].heading_path[-1] == heading
    by_word = engines.graph.fulltext(reference, query, 3)
    assert by_word[0].section_id == answer.evidence[0].section_id


def test_a_question_that_the_dataset_can_not_answer_scores_clearly_lower(handbook: Dataset) -> None:
    answered = [
        handbook.search(q).confidence
        for q in ("What closes the gate?", "How often is a snapshot taken?", "How do users sign in?")
    ]
    foreign = [
        handbook.search(q).confidence for q in ("Which wine goes with salmon?", "history of the Byzantine empire")
    ]
    assert min(answered) > 2 * max(foreign)
    assert max(foreign) < 0.3


def test_filters_restrict_to_documents_and_headings(handbook: Dataset) -> None:
    prefixed = handbook.search("store", source_prefix="upload:///users/")
    assert {e.source_uri for e in prefixed.evidence} == {"upload:///users/login.md"}
    headed = handbook.search("store", heading="back-PRESSURE")
    assert {e.heading_path for e in headed.evidence} == {("Back-pressure",)}
    assert handbook.search("store", content_type="text/html").evidence == ()
    assert handbook.search("store", content_type="text/html").confidence == 0.0


def test_pages_follow_each_other_without_repetition(handbook: Dataset) -> None:
    whole = [e.section_id for e in handbook.search("store", limit=4).evidence]
    pages = [e.section_id for offset in (0, 2) for e in handbook.search("store", limit=2, offset=offset).evidence]
    assert pages == whole


def test_related_places_come_with_their_reason(handbook: Dataset) -> None:
    related = handbook.search("What closes the gate?").evidence[0].related
    assert [(r.relation, r.heading_path) for r in related if r.relation == "next"] == [("next", ("Concurrency",))]
    assert [r.source_uri for r in related if r.relation == "link"] == ["upload:///ops/backup.md"]


def test_the_section_of_the_heading_around_a_hit_is_its_parent(data: Dataset) -> None:
    guide, linux = ("Guide",), ("Guide", "Linux")
    data.write(
        "upload:///guide.md",
        [
            (guide, "What this guide is for."),
            (linux, "Penguins and their packages."),
            ((*linux, "Kernel"), "The kernel of a penguin is compiled at night."),
            ((*linux, "Shell"), "A shell protects the turtle."),
            (("Guide", "Plan 9", "Rio"), "Rio draws windows on a bit map."),
        ],
    )

    def around(question: str) -> list[tuple[str, tuple[str, ...]]]:
        related = data.search(question, limit=1).evidence[0].related
        return [(r.relation, r.heading_path) for r in related if r.relation in ("previous", "next", "parent")]

    assert around("shell of the turtle") == [
        ("previous", (*linux, "Kernel")),
        ("next", ("Guide", "Plan 9", "Rio")),
        ("parent", linux),
    ]
    # The parent is named once, although it is also the section before.
    assert around("penguin kernel compiled at night") == [("next", (*linux, "Shell")), ("parent", linux)]
    # The heading in between has no text of its own: the nearest one that has stands for it.
    assert around("Rio draws windows")[-1] == ("parent", guide)
    assert around("what is this guide for") == [("next", linux)]


def test_a_deleted_document_is_gone_even_while_its_vectors_are_still_there(handbook: Dataset) -> None:
    e, uri = handbook.engines, "upload:///users/login.md"
    points = list(e.vectors.scroll(e.version, document_id=handbook.document_id(uri), with_vectors=True))
    handbook.write(uri, [], deleted=True)
    left = [Point(p.section_id, p.document_id, p.tag, p.vector or (), p.text_hash, p.vector_hash) for p in points]
    e.vectors.stage(e.version, left, fence=1)
    answer = handbook.search("How do users sign in?")
    assert all(hit.source_uri != uri for hit in answer.evidence)
    assert answer.counts["dropped"] == 1


def test_staged_vectors_are_seen_by_nobody(handbook: Dataset) -> None:
    e, document = handbook.engines, handbook.document_id("upload:///ops/gate.md")
    text = "The gate is made of oak and closes at dusk."
    section = identity.section_id(document, ("Gate",), text, 0)
    vector = e.embedder.first.embed([text])[0]
    e.vectors.stage(
        e.version, [Point(section, document, handbook.tag, vector, "h", identity.vector_hash(vector))], fence=99
    )
    answer = handbook.search("Is the gate made of oak?")
    assert section not in {hit.section_id for hit in answer.evidence}
    assert answer.counts["dropped"] == 0


def test_datasets_do_not_see_each_other(handbook: Dataset) -> None:
    other = Dataset(handbook.engines)
    other.write("upload:///x.md", [("Gate", "The gate of the other dataset.")])
    assert all("other dataset" not in e.snippet for e in handbook.search("gate of the other dataset").evidence)
    other.write("upload:///x.md", [], deleted=True)


def test_what_can_not_be_asked_is_refused_in_words(handbook: Dataset) -> None:
    with pytest.raises(QueryError, match="empty"):
        handbook.search("  ")
    with pytest.raises(QueryError, match="limit=0"):
        handbook.search("x", limit=0)
    e = handbook.engines
    with pytest.raises(UnknownDatasetError, match="nobody"):
        search(e.graph, e.vectors, e.embedder, "x", "nobody-has-this")


def test_a_dataset_indexed_with_another_model_is_refused(handbook: Dataset) -> None:
    e = handbook.engines
    e.graph.change_versions(handbook.tag, lambda versions: replace(versions, current="another"))
    with pytest.raises(EmbeddingVersionError, match="another"):
        handbook.search("gate")
    assert "wrong_embedding_version" in {r.code for r in handbook.judge().reasons}


@pytest.mark.parametrize("query", ["???", "word " * 2000, "安装指南", '"unbalanced (', "x" * 9000, "\ud800 gate"])
def test_no_question_breaks_the_search(handbook: Dataset, query: str) -> None:
    assert 0.0 <= handbook.search(query).confidence <= 1.0


@pytest.mark.parametrize("typed", ["\ud800", "') MATCH (n) DETACH DELETE n //", "*", "\x00", "𗀀", "x" * 5000])
def test_no_filter_breaks_or_widens_the_search(handbook: Dataset, typed: str) -> None:
    for filters in ({"source_prefix": typed}, {"content_type": typed}, {"heading": typed}):
        assert handbook.search("gate store snapshot", **filters).evidence == ()


def test_filters_hold_together_and_on_every_page(handbook: Dataset) -> None:
    both: dict[str, object] = {"source_prefix": "upload:///ops/", "content_type": "text/markdown", "heading": "c"}
    whole = handbook.search("store", **both).evidence
    assert {e.heading_path for e in whole} == {("Back-pressure",), ("Concurrency",), ("Backups",)}
    pages = [e for offset in range(3) for e in handbook.search("store", limit=1, offset=offset, **both).evidence]
    assert [e.section_id for e in pages] == [e.section_id for e in whole]
    assert handbook.search("store", offset=3, **both).evidence == ()


@pytest.mark.parametrize("statement", ["sections_above", "shared_entities", "linked_documents"])
def test_what_is_near_a_hit_is_of_the_hits_commit(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    uri, other = "upload:///page.md", "upload:///target.md"

    def texts(edition: str) -> list[tuple[str | tuple[str, ...], str]]:
        return [("Guide", f"About {edition}."), (("Guide", edition), f"The quorum of {edition}."), ("End", edition)]

    data.write(other, [("Target", "Something else.")])
    old = data.write(uri, texts("first"), links=[other])
    new: list[str] = []
    asked = getattr(GraphStore, statement)

    def after_a_commit(self: GraphStore, *args: object, **options: object) -> object:
        if not new:
            new.extend(data.write(uri, texts("second")))
        return asked(self, *args, **options)

    monkeypatch.setattr(GraphStore, statement, after_a_commit)
    evidence = data.search("quorum", limit=3, source_prefix=uri).evidence
    assert new
    assert {e.section_id for e in evidence} == set(new)
    near = {r.section_id for e in evidence for r in e.related if r.document_id == data.document_id(uri)}
    assert near
    assert near <= set(new)
    assert not near & set(old)
    assert [r for e in evidence for r in e.related if r.relation == "link"] == []


def test_an_answer_joins_no_section_with_another_documents_next_commit(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(edition: str) -> list[str]:
        return data.write("upload:///other.md", [("Other", f"The quorum of {edition}.")], mentions=["lease"])

    data.write("upload:///page.md", [("Page", "The quorum of this page.")], mentions=["lease"])
    old, new, asked = write("first"), list[str](), GraphStore.shared_entities

    def after_a_commit(self: GraphStore, *args: object, **options: object) -> object:
        if not new:
            new.extend(write("second"))
        return asked(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(GraphStore, "shared_entities", after_a_commit)
    evidence = data.search("quorum").evidence
    shown = {e.section_id for e in evidence} | {r.section_id for e in evidence for r in e.related}
    assert shown & {*old, *new} == set(new)


def test_a_search_never_shows_half_of_a_commit(data: Dataset) -> None:
    uri, size = "upload:///flip.md", 12
    failures: list[Exception] = []
    stopping = threading.Event()

    def sections(commit: int) -> list[tuple[str, str]]:
        return [("Quorum", f"The quorum lease of generation{commit} part {i}.") for i in range(size)]

    def flip() -> None:
        commit = 0
        try:
            while not stopping.is_set():
                commit += 1
                data.write(uri, sections(commit))
        except Exception as error:
            failures.append(error)

    data.write(uri, sections(0))
    writer = threading.Thread(target=flip)
    writer.start()
    seen: list[tuple[int, int]] = []
    deadline = time.monotonic() + 10
    try:
        while time.monotonic() < deadline:
            evidence = data.search("quorum lease", limit=50).evidence
            seen.append((len({e.snippet.split(" part")[0] for e in evidence}), len(evidence)))
            near = {r.section_id for e in evidence for r in e.related}
            assert near <= {e.section_id for e in evidence}, "what is near a hit is of another commit"
    finally:
        stopping.set()
        writer.join(timeout=60)
    assert failures == []
    assert len(seen) > 10
    assert set(seen) == {(1, size)}


def test_a_sound_dataset_is_ready_and_its_own_sections_come_back(handbook: Dataset) -> None:
    verdict = handbook.judge()
    assert verdict.reasons == ()
    assert verdict.ready
    assert [(q.source, q.ok) for q in verdict.queries] == [("probe", True)] * 3
    assert verdict.counts == {"documents": 3, "sections_graph": 4, "sections_vectors": 4}


def test_configured_questions_are_asked_and_their_expectations_checked(handbook: Dataset) -> None:
    good = SampleQuery(q="What closes the gate?", expect="gate.md")
    wrong = SampleQuery(q="How do users sign in?", expect="nowhere.md")
    foreign = SampleQuery(q="Which wine goes with grilled salmon?")
    config = IngestConfig(datasets={handbook.tag: DatasetConfig(sample_queries=(good, wrong, foreign))})
    verdict = handbook.judge(config)
    assert [q.ok for q in verdict.queries] == [True, False, False]
    assert [str(r.code) for r in verdict.reasons] == ["query_expectation_missed", "low_confidence"]


def test_a_dataset_without_vectors_is_not_ready(handbook: Dataset) -> None:
    e = handbook.engines
    for uri in ("upload:///ops/gate.md", "upload:///ops/backup.md", "upload:///users/login.md"):
        e.vectors.sweep(e.version, handbook.document_id(uri), 100, [])
    verdict = handbook.judge(drift=Drift("run", 0, 0))
    assert {"drift_above_limit", "missing_vectors"} <= {str(r.code) for r in verdict.reasons}


def test_an_empty_dataset_is_not_ready(data: Dataset) -> None:
    assert [str(r.code) for r in data.judge().reasons] == ["no_documents"]
