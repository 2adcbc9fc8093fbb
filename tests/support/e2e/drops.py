"""A dataset of the running stack as somebody sees it who drops files: the folder, the jobs, the stores, the answers over HTTP."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult

import neo4j
from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import JobState
from docgraph.runtime.connections import Runtime

T = TypeVar("T")
POLL_SECONDS = 0.1
#: Seconds in which a handful of small documents is through on a busy machine.
PATIENCE = 120.0


def wait_for(condition: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """Return the first answer of `condition` that is true."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Drops:
    """One dataset: its tag is the folder below the watch folder."""

    runtime: Runtime
    tag: str

    @property
    def folder(self) -> Path:
        path = self.runtime.settings.watch_root / self.tag
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str | bytes, data: str | bytes) -> Path:
        """Put a file below the folder, without a marker."""
        path = self.folder / os.fsdecode(name)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def announce(self, path: Path) -> None:
        """Say that a file is complete."""
        path.with_name(path.name + ".ready").touch()

    def drop(self, files: Mapping[str, str | bytes]) -> float:
        """Write files, then announce all of them at once; return when that was (monotonic seconds)."""
        paths = [self.write(name, data) for name, data in files.items()]
        began = time.monotonic()
        for path in paths:
            self.announce(path)
        return began

    def jobs(self) -> list[JobState]:
        return self.runtime.state.jobs.find(tag=self.tag, limit=1000)

    def ended(self, count: int, seconds: float = PATIENCE) -> list[JobState]:
        """Wait until the dataset has `count` jobs, all final and reported; return them, newest first."""

        def found() -> list[JobState] | None:
            jobs = self.jobs()
            assert len(jobs) <= count, [state.job.source_uri for state in jobs]
            return jobs if len(jobs) == count and all(j.status.is_final and j.report for j in jobs) else None

        return wait_for(found, f"{count} reported jobs of {self.tag}; there are {summaries(self.jobs())}", seconds)

    def ids_in_graph(self) -> list[str]:
        return [row["id"] for row in self.cypher("MATCH (s:Section {tag: $tag}) RETURN s.id AS id")]

    def ids_in_vectors(self, version: EmbeddingVersion) -> list[str]:
        return [point.section_id for point in self.runtime.vectors.scroll(version, tag=self.tag)]

    def census(self) -> dict[str, int]:
        """Count nodes by label and relationships by type."""
        nodes = self.cypher("MATCH (n {tag: $tag}) UNWIND labels(n) AS name RETURN name, count(*) AS n")
        edges = self.cypher("MATCH (n {tag: $tag})-[r]->() RETURN type(r) AS name, count(*) AS n")
        return {row["name"]: row["n"] for row in (*nodes, *edges)}

    def cypher(self, statement: str) -> list[dict[str, Any]]:
        """Ask Neo4j past our own code."""
        settings = self.runtime.settings
        login = (settings.neo4j_user, settings.neo4j_password)
        with neo4j.GraphDatabase.driver(settings.neo4j_uri, auth=login) as driver:
            records, _, _ = driver.execute_query(statement, tag=self.tag)
            return [record.data() for record in records]

    def get(self, path: str, **query: str) -> httpx.Response:
        """Ask the sidecar about the dataset."""
        headers = {"Authorization": f"Bearer {self.runtime.settings.token}"}
        with httpx.Client(base_url=self.runtime.settings.service_url, trust_env=False, timeout=30) as client:
            return client.get(path, params={"tag": self.tag, **query}, headers=headers)

    def over_mcp(self, question: str) -> tuple[dict[str, Any], float]:
        """Let an agent search over the Model Context Protocol; return the answer and the seconds it took."""
        settings = self.runtime.settings

        async def talk() -> tuple[CallToolResult, float]:
            headers = {"Authorization": f"Bearer {settings.token}"}
            async with (
                httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
                Client(streamable_http_client(f"{settings.service_url}/mcp", http_client=http)) as client,
            ):
                began = time.monotonic()
                result = await client.call_tool("search", {"query": question, "tag": self.tag})
                return result, time.monotonic() - began

        result, seconds = anyio.run(talk)
        assert not result.is_error, result.content
        return dict(result.structured_content or {}), seconds

    def evidence(self, question: str) -> list[dict[str, Any]]:
        answer = self.get("/v1/search", q=question)
        return list(answer.json()["evidence"]) if answer.status_code == 200 else []


@contextmanager
def only_datasets(runtime: Runtime, *tags: str) -> Iterator[None]:
    """Let these be all datasets that there are while the block runs: a test session leaves more than a hundred.

    What is asked of every dataset takes a task of Airflow for each.
    """
    runtime.graph._write("MATCH (d:Dataset) WHERE NOT d.tag IN $tags REMOVE d:Dataset SET d:HiddenDataset", tags=tags)
    try:
        yield
    finally:
        # A late run of another test makes its dataset again where it does not find it.
        runtime.graph._write("MATCH (d:HiddenDataset) MATCH (again:Dataset {tag: d.tag}) DETACH DELETE again")
        runtime.graph._write("MATCH (d:HiddenDataset) REMOVE d:HiddenDataset SET d:Dataset")


def report_of(runtime: Runtime, state: JobState) -> dict[str, Any]:
    """Read the report on a job from the disk."""
    path = report_folder(runtime, state) / "ingest_report.json"
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report


def report_folder(runtime: Runtime, state: JobState) -> Path:
    """Return the folder of the report on a job."""
    return runtime.settings.reports_root / state.report


def summaries(states: Sequence[JobState]) -> list[str]:
    return [f"{s.job.source_uri} {s.status} {s.stage} {s.outcome}{s.error}" for s in states]


def page(title: str, sections: int, seed: str) -> str:
    """A document of `sections` sections, unlike those of any other seed."""
    body = "".join(
        f"## Topic {number} of {title}\n\nThe setting `{seed}.option_{number}` of {title} limits connections to {number * 7}.\n\n"
        for number in range(sections)
    )
    return f"# {title}\n\n{body}"


_VOCABULARY = (
    "authentication background certificate configuration connection database deployment documentation environment "
    "infrastructure instance maintenance memory migration network operation parameter password performance permission "
    "processing production protocol recovery replication repository schedule security service storage threshold update"
)


def reference(seed: str, sections: int, words: int) -> str:
    """A long reference: each section has `words` words, about nine bytes each, and stays in one piece."""
    draw = random.Random(seed)
    parts = [f"# Reference {seed}\n"]
    for number in range(sections):
        first, second, *rest = draw.choices(_VOCABULARY.split(), k=words)
        # A name of its own, so that a question about this section has one best answer.
        name = f"{first}_{second}_{number}"
        parts.append(
            f"## Topic {number} of Reference: {first} {second}\n\nThe setting `{name}` is about {' '.join(rest)}.\n"
        )
    return "\n".join(parts)
