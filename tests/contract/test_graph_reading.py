"""Reading a real Neo4j: full text within a dataset whatever is typed, membership, and reads while commits are applied."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docgraph.domain import identity
from docgraph.domain.commit import CommitRequest, LinkRow, SectionRow
from docgraph.domain.errors import ReadConflictError
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.domain.site_routes import LinkCounts, LinkKind, Site
from docgraph.retrieval.validated import Candidate, Candidates, Hit, ValidatedRead, validated_read
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.stillness import Restlessness, Stillness

WORDS = ["gate", "store", "quorum", "lease", "retry", "backoff", "section", "vector"]


@pytest.fixture(scope="session")
def graph(session_runtime: Runtime) -> GraphStore:
    return session_runtime.graph


@dataclass
class Dataset:
    """A dataset of its own for one test, written through the real commit."""

    graph: GraphStore
    tag: str
    fences: dict[str, int] = field(default_factory=dict)

    def document_id(self, uri: str) -> str:
        return identity.document_id(self.tag, uri)

    def commit(
        self,
        uri: str,
        texts: Sequence[str],
        *,
        heading: str = "Guide",
        identifiers: str = "",
        entities: Mapping[int, Sequence[str]] | None = None,
        links: Mapping[int, Sequence[tuple[str, str]]] | None = None,
        deleted: bool = False,
        content_type: str = "text/markdown",
    ) -> list[str]:
        """Make `texts` the document's generation; entities and links by position; returns the section ids."""
        document = self.document_id(uri)
        before = self.graph.committed(document)
        fence = before.fence + 1
        ids: list[str] = []
        rows: list[SectionRow] = []
        names: dict[str, tuple[str, str]] = {}
        for position, text in enumerate(texts):
            section = identity.section_id(document, (heading,), text, texts[:position].count(text))
            mentions = []
            for name in (entities or {}).get(position, ()):
                entity = identity.entity_id(self.tag, "term", name)
                names[entity] = ("term", name)
                mentions.append((entity, "test"))
            targets = tuple(_link(self.tag, uri, target, anchor) for target, anchor in (links or {}).get(position, ()))
            rows.append(
                SectionRow(
                    section,
                    (heading,),
                    text,
                    identity.text_hash((heading,), text),
                    0,
                    identifiers,
                    tuple(mentions),
                    (),
                    targets,
                )
            )
            ids.append(section)
        properties = {"title": uri, "content_type": content_type, "anchors": [f"a{i}" for i in range(len(ids))]}
        request = CommitRequest(
            attempt=Attempt(document, secrets.token_hex(8), fence, fence, before.generation),
            tag=self.tag,
            source_uri=identity.canonical_source_uri(uri),
            job_id="job",
            checksum=secrets.token_hex(8),
            pipeline="p",
            base_pipeline=before.pipeline,
            generation=tuple(ids),
            removed=tuple(i for i in before.generation if i not in ids),
            rows=[row for row in rows if row.section_id not in before.generation],
            entities=names,
            properties=properties,
            deleted=deleted,
        )
        assert self.graph.commit(request).decision is CommitDecision.COMMIT
        return ids


def _link(tag: str, uri: str, written: str, anchor: str) -> LinkRow:
    """A link as it is written; `[[so]]` names a page."""
    is_name = written.startswith("[[")
    reference = written.strip("[]").partition("#")[0]
    target, _ = identity.resolve_reference(uri, reference)
    kind = LinkKind.NAME if is_name else LinkKind.ADDRESS
    return LinkRow(identity.document_id(tag, target), target, anchor, "a link", reference, kind)


@pytest.fixture
def data(graph: GraphStore) -> Iterator[Dataset]:
    made = Dataset(graph, f"t-{secrets.token_hex(6)}")
    yield made
    for document in graph.documents_matching(made.tag):
        uri = graph.documents([document])[document]["source_uri"]
        made.commit(uri, [], deleted=True)


@pytest.fixture(scope="session")
def fuzzed(graph: GraphStore) -> Dataset:
    """Two neighbouring datasets; the tests look into the first."""
    mine, other = Dataset(graph, f"fuzz-{secrets.token_hex(6)}"), Dataset(graph, f"fuzz-{secrets.token_hex(6)}")
    mine.commit("upload:///a.md", [f"the {word} of mine" for word in WORDS], identifiers="max active runs")
    other.commit("upload:///a.md", [f"the {word} of others secret" for word in WORDS], identifiers="max active runs")
    return mine


_SYNTAX = st.sampled_from(
    [
        *'+-!(){}[]^"~*?:\\/&|<>=`$',
        "AND",
        "OR",
        "NOT",
        "TO",
        "&&",
        "||",
        "*:*",
        "\x00",
        "²",
        "secret",
        "tag_token:t",
        "text:",
        *WORDS,
    ]
)
hostile = st.lists(st.one_of(_SYNTAX, st.text(max_size=10)), max_size=60).map(" ".join) | st.text(max_size=300)


@given(hostile)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_is_typed_breaks_a_search_or_leaves_the_dataset(fuzzed: Dataset, text: str) -> None:
    mine = set(fuzzed.graph.committed(fuzzed.document_id("upload:///a.md")).generation)
    hits = fuzzed.graph.fulltext(fuzzed.tag, text, 100)
    assert {hit.section_id for hit in hits} <= mine
    assert all(hit.score > 0 for hit in hits)


@given(text=hostile, heading=hostile | st.sampled_from(["guide", "GUIDE", "uid"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_heading_that_is_typed_breaks_a_search_or_widens_it(fuzzed: Dataset, text: str, heading: str) -> None:
    mine = fuzzed.document_id("upload:///a.md")
    within = {hit.section_id for hit in fuzzed.graph.fulltext(fuzzed.tag, text, 100)}
    found = fuzzed.graph.fulltext(fuzzed.tag, text, 100, heading=heading, document_ids=[mine, "unknown"])
    assert {hit.section_id for hit in found} <= within
    # "Guide" is the heading of all of them.
    if heading.isascii() and heading.lower() not in "guide":
        assert found == []


@given(
    prefix=hostile | st.sampled_from(["upload:", "upload:///a", "%", "upload:///.*"]), content_type=st.none() | hostile
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_address_and_no_content_type_that_is_typed_chooses_a_document_it_does_not_name(
    fuzzed: Dataset, prefix: str, content_type: str | None
) -> None:
    chosen = fuzzed.graph.documents_matching(fuzzed.tag, source_prefix=prefix, content_type=content_type)
    names_it = "upload:///a.md".startswith(prefix) and content_type in (None, "text/markdown")
    assert chosen == ([fuzzed.document_id("upload:///a.md")] if names_it else [])


@pytest.mark.parametrize(
    "text",
    [
        "std::vector",
        "a/b",
        "--flag",
        "foo(",
        '"',
        "\\",
        "quorum AND",
        "[gate TO store]",
        "gate~",
        "x" * 5000,
        "𗀀",
        "gate^2",
    ],
)
def test_what_lucene_reads_as_syntax_is_read_as_words(fuzzed: Dataset, text: str) -> None:
    fuzzed.graph.fulltext(fuzzed.tag, text, 10)


@pytest.mark.parametrize(
    "text", ["*", "*:*", "???", "²", "𗀀", "tag_token:*", "[* TO *]", "secret", 'x") OR text:("gate']
)
def test_nothing_that_is_typed_matches_more_than_its_words(fuzzed: Dataset, text: str) -> None:
    holding = {h.section_id for h in fuzzed.graph.fulltext(fuzzed.tag, "gate", 100)} if "gate" in text else set()
    assert {hit.section_id for hit in fuzzed.graph.fulltext(fuzzed.tag, text, 100)} <= holding


def test_a_thousand_words_are_no_error(fuzzed: Dataset) -> None:
    long = " ".join(f"part{i}-of_wordNumber{i}" for i in range(1000)) + " " + "größe " * 200 + "安装指南配置" * 100
    fuzzed.graph.fulltext(fuzzed.tag, long, 10)
    fuzzed.graph.fulltext(fuzzed.tag, "gate " + "a/b/c/d/e/f " * 500, 10)


def test_identifiers_are_found_whole_and_by_their_parts(data: Dataset) -> None:
    (whole,) = data.commit(
        "upload:///b.md", ["set max_active_runs in fs.readFile"], identifiers="max active runs fs read file"
    )
    for text in ("max_active_runs", "maxActiveRuns", "fs.readFile", "active runs", "readfile fs.readFile"):
        assert [hit.section_id for hit in data.graph.fulltext(data.tag, text, 5)] == [whole], text


def test_a_word_counts_in_the_heading_too(data: Dataset) -> None:
    (in_text,) = data.commit("upload:///a.md", ["about the gate and more words"], heading="Store")
    (in_both,) = data.commit("upload:///b.md", ["about the gate and more words"], heading="Gate")
    (in_heading,) = data.commit("upload:///c.md", ["about the store and more words"], heading="Gate")
    best, *others = [hit.section_id for hit in data.graph.fulltext(data.tag, "gate", 5)]
    assert (best, set(others)) == (in_both, {in_text, in_heading})


def test_a_filter_loses_no_hit_to_the_limit(data: Dataset) -> None:
    data.commit("upload:///many.md", [f"gate gate gate number {i}" for i in range(60)])
    (wanted,) = data.commit("upload:///few.md", ["one gate among a great many other words that make it rank low"])
    document = data.document_id("upload:///few.md")
    assert [h.section_id for h in data.graph.fulltext(data.tag, "gate", 5, document_ids=[document])] == [wanted]
    (headed,) = data.commit(
        "upload:///headed.md", ["a gate somewhere far down in a long text about other things"], heading="Special Topic"
    )
    assert [h.section_id for h in data.graph.fulltext(data.tag, "gate", 5, heading="special")] == [headed]


def test_membership_is_what_the_generation_says_with_place_and_neighbours(data: Dataset) -> None:
    first, second, third = data.commit("upload:///a.md", ["one", "two", "three"])
    document = data.document_id("upload:///a.md")
    views = data.graph.membership({document: [second, "gone"], "unknown": ["x"]})
    member = views[document].members[second]
    assert set(views[document].members) == {second}
    assert (member.position, member.anchor, member.previous_id, member.next_id) == (1, "a1", first, third)
    assert (views[document].fence, views[document].deleted, views[document].size) == (1, False, 3)
    assert (views["unknown"].fence, views["unknown"].deleted) == (0, True)


def test_a_deleted_document_has_no_members_and_matches_nothing(data: Dataset) -> None:
    (section,) = data.commit("upload:///a.md", ["gone soon"])
    data.commit("upload:///a.md", [], deleted=True)
    document = data.document_id("upload:///a.md")
    view = data.graph.membership({document: [section]})[document]
    assert view.deleted
    assert not view.members
    assert view.fence == 2
    assert data.graph.documents_matching(data.tag) == []
    assert data.graph.documents([document]) == {}
    assert data.graph.fulltext(data.tag, "gone", 5) == []


def test_documents_are_chosen_by_the_beginning_of_their_address_and_their_content_type(data: Dataset) -> None:
    data.commit("upload:///guides/a.md", ["x"])
    data.commit("upload:///guides/b.html", ["x"], content_type="text/html")
    data.commit("upload:///api/a.md", ["x"])
    by_prefix = data.graph.documents_matching(data.tag, source_prefix="upload:///guides/")
    assert set(by_prefix) == {data.document_id("upload:///guides/a.md"), data.document_id("upload:///guides/b.html")}
    both = data.graph.documents_matching(data.tag, source_prefix="upload:///guides/", content_type="text/html")
    assert both == [data.document_id("upload:///guides/b.html")]


def test_counts_are_of_live_documents_and_their_generations(data: Dataset) -> None:
    data.commit("upload:///a.md", ["one", "two"])
    data.commit("upload:///b.md", ["three"])
    data.commit("upload:///b.md", [], deleted=True)
    assert data.graph.counts(data.tag) == {"documents": 1, "sections": 2, "entities": 0}
    assert data.graph.dataset_with_counts(data.tag) == (data.graph.dataset(data.tag), data.graph.counts(data.tag))
    nothing = {"documents": 0, "sections": 0, "entities": 0}
    assert data.graph.dataset_with_counts("unknown") == (None, nothing)
    data.graph.ensure_dataset(data.tag, "v1")
    row = next(row for row in data.graph.datasets() if row["tag"] == data.tag)
    assert (row["embedding_version"], row["documents"], row["sections"]) == ("v1", 1, 2)


def test_sections_that_share_rare_entities_are_related_and_common_entities_relate_nothing(data: Dataset) -> None:
    names = {i: ["everywhere"] for i in range(8)}
    names[0], names[7] = ["everywhere", "--dry-run"], ["everywhere", "--dry-run"]
    ids = data.commit("upload:///a.md", [f"text {i}" for i in range(8)], entities=names)
    shared = data.graph.shared_entities([ids[0]], per=3, common=5)
    assert [(s.section_id, s.related_id, s.names) for s in shared] == [(ids[0], ids[7], ("--dry-run",))]


SITES = (Site("https://docs.example.org/manual", "/content"),)
LINKS = {
    0: [("./routing", "top")],
    1: [("/content/setup/", "")],
    2: [("../guides/routing/index.html", "")],
    3: [("https://docs.example.org/manual/setup#x", "")],
    4: [("nowhere", "")],
    5: [("picture.png", "")],
}
FOLLOWED = [
    ("upload:///content/02-guides/01-routing.mdx", "top"),
    ("upload:///content/01-setup/index.md", ""),
    ("upload:///content/02-guides/01-routing.mdx", ""),
    ("upload:///content/01-setup/index.md", ""),
]


@pytest.mark.parametrize("is_first", [True, False])
def test_links_as_sites_write_them_reach_documents_whichever_comes_first(data: Dataset, is_first: bool) -> None:
    ids: list[str] = []
    if is_first:
        ids = data.commit("upload:///content/02-guides/caching.md", list("abcdef"), links=LINKS)
    data.commit("upload:///content/02-guides/01-routing.mdx", ["here"])
    data.commit("upload:///content/01-setup/index.md", ["there"])
    if not is_first:
        ids = data.commit("upload:///content/02-guides/caching.md", list("abcdef"), links=LINKS)
    linked = {link.section_id: link for link in data.graph.linked_documents(ids, sites=SITES)}
    assert [(linked[i].source_uri, linked[i].anchor) for i in ids if i in linked] == FOLLOWED
    document = data.document_id("upload:///content/02-guides/caching.md")
    assert data.graph.link_counts(data.tag, sites=SITES) == LinkCounts(pages=5, unresolved=1)
    assert data.graph.link_counts(data.tag, [document], sites=SITES) == LinkCounts(pages=5, unresolved=1)


def test_a_link_that_two_documents_may_be_meant_by_leads_to_neither(data: Dataset) -> None:
    ids = data.commit("upload:///g/a.md", ["one", "two"], links={0: [("routing", "")], 1: [("01-routing.md", "")]})
    data.commit("upload:///g/01-routing.md", ["first"])
    data.commit("upload:///g/02-routing.md", ["second"])
    linked = data.graph.linked_documents(ids)
    assert [(link.section_id, link.source_uri) for link in linked] == [(ids[1], "upload:///g/01-routing.md")]


def test_a_link_by_name_finds_the_only_page_of_that_name(data: Dataset) -> None:
    ids = data.commit("upload:///notes/a.md", ["x", "y"], links={0: [("[[Quick start]]", "")], 1: [("[[twice]]", "")]})
    for uri in ("upload:///far/away/quick-start.md", "upload:///one/twice.md", "upload:///two/twice.md"):
        data.commit(uri, ["here"])
    linked = data.graph.linked_documents(ids)
    assert [(link.section_id, link.source_uri) for link in linked] == [(ids[0], "upload:///far/away/quick-start.md")]


def test_a_link_follows_a_document_that_is_deleted_and_comes_back_elsewhere(data: Dataset) -> None:
    ids = data.commit("upload:///a.md", ["see b"], links={0: [("b", "")]})
    data.commit("upload:///b.md", ["here"])
    assert [link.source_uri for link in data.graph.linked_documents(ids)] == ["upload:///b.md"]
    data.commit("upload:///b.md", [], deleted=True)
    assert data.graph.linked_documents(ids) == []
    data.commit("upload:///b/index.md", ["here again"])
    assert [link.source_uri for link in data.graph.linked_documents(ids)] == ["upload:///b/index.md"]


@pytest.mark.parametrize(("text", "word"), [("सेटिंग्स में पासवर्ड बदलें।", "पासवर्ड"), ("คู่มือ การติดตั้ง โปรแกรม", "การติดตั้ง")])
def test_words_with_marks_are_found_whole(data: Dataset, text: str, word: str) -> None:
    ids = data.commit("upload:///a.md", [text, "पासा वरदान गकतดตง"])
    assert [hit.section_id for hit in data.graph.fulltext(data.tag, word, 10)] == [ids[0]]


def test_links_lead_to_live_documents_only(data: Dataset) -> None:
    ids = data.commit(
        "upload:///a.md", ["see b", "see c"], links={0: [("upload:///b.md", "top")], 1: [("upload:///c.md", "")]}
    )
    assert data.graph.linked_documents(ids) == []
    data.commit("upload:///b.md", ["here"])
    linked = data.graph.linked_documents(ids)
    assert [(link.section_id, link.source_uri, link.anchor) for link in linked] == [(ids[0], "upload:///b.md", "top")]


def _everything(commit: int) -> list[str]:
    return [f"quorum generation{commit} part{i}" for i in range(60)]


def _one_section(commit: int) -> list[str]:
    return [f"quorum generation{commit}", *(f"quorum constant part{i}" for i in range(149))]


class Flipping(threading.Thread):
    """Replaces a document's sections again and again."""

    def __init__(self, data: Dataset, uri: str, texts: Callable[[int], list[str]]) -> None:
        super().__init__(name="flipping")
        self.data, self.uri, self.texts = data, uri, texts
        self.stopping = threading.Event()
        self.commits = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while not self.stopping.is_set():
                self.commits += 1
                self.data.commit(self.uri, self.texts(self.commits))
                time.sleep(0.03)
        except Exception as error:
            self.error = error


@pytest.mark.parametrize("texts", [_everything, _one_section])
def test_a_validated_read_never_shows_half_of_a_commit(data: Dataset, texts: Callable[[int], list[str]]) -> None:
    uri = "upload:///flip.md"
    size = len(data.commit(uri, texts(0)))

    def ask(stillness: Stillness) -> Candidates:
        hits = data.graph.fulltext(data.tag, "quorum", 4 * size, stillness=stillness)
        return Candidates((), tuple(Candidate(h.section_id, h.document_id, bm25=h.score) for h in hits))

    writer = Flipping(data, uri, texts)
    writer.start()
    reads, again = 0, 0
    torn: list[tuple[list[str], int]] = []
    deadline = time.monotonic() + 8
    try:
        while time.monotonic() < deadline:
            read: ValidatedRead[None] = validated_read(data.graph, data.tag, ask)
            reads += 1
            again += read.rounds > 1
            words = {hit.section.text.split()[1] for hit in read.hits.values()} - {"constant"}
            if len(words) != 1 or len(read.hits) != size:
                torn.append((sorted(words), len(read.hits)))
    finally:
        writer.stopping.set()
        writer.join(timeout=30)
    print(f"{reads} reads, {again} of them in several rounds, {writer.commits} commits, torn: {torn}")
    assert writer.error is None
    assert writer.commits > 10
    assert again > 0
    assert torn == []


def test_comparisons_never_read_a_section_that_is_deleted_meanwhile_as_one_without_an_id(data: Dataset) -> None:
    uri = "upload:///flip.md"
    data.commit(uri, _everything(0))
    document = data.document_id(uri)
    writer = Flipping(data, uri, _everything)
    writer.start()
    reads, ids = 0, set[str]()
    deadline = time.monotonic() + 8
    try:
        while time.monotonic() < deadline:
            ids |= data.graph.section_hashes([document])[document].keys()
            ids |= data.graph.inconsistent_documents(data.tag)
            reads += 1
    finally:
        writer.stopping.set()
        writer.join(timeout=30)
    print(f"{reads} reads, {writer.commits} commits, {len(ids)} ids")
    assert writer.error is None
    assert writer.commits > 10
    assert all(isinstance(found, str) and found for found in ids)


def test_what_is_read_under_commits_to_another_dataset_needs_no_quiet_database(
    data: Dataset, graph: GraphStore
) -> None:
    other = Dataset(graph, f"t-{secrets.token_hex(6)}")
    ids = data.commit("upload:///a.md", ["quorum one", "quorum two"])

    def ask(stillness: Stillness) -> Candidates:
        other.commit("upload:///busy.md", [secrets.token_hex(4)])
        hits = graph.fulltext(data.tag, "quorum", 10, stillness=stillness)
        return Candidates((), tuple(Candidate(h.section_id, h.document_id, bm25=h.score) for h in hits))

    # The first that meets such a commit may need a second round, to know what to compare with.
    for rounds in ({1, 2}, {1}, {1}):
        read: ValidatedRead[None] = validated_read(graph, data.tag, ask)
        assert set(read.hits) == set(ids)
        assert read.rounds in rounds


@pytest.mark.parametrize("restless", [False, True])
def test_rounds_that_outlast_all_patience_are_no_conflict_where_only_other_datasets_are_written_to(
    data: Dataset, graph: GraphStore, restless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Dataset(graph, f"t-{secrets.token_hex(6)}")
    ids = data.commit("upload:///a.md", ["quorum one", "quorum two"])
    monkeypatch.setattr(graph, "restlessness", Restlessness())
    if restless:
        graph.restlessness.note()

    def ask(stillness: Stillness) -> Candidates:
        other.commit("upload:///busy.md", [secrets.token_hex(4)])
        hits = graph.fulltext(data.tag, "quorum", 10, stillness=stillness)
        return Candidates((), tuple(Candidate(h.section_id, h.document_id, bm25=h.score) for h in hits))

    read: ValidatedRead[None] = validated_read(graph, data.tag, ask, max_seconds=0.0)
    assert set(read.hits) == set(ids)


def test_the_first_read_of_a_restless_database_meets_no_half_of_a_commit_either(
    data: Dataset, graph: GraphStore
) -> None:
    """A commit that the very first look meets is in what all later statements wait for."""
    uri = "upload:///flip.md"
    size = len(data.commit(uri, _everything(0)))

    def ask(stillness: Stillness) -> Candidates:
        hits = graph.fulltext(data.tag, "quorum", 4 * size, stillness=stillness)
        return Candidates((), tuple(Candidate(h.section_id, h.document_id, bm25=h.score) for h in hits))

    writer = Flipping(data, uri, _everything)
    writer.start()
    in_one_round = 0
    deadline = time.monotonic() + 6
    try:
        while time.monotonic() < deadline:
            graph.restlessness.note()
            read: ValidatedRead[None] = validated_read(graph, data.tag, ask)
            in_one_round += read.rounds == 1
            words = {hit.section.text.split()[1] for hit in read.hits.values()} - {"constant"}
            assert (len(words), len(read.hits)) == (1, size)
    finally:
        writer.stopping.set()
        writer.join(timeout=30)
    assert writer.error is None
    assert writer.commits > 10
    assert in_one_round > 10


def test_commits_to_the_dataset_during_every_read_end_in_a_clear_error(data: Dataset) -> None:
    def ask(stillness: Stillness) -> Candidates:
        data.commit("upload:///busy.md", [secrets.token_hex(4)])
        return Candidates((), ())

    with pytest.raises(ReadConflictError, match="was being written to during each of 3 reads"):
        validated_read(data.graph, data.tag, ask, max_rounds=3)


def test_what_is_read_beside_the_hits_is_of_the_same_commit(data: Dataset) -> None:
    uri = "upload:///a.md"
    editions = iter([["quorum new"], ["quorum newer"]])
    data.commit(uri, ["quorum old"])

    def ask(stillness: Stillness) -> Candidates:
        hits = data.graph.fulltext(data.tag, "quorum", 10, stillness=stillness)
        return Candidates((), tuple(Candidate(h.section_id, h.document_id, bm25=h.score) for h in hits))

    def beside(_: Candidates, hits: Mapping[str, Hit], stillness: Stillness) -> set[str]:
        """A commit comes before what is beside is read, twice."""
        if texts := next(editions, None):
            data.commit(uri, texts)
        hits_now = data.graph.fulltext(data.tag, "quorum", 10, stillness=stillness)
        return {hit.section_id for hit in hits_now}

    read = validated_read(data.graph, data.tag, ask, beside)
    assert [hit.section.text for hit in read.hits.values()] == ["quorum newer"]
    assert read.beside == set(read.hits)


def test_hits_come_alone_where_commits_meet_each_read_beside_them(data: Dataset) -> None:
    (section,) = data.commit("upload:///a.md", ["kept"])
    found = Candidates((Candidate(section, data.document_id("upload:///a.md"), fence=1, cosine=0.5),), ())
    reads = 0

    def beside(_: Candidates, hits: Mapping[str, Hit], stillness: Stillness) -> str:
        nonlocal reads
        reads += 1
        data.commit("upload:///busy.md", [secrets.token_hex(4)])
        data.graph.sections([section], stillness=stillness)
        return "of another state"

    read = validated_read(data.graph, data.tag, lambda _: found, beside)
    assert set(read.hits) == {section}
    assert read.beside is None
    assert reads > 1


def test_a_member_whose_node_is_missing_is_left_out_and_logged(
    data: Dataset, graph: GraphStore, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, sound = data.commit("upload:///a.md", ["damaged", "sound"])
    document = data.document_id("upload:///a.md")
    graph._write("MATCH (s:Section {id: $id}) DETACH DELETE s", id=damaged)
    both = Candidates(tuple(Candidate(i, document, fence=1, cosine=0.5) for i in (damaged, sound)), ())
    read: ValidatedRead[None] = validated_read(graph, data.tag, lambda _: both)
    assert set(read.hits) == {sound}
    assert damaged in caplog.text


def test_a_node_without_its_text_is_not_read_as_a_section(data: Dataset, graph: GraphStore) -> None:
    (section,) = data.commit("upload:///a.md", ["whole"])
    graph._write("MATCH (s:Section {id: $id}) REMOVE s.text", id=section)
    assert graph.sections([section]) == {}


def test_garbage_of_an_attempt_that_never_ended_is_dropped(data: Dataset) -> None:
    (kept,) = data.commit("upload:///a.md", ["kept"])
    document = data.document_id("upload:///a.md")
    garbage = Candidate("garbage", document, fence=1, cosine=0.9)
    found = Candidates((garbage, Candidate(kept, document, fence=1, cosine=0.5)), ())
    read: ValidatedRead[None] = validated_read(data.graph, data.tag, lambda _: found)
    assert set(read.hits) == {kept}
    assert (read.dropped, read.rounds) == (1, 1)
