"""Moving a dataset to another embedding version on the real stores, with two embedding servers, readers and writers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import (
    DatasetVersionsError,
    EmbeddingVersionError,
    InfrastructureError,
    ReadConflictError,
    ReembeddingRefusedError,
)
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import STAGES, JobStatus
from docgraph.domain.versions import DatasetVersions
from docgraph.ingest import pipeline
from docgraph.integrity.compare import compare_dataset
from docgraph.readiness import audit as auditing
from docgraph.reembed import backfilling
from docgraph.reembed import moving as reembedding
from docgraph.retrieval import Evidence, search
from docgraph.runtime import failpoints
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from docgraph_local.stack import Stack
from support.integration.embedder_metrics import texts_computed_at
from support.integration.service_process import Sidecar
from support.integration.store_service import store_environment
from support.integration.work import Content, ask, work_off

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS, SECTIONS, BATCH = 6, 16, 32
QUESTION = "How many workers does the option install.7 start?"


def free_port(base: int) -> int:
    """A port below the ephemeral range, beside those of the session's stack."""
    return base + 9


@pytest.fixture(scope="module")
def second_url(stores: Stack, settings: Settings) -> Iterator[str]:
    """Another embedding server: the same model with another pooling, so that its vectors are of another version."""
    port = free_port(settings.port_base)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOCGRAPH_")},
        "DOCGRAPH_HOME": stores.env()["DOCGRAPH_HOME"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT)]),
    }
    command = [sys.executable, "-m", "embedding_server", "--port", str(port), "--pooling", "cls"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"{url}/health", trust_env=False).is_success:
                    break
            except httpx.TransportError:
                assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield f"{url}/v1"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def both(settings: Settings, session_runtime: Runtime, second_url: str) -> Iterator[Runtime]:
    """Connections to the session's stores and to both embedding servers."""
    with Runtime(replace(settings, second_embeddings_url=second_url)) as made:
        yield made


@dataclass
class Dataset:
    """A dataset whose documents go through the whole pipeline."""

    runtime: Runtime
    tag: str

    def run(self, documents: Mapping[str, Content], stages: tuple[str, ...] = STAGES) -> str:
        ids = ask(self.runtime, self.tag, documents)
        run_id = work_off(self.runtime, self.tag, ids, stages=stages)
        if stages == STAGES:
            states = self.runtime.state.jobs.get_many(ids)
            assert {state.status for state in states} == {JobStatus.COMPLETED}, [state.error for state in states]
        return run_id

    def ingest(self, **documents: str) -> None:
        self.run(documents)

    def delete(self, name: str) -> None:
        self.run({name: None})

    def document(self, name: str) -> str:
        return document_id(self.tag, f"upload:///{name}.md")

    def ids(self, version: str) -> set[str]:
        return {p.section_id for p in self.runtime.vectors.scroll(EmbeddingVersion.named(version), tag=self.tag)}

    def live(self) -> set[str]:
        return {live.section_id for live in self.runtime.graph.generations(self.tag)}

    @property
    def versions(self) -> DatasetVersions:
        found = self.runtime.graph.dataset_versions(self.tag)
        assert found is not None
        return found


def content(name: str, sections: int = SECTIONS, note: str = "") -> str:
    parts = [
        f"## {name} step {number}\n\nThe option `{name}.{number}` says how many {name} workers start{note}.\n"
        for number in range(sections)
    ]
    return f"# {name.title()}\n\n" + "\n".join(parts)


NAMES = ("install", "configure", "deploy", "monitor", "upgrade", "restore")


@pytest.fixture
def dataset(both: Runtime, tag: str) -> Iterator[Dataset]:
    made = Dataset(both, tag)
    made.ingest(**{name: content(name) for name in NAMES})
    yield made
    # The other tests' datasets must not keep the collection alive.
    both.graph.change_versions(tag, lambda _: DatasetVersions(both.embedding_version.name))
    second = both.embedder.clients[1].version()
    if both.vectors.exists(second):
        both.vectors.delete_dataset(second, tag)


@pytest.fixture
def old(both: Runtime) -> str:
    return both.embedding_version.name


@pytest.fixture
def new(both: Runtime) -> str:
    return both.embedder.clients[1].version().name


def killed_in_backfill(dataset: Dataset, second_url: str, settings: Settings, at: str) -> None:
    """Move the dataset in a process of its own, which is killed at a failpoint."""
    program = (
        "import sys; from docgraph.runtime.connections import Runtime; from docgraph.reembed import moving as reembedding; "
        "reembedding.reembed(Runtime.load(), sys.argv[1])"
    )
    environment = {
        **os.environ,
        "DOCGRAPH_HOME": str(settings.home),
        "DOCGRAPH_SECOND_EMBEDDINGS_URL": second_url,
        "DOCGRAPH_FAILPOINT": f"{at}=kill",
        "PYTHONPATH": str(ROOT / "include"),
    }
    command = [sys.executable, "-c", program, dataset.tag]
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr[-2000:]


@dataclass
class Readers:
    """Polls a search without a pause and holds every answer against what may be answered at that moment."""

    dataset: Dataset
    #: Round that was committed before a search began, and the one that was begun before it ended.
    committed: int = 0
    begun: int = 0
    answers: int = 0
    cosines: list[float] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Readers:
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._write)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(120)

    def _read(self) -> None:
        try:
            while not self.stop.is_set():
                hit = next(e for e in self._ask(QUESTION, limit=5) if "install.7" in e.snippet)
                self.cosines.append(float(re.findall(r"cosine ([\d.]+)", " ".join(hit.why))[0]))
                earliest = self.committed
                found = self._ask("flux.3 workers in round", limit=10, source_prefix="upload:///flux.md")
                rounds = {int(n) for e in found for n in re.findall(r"in round (\d+)", e.snippet)}
                latest = self.begun
                assert len(rounds) == 1 or earliest == 0, (rounds, earliest, latest)
                assert all(earliest <= n <= latest for n in rounds), (rounds, earliest, latest)
                self.answers += 2
        except BaseException as error:  # handed to the test's own thread
            self.failures.append(error)

    def _ask(self, question: str, **options: Any) -> Sequence[Evidence]:
        runtime = self.dataset.runtime
        while True:
            with contextlib.suppress(ReadConflictError):
                # Commits that met every read of a search are said, and then it is asked again, as everybody does.
                return search(
                    runtime.graph,
                    runtime.vectors,
                    runtime.embedder,
                    question,
                    self.dataset.tag,
                    related=False,
                    **options,
                ).evidence

    def _write(self) -> None:
        try:
            while not self.stop.is_set():
                self.begun += 1
                number = self.begun
                self.dataset.ingest(flux=content("flux", 6, note=f" in round {number}"))
                self.committed = number
                self.dataset.ingest(**{f"passing{number % 2}": content(f"passing{number}", 3)})
                if number % 2:
                    self.dataset.delete("passing1")
        except BaseException as error:  # handed to the test's own thread
            self.failures.append(error)


@pytest.mark.task("6.2")
def test_a_dataset_moves_while_it_is_read_and_written_and_no_reader_notices(
    dataset: Dataset, settings: Settings, second_url: str, old: str, new: str
) -> None:
    with Readers(dataset) as readers:
        while not (readers.committed or readers.failures):
            time.sleep(0.05)
        killed_in_backfill(dataset, second_url, settings, "reembed.after_batch:2")
        assert dataset.versions == DatasetVersions(old, new)
        moved = reembedding.reembed(dataset.runtime, dataset.tag)
        assert dataset.versions == DatasetVersions(new, None, kept=(old,))
        written, answered = readers.committed, readers.answers
        while not readers.failures and (readers.committed < written + 2 or readers.answers < answered + 10):
            time.sleep(0.05)
    assert readers.failures == []
    assert moved.version == new
    assert "wrong_embedding_version" not in {reason.code for reason in moved.verdict.reasons}
    # Two versions, two similarities of one question and one section: first the old one's, then the new one's, never a mix.
    seen = [
        cosine for cosine, before in zip(readers.cosines, [None, *readers.cosines], strict=False) if cosine != before
    ]
    assert len(seen) == 2, seen
    assert dataset.ids(new) >= dataset.live()
    comparison = compare_dataset(dataset.runtime, EmbeddingVersion.named(new), dataset.tag, with_vectors=True)
    assert comparison.is_equal, comparison


@pytest.mark.task("6.2")
def test_a_killed_backfill_goes_on_where_it_stopped(
    dataset: Dataset, settings: Settings, second_url: str, old: str, new: str
) -> None:
    before = texts_computed_at(second_url)
    killed_in_backfill(dataset, second_url, settings, "reembed.after_batch:2")
    first = texts_computed_at(second_url) - before
    assert first == 2 * BATCH
    total = len(dataset.live())
    reembedding.begin(dataset.runtime, dataset.tag)
    made = sum(
        backfilling.backfill(dataset.runtime, dataset.tag, new, b)
        for b in backfilling.plan(dataset.runtime, dataset.tag)
    )
    assert texts_computed_at(second_url) - before == first + made
    assert first + made <= total + BATCH
    assert dataset.ids(new) == dataset.live()
    # Killed on either side of the switch, it ends with the switch made once.
    for place in ("reembed.before_switch", "reembed.after_switch"):
        assert dataset.versions.building == new
        killed_in_backfill(dataset, second_url, settings, place)
    assert dataset.versions == DatasetVersions(new, None, kept=(old,))
    assert reembedding.complete(dataset.runtime, dataset.tag, new).verdict.ready


@pytest.mark.task("6.2")
def test_an_attempt_that_began_before_the_version_was_built_cannot_commit_without_it(
    dataset: Dataset, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A new document: the back-fill, which would make an attempt at another one stale, does not know it yet.
    until_staged = STAGES[: STAGES.index("reconcile")]
    run_id = dataset.run({"fresh": content("fresh", 2)}, until_staged)
    name = reembedding.begin(dataset.runtime, dataset.tag)
    for batch in backfilling.plan(dataset.runtime, dataset.tag):
        backfilling.backfill(dataset.runtime, dataset.tag, name, batch)
    before = dataset.live()
    assert dataset.ids(new) == before
    # The attempt dies right after its commit, so that no verification can bring what the commit did not have.
    monkeypatch.setenv(failpoints.VARIABLE, "reconcile.after_commit=error")
    failpoints.forget_passes()
    (state,) = dataset.runtime.state.jobs.jobs_of_run(run_id)
    with pytest.raises(InfrastructureError, match="Failpoint"):
        pipeline.run_stage(dataset.runtime, "reconcile", run_id, [state.job.job_id])
    monkeypatch.delenv(failpoints.VARIABLE)
    assert len(dataset.live() - before) == 2
    assert dataset.ids(new) >= dataset.live()
    pipeline.run_stage(dataset.runtime, "reconcile", run_id, [state.job.job_id])
    assert reembedding.complete(dataset.runtime, dataset.tag, new).verdict.ready
    assert dataset.ids(new) == dataset.live()


@pytest.mark.task("6.2")
def test_a_version_that_does_not_equal_the_graph_is_refused_and_readers_keep_theirs(
    dataset: Dataset, old: str, new: str
) -> None:
    lost = dataset.runtime.graph.committed(dataset.document("deploy")).generation[3]
    dataset.runtime.graph._write("MATCH (s:Section {id: $id}) DETACH DELETE s", id=lost)
    with pytest.raises(ReembeddingRefusedError, match=f"{new} is not fit.*keeps {old}"):
        reembedding.reembed(dataset.runtime, dataset.tag)
    assert dataset.versions == DatasetVersions(old, new)
    assert (reembedding.status(dataset.runtime, dataset.tag)["progress"] or {})["error"]
    # RepairedDocument, it moves; sections that the repair adds are staged in both versions.
    auditing.repair(dataset.runtime, dataset.tag)
    assert reembedding.reembed(dataset.runtime, dataset.tag).version == new


@pytest.mark.task("6.2")
def test_points_that_get_lost_in_the_new_version_are_brought_back_before_the_switch(dataset: Dataset, new: str) -> None:
    reembedding.begin(dataset.runtime, dataset.tag)
    for batch in backfilling.plan(dataset.runtime, dataset.tag):
        backfilling.backfill(dataset.runtime, dataset.tag, new, batch)
    lost = sorted(dataset.live())[:3]
    dataset.runtime.vectors._client.delete(EmbeddingVersion.named(new).collection, points_selector=[*lost], wait=True)
    reembedding.complete(dataset.runtime, dataset.tag, new)
    assert dataset.ids(new) == dataset.live()


@pytest.mark.task("6.2")
def test_a_version_that_is_given_up_leaves_nothing_behind(dataset: Dataset, old: str, new: str) -> None:
    reembedding.begin(dataset.runtime, dataset.tag)
    backfilling.backfill(dataset.runtime, dataset.tag, new, backfilling.plan(dataset.runtime, dataset.tag)[0])
    assert dataset.ids(new)
    with pytest.raises(DatasetVersionsError, match="being built"):
        reembedding.retire(dataset.runtime, dataset.tag, new)
    assert reembedding.abandon(dataset.runtime, dataset.tag) == new
    assert dataset.versions == DatasetVersions(old)
    assert not dataset.runtime.vectors.exists(EmbeddingVersion.named(new))
    with pytest.raises(DatasetVersionsError, match="not being built"):
        backfilling.backfill(dataset.runtime, dataset.tag, new, [dataset.document("install")])
    dataset.ingest(install=content("install", 3))
    assert auditing.verify(dataset.runtime, dataset.tag).is_equal


@pytest.mark.task("6.2")
def test_the_earlier_version_stays_through_audits_until_it_is_retired(
    dataset: Dataset, runtime: Runtime, old: str, new: str
) -> None:
    reembedding.reembed(dataset.runtime, dataset.tag)
    kept = dataset.ids(old)
    dataset.ingest(install=content("install", 3))
    assert auditing.repair(dataset.runtime, dataset.tag).after.comparison.is_clean
    assert dataset.ids(old) == kept
    # Nothing but the first server is there: what the stores hold is compared all the same, everything else says what is missing.
    alone = auditing.verify(runtime, dataset.tag, with_vectors=True)
    assert alone.comparison.is_equal
    assert (alone.is_equal, alone.embedding_version, alone.served_version) == (False, new, old)
    with pytest.raises(EmbeddingVersionError, match="ingestctl reembed"):
        search(runtime.graph, runtime.vectors, runtime.embedder, QUESTION, dataset.tag)
    with pytest.raises(EmbeddingVersionError, match=new):
        auditing.repair(runtime, dataset.tag)
    # Asked for once more, a move stays where it is; going back has to be said, and needs only what was written since.
    with pytest.raises(DatasetVersionsError, match=f"--to {old} goes back"):
        reembedding.begin(dataset.runtime, dataset.tag)
    reembedding.begin(dataset.runtime, dataset.tag, old)
    made = sum(
        backfilling.backfill(dataset.runtime, dataset.tag, old, batch)
        for batch in backfilling.plan(dataset.runtime, dataset.tag)
    )
    assert made <= 3
    reembedding.complete(dataset.runtime, dataset.tag, old)
    assert dataset.versions == DatasetVersions(old, None, kept=(new,))
    with pytest.raises(DatasetVersionsError, match="readers use"):
        reembedding.retire(dataset.runtime, dataset.tag, old)
    assert reembedding.retire(dataset.runtime, dataset.tag, new) > 0
    assert dataset.versions == DatasetVersions(old)
    assert dataset.ids(old) == dataset.live()
    assert not dataset.runtime.vectors.exists(EmbeddingVersion.named(new))


def ingestctl(service: Sidecar, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from ingestctl.main import run; run()", *arguments],
        env={**service.environment, "PATH": os.environ["PATH"], "DOCGRAPH_SERVICE_URL": service.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.task("6.3")
def test_the_command_line_shows_a_move_refuses_what_would_hurt_and_retires_what_is_left(
    dataset: Dataset, settings: Settings, second_url: str, old: str, new: str, tmp_path: Path
) -> None:
    environment = {**store_environment(settings, tmp_path), "DOCGRAPH_SECOND_EMBEDDINGS_URL": second_url}
    service = Sidecar(tmp_path, settings.redis_url, environment)
    service.start()
    tag = ("--tag", dataset.tag)
    try:
        # Airflow does the work; without it nothing is begun.
        without_airflow = ingestctl(service, "reembed", *tag)
        assert without_airflow.returncode == 3, without_airflow.stderr
        assert "Airflow" in without_airflow.stderr
        assert dataset.versions == DatasetVersions(old)
        assert ingestctl(service, "reembed", "--status", "--tag", "nobody-has-this").returncode == 4
        reembedding.begin(dataset.runtime, dataset.tag)
        status = json.loads(ingestctl(service, "reembed", *tag, "--status", "--json").stdout)
        assert (status["embedding_version"], status["building"]) == (old, new)
        aborted = ingestctl(service, "reembed", *tag, "--abort")
        assert (aborted.returncode, dataset.versions) == (0, DatasetVersions(old)), aborted.stderr
        reembedding.reembed(dataset.runtime, dataset.tag)
        shown = ingestctl(service, "reembed", *tag, "--status").stdout
        assert f"ingestctl retire-embeddings {old} --tag={dataset.tag}" in shown
        with service.client() as client:
            embedding = client.get("/ready", params={"tag": dataset.tag}).json()["embedding"]
            # Airflow is unavailable, and everything can be read all the same.
            assert embedding == {"version": new, "served": True, "error": None}
            found = client.get("/v1/search", params={"q": QUESTION, "tag": dataset.tag}).json()
            assert "install.7" in found["evidence"][0]["snippet"]
        refused = ingestctl(service, "retire-embeddings", new, *tag)
        assert refused.returncode == 1
        assert "readers use" in refused.stderr
        retired = json.loads(ingestctl(service, "retire-embeddings", old, *tag, "--json").stdout)
        assert retired == {"tag": dataset.tag, "version": old, "deleted": DOCUMENTS * SECTIONS}
        assert dataset.versions == DatasetVersions(new)
    finally:
        service.stop()
