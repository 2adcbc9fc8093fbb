"""The verdict on 5,000 sections: whatever is damaged makes the dataset not ready, by name, until it is repaired; nothing else does."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from docgraph.domain.documents import EmbeddingVersion, Point, embedded_text
from docgraph.domain.identity import document_id, text_hash, vector_hash
from docgraph.formats import assembly
from docgraph.formats.splitting import Part
from docgraph.model_servers import EmbeddingClient, EmbeddingServers
from docgraph.model_servers.client import Vectors
from docgraph.readiness import audit as auditing
from docgraph.readiness import audit_report
from docgraph.readiness.judgement import drift_of, judge
from docgraph.readiness.report import read_report
from docgraph.runtime.connections import Runtime
from docgraph.stores.graph.schema import FULLTEXT_INDEX
from support.integration.datasets import Passage, run, write_document
from support.integration.points import alter_payload

#: The first sections of each document have their real vectors, from which questions are made; the others random ones.
DOCUMENTS, SECTIONS, REAL = 25, 200, 20
_WORDS = """
    access account address agent alarm archive argument backup balance bandwidth batch binary bridge browser buffer cache
    calendar certificate channel checksum cipher client cluster column command compiler condition console container cookie
    counter cursor database deadline decoder default delay deployment device digest directory domain driver editor element
    encoder endpoint engine entry error event exception extension factory feature field filter firewall folder format
    function gateway generator graph group handler header history host image import index inspector instance interface
    interrupt iterator journal kernel keyboard label language layer ledger library license limit listener locale machine
    manifest memory message method metric migration mirror module monitor namespace network notification object observer
    offset operator option package parameter parser partition password pattern permission pipeline plugin pointer policy
    pool port printer priority process profile protocol provider proxy query queue range record region register release
    replica report request resource response retry router routine sandbox schedule schema scope script secret segment
    sensor sequence server session shard signal snapshot socket source stack storage stream string subnet switch symbol
    table target template terminal thread threshold timeout token topic trace traffic transaction trigger tunnel update
    upload validator value variable vector version volume warning watcher widget window worker wrapper writer
"""
_VOCABULARY = _WORDS.split()
GUIDE = "# Guide\n\n" + "\n".join(
    f"## {name}\n\n{text}\n"
    for name, text in {
        "Closing the gate": "When a store is overloaded the gate closes, and claims wait until it answers quickly again.",
        "Nightly snapshots": "Take a snapshot of the cluster every night and copy it to another region of the provider.",
        "Signing in": "Users sign in with a password and a one-time code that their telephone shows them.",
        "Limiting runs": "Set max_active_runs to limit how many runs work at once; the rest wait in the queue.",
        "Reading the log": "The log names each request with its address, its duration and the status that was sent back.",
        "Renewing certificates": "A certificate is renewed thirty days before it expires, without closing connections.",
        "Moving the cache": "The cache moves to another disk while readers go on; writers pause for a second.",
        "Drawing the map": "The map shows every harbour and lighthouse of the coast in the colours of their owners.",
    }.items()
)


def passages(count: int, seed: str) -> list[Passage]:
    """Short sections that are unlike each other."""
    draw = random.Random(seed)
    return [
        (
            f"{' '.join(draw.sample(_VOCABULARY, 2))} {seed}.{number}",
            f"The {' '.join(draw.sample(_VOCABULARY, 3))} keeps its {' '.join(draw.sample(_VOCABULARY, 3))}.",
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Dataset:
    """A dataset of 5,000 sections and a guide that went through the whole pipeline; runs ingest the guide again."""

    runtime: Runtime
    version: EmbeddingVersion
    tag: str

    def document(self, name: str) -> str:
        return document_id(self.tag, f"upload:///{name}.md")

    def generation(self, name: str) -> tuple[str, ...]:
        return self.runtime.graph.committed(self.document(name)).generation

    def run(self, runtime: Runtime | None = None, /, **documents: str) -> dict[str, Any]:
        """Ingest documents (the unchanged guide where none is given) in one run, and return its report."""
        return run(runtime or self.runtime, self.tag, documents or {"guide": GUIDE})

    def audit(self) -> dict[str, Any]:
        """Return the report of a full comparison, vectors included, that repairs nothing."""
        verification = auditing.verify(self.runtime, self.tag, with_vectors=True)
        _, report_id = audit_report.publish_audit(
            self.runtime, self.tag, verification.comparison, run_id="test", dag_id="", seconds=0.0
        )
        return read_report(self.runtime.reports, report_id)

    def is_mended_by_a_repair(self) -> bool:
        repaired = auditing.repair(self.runtime, self.tag)
        assert repaired.after.is_equal, repaired.as_json()
        return repaired.verdict.ready

    def write(self, query: str, **parameters: object) -> None:
        self.runtime.graph._write(query, **parameters)

    def store(self, section: str, vector: Sequence[float], *, hashed: str | None = None) -> None:
        """Put another vector under a section, past every condition; `hashed` None keeps the hash that was there."""
        point = self.runtime.vectors.retrieve(self.version, [section])[section]
        self.runtime.vectors.stage(
            self.version,
            [Point(section, point.document_id, self.tag, vector, point.text_hash, hashed or point.vector_hash)],
            point.fence + 1,
        )


def codes(report: dict[str, Any]) -> list[str]:
    assert report["ready_for_queries"] is not bool(report["reasons"])
    return [reason["code"] for reason in report["reasons"]]


@pytest.fixture(scope="module")
def dataset(session_runtime: Runtime) -> Dataset:
    runtime, tag = session_runtime, f"t{uuid.uuid4().hex[:12]}"
    version = runtime.embedding_version
    runtime.vectors.ensure(version)
    runtime.graph.ensure_dataset(tag, version.name)
    made = Dataset(runtime, version, tag)
    random_vectors = np.random.default_rng(7)
    for number in range(DOCUMENTS):
        sections = passages(SECTIONS, f"p{number}")
        real = runtime.embedder.serving(version.name).embed(
            [embedded_text((heading,), text) for heading, text in sections[:REAL]]
        )
        others = random_vectors.standard_normal((SECTIONS - REAL, version.dimensions)).astype(np.float32)
        others /= np.linalg.norm(others, axis=1, keepdims=True)
        vectors = np.concatenate([real, others]).tolist()
        write_document(runtime, version, tag, f"upload:///part{number}.md", sections, vectors)
    report = made.run()
    assert report["ready_for_queries"], report["reasons"]
    return made


@pytest.mark.task("6.4")
def test_a_sound_dataset_is_ready_and_the_report_says_that_each_id_was_compared(dataset: Dataset) -> None:
    report = dataset.run()
    assert codes(report) == []
    assert report["drift"]["scope"] == "dataset"
    assert report["drift"]["checked"] == report["counts"]["sections_graph"] > DOCUMENTS * SECTIONS
    assert codes(dataset.audit()) == []


@pytest.mark.task("6.4")
def test_a_deleted_point_of_thousands_is_named(dataset: Dataset) -> None:
    lost = dataset.generation("part3")[17]
    dataset.runtime.vectors._client.delete(dataset.version.collection, points_selector=[lost], wait=True)
    report = dataset.run()
    assert codes(report) == ["missing_vectors"]
    assert lost in report["reasons"][0]["message"]
    assert report["drift"]["missing"] == [lost]
    assert report["drift_pct"] < 0.5
    assert dataset.is_mended_by_a_repair()


@pytest.mark.task("6.4")
def test_a_deleted_section_of_thousands_is_named(dataset: Dataset) -> None:
    lost = dataset.generation("guide")[3]
    dataset.write("MATCH (s:Section {id: $id}) DETACH DELETE s", id=lost)
    report = dataset.run()
    assert codes(report) == ["mismatched"]
    assert lost in report["reasons"][0]["message"]
    assert dataset.is_mended_by_a_repair()


@pytest.mark.task("6.4")
@pytest.mark.parametrize("payload", [{"tag": "elsewhere"}, {"text_hash": "0" * 64}], ids=["tag", "text"])
def test_an_altered_payload_of_thousands_is_named(dataset: Dataset, payload: dict[str, str]) -> None:
    changed = dataset.generation("part5")[2]
    alter_payload(dataset.runtime, dataset.version, changed, payload)
    report = dataset.run()
    assert codes(report) == ["mismatched"]
    assert changed in report["reasons"][0]["message"]
    assert dataset.is_mended_by_a_repair()


@pytest.mark.task("6.4")
@pytest.mark.parametrize("documents", [("guide", "guide"), ("part1", "part7")], ids=["of-the-run", "of-others"])
def test_two_swapped_vectors_of_thousands_are_named(dataset: Dataset, documents: tuple[str, str]) -> None:
    one, two = dataset.generation(documents[0])[1], dataset.generation(documents[1])[2]
    points = dataset.runtime.vectors.retrieve(dataset.version, [one, two], with_vectors=True)
    dataset.store(one, points[two].vector or ())
    dataset.store(two, points[one].vector or ())
    report = dataset.run() if "guide" in documents else dataset.audit()
    assert codes(report)[0] == "mismatched"
    assert sorted(report["drift"]["mismatched"]) == sorted([one, two])
    assert dataset.is_mended_by_a_repair()


@pytest.mark.task("6.4")
def test_a_stray_among_thousands_is_named(dataset: Dataset) -> None:
    stray, vector = str(uuid.uuid4()), [1.0] + [0.0] * (dataset.version.dimensions - 1)
    point = Point(stray, dataset.document("part9"), dataset.tag, vector, text_hash((), "x"), vector_hash(vector))
    dataset.runtime.vectors.stage(dataset.version, [point], 1)
    report = dataset.run()
    assert codes(report) == ["stray_vectors"]
    assert stray in report["reasons"][0]["message"]
    assert dataset.is_mended_by_a_repair()


@pytest.mark.task("6.4")
@pytest.mark.parametrize("replaced_by", ["nothing", "an index over something else"])
def test_an_emptied_fulltext_index_is_named(dataset: Dataset, replaced_by: str) -> None:
    dataset.write(f"DROP INDEX {FULLTEXT_INDEX}")
    if replaced_by != "nothing":
        dataset.write(f"CREATE FULLTEXT INDEX {FULLTEXT_INDEX} FOR (n:Nothing) ON EACH [n.tag_token]")
        dataset.write("CALL db.awaitIndexes(60)")
    assert codes(dataset.run())[0] == "fulltext_empty"
    assert dataset.is_mended_by_a_repair()


@pytest.mark.task("6.4")
def test_an_embedding_version_that_nobody_serves_is_named(dataset: Dataset) -> None:
    change = "MATCH (d:Dataset {tag: $tag}) SET d.embedding_version = $name"
    dataset.write(change, tag=dataset.tag, name="another")
    try:
        verdict = judge(
            dataset.tag,
            graph=dataset.runtime.graph,
            vectors=dataset.runtime.vectors,
            embedder=dataset.runtime.embedder,
            config=dataset.runtime.config,
            drift=None,
        )
    finally:
        dataset.write(change, tag=dataset.tag, name=dataset.version.name)
    assert not verdict.ready
    assert "wrong_embedding_version" in [reason.code for reason in verdict.reasons]
    assert codes(dataset.run()) == []


@pytest.mark.task("6.4")
def test_vectors_of_another_model_are_named_although_their_hashes_are_sound(dataset: Dataset) -> None:
    report = dataset.run(foreign="# Foreign\n\nA text that another model has embedded while nobody looked.\n")
    assert codes(report) == []
    (section,) = dataset.generation("foreign")
    point = dataset.runtime.vectors.retrieve(dataset.version, [section], with_vectors=True)[section]
    turned = [float(x) for x in np.roll(np.asarray(point.vector), 7)]
    dataset.store(section, turned, hashed=vector_hash(turned))
    verdict = judge(
        dataset.tag,
        graph=dataset.runtime.graph,
        vectors=dataset.runtime.vectors,
        embedder=dataset.runtime.embedder,
        config=dataset.runtime.config,
        drift=None,
        changed=[section],
    )
    assert "mismatched" in [reason.code for reason in verdict.reasons]
    dataset.store(section, point.vector or (), hashed=point.vector_hash)
    assert codes(dataset.run()) == []


LONG = "# Long\n\n" + "\n\n".join(
    f"Paragraph {n} says of {_VOCABULARY[n]} what it has to say, {n} times." for n in range(60)
)


@pytest.mark.task("6.4")
@pytest.mark.parametrize(
    "broken",
    [
        lambda text, anatomy, **sizes: [Part(text, 0, len(text))],
        lambda text, anatomy, **sizes: [Part(text[:400], 0, 400)],
    ],
    ids=["too-long", "loses-text"],
)
def test_a_truncating_splitter_is_named(
    request: pytest.FixtureRequest, dataset: Dataset, broken: Callable[..., list[Part]], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"long-{request.node.callspec.id}"
    text = LONG.replace("Long", name)
    with monkeypatch.context() as patched:
        patched.setattr(assembly, "split", broken)
        report = dataset.run(**{name: text})
    assert "would_truncate" in codes(report)
    assert f"{name}.md" in next(r["message"] for r in report["reasons"] if r["code"] == "would_truncate")
    assert codes(dataset.run(**{name: text})) == []


class BrokenEmbedder(EmbeddingClient):
    """Gives the same vector for every text."""

    def embed(
        self, texts: Sequence[str], version: EmbeddingVersion | None = None, *, within: float | None = None
    ) -> Vectors:
        return np.repeat(super().embed(["The same for all."], version, within=within), len(texts), axis=0)


@pytest.fixture
def broken_runtime(dataset: Dataset) -> Iterator[Runtime]:
    settings = dataset.runtime.settings
    with Runtime(settings) as made:
        broken = BrokenEmbedder(settings.embeddings_url, settings.embeddings_api_key)
        made.__dict__["embedder"] = EmbeddingServers(broken)
        yield made


@pytest.mark.task("6.4")
def test_constant_vectors_are_named_while_they_are_made_and_as_long_as_they_are_there(
    dataset: Dataset, broken_runtime: Runtime
) -> None:
    report = dataset.run(broken_runtime, constant=GUIDE.replace("Guide", "Constant"))
    assert "embedder_broken" in codes(report)
    # The embedder is repaired; what it made is still there, and its hashes are sound.
    report = dataset.run()
    assert codes(report)[0] == "mismatched"
    assert set(report["drift"]["mismatched"]) == set(dataset.generation("constant"))
    assert dataset.is_mended_by_a_repair()


def release(number: int) -> Passage:
    fixes = random.Random(number).sample(_VOCABULARY, 2)
    return (
        f"Release 4.{number // 20}.{number % 20}",
        "This release contains bug fixes and improvements of performance. We thank everybody who reported a problem. "
        f"Upgrading from the release before needs no change of the configuration. Fixed: {fixes[0]}, {fixes[1]}.",
    )


def function(number: int) -> Passage:
    name = f"get_{'_'.join(random.Random(number).sample(_VOCABULARY, 2))}"
    return (
        f"{name}()",
        f"Return the value of {name}. Raises KeyError if it is not set and TypeError if it has no value. New in version 3.",
    )


@pytest.mark.task("6.4")
def test_a_dataset_of_near_duplicates_is_ready_and_its_damage_is_seen(
    runtime: Runtime, version: EmbeddingVersion, tag: str
) -> None:
    runtime.graph.ensure_dataset(tag, version.name)
    for start in range(0, 500, 100):
        kind = release if start < 300 else function
        sections = [kind(number) for number in range(start, start + 100)]
        write_document(runtime, version, tag, f"upload:///notes{start}.md", sections)

    def judged(changed: Sequence[str] = ()) -> list[str]:
        verification = auditing.verify(runtime, tag, with_vectors=True)
        verdict = judge(
            tag,
            graph=runtime.graph,
            vectors=runtime.vectors,
            embedder=runtime.embedder,
            config=runtime.config,
            drift=drift_of(verification.comparison),
            changed=changed,
        )
        return [str(reason.code) for reason in verdict.reasons]

    documents = [document_id(tag, f"upload:///notes{start}.md") for start in range(0, 500, 100)]
    for document in documents[::3]:
        assert judged(runtime.graph.committed(document).generation) == []
    generation = runtime.graph.committed(documents[0]).generation
    points = runtime.vectors.retrieve(version, generation, with_vectors=True)
    constant = points[generation[0]].vector or ()
    runtime.vectors.stage(
        version,
        [Point(p.section_id, documents[0], tag, constant, p.text_hash, vector_hash(constant)) for p in points.values()],
        max(p.fence for p in points.values()) + 1,
    )
    assert "mismatched" in judged(generation)
    assert auditing.repair(runtime, tag).verdict.ready
