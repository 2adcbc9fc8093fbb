"""The commit transaction on a real Neo4j: what becomes visible, what is refused, what is left behind."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Sequence
from dataclasses import replace

import pytest

from docgraph.domain.commit import CommitRequest, LinkRow, SectionRow
from docgraph.domain.errors import DatasetVersionsError
from docgraph.domain.identity import document_id, entity_id, section_id, text_hash
from docgraph.domain.protocol import Attempt, CommitDecision
from docgraph.domain.versions import DatasetVersions
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph.datasets import locked_versions

PIPELINE = "p1"


def _row(document: str, tag: str, text: str, *, entities: Sequence[str] = (), links: Sequence[str] = ()) -> SectionRow:
    return SectionRow(
        section_id=section_id(document, ("Guide",), text, 0),
        heading_path=("Guide",),
        text=text,
        text_hash=text_hash(("Guide",), text),
        occurrence=0,
        identifiers="",
        mentions=tuple((entity_id(tag, "option", name), "test") for name in entities),
        relations=tuple(
            (entity_id(tag, "option", a), entity_id(tag, "option", b), "BESIDE", "test")
            for a, b in itertools.pairwise(entities)
        ),
        links=tuple(LinkRow(document_id(tag, uri), uri, "top", "see") for uri in links),
    )


def _request(
    tag: str,
    uri: str,
    rows: Sequence[SectionRow],
    *,
    fence: int,
    version: int,
    base: Sequence[str] = (),
    base_pipeline: str = "",
    pipeline: str = PIPELINE,
    owner: str | None = None,
    entities: Sequence[str] = (),
    deleted: bool = False,
    staged: Sequence[str] = (),
) -> CommitRequest:
    generation = tuple(row.section_id for row in rows)
    written = [row for row in rows if row.section_id not in base] if pipeline == base_pipeline else list(rows)
    return CommitRequest(
        attempt=Attempt(document_id(tag, uri), owner or uuid.uuid4().hex, fence, version, tuple(base)),
        tag=tag,
        source_uri=uri,
        job_id="job",
        checksum=f"sum-{version}",
        pipeline=pipeline,
        base_pipeline=base_pipeline,
        generation=generation,
        removed=tuple(i for i in base if i not in generation),
        rows=written,
        entities={entity_id(tag, "option", name): ("option", name) for name in entities},
        properties={"title": "Guide", "content_type": "text/markdown"},
        deleted=deleted,
        staged=frozenset(staged),
    )


def _entities(runtime: Runtime, tag: str) -> set[str]:
    return {row["name"] for row in runtime.graph._read("MATCH (e:Entity {tag: $tag}) RETURN e.name AS name", tag=tag)}


URI = "upload:///guide.md"


def test_a_commit_makes_the_generation_and_its_sections_visible(runtime: Runtime, tag: str) -> None:
    document = document_id(tag, URI)
    rows = [_row(document, tag, "one", entities=["--a"]), _row(document, tag, "two")]
    result = runtime.graph.commit(_request(tag, URI, rows, fence=1, version=1, entities=["--a"]))
    assert result.decision is CommitDecision.COMMIT
    standing = runtime.graph.committed(document)
    assert standing == result.document
    assert standing.exists
    assert set(runtime.graph.section_hashes([document])[document]) == set(standing.generation)
    assert _entities(runtime, tag) == {"--a"}


@pytest.mark.parametrize("fence", [4, 5])
def test_an_attempt_with_a_fence_that_is_not_higher_is_stale_and_changes_nothing(
    runtime: Runtime, tag: str, fence: int
) -> None:
    document = document_id(tag, URI)
    first = [_row(document, tag, "one")]
    runtime.graph.commit(_request(tag, URI, first, fence=5, version=1))
    before = runtime.graph.committed(document)
    late = _request(tag, URI, [_row(document, tag, "late")], fence=fence, version=2, base=before.generation)
    assert runtime.graph.commit(late).decision is CommitDecision.STALE_FENCE
    assert runtime.graph.committed(document) == before


def test_older_content_is_superseded_even_under_a_higher_fence(runtime: Runtime, tag: str) -> None:
    document = document_id(tag, URI)
    runtime.graph.commit(_request(tag, URI, [_row(document, tag, "new")], fence=1, version=9))
    before = runtime.graph.committed(document)
    old = _request(tag, URI, [_row(document, tag, "old")], fence=7, version=8, base=before.generation)
    assert runtime.graph.commit(old).decision is CommitDecision.SUPERSEDED
    assert runtime.graph.committed(document) == before


def test_a_difference_against_another_base_is_refused(runtime: Runtime, tag: str) -> None:
    document = document_id(tag, URI)
    runtime.graph.commit(_request(tag, URI, [_row(document, tag, "one")], fence=1, version=1))
    blind = _request(tag, URI, [_row(document, tag, "two")], fence=2, version=2)
    assert runtime.graph.commit(blind).decision is CommitDecision.BASE_MOVED


def test_a_commit_repeated_by_its_own_attempt_is_recognised(runtime: Runtime, tag: str) -> None:
    document = document_id(tag, URI)
    request = _request(tag, URI, [_row(document, tag, "one")], fence=3, version=1)
    assert runtime.graph.commit(request).decision is CommitDecision.COMMIT
    assert runtime.graph.commit(request).decision is CommitDecision.ALREADY_MINE


def test_a_refused_commit_leaves_no_node_behind(runtime: Runtime, tag: str) -> None:
    request = _request(tag, URI, [], fence=1, version=1, base=["00000000-0000-0000-0000-000000000000"])
    assert runtime.graph.commit(request).decision is CommitDecision.BASE_MOVED
    rows = runtime.graph._read("MATCH (s:Source {id: $id}) RETURN s", id=document_id(tag, URI))
    assert rows == []


def test_removed_sections_take_their_orphaned_entities_along_and_leave_shared_ones(runtime: Runtime, tag: str) -> None:
    one, two = document_id(tag, URI), document_id(tag, "upload:///other.md")
    row = _row(one, tag, "text", entities=["--own", "--shared"])
    runtime.graph.commit(_request(tag, URI, [row], fence=1, version=1, entities=["--own", "--shared"]))
    other = _row(two, tag, "text", entities=["--shared"])
    runtime.graph.commit(_request(tag, "upload:///other.md", [other], fence=1, version=1, entities=["--shared"]))
    base = runtime.graph.committed(one).generation
    runtime.graph.commit(_request(tag, URI, [], fence=2, version=2, base=base, base_pipeline=PIPELINE, deleted=True))
    assert _entities(runtime, tag) == {"--shared"}
    assert runtime.graph.section_hashes([one])[one] == {}


def test_a_deletion_leaves_a_tombstone_that_keeps_late_attempts_out(runtime: Runtime, tag: str) -> None:
    document = document_id(tag, URI)
    runtime.graph.commit(_request(tag, URI, [_row(document, tag, "one")], fence=4, version=1))
    base = runtime.graph.committed(document).generation
    runtime.graph.commit(_request(tag, URI, [], fence=5, version=2, base=base, base_pipeline=PIPELINE, deleted=True))
    tombstone = runtime.graph.committed(document)
    assert tombstone.deleted
    assert not tombstone.exists
    late = _request(tag, URI, [_row(document, tag, "one")], fence=4, version=1)
    assert runtime.graph.commit(late).decision is CommitDecision.SUPERSEDED
    runtime.graph.commit(_request(tag, URI, [_row(document, tag, "again")], fence=6, version=3, base_pipeline=PIPELINE))
    assert runtime.graph.committed(document).exists


def test_links_point_to_documents_that_need_not_be_there_yet(runtime: Runtime, tag: str) -> None:
    document, target = document_id(tag, URI), document_id(tag, "upload:///later.md")
    row = _row(document, tag, "see later", links=["upload:///later.md"])
    runtime.graph.commit(_request(tag, URI, [row], fence=1, version=1))
    assert not runtime.graph.committed(target).exists
    later = _request(tag, "upload:///later.md", [_row(target, tag, "here")], fence=1, version=1)
    assert runtime.graph.commit(later).decision is CommitDecision.COMMIT
    assert [link.document_id for link in runtime.graph.linked_documents([row.section_id])] == [target]


def test_a_link_target_that_was_never_ingested_goes_with_its_last_link(runtime: Runtime, tag: str) -> None:
    document, target = document_id(tag, URI), document_id(tag, "upload:///later.md")
    row = _row(document, tag, "see later", links=["upload:///later.md"])
    runtime.graph.commit(_request(tag, URI, [row], fence=1, version=1))
    plain = _row(document, tag, "no link")
    runtime.graph.commit(_request(tag, URI, [plain], fence=2, version=2, base=[row.section_id], base_pipeline=PIPELINE))
    assert runtime.graph._read("MATCH (s:Source {id: $id}) RETURN s", id=target) == []


def test_another_pipeline_writes_the_edges_of_kept_sections_again(runtime: Runtime, tag: str) -> None:
    document = document_id(tag, URI)
    old = _row(document, tag, "text", entities=["--old"])
    runtime.graph.commit(_request(tag, URI, [old], fence=1, version=1, entities=["--old"]))
    new = _row(document, tag, "text", entities=["--new"])
    request = _request(
        tag,
        URI,
        [new],
        fence=2,
        version=1,
        base=[old.section_id],
        base_pipeline=PIPELINE,
        pipeline="p2",
        entities=["--new"],
    )
    assert runtime.graph.commit(request).decision is CommitDecision.COMMIT
    assert _entities(runtime, tag) == {"--new"}


def test_an_audit_fence_keeps_the_generation_and_makes_lower_attempts_stale(runtime: Runtime, tag: str) -> None:
    document = document_id(tag, URI)
    runtime.graph.commit(_request(tag, URI, [_row(document, tag, "one")], fence=1, version=1))
    before = runtime.graph.committed(document)
    result = runtime.graph.advance_fence(document, tag, fence=8, owner="audit", generation=before.generation)
    assert result.decision is CommitDecision.COMMIT
    after = runtime.graph.committed(document)
    assert (after.generation, after.fence, after.exists) == (before.generation, 8, True)
    late = _request(tag, URI, [_row(document, tag, "two")], fence=8, version=2, base=before.generation)
    assert runtime.graph.commit(late).decision is CommitDecision.STALE_FENCE


def test_of_many_attempts_at_once_exactly_one_wins_each_base(runtime: Runtime, tag: str) -> None:
    document = document_id(tag, URI)
    decisions: list[CommitDecision] = []

    def attempt(number: int) -> None:
        rows = [_row(document, tag, f"text {number}", entities=["--shared"])]
        request = _request(tag, URI, rows, fence=number, version=number, entities=["--shared"])
        decisions.append(runtime.graph.commit(request).decision)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert decisions.count(CommitDecision.COMMIT) == 1
    standing = runtime.graph.committed(document)
    assert set(runtime.graph.section_hashes([document])[document]) == set(standing.generation)


def test_documents_that_share_entities_commit_and_shrink_at_once_without_losing_any(runtime: Runtime, tag: str) -> None:
    names = [f"--option-{number}" for number in range(12)]
    failures: list[BaseException] = []

    def churn(number: int) -> None:
        uri = f"upload:///doc-{number}.md"
        document = document_id(tag, uri)
        base: tuple[str, ...] = ()
        try:
            for turn in range(1, 7):
                kept = names[turn % 4 :: 2] if turn % 2 else names
                rows = [_row(document, tag, f"text {turn}", entities=kept)]
                request = _request(
                    tag,
                    uri,
                    rows,
                    fence=turn,
                    version=turn,
                    base=base,
                    base_pipeline=PIPELINE if base else "",
                    entities=kept,
                )
                assert runtime.graph.commit(request).decision is CommitDecision.COMMIT
                base = request.generation
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _entities(runtime, tag) == set(names)


def test_sections_that_were_not_staged_in_every_version_the_dataset_wants_are_refused(
    runtime: Runtime, tag: str
) -> None:
    document = document_id(tag, URI)
    runtime.graph.ensure_dataset(tag, "old")
    first = _request(tag, URI, [_row(document, tag, "one")], fence=1, version=1, staged=["old"])
    assert runtime.graph.commit(first).decision is CommitDecision.COMMIT
    runtime.graph.change_versions(tag, lambda versions: versions.build("new"))
    # Begun before the new version was: its points are in the old one only.
    rows = [_row(document, tag, "one"), _row(document, tag, "two")]
    late = _request(tag, URI, rows, fence=2, version=2, base=first.generation, base_pipeline=PIPELINE, staged=["old"])
    before = runtime.graph.committed(document)
    assert runtime.graph.commit(late).decision is CommitDecision.VERSIONS_MOVED
    assert runtime.graph.committed(document) == before
    assert set(runtime.graph.section_hashes([document])[document]) == set(before.generation)
    again = replace(late, staged=frozenset({"old", "new"}))
    assert runtime.graph.commit(again).decision is CommitDecision.COMMIT
    # What only removes sections has nothing to stage.
    fewer = _request(tag, URI, [rows[1]], fence=3, version=3, base=again.generation, base_pipeline=PIPELINE)
    assert runtime.graph.commit(fewer).decision is CommitDecision.COMMIT


def test_a_version_is_not_begun_while_a_commit_that_did_not_stage_in_it_is_under_way(
    runtime: Runtime, tag: str
) -> None:
    runtime.graph.ensure_dataset(tag, "old")
    begun = threading.Event()

    def begin() -> None:
        runtime.graph.change_versions(tag, lambda versions: versions.build("new"))
        begun.set()

    beginning = threading.Thread(target=begin)
    with runtime.graph._driver.session() as session, session.begin_transaction() as tx:
        # The transaction of a commit after its last question, before it is closed.
        assert locked_versions(tx, tag) == DatasetVersions("old")  # type: ignore[arg-type]
        beginning.start()
        assert not begun.wait(1.0)
        tx.commit()
    assert begun.wait(20)
    beginning.join()
    assert runtime.graph.dataset_versions(tag) == DatasetVersions("old", "new")


def test_a_change_of_versions_that_is_refused_changes_nothing(runtime: Runtime, tag: str) -> None:
    runtime.graph.ensure_dataset(tag, "old")
    runtime.graph.change_versions(tag, lambda versions: versions.build("new"))
    with pytest.raises(DatasetVersionsError, match="being built"):
        runtime.graph.change_versions(tag, lambda versions: versions.build("newer"))
    with pytest.raises(DatasetVersionsError, match="readers use"):
        runtime.graph.change_versions(tag, lambda versions: versions.retire("old"))
    assert runtime.graph.dataset_versions(tag) == DatasetVersions("old", "new")
    runtime.graph.change_versions(tag, lambda versions: versions.switch("new"))
    assert runtime.graph.dataset_versions(tag) == DatasetVersions("new", None, kept=("old",))
    runtime.graph.change_versions(tag, lambda versions: versions.retire("old"))
    assert runtime.graph.dataset_versions(tag) == DatasetVersions("new", retiring=("old",))
    with pytest.raises(DatasetVersionsError, match="being deleted"):
        runtime.graph.change_versions(tag, lambda versions: versions.build("old"))
    runtime.graph.change_versions(tag, lambda versions: versions.forget("old"))
    assert runtime.graph.dataset_versions(tag) == DatasetVersions("new")
