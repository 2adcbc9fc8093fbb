"""kill -9 at named places of a run on the whole real stack: the job completes, nothing is doubled, at most a batch is paid twice."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from chaos.harness import PROGRAMS, TASK, WORKER, Failpoints, Killer, Landing, Matrix, embedded_texts, is_alive
from e2e.drops import Drops, page, report_of, wait_for

from docgraph.model.documents import EmbeddingVersion
from docgraph.model.jobs import JobState, JobStatus
from docgraph.parity.compare import compare_dataset
from docgraph.runtime import Runtime

#: Four batches and a half, so that no batch is small enough for the lane of queries.
SECTIONS = 144
#: Airflow notices a lost worker after 30 s and a lost scheduler's tasks after as long again.
RECOVERY_SECONDS = 240.0
Kill = Callable[[str, str], Landing]

pytestmark = [pytest.mark.task("6.2"), pytest.mark.timeout(420)]

PLACES = {
    "claim.after_claim": "claim.after_claim=pause",
    "embed.after_batch": "embed.after_batch:3=pause",
    "vector_upsert.after_batch": "vector_upsert.after_batch=pause",
    "reconcile.before_commit": "reconcile.before_commit=pause",
    "reconcile.after_commit": "reconcile.after_commit=pause",
    "reconcile.after_sweep": "reconcile.after_sweep=pause",
}
#: Always run: each kind of process and each side of the commit once.
SAMPLE = (
    ("embed.after_batch", WORKER),
    ("embed.after_batch", "embedder"),
    ("reconcile.before_commit", "neo4j"),
    ("reconcile.after_commit", "airflow-scheduler"),
)
MATRIX = [(place, victim) for place in PLACES for victim in (TASK, WORKER, *PROGRAMS) if (place, victim) not in SAMPLE]
MATRIX.remove(("embed.after_batch", TASK))


def reported(drops: Drops) -> JobState:
    (state,) = drops.ended(1, RECOVERY_SECONDS)
    return state


def assert_whole(drops: Drops, version: EmbeddingVersion, state: JobState, sections: int) -> None:
    """The job is completed, and both stores hold its sections once, with the same contents."""
    assert (state.status, state.outcome) == (JobStatus.COMPLETED, "created"), state.error
    in_graph = drops.ids_in_graph()
    assert len(in_graph) == len(set(in_graph)) == sections
    assert sorted(in_graph) == sorted(drops.ids_in_vectors(version))
    assert compare_dataset(drops.runtime, version, drops.tag, with_vectors=True).is_equal
    census = drops.census()
    assert (census["Document"], census["Section"], census["HAS_SECTION"]) == (1, sections, sections)
    assert report_of(state)["ready_for_queries"] is True, report_of(state)["reasons"]


@pytest.fixture
def kill_at(
    drops: Drops, version: EmbeddingVersion, failpoints: Failpoints, killer: Killer, matrix: Matrix, runtime: Runtime
) -> Kill:
    """Drop a document, kill something while its run is stopped at a place, and see it through."""

    def run(place: str, victim: str) -> Landing:
        before = embedded_texts(runtime.settings)
        failpoints.arm(PLACES[place])
        drops.drop({"guide.md": page("Guide", SECTIONS, drops.tag)})
        task = failpoints.stopped_at(place)
        failpoints.disarm()
        at_kill = embedded_texts(runtime.settings)
        killed = killer.kill(victim, task)
        began = time.monotonic()
        failpoints.release(place)
        killer.await_back(victim, killed)
        state = reported(drops)
        seconds = time.monotonic() - began
        assert_whole(drops, version, state, SECTIONS)
        # The counter of a killed embedder begins at nought again.
        counted_from = 0 if victim == "embedder" else at_kill
        texts = at_kill - before + embedded_texts(runtime.settings) - counted_from
        batch = runtime.config.pipeline.embed_batch
        assert texts <= SECTIONS + batch, f"{texts} texts were embedded for {SECTIONS} sections"
        landing = Landing(victim, place, killed, state.outcome, round(seconds, 1), state.attempt, SECTIONS, texts)
        matrix.add(landing)
        print(f"\n{landing}")
        return landing

    return run


def test_a_task_killed_while_it_embeds_is_retried_and_pays_the_batch_in_flight_only(kill_at: Kill) -> None:
    landing = kill_at("embed.after_batch", TASK)
    assert landing.job_attempts == 1, "Airflow repeats the task; the job itself needs no second attempt"


@pytest.mark.parametrize(("place", "victim"), SAMPLE)
def test_a_run_goes_on_after_a_kill(kill_at: Kill, place: str, victim: str) -> None:
    kill_at(place, victim)


@pytest.mark.matrix
@pytest.mark.parametrize(("place", "victim"), MATRIX)
def test_a_run_goes_on_after_a_kill_at_each_other_place(kill_at: Kill, place: str, victim: str) -> None:
    kill_at(place, victim)


def test_an_orphaned_task_that_wakes_after_newer_content_changes_nothing(
    drops: Drops, version: EmbeddingVersion, failpoints: Failpoints, killer: Killer
) -> None:
    """The worker above a task is killed just before the commit; the task lives on, and wakes when all is over."""
    failpoints.arm("reconcile.before_commit=pause")
    drops.drop({"guide.md": page("Guide", 12, f"old{drops.tag}")})
    orphan = failpoints.stopped_at("reconcile.before_commit")
    failpoints.disarm()
    killer.kill(WORKER, orphan)
    drops.drop({"guide.md": page("Guide", 9, f"new{drops.tag}")})
    states = drops.ended(2, RECOVERY_SECONDS)
    newest, generation = states[0], set(drops.ids_in_graph())
    assert newest.status is JobStatus.COMPLETED, newest.error
    assert len(generation) == 9
    assert is_alive(orphan), "the orphan ended early, so that this shows nothing"
    failpoints.release("reconcile.before_commit")
    wait_for(lambda: not is_alive(orphan), "the orphan ends", 60)
    assert set(drops.ids_in_graph()) == generation == set(drops.ids_in_vectors(version))
    assert compare_dataset(drops.runtime, version, drops.tag, with_vectors=True).is_equal
    assert drops.runtime.graph.committed(newest.document_id).version == newest.job.version
