"""`ingestctl explain` on the whole running stack: each kind of missing link is made for real, and has to be named.

Documents come in through the watch folder and Airflow; most links are then broken behind docgraph's back, each of a document of
its own. What needs a store that is unavailable, a stage that stands still or a verdict of its own is in
`tests/integration/test_explain.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from qdrant_client import QdrantClient, models

import neo4j
from docgraph.domain.identity import document_id
from docgraph.ingest import intake
from docgraph.ingest.intake import NewJob
from docgraph.ingest.launcher import INGEST_DAG
from docgraph.runtime.connections import Runtime
from docgraph_local.paths import repository
from docgraph_local.stack import Stack
from support.e2e.drops import Drops, page, wait_for

#: Seconds in which nine small documents are through on a busy machine.
PATIENCE = 240.0


@dataclass(frozen=True)
class Live:
    """A dataset of the running stack, and what breaks it."""

    drops: Drops
    env: Mapping[str, str]

    @property
    def runtime(self) -> Runtime:
        return self.drops.runtime

    @property
    def tag(self) -> str:
        return self.drops.tag

    def uri(self, name: str) -> str:
        return f"fs://ingest/watch/{self.tag}/{name}"

    def document(self, name: str) -> str:
        return document_id(self.tag, self.uri(name))

    def ingestctl(self, *arguments: str, folder: Path | None = None, code: int | None = None) -> dict[str, Any]:
        """Run the command line as a person does; return what it says for machines."""
        program = [sys.executable, "-P", "-c", "from ingestctl.main import run; run()"]
        ran = subprocess.run(
            [*program, *arguments, "--json"],
            cwd=folder, env=dict(self.env), text=True, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(ran.stdout)
        expected = int(answer["broken"] is not None) if code is None else code
        assert ran.returncode == expected, ran.stdout + ran.stderr
        return answer

    def explain(self, target: str, tag: str, folder: Path) -> dict[str, Any]:
        """Return the first missing link that `ingestctl explain` names."""
        return self.ingestctl("explain", target, "--tag", tag, folder=folder)["broken"] or {"name": "", "code": ""}

    def cypher(self, statement: str, name: str) -> None:
        """Change the graph past docgraph."""
        settings = self.runtime.settings
        login = (settings.neo4j_user, settings.neo4j_password)
        with neo4j.GraphDatabase.driver(settings.neo4j_uri, auth=login) as driver:
            driver.execute_query(statement, id=self.document(name))

    def qdrant(self) -> QdrantClient:
        """Change the vectors past docgraph: with the store's own client."""
        return self.runtime.vectors._client

    def enqueue(self, name: str) -> str:
        """Queue a job as a producer does whose trigger was lost."""
        snapshot = self.runtime.snapshots.put_stream([page(name, 1, name).encode()])
        return intake.accept(self.runtime, [NewJob(self.uri(name), self.tag, snapshot.sha256, size=snapshot.size)])[
            0
        ].job_id

    @contextmanager
    def growing(self, path: Path) -> Iterator[None]:
        """A file in the watch folder that is still being written, so that the watcher leaves it there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# Growing\n")
        stop = threading.Event()

        def write() -> None:
            while not stop.wait(0.2):
                os.utime(path)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield
        finally:
            stop.set()
            writer.join()
            path.unlink()


Break = Callable[[Live, str], AbstractContextManager[None]]


@contextmanager
def nothing(live: Live, name: str) -> Iterator[None]:
    yield


@contextmanager
def half_written(live: Live, name: str) -> Iterator[None]:
    with live.growing(live.drops.folder / name):
        yield


@contextmanager
def in_another_folder(live: Live, name: str) -> Iterator[None]:
    with live.growing(live.runtime.settings.watch_root / f"{live.tag}-other" / name):
        yield


@contextmanager
def marker_only(live: Live, name: str) -> Iterator[None]:
    paused(live, "watch_filesystem", True)
    marker = live.drops.folder / f"{name}.ready"
    marker.touch()
    try:
        yield
    finally:
        marker.unlink(missing_ok=True)
        paused(live, "watch_filesystem", False)


@contextmanager
def left_by_a_crash(live: Live, name: str) -> Iterator[None]:
    path = live.runtime.settings.watch_root.parent / "claimed" / uuid.uuid4().hex / live.tag / name
    path.parent.mkdir(parents=True)
    path.write_text(page(name, 1, name))
    yield


@contextmanager
def cancelled(live: Live, name: str) -> Iterator[None]:
    live.runtime.state.jobs.cancel(live.enqueue(name), "changed their mind")
    yield


def paused(live: Live, dag: str, is_paused: bool) -> None:
    """Pause or unpause a DAG in Airflow."""
    settings = live.runtime.settings
    login = {"username": settings.airflow_user, "password": settings.airflow_password}
    with httpx.Client(base_url=settings.airflow_api_url, trust_env=False, timeout=30) as client:
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        path, body = f"/api/v2/dags/{dag}", {"is_paused": is_paused}

        def stored() -> bool:
            # On SQLite Airflow answers 500 while its database is locked.
            answer = client.patch(path, json=body, headers=headers)
            if answer.status_code != 500:
                answer.raise_for_status()
            return answer.is_success

        wait_for(stored, f"{dag} is {'paused' if is_paused else 'unpaused'}", 30)


@contextmanager
def without_a_run(live: Live, name: str) -> Iterator[None]:
    paused(live, INGEST_DAG, True)
    job_id = live.enqueue(name)
    try:
        yield
    finally:
        live.runtime.state.jobs.cancel(job_id, "the test is over")
        paused(live, INGEST_DAG, False)


@contextmanager
def lost_with_its_run(live: Live, name: str) -> Iterator[None]:
    run_id = f"ingest__{uuid.uuid4().hex}"
    assert live.runtime.state.jobs.claim(run_id, tag=live.tag, job_ids=[live.enqueue(name)])
    yield


def damaged(statement: str) -> Break:
    @contextmanager
    def run(live: Live, name: str) -> Iterator[None]:
        live.cypher(statement, name)
        yield

    return run


@contextmanager
def under_another_model(live: Live, name: str) -> Iterator[None]:
    graph, served = live.runtime.graph, live.runtime.embedding_version.name
    graph.change_versions(live.tag, lambda versions: replace(versions, current="other-model"))
    try:
        yield
    finally:
        graph.change_versions(live.tag, lambda versions: replace(versions, current=served))


@contextmanager
def a_point_deleted(live: Live, name: str) -> Iterator[None]:
    first = live.runtime.graph.committed(live.document(name)).generation[0]
    live.qdrant().delete(live.runtime.embedding_version.collection, [first], wait=True)
    yield


@contextmanager
def a_point_of_another_text(live: Live, name: str) -> Iterator[None]:
    first = live.runtime.graph.committed(live.document(name)).generation[0]
    collection = live.runtime.embedding_version.collection
    (found,) = live.qdrant().retrieve(collection, [first], with_vectors=True)
    assert isinstance(found.vector, list)
    other = models.PointStruct(id=first, vector=found.vector, payload={**(found.payload or {}), "text_hash": "0" * 64})
    live.qdrant().upsert(collection, [other], wait=True)
    yield


@contextmanager
def without_a_verdict(live: Live, name: str) -> Iterator[None]:
    readiness = live.runtime.state.readiness
    verdict = readiness.get(live.tag)
    assert verdict
    readiness.set(live.tag, {})
    try:
        yield
    finally:
        readiness.set(live.tag, verdict.fields)


DROP_A_SECTION = "MATCH (s:Section {document_id: $id}) WITH s LIMIT 1 DETACH DELETE s"
#: Link, code, the document, and what breaks it. The lost run comes last: the sidecar soon does its job in another one.
CASES: tuple[tuple[str, str, str, Break], ...] = (
    ("", "", "whole.md", nothing),
    ("source", "settling", "new.md", half_written),
    ("source", "ignored_name", ".hidden.md", half_written),
    ("source", "unsupported_format", "picture.png", half_written),
    ("source", "other_dataset", "elsewhere.md", in_another_folder),
    ("source", "marker_without_file", "announced.md", marker_only),
    ("source", "left_claimed", "taken.md", left_by_a_crash),
    ("queue", "never_ingested", "unknown.md", nothing),
    ("queue", "tag_unknown", "unknown.md", nothing),
    ("queue", "content_changed", "changed.md", nothing),
    ("queue", "cancelled", "cancelled.md", cancelled),
    ("queue", "queued", "queued.md", without_a_run),
    ("commit", "deleted", "deleted.md", nothing),
    ("commit", "not_committed", "gone.md", damaged("MATCH (d:Document {id: $id}) DETACH DELETE d")),
    ("commit", "other_content_committed", "restored.md", damaged("MATCH (d:Document {id: $id}) SET d.checksum = 'other'")),
    ("graph", "sections_missing", "torn.md", damaged(DROP_A_SECTION)),
    ("embedding", "wrong_embedding_version", "whole.md", under_another_model),
    ("vectors", "points_missing", "pointless.md", a_point_deleted),
    ("vectors", "points_mismatched", "altered.md", a_point_of_another_text),
    ("fulltext", "not_in_fulltext", "wordless.md", damaged("MATCH (s:Section {document_id: $id}) SET s.tag_token = 'elsewhere'")),
    ("readiness", "not_judged", "whole.md", without_a_verdict),
    ("stages", "run_lost", "lost.md", lost_with_its_run),
)  # fmt: skip
INGESTED = (
    "whole.md", "changed.md", "deleted.md", "gone.md", "restored.md", "torn.md", "pointless.md", "altered.md", "wordless.md",
)  # fmt: skip


@pytest.fixture(scope="module")
def live(stack: Stack, session_runtime: Runtime, stack_env: Mapping[str, str]) -> Live:
    """A dataset that came in by the watch folder, one of its documents deleted again; ready."""
    path = os.pathsep.join(str(repository() / folder) for folder in ("include", "cli"))
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **stack_env, "PYTHONPATH": path}
    drops = Drops(session_runtime, f"x{uuid.uuid4().hex[:12]}")
    made = Live(drops, env)
    drops.drop({name: page(name, 2, name.removesuffix(".md")) for name in INGESTED})
    drops.ended(len(INGESTED), PATIENCE)
    made.ingestctl("ingest", made.uri("deleted.md"), "--tag", drops.tag, "--delete", code=0)
    return made


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("link", "code", "name", "broken"), CASES, ids=[case[1] or "searchable" for case in CASES])
def test_the_first_missing_link_is_named(
    link: str, code: str, name: str, broken: Break, live: Live, tmp_path: Path
) -> None:
    target, tag = live.uri(name), f"{live.tag}-typo" if code == "tag_unknown" else live.tag
    if code == "other_dataset":
        target = f"fs://ingest/watch/{live.tag}-other/{name}"
    if code == "content_changed":
        # A local path below the watch folder's dataset stands for the document, and its content is compared.
        (tmp_path / live.tag).mkdir()
        (tmp_path / live.tag / name).write_text("# Changed\n\nOther words.\n")
        target = f"{live.tag}/{name}"
    with broken(live, name):
        found = live.explain(target, tag, tmp_path)
    assert (found["name"], found["code"]) == (link, code), found
    assert not link or (found["message"] and found["action"])
