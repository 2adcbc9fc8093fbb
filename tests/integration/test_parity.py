"""Sabotage on the real stores: each kind of damage is found by its name, makes the dataset not ready, and is repaired."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import redis

from docgraph.domain.documents import EmbeddingVersion, Point
from docgraph.domain.identity import document_id, text_hash, vector_hash
from docgraph.domain.jobs import JobState, JobStatus
from docgraph.integrity.compare import compare_dataset
from docgraph.integrity.repair import repair_document
from docgraph.readiness import audit as auditing
from docgraph.readiness import audit_report
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph.schema import FULLTEXT_INDEX
from support.integration.points import alter_payload
from support.integration.work import ask, work_off

SECTIONS = 14
DOCUMENTS = ("install", "configure", "deploy", "monitor")


def _document(name: str, sections: int = SECTIONS, note: str = "") -> str:
    parts = [
        f"## {name} step {number}\n\nThe option `{name}.{number}` says how many {name} workers start{note}.\n"
        for number in range(sections)
    ]
    return f"# {name.title()}\n\n" + "\n".join(parts)


@dataclass(frozen=True)
class Dataset:
    """A dataset whose documents went through the whole pipeline."""

    runtime: Runtime
    version: EmbeddingVersion
    tag: str

    def ingest(self, **documents: str) -> list[JobState]:
        ids = ask(self.runtime, self.tag, documents)
        work_off(self.runtime, self.tag, ids)
        return self.runtime.state.jobs.get_many(ids)

    def document(self, name: str) -> str:
        return document_id(self.tag, f"upload:///{name}.md")

    def generation(self, name: str) -> tuple[str, ...]:
        return self.runtime.graph.committed(self.document(name)).generation

    def verify(self, *, with_vectors: bool = True) -> auditing.Verification:
        return auditing.verify(self.runtime, self.tag, with_vectors=with_vectors)

    def found(self) -> dict[str, int]:
        findings = self.verify().as_json()["findings"]
        return {kind: each["count"] for kind, each in findings.items() if each["count"]}

    def judged_ready(self) -> bool:
        verdict, _ = audit_report.publish_audit(
            self.runtime, self.tag, self.verify().comparison, run_id="test", dag_id="", seconds=0.0
        )
        return verdict.ready

    def assert_mended_by_a_repair(self) -> auditing.Repair:
        repaired = auditing.repair(self.runtime, self.tag)
        assert repaired.after.is_equal, repaired.as_json()
        assert self.found() == {}
        readiness = self.runtime.state.readiness.get(self.tag)
        assert readiness is not None
        assert readiness.ready, readiness
        assert repaired.verdict.ready
        return repaired


@pytest.fixture
def dataset(runtime: Runtime, version: EmbeddingVersion, tag: str) -> Dataset:
    made = Dataset(runtime, version, tag)
    states = made.ingest(**{name: _document(name) for name in DOCUMENTS})
    assert {state.status for state in states} == {JobStatus.COMPLETED}
    return made


def _delete_points(dataset: Dataset, *ids: str) -> None:
    dataset.runtime.vectors._client.delete(dataset.version.collection, points_selector=list(ids), wait=True)


def _write(dataset: Dataset, query: str, **parameters: object) -> None:
    dataset.runtime.graph._write(query, **parameters)


@pytest.mark.task("6.2")
def test_a_sound_dataset_is_equal_and_a_repair_changes_nothing(dataset: Dataset) -> None:
    before = {name: dataset.runtime.graph.committed(dataset.document(name)) for name in DOCUMENTS}
    assert dataset.verify().is_equal
    assert dataset.assert_mended_by_a_repair().documents == []
    assert {name: dataset.runtime.graph.committed(dataset.document(name)) for name in DOCUMENTS} == before


@pytest.mark.task("6.2")
def test_a_deleted_point_is_missing(dataset: Dataset) -> None:
    _delete_points(dataset, dataset.generation("deploy")[3])
    assert dataset.found() == {"missing": 1}
    assert not dataset.judged_ready()
    (done,) = dataset.assert_mended_by_a_repair().documents
    assert (done.restaged, done.removed, done.rebuilt) == (1, 0, False)


@pytest.mark.task("6.2")
def test_a_deleted_section_node_is_broken_and_made_again_from_the_snapshot(dataset: Dataset) -> None:
    lost = dataset.generation("deploy")[3]
    before = dataset.runtime.graph.sections([lost])[lost]
    _write(dataset, "MATCH (s:Section {id: $id}) DETACH DELETE s", id=lost)
    assert dataset.found() == {"broken": 1}
    assert not dataset.judged_ready()
    (done,) = dataset.assert_mended_by_a_repair().documents
    assert done.rebuilt
    assert dataset.runtime.graph.sections([lost])[lost] == before
    assert dataset.runtime.graph.fulltext(dataset.tag, "deploy.3", 5)


@pytest.mark.task("6.2")
def test_a_damaged_graph_without_its_snapshot_is_said_and_healed_by_ingesting_again(dataset: Dataset) -> None:
    lost = dataset.generation("deploy")[3]
    _write(dataset, "MATCH (s:Section {id: $id}) DETACH DELETE s", id=lost)
    checksum = dataset.runtime.graph.committed(dataset.document("deploy")).checksum
    (dataset.runtime.settings.snapshots_root / checksum[:2] / checksum).unlink()
    repaired = auditing.repair(dataset.runtime, dataset.tag)
    assert not repaired.after.is_equal
    assert "Ingest it again" in repaired.documents[0].error
    (state,) = dataset.ingest(deploy=_document("deploy"))
    assert state.status is JobStatus.COMPLETED, state.error
    dataset.assert_mended_by_a_repair()


@pytest.mark.task("6.2")
def test_a_section_node_without_its_document_is_broken(dataset: Dataset) -> None:
    stray = str(uuid.uuid4())
    _write(
        dataset,
        "CREATE (:Section {id: $id, document_id: $document, tag: $tag, text: 'x', text_hash: 'x', tag_token: 'x'})",
        id=stray,
        document=dataset.document("deploy"),
        tag=dataset.tag,
    )
    assert dataset.found() == {"broken": 1}
    dataset.assert_mended_by_a_repair()
    assert stray not in dataset.runtime.graph.section_hashes([dataset.document("deploy")])[dataset.document("deploy")]


@pytest.mark.task("6.2")
def test_an_altered_text_in_the_graph_is_broken(dataset: Dataset) -> None:
    changed = dataset.generation("install")[5]
    _write(dataset, "MATCH (s:Section {id: $id}) SET s.text = 'something else'", id=changed)
    assert dataset.found() == {"broken": 1}
    dataset.assert_mended_by_a_repair()


@pytest.mark.task("6.2")
@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"tag": "elsewhere"}, "payload"),
        ({"document_id": "00000000-0000-4000-8000-000000000000"}, "payload"),
        ({"document_id": "nobody"}, "payload"),
        ({"text_hash": "0" * 64}, "text"),
        ({"vector_hash": "0" * 64}, "vector"),
    ],
    ids=["tag", "document", "no-document", "text", "vector"],
)
def test_an_altered_payload_is_found_by_what_it_says(dataset: Dataset, payload: dict[str, str], kind: str) -> None:
    changed = dataset.generation("monitor")[2]
    alter_payload(dataset.runtime, dataset.version, changed, payload)
    found = dataset.found()
    assert found[kind] == 1, found
    assert not dataset.verify().is_equal
    assert not dataset.judged_ready()
    dataset.assert_mended_by_a_repair()


@pytest.mark.task("6.2")
def test_two_swapped_vectors_are_found_by_hash_and_computed_again(dataset: Dataset) -> None:
    one, two = dataset.generation("install")[1], dataset.generation("monitor")[2]
    points = dataset.runtime.vectors.retrieve(dataset.version, [one, two], with_vectors=True)
    vectors = [list(points[two].vector or ()), list(points[one].vector or ())]
    for point, vector in zip((points[one], points[two]), vectors, strict=True):
        dataset.runtime.vectors.stage(
            dataset.version,
            [Point(point.section_id, point.document_id, point.tag, vector, point.text_hash, point.vector_hash)],
            point.fence + 1000,
        )
    assert dataset.verify(with_vectors=False).is_equal
    assert dataset.found() == {"vector": 2}
    assert not dataset.judged_ready()
    repaired = dataset.assert_mended_by_a_repair()
    assert sum(each.restaged for each in repaired.documents) == 2
    again = dataset.runtime.vectors.retrieve(dataset.version, [one], with_vectors=True)[one]
    assert again.vector == points[one].vector


@pytest.mark.task("6.2")
def test_a_vector_of_another_text_with_its_right_hash_is_found_by_computing_it_again(dataset: Dataset) -> None:
    """As a broken embedder leaves it, which made the same for two texts: each hash is right, and one vector is not."""
    right, wrong = dataset.generation("install")[1], dataset.generation("monitor")[2]
    points = dataset.runtime.vectors.retrieve(dataset.version, [right, wrong], with_vectors=True)
    taken, point = points[right], points[wrong]
    copied = Point(wrong, point.document_id, point.tag, list(taken.vector or ()), point.text_hash, taken.vector_hash)
    dataset.runtime.vectors.stage(dataset.version, [copied], point.fence + 1000)
    for with_vectors in (False, True):
        assert dataset.verify(with_vectors=with_vectors).comparison.vector == [wrong]
    dataset.assert_mended_by_a_repair()
    again = dataset.runtime.vectors.retrieve(dataset.version, [wrong], with_vectors=True)[wrong]
    assert again.vector == point.vector


def _garbage(dataset: Dataset, document: str, fence: int, count: int = 1) -> list[str]:
    vector = [1.0] + [0.0] * (dataset.version.dimensions - 1)
    ids = [str(uuid.uuid4()) for _ in range(count)]
    points = [Point(i, document, dataset.tag, vector, text_hash((), "x"), vector_hash(vector)) for i in ids]
    dataset.runtime.vectors.stage(dataset.version, points, fence)
    return ids


@pytest.mark.task("6.2")
def test_a_stray_point_is_found_and_swept(dataset: Dataset) -> None:
    _garbage(dataset, dataset.document("install"), fence=1)
    assert dataset.found() == {"stray": 1}
    assert not dataset.judged_ready()
    (done,) = dataset.assert_mended_by_a_repair().documents
    assert done.removed == 1


@pytest.mark.task("6.2")
@pytest.mark.parametrize("known", [True, False], ids=["known-document", "unknown-document"])
def test_abandoned_staged_points_are_no_drift_and_are_collected(dataset: Dataset, known: bool) -> None:
    document = dataset.document("install" if known else "never-committed")
    generation = dataset.runtime.graph.committed(document).generation
    _garbage(dataset, document, fence=500, count=3)
    assert dataset.found() == {"staged": 3}
    assert dataset.verify().is_equal
    assert dataset.judged_ready()
    (done,) = dataset.assert_mended_by_a_repair().documents
    assert done.removed == 3
    after = dataset.runtime.graph.committed(document)
    assert (after.fence, after.generation) == (501, generation)


@pytest.mark.task("6.2")
def test_a_point_of_no_document_is_stray(dataset: Dataset) -> None:
    (lost,) = _garbage(dataset, dataset.document("install"), fence=1)
    alter_payload(dataset.runtime, dataset.version, lost, {}, without=["document_id"])
    assert dataset.found() == {"stray": 1}
    dataset.assert_mended_by_a_repair()


@pytest.mark.task("6.2")
def test_points_under_an_embedding_version_that_nobody_reads_are_named_and_removed(dataset: Dataset) -> None:
    other = EmbeddingVersion(f"old{uuid.uuid4().hex[:7]}", "old", "1", dataset.version.dimensions, 256)
    dataset.runtime.vectors.ensure(other)
    points = list(dataset.runtime.vectors.scroll(dataset.version, tag=dataset.tag, with_vectors=True))[:4]
    copies = [Point(p.section_id, p.document_id, p.tag, p.vector or (), p.text_hash, p.vector_hash) for p in points]
    dataset.runtime.vectors.stage(other, copies, 1)
    try:
        assert dataset.found() == {"other_version": 4}
        dataset.assert_mended_by_a_repair()
        assert dataset.runtime.vectors.count(other, dataset.tag) == 0
    finally:
        dataset.runtime.vectors.drop(other)


@pytest.mark.task("6.2")
def test_an_id_that_a_generation_names_twice_is_a_duplicate(dataset: Dataset) -> None:
    _write(
        dataset,
        "MATCH (d:Document {id: $id}) SET d.generation = d.generation + [d.generation[0]]",
        id=dataset.document("install"),
    )
    assert dataset.found() == {"duplicate": 1}
    assert not dataset.judged_ready()
    dataset.assert_mended_by_a_repair()


@pytest.mark.task("6.2")
@pytest.mark.parametrize("replaced_by", ["nothing", "an index over something else"])
def test_a_lost_fulltext_index_is_built_again(dataset: Dataset, replaced_by: str) -> None:
    _write(dataset, f"DROP INDEX {FULLTEXT_INDEX}")
    if replaced_by != "nothing":
        _write(dataset, f"CREATE FULLTEXT INDEX {FULLTEXT_INDEX} FOR (n:Nothing) ON EACH [n.tag_token]")
        _write(dataset, "CALL db.awaitIndexes(60)")
    fulltext = dataset.verify().fulltext
    assert fulltext is not None
    assert (fulltext.indexed, fulltext.in_step) == (0, False)
    assert dataset.assert_mended_by_a_repair().fulltext_rebuilt
    assert dataset.runtime.graph.fulltext(dataset.tag, "deploy.3", 5)


@pytest.mark.task("6.2")
def test_everything_comes_back_after_the_loss_of_all_vectors(dataset: Dataset) -> None:
    dataset.runtime.vectors.drop(dataset.version)
    assert dataset.found() == {"missing": SECTIONS * len(DOCUMENTS)}
    repaired = dataset.assert_mended_by_a_repair()
    assert sum(each.restaged for each in repaired.documents) == SECTIONS * len(DOCUMENTS)


@pytest.mark.task("6.2")
def test_everything_comes_back_after_the_loss_of_redis(dataset: Dataset) -> None:
    fences = {name: dataset.runtime.graph.committed(dataset.document(name)).fence for name in DOCUMENTS}
    with redis.Redis.from_url(dataset.runtime.settings.redis_url) as client:
        client.flushall()
    assert dataset.runtime.state.readiness.get(dataset.tag) is None
    _delete_points(dataset, dataset.generation("deploy")[0])
    dataset.assert_mended_by_a_repair()
    assert dataset.runtime.graph.committed(dataset.document("deploy")).fence > fences["deploy"]
    (state,) = dataset.ingest(install=_document("install", note=" again"))
    assert state.outcome == "updated"
    assert dataset.verify().is_equal


@pytest.mark.task("6.2")
def test_a_document_that_failed_last_still_speaks_against_the_dataset_after_a_repair(dataset: Dataset) -> None:
    (state,) = dataset.ingest(broken="\x00 not text")
    assert state.status is JobStatus.FAILED
    repaired = auditing.repair(dataset.runtime, dataset.tag)
    assert repaired.after.is_equal
    assert [reason.code for reason in repaired.verdict.reasons] == ["failed_share"]


@pytest.mark.task("6.2")
def test_single_documents_can_be_compared_and_mended(dataset: Dataset) -> None:
    _delete_points(dataset, dataset.generation("deploy")[0], dataset.generation("install")[0])
    one = [dataset.document("deploy")]
    assert not auditing.verify(dataset.runtime, dataset.tag, one).is_equal
    repaired = auditing.repair(dataset.runtime, dataset.tag, one)
    assert repaired.after.is_equal
    assert not repaired.verdict.ready
    assert dataset.found() == {"missing": 1}


@pytest.mark.task("6.2")
def test_the_order_of_ids_is_the_same_in_both_stores(dataset: Dataset) -> None:
    graph = [live.section_id for live in dataset.runtime.graph.generations(dataset.tag)]
    points = [point.section_id for point in dataset.runtime.vectors.scroll(dataset.version, tag=dataset.tag)]
    assert graph == points == sorted(graph)


@pytest.mark.task("6.2")
def test_a_repair_beside_writers_loses_nothing(dataset: Dataset) -> None:
    stop = threading.Event()
    failures: list[BaseException] = []

    def writing(name: str) -> Iterator[None]:
        number = 0
        while not stop.is_set():
            number += 1
            (state,) = dataset.ingest(**{name: _document(name, 4 + number % 3, note=f" in round {number % 4}")})
            assert state.status is JobStatus.COMPLETED, state.error
            yield

    def repairing() -> Iterator[None]:
        while not stop.is_set():
            _garbage(dataset, dataset.document("install"), fence=1)
            auditing.repair(dataset.runtime, dataset.tag)
            for name in DOCUMENTS:
                repair_document(dataset.runtime, dataset.version, dataset.document(name))
            yield

    rounds = {"writes": 0, "repairs": 0}

    def loop(kind: str, work: Callable[[], Iterator[None]]) -> None:
        try:
            for _ in work():
                rounds[kind] += 1
        except BaseException as error:  # handed to the test's own thread
            failures.append(error)

    threads = [
        threading.Thread(target=loop, args=("writes", lambda name=name: writing(name))) for name in DOCUMENTS[:2]
    ]
    threads.append(threading.Thread(target=loop, args=("repairs", repairing)))
    for thread in threads:
        thread.start()
    # As long as it takes on a busy machine to have met often enough.
    deadline = time.monotonic() + 120
    while not failures and time.monotonic() < deadline and (rounds["writes"] < 40 or rounds["repairs"] < 8):
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert rounds["writes"] > 3, rounds
    assert rounds["repairs"] > 1, rounds
    comparison = compare_dataset(dataset.runtime, dataset.version, dataset.tag, with_vectors=True)
    assert not comparison.missing
    assert not comparison.mismatched
    assert not comparison.broken
    dataset.assert_mended_by_a_repair()
