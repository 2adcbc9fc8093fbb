"""Why a document is not searchable: each missing link made for real, on the real stores, and named by `explain`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import neo4j
from docgraph.api.explain import LinkStatus
from docgraph.diagnosis.chain import LINKS, Explanation
from docgraph.diagnosis.explaining import explain
from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.identity import document_id
from docgraph.ingest import pipeline, taking
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from docgraph.sources.registry import source_of
from support.integration import work
from support.integration.service_process import ROOT, TOKEN, Sidecar, free_port, own_redis_url, sidecar
from support.integration.store_service import Ingest, ingest, service, watch_root

__all__ = ["ingest", "own_redis_url", "service", "sidecar", "watch_root"]

URI = "upload:///guide.md"
GUIDE = "# Guide\n\n## Gate\n\nWhen a store is overloaded the gate closes and claims wait.\n\n## Retries\n\nSet the limit of runs.\n"
Cypher = Callable[..., None]
Ask = Callable[..., tuple[str, str]]


@pytest.fixture
def cypher(settings: Settings) -> Cypher:
    """Damage the graph behind docgraph's back."""

    def run(query: str, **parameters: Any) -> None:
        auth = (settings.neo4j_user, settings.neo4j_password)
        with neo4j.GraphDatabase.driver(settings.neo4j_uri, auth=auth) as driver:
            driver.execute_query(query, parameters)

    return run


@pytest.fixture
def ready(runtime: Runtime, tag: str, ingest: Ingest) -> str:
    """A dataset with one document that is searchable and judged ready; returns the document's id."""
    ingest(guide=GUIDE)
    runtime.state.readiness.set(tag, {"ready": "true", "reasons": "", "at": "2026-01-01T00:00:00Z"})
    return document_id(tag, URI)


@pytest.fixture
def ask(service: Sidecar, tag: str) -> Ask:
    """Ask the service over HTTP; returns the first missing link and its code, or two empty words."""

    def run(uri: str = URI, **parameters: str) -> tuple[str, str]:
        with service.client() as http:
            answer = http.get("/v1/explain", params={"uri": uri, "tag": tag, **parameters}).raise_for_status().json()
        statuses = [link["status"] for link in answer["links"]]
        assert [link["name"] for link in answer["links"]] == list(LINKS)
        broken = answer["broken"]
        if broken is None:
            assert set(statuses) == {"ok"}
            return "", ""
        assert statuses == sorted(statuses, key=["ok", "broken", "unknown"].index)
        assert broken["message"]
        assert broken["action"]
        return broken["name"], broken["code"]

    return run


def queue(runtime: Runtime, tag: str, text: str = GUIDE) -> str:
    return work.ask(runtime, tag, {"guide": text})[0]


def code_of(explanation: Explanation) -> str:
    return explanation.broken.code if explanation.broken else ""


def test_a_document_that_is_searchable_breaks_no_link(ready: str, ask: Ask) -> None:
    assert ask() == ("", "")


def test_a_dataset_that_was_not_judged_or_judged_not_ready_is_the_last_link(
    runtime: Runtime, ready: str, ask: Ask, ingest: Ingest, tag: str
) -> None:
    runtime.state.readiness.set(tag, {"ready": "false", "reasons": "drift"})
    assert ask() == ("readiness", "dataset_not_ready")
    assert explain(runtime, [URI], tag).searchable


def test_a_dataset_without_a_verdict_is_said_not_to_be_judged(ingest: Ingest, ask: Ask) -> None:
    ingest(guide=GUIDE)
    assert ask() == ("readiness", "not_judged")


def test_an_unknown_tag_and_an_unknown_document_are_told_apart(ready: str, ask: Ask, tag: str) -> None:
    assert ask(tag=f"{tag}-typo") == ("queue", "tag_unknown")
    assert ask("upload:///other.md") == ("queue", "never_ingested")


def test_a_queued_job_is_explained_by_what_keeps_it(runtime: Runtime, tag: str, ask: Ask, service: Sidecar) -> None:
    queue(runtime, tag)
    assert ask() == ("queue", "airflow_away")
    assert code_of(explain(runtime, [URI], tag)) == "queued"
    runtime.state.gate.close("Neo4j took 4 s to answer")
    try:
        explanation = explain(runtime, [URI], tag)
    finally:
        runtime.state.gate.open()
    assert code_of(explanation) == "gate_closed"
    assert explanation.broken
    assert "4 s" in explanation.broken.message


def test_a_job_under_way_is_explained_by_its_stage(runtime: Runtime, version: EmbeddingVersion, tag: str) -> None:
    job_id = queue(runtime, tag)
    run_id = f"test-{uuid.uuid4().hex}"
    pipeline.claim(runtime, run_id, tag, [job_id])
    runtime.state.jobs.begin_stage(job_id, run_id, "embed")
    running = explain(runtime, [URI], tag)
    assert code_of(running) == "running"
    assert running.broken
    assert "embed" in running.broken.message
    runtime.state.jobs.pause(job_id, run_id, "Qdrant is slow")
    assert code_of(explain(runtime, [URI], tag)) == "paused"


def test_a_failed_job_shows_its_code_and_reason(runtime: Runtime, tag: str, ingest: Ingest, ask: Ask) -> None:
    ingest(guide="")
    assert ask() == ("stages", "failed")
    broken = explain(runtime, [URI], tag).broken
    assert broken
    assert "(empty)" in broken.message


def test_a_failed_update_says_that_the_earlier_content_stands(
    runtime: Runtime, tag: str, ready: str, ingest: Ingest
) -> None:
    ingest(guide="")
    broken = explain(runtime, [URI], tag).broken
    assert broken
    assert "earlier content stands" in broken.message


def test_a_cancelled_job_can_be_resumed(runtime: Runtime, tag: str, ask: Ask) -> None:
    job_id = queue(runtime, tag)
    runtime.state.jobs.cancel(job_id, "no longer wanted")
    assert ask() == ("queue", "cancelled")
    broken = explain(runtime, [URI], tag).broken
    assert broken
    assert broken.action == f"`ingestctl resume {job_id}`"


def test_content_that_changed_since_is_found_by_its_checksum(runtime: Runtime, tag: str, ready: str, ask: Ask) -> None:
    committed = runtime.graph.committed(ready).checksum
    assert ask(checksum=committed) == ("", "")
    assert ask(checksum="0" * 64) == ("queue", "content_changed")


def test_a_deleted_document_is_a_tombstone(ready: str, ingest: Ingest, ask: Ask) -> None:
    ingest(guide=None)
    assert ask() == ("commit", "deleted")


def test_a_graph_that_lost_or_changed_the_document_is_noticed(ready: str, cypher: Cypher, ask: Ask) -> None:
    cypher("MATCH (d:Document {id: $id}) SET d.checksum = 'restored'", id=ready)
    assert ask() == ("commit", "other_content_committed")
    cypher("MATCH (s:Section {document_id: $id}) WITH s LIMIT 1 DETACH DELETE s", id=ready)
    cypher("MATCH (d:Document {id: $id}) DETACH DELETE d", id=ready)
    assert ask() == ("commit", "not_committed")


def test_lost_section_nodes_are_counted(ready: str, cypher: Cypher, ask: Ask) -> None:
    cypher("MATCH (s:Section {document_id: $id}) WITH s LIMIT 1 DETACH DELETE s", id=ready)
    assert ask() == ("graph", "sections_missing")


def test_points_that_are_missing_are_noticed(runtime: Runtime, version: EmbeddingVersion, ready: str, ask: Ask) -> None:
    committed = runtime.graph.committed(ready)
    runtime.vectors.sweep(version, ready, committed.fence, committed.generation[:-1])
    assert ask() == ("vectors", "points_missing")


def test_another_embedding_version_than_the_served_one_is_noticed(
    runtime: Runtime, tag: str, ready: str, ask: Ask
) -> None:
    runtime.graph.change_versions(tag, lambda versions: replace(versions, current="other-model"))
    assert ask() == ("embedding", "wrong_embedding_version")


def test_a_document_that_the_full_text_index_does_not_hold_is_noticed(ready: str, cypher: Cypher, ask: Ask) -> None:
    cypher("MATCH (s:Section {document_id: $id}) SET s.tag_token = 'elsewhere'", id=ready)
    assert ask() == ("fulltext", "not_in_fulltext")


def test_a_document_behind_many_copies_of_itself_is_outranked(runtime: Runtime, tag: str, ingest: Ingest) -> None:
    ingest(**{f"copy{number}": "# Guide\n\nThe gate closes and claims wait.\n" for number in range(30)})
    codes = [code_of(explain(runtime, [f"upload:///copy{number}.md"], tag)) for number in range(30)]
    assert codes.count("not_judged") == 20
    assert codes.count("outranked") == 10


def drop(root: Path, relative: str, age: float = 60.0) -> Path:
    path = root / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# Dropped\n\ntext\n", encoding="utf-8")
    # The time of the last change of status can't be set back: settled is what is old enough by both.
    os.utime(path, (time.time() - age, time.time() - age))
    return path


@pytest.mark.parametrize(
    ("dropped", "asked", "code"),
    [
        ("{tag}/fresh.md", "{tag}/fresh.md", "settling"),
        ("{tag}/.hidden.md", "{tag}/.hidden.md", "ignored_name"),
        ("{tag}/half.md.part", "{tag}/half.md.part", "ignored_name"),
        ("{tag}/picture.png", "{tag}/picture.png", "unsupported_format"),
        ("{tag}/gone.md.ready", "{tag}/gone.md", "marker_without_file"),
        ("elsewhere/a.md", "elsewhere/a.md", "other_dataset"),
        ("../claimed/0123/{tag}/taken.md", "{tag}/taken.md", "left_claimed"),
    ],
)
def test_what_keeps_a_file_in_the_watch_folder_is_named(
    watch_root: Path, ask: Ask, tag: str, dropped: str, asked: str, code: str
) -> None:
    path = drop(watch_root, dropped.format(tag=tag))
    try:
        assert ask(f"fs://ingest/watch/{asked.format(tag=tag)}") == ("source", code)
    finally:
        path.unlink()


def test_a_complete_file_that_nobody_takes_waits_for_the_watcher(watch_root: Path, ask: Ask, tag: str) -> None:
    drop(watch_root, f"{tag}/complete.md")
    (watch_root / tag / "complete.md.ready").touch()
    assert ask(f"fs://ingest/watch/{tag}/complete.md") == ("source", "waiting_for_watcher")


def test_a_mirrored_document_waits_until_it_is_taken_and_then_breaks_no_link(
    runtime: Runtime, version: EmbeddingVersion, tag: str, tmp_path: Path
) -> None:
    root, config = tmp_path / "mirrored", tmp_path / "ingest.yaml"
    root.mkdir()
    source = f"{{name: {tag}, kind: folder, where: {root}, tag: {tag}, settle_seconds: 0.05}}"
    config.write_text(f"sources: [{source}]\n", encoding="utf-8")
    drop(root, "guide.md")
    time.sleep(0.1)
    uri = f"fs://{tag}/guide.md"
    with Runtime(replace(runtime.settings, config_file=config)) as own:
        waiting = explain(own, [uri], tag).broken
        assert waiting is not None
        assert (waiting.name, waiting.code) == ("source", "waiting_for_watcher")
        (root / "picture.png").touch()
        ignored = explain(own, [f"fs://{tag}/picture.png"], tag).broken
        assert ignored is not None
        assert (ignored.name, ignored.code) == ("source", "ignored_name")
        assert f"options.exclude of {tag}" in ignored.action
        mirror = source_of(own.config.sources[0], own.settings, own.config)
        work.work_off(own, tag, taking.take(own, mirror).jobs[tag])
        explanation = explain(own, [uri], tag)
        assert [link.name for link in explanation.links if link.status is not LinkStatus.OK] in ([], ["readiness"])
        own.state.cursors.forget(tag)


def test_a_store_that_is_away_ends_the_chain_with_its_name(sidecar: Sidecar) -> None:
    with sidecar.client() as http:
        answer = http.get("/v1/explain", params={"uri": URI, "tag": "docs"}).raise_for_status().json()
    assert (answer["broken"]["name"], answer["broken"]["code"]) == ("queue", "store_away")
    assert "Neo4j" in answer["broken"]["message"]


def test_without_a_tag_the_dataset_that_holds_the_document_is_found(runtime: Runtime, tag: str, ingest: Ingest) -> None:
    name = f"only-{uuid.uuid4().hex}"
    ingest(**{name: GUIDE})
    assert explain(runtime, [f"upload:///{name}.md"]).tag == tag


def test_the_first_address_that_is_known_is_explained(runtime: Runtime, tag: str, ready: str) -> None:
    explanation = explain(runtime, ["fs://ingest/watch/guide.md", URI], tag)
    assert explanation.source_uri == URI
    assert all(link.status is LinkStatus.OK for link in explanation.links)


@pytest.mark.parametrize(
    "parameters", [{}, {"uri": "no scheme"}, {"uri": URI, "tag": "Not A Tag"}, {"uri": URI, "checksum": "x"}]
)
def test_a_question_that_names_no_document_is_refused(service: Sidecar, parameters: dict[str, str]) -> None:
    with service.client() as http:
        assert http.get("/v1/explain", params=parameters).status_code == 422


def ingestctl(url: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DOCGRAPH_", "AIRFLOW"))}
    environment = {**clean, "PYTHONPATH": f"{ROOT}/include:{ROOT}/cli", "DOCGRAPH_TOKEN": TOKEN}
    command = [
        sys.executable,
        "-P",
        "-c",
        "from ingestctl.main import run; run()",
        "--service",
        url,
        "explain",
        *arguments,
    ]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_maps_a_path_to_its_addresses_and_compares_its_content(
    service: Sidecar, tmp_path: Path, ready: str, tag: str
) -> None:
    (tmp_path / "guide.md").write_text(GUIDE, encoding="utf-8")
    found = ingestctl(service.url, tmp_path, "guide.md", "--tag", tag)
    assert (found.returncode, found.stdout.count("✔")) == (0, len(LINKS) + 1), found.stderr
    (tmp_path / "guide.md").write_text(GUIDE + "more\n", encoding="utf-8")
    changed = ingestctl(service.url, tmp_path, "guide.md", "--tag", tag)
    assert changed.returncode == 1
    assert "✘ queue" in changed.stdout
    assert f"what to do: Send it: `ingestctl ingest FILE --tag {tag}`" in changed.stdout
    elsewhere = ingestctl(
        service.url, tmp_path.parent, f"{tmp_path.name}/guide.md", "--base", tmp_path.name, "-t", tag, "--json"
    )
    assert json.loads(elsewhere.stdout)["broken"]["code"] == "content_changed"


def test_the_command_line_says_what_ingest_would_refuse(service: Sidecar, tmp_path: Path, ready: str, tag: str) -> None:
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    refused = ingestctl(service.url, tmp_path, "table.xlsx", "--tag", tag)
    assert refused.returncode == 1
    assert "would refuse the file: No reader exists" in refused.stdout


def test_the_command_line_ends_with_the_documented_codes(
    service: Sidecar, tmp_path: Path, ready: str, tag: str
) -> None:
    assert ingestctl(service.url, tmp_path, URI, "--tag", tag).returncode == 0
    assert ingestctl(service.url, tmp_path, "nowhere.md", "--tag", tag).returncode == 4
    assert ingestctl(service.url, tmp_path, str(tmp_path), "--tag", tag).returncode == 2
    assert ingestctl(f"http://127.0.0.1:{free_port()}", tmp_path, URI, "--tag", tag).returncode == 3


def test_an_answer_is_quick(service: Sidecar, ready: str, tag: str) -> None:
    with service.client() as http:
        started = time.perf_counter()
        answer = http.get("/v1/explain", params={"uri": URI, "tag": tag})
        seconds = time.perf_counter() - started
    assert answer.status_code == httpx.codes.OK
    print(f"explain took {1000 * seconds:.0f} ms")
    assert seconds < 2
