"""A graph as version 0.1.0 left it: taken over step by step, found clean, searched as before, and nothing is embedded again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import neo4j
from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import ConfigurationError
from docgraph.domain.identity import document_id
from docgraph.integrity.compare import compare_dataset
from docgraph.retrieval import search
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from docgraph.stores.graph.schema import SCHEMA_VERSION
from docgraph_local.stack import Stack
from support.integration.embedder_metrics import DOCUMENTS, texts_computed
from support.integration.ports import free_port_base
from support.integration.work import ask, work_off

GUIDE = "# Guide\n\n" + "".join(
    f"## Part {n}\n\nThe option `--limit-{n}` bounds the workers of part {n}.\n\n" for n in range(12)
)
OTHER = "# Other\n\nSee [the guide](guide.md#part-3) for the option `--limit-3`.\n"
#: What `ensure_schema` of version 0.1.0 ran, word for word.
SCHEMA_OF_0_1_0 = (
    "CREATE CONSTRAINT meta_name IF NOT EXISTS FOR (m:Meta) REQUIRE m.name IS UNIQUE",
    "CREATE CONSTRAINT dataset_tag IF NOT EXISTS FOR (d:Dataset) REQUIRE d.tag IS UNIQUE",
    "CREATE CONSTRAINT source_id IF NOT EXISTS FOR (s:Source) REQUIRE s.id IS UNIQUE",
    "CREATE CONSTRAINT section_id IF NOT EXISTS FOR (s:Section) REQUIRE s.id IS UNIQUE",
    "CREATE CONSTRAINT entity_id IF NOT EXISTS FOR (e:Entity) REQUIRE e.id IS UNIQUE",
    "CREATE INDEX document_tag IF NOT EXISTS FOR (d:Document) ON (d.tag)",
    "CREATE INDEX source_tag IF NOT EXISTS FOR (s:Source) ON (s.tag)",
    "CREATE INDEX section_tag IF NOT EXISTS FOR (s:Section) ON (s.tag)",
    "CREATE INDEX section_document IF NOT EXISTS FOR (s:Section) ON (s.document_id)",
    "CREATE INDEX entity_name IF NOT EXISTS FOR (e:Entity) ON (e.tag, e.kind, e.name)",
    "CREATE INDEX entity_relation IF NOT EXISTS FOR ()-[r:RELATES]-() ON (r.section_id)",
    "CREATE INDEX link_section IF NOT EXISTS FOR ()-[r:LINKS_TO]-() ON (r.section_id)",
    "CREATE FULLTEXT INDEX section_text IF NOT EXISTS FOR (s:Section) "
    "ON EACH [s.tag_token, s.heading_text, s.text, s.identifiers] "
    "OPTIONS {indexConfig: {`fulltext.analyzer`: 'standard-no-stop-words', `fulltext.eventually_consistent`: false}}",
    "CALL db.awaitIndexes(120)",
    "MERGE (m:Meta {name: 'docgraph'}) SET m.schema = 1",
)
#: The properties that version 0.1.0 wrote, by label; what later versions write beside them was not there.
PROPERTIES_OF_0_1_0 = {
    "Dataset": {"tag", "embedding_version", "created_at"},
    "Source": {
        "id", "tag", "source_uri", "job_id", "checksum", "pipeline", "generation", "fence", "owner", "version", "committed_at",
        "title", "content_type", "front_matter", "levels", "starts", "ends", "anchors",
    },
    "Section": {
        "id", "document_id", "tag", "tag_token", "heading_path", "heading_text", "text", "text_hash", "occurrence", "identifiers",
    },
    "Entity": {"id", "kind", "name", "tag"},
}  # fmt: skip
PIPELINE_OF_0_1_0 = "0123456789abcdef"


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("DOCGRAPH_", "AIRFLOW"))}


def drop_schema(driver: neo4j.Driver) -> None:
    """Remove every constraint and index but those that Neo4j makes itself."""
    for kind, kinds in (("CONSTRAINT", "CONSTRAINTS"), ("INDEX", "INDEXES")):
        shown = driver.execute_query(f"SHOW {kinds} YIELD name, type WHERE type <> 'LOOKUP' RETURN name").records
        for record in shown:
            driver.execute_query(f"DROP {kind} {record['name']} IF EXISTS")


@pytest.fixture(scope="module")
def own_graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The address of an empty Neo4j of the module's own."""
    stack = Stack(Path(tmp_path_factory.mktemp("graph")), free_port_base(), only=("neo4j",), environ=_clean())
    stack.up()
    yield stack.deployment().settings
    stack.down()


@pytest.fixture
def empty(own_graph: Settings) -> Iterator[neo4j.Driver]:
    """The same, emptied of everything, schema included."""
    auth = (own_graph.neo4j_user, own_graph.neo4j_password)
    with neo4j.GraphDatabase.driver(own_graph.neo4j_uri, auth=auth) as driver:
        driver.execute_query("MATCH (n) DETACH DELETE n")
        drop_schema(driver)
        yield driver


@pytest.fixture
def taken_over(settings: Settings, own_graph: Settings) -> Iterator[Runtime]:
    """The session's other stores beside the module's graph."""
    names = ("neo4j_uri", "neo4j_user", "neo4j_password")
    with Runtime(replace(settings, **{name: getattr(own_graph, name) for name in names})) as made:
        yield made


def _kept(labels: set[str], properties: dict[str, Any]) -> dict[str, Any]:
    (kind,) = labels & PROPERTIES_OF_0_1_0.keys()
    kept = {name: value for name, value in properties.items() if name in PROPERTIES_OF_0_1_0[kind]}
    return {**kept, "pipeline": PIPELINE_OF_0_1_0} if "pipeline" in kept else kept


def write_as_0_1_0(source: neo4j.Driver, target: neo4j.Driver, tag: str) -> None:
    """Write one dataset's nodes and edges into another database, as version 0.1.0 would have left them."""
    for statement in SCHEMA_OF_0_1_0:
        target.execute_query(statement)
    nodes = source.execute_query(
        "MATCH (n {tag: $tag}) RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS p", tag=tag
    )
    for node in nodes.records:
        labels = ":".join(node["labels"])
        kept = _kept(set(node["labels"]), node["p"])
        target.execute_query(f"CREATE (n:{labels}) SET n = $p, n.at = $id", p=kept, id=node["id"])
    edges = source.execute_query(
        "MATCH (a {tag: $tag})-[r]->(b) RETURN elementId(a) AS a, elementId(b) AS b, type(r) AS kind, properties(r) AS p",
        tag=tag,
    )
    for edge in edges.records:
        target.execute_query(
            f"MATCH (a {{at: $a}}) MATCH (b {{at: $b}}) CREATE (a)-[r:{edge['kind']}]->(b) SET r = $p",
            a=edge["a"],
            b=edge["b"],
            p=edge["p"],
        )
    target.execute_query("MATCH (n) REMOVE n.at")


def _found(runtime: Runtime, tag: str) -> list[str]:
    answer = search(runtime.graph, runtime.vectors, runtime.embedder, "What does --limit-3 bound?", tag)
    assert answer.evidence
    return [hit.section_id for hit in answer.evidence]


def test_a_graph_of_0_1_0_is_verified_clean_searched_as_before_and_nothing_is_embedded_again(
    runtime: Runtime, taken_over: Runtime, empty: neo4j.Driver, version: EmbeddingVersion, tag: str
) -> None:
    work_off(runtime, tag, ask(runtime, tag, {"guide": GUIDE, "other": OTHER, "gone": "# Gone\n\nSoon.\n"}))
    work_off(runtime, tag, ask(runtime, tag, {"gone": None}))
    auth = (runtime.settings.neo4j_user, runtime.settings.neo4j_password)
    with neo4j.GraphDatabase.driver(runtime.settings.neo4j_uri, auth=auth) as source:
        write_as_0_1_0(source, empty, tag)
    before = _found(runtime, tag)

    taken_over.graph.ensure_schema()

    assert taken_over.graph.schema() == SCHEMA_VERSION
    assert compare_dataset(taken_over, version, tag, with_vectors=True).is_equal
    assert _found(taken_over, tag) == before
    embedded = texts_computed(taken_over.settings, DOCUMENTS)
    generation = taken_over.graph.committed(document_id(tag, "upload:///guide.md")).generation
    jobs = ask(taken_over, tag, {"guide": GUIDE, "other": OTHER})
    work_off(taken_over, tag, jobs)
    assert [state.error for state in taken_over.state.jobs.get_many(jobs)] == ["", ""]
    assert texts_computed(taken_over.settings, DOCUMENTS) == embedded
    assert taken_over.graph.committed(document_id(tag, "upload:///guide.md")).generation == generation
    assert compare_dataset(taken_over, version, tag, with_vectors=True).is_equal


def test_a_graph_taken_over_and_a_new_one_have_the_same_schema(taken_over: Runtime, empty: neo4j.Driver) -> None:
    def shown() -> set[tuple[str, str]]:
        return {
            (kind, str(record["name"]))
            for kind in ("INDEXES", "CONSTRAINTS")
            for record in empty.execute_query(f"SHOW {kind} YIELD name RETURN name").records
        }

    for statement in SCHEMA_OF_0_1_0:
        empty.execute_query(statement)
    taken_over.graph.ensure_schema()
    old = shown()
    drop_schema(empty)
    empty.execute_query("MATCH (m:Meta) DELETE m")
    taken_over.graph.ensure_schema()
    assert shown() == old
    states = empty.execute_query("SHOW INDEXES YIELD state RETURN collect(DISTINCT state) AS states").records
    assert states[0]["states"] == ["ONLINE"]


def test_several_processes_may_take_the_steps_at_once(taken_over: Runtime, empty: neo4j.Driver) -> None:
    failures: list[BaseException] = []

    def take() -> None:
        try:
            taken_over.graph.ensure_schema()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    rows = empty.execute_query("MATCH (m:Meta) RETURN m.name AS name, m.schema AS schema").records
    assert [(row["name"], row["schema"]) for row in rows] == [("docgraph", SCHEMA_VERSION)]


def test_a_newer_schema_is_refused_and_left_alone(taken_over: Runtime, empty: neo4j.Driver) -> None:
    newer = SCHEMA_VERSION + 1
    empty.execute_query("CREATE (:Meta {name: 'docgraph', schema: $schema})", schema=newer)
    with pytest.raises(ConfigurationError, match=rf"has schema {newer}.* up to {SCHEMA_VERSION}.*Install that version"):
        taken_over.graph.ensure_schema()
    assert taken_over.graph.schema() == newer
    assert empty.execute_query("SHOW CONSTRAINTS YIELD name RETURN name").records == []


def test_documents_of_0_1_0_get_routes_and_its_links_follow_them(
    runtime: Runtime, taken_over: Runtime, empty: neo4j.Driver, tag: str
) -> None:
    pages = {
        "guide": "# Guide\n\nSee [the other](other/) and [it](02-last).\n",
        "other": OTHER,
        "01-last": "# Last\n\nEnd.\n",
    }
    work_off(runtime, tag, ask(runtime, tag, pages))
    auth = (runtime.settings.neo4j_user, runtime.settings.neo4j_password)
    with neo4j.GraphDatabase.driver(runtime.settings.neo4j_uri, auth=auth) as source:
        write_as_0_1_0(source, empty, tag)
    empty.execute_query("MATCH ()-[l:LINKS_TO]->() REMOVE l.reference, l.kind")
    guide = document_id(tag, "upload:///guide.md")
    sections = taken_over.graph.committed(guide).generation
    assert taken_over.graph.linked_documents(sections) == []

    taken_over.graph.ensure_schema()

    found = [link.source_uri for link in taken_over.graph.linked_documents(sections)]
    assert found == ["upload:///01-last.md", "upload:///other.md"]
    left = empty.execute_query("MATCH (s:Source) WHERE s.route IS NULL RETURN count(s) AS left").records
    assert left[0]["left"] == 0
