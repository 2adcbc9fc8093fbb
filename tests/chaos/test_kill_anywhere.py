"""kill -9 at a named place of each stage, on the whole real stack: the job completes, nothing is doubled, at most a batch is paid twice.

Beside the kills stand the things that a person does to a run in Airflow's UI.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import JobState, JobStatus
from docgraph.integrity.compare import compare_dataset
from docgraph.readiness import audit as auditing
from docgraph.runtime.connections import Runtime
from support.chaos.harness import PROGRAMS, TASK, WORKER, Failpoints, Killer, embedded_texts, is_alive
from support.chaos.landings import Landing, Matrix
from support.chaos.operators import ACTS, MARKED_FAILED, Operator
from support.e2e.drops import Drops, page, report_of, wait_for

#: Airflow notices a lost worker after 30 s and a lost scheduler's tasks after as long again.
RECOVERY_SECONDS = 240.0
Harm = Callable[[str, str], Landing]

pytestmark = [pytest.mark.task("6.2"), pytest.mark.timeout(600)]

#: Place → what arms it, and the sections of the document. Four batches and a half where embedding is the subject; else two,
#: neither of them small enough for the embedder's lane of queries.
PLACES = {
    "claim.after_claim": ("claim.after_claim=pause", 40),
    "parse.before_announce": ("parse.before_announce=pause", 40),
    "extract.before_announce": ("extract.before_announce=pause", 40),
    "build_graph.before_announce": ("build_graph.before_announce=pause", 40),
    "embed.after_batch": ("embed.after_batch:3=pause", 144),
    "vector_upsert.after_batch": ("vector_upsert.after_batch=pause", 40),
    "reconcile.before_commit": ("reconcile.before_commit=pause", 40),
    "reconcile.after_commit": ("reconcile.after_commit=pause", 40),
    "reconcile.after_sweep": ("reconcile.after_sweep=pause", 40),
    "report.before_announce": ("report.before_announce=pause", 40),
}
#: Always run: each kind of process and each side of the commit once.
SAMPLE = (
    ("embed.after_batch", WORKER),
    ("embed.after_batch", "embedder"),
    ("reconcile.before_commit", "neo4j"),
    ("reconcile.after_commit", "airflow-scheduler"),
    ("embed.after_batch", MARKED_FAILED),
    ("report.before_announce", MARKED_FAILED),
)
VICTIMS = (TASK, WORKER, *PROGRAMS, *ACTS)
MATRIX = [(place, victim) for place in PLACES for victim in VICTIMS if (place, victim) not in SAMPLE]
MATRIX.remove(("embed.after_batch", TASK))


def reported(drops: Drops) -> JobState:
    (state,) = drops.ended(1, RECOVERY_SECONDS)
    return state


def assert_whole(drops: Drops, version: EmbeddingVersion, state: JobState, sections: int) -> None:
    """The job is completed, and both stores hold its sections once, with the same contents."""
    assert state.status is JobStatus.COMPLETED, state.error
    in_graph = drops.ids_in_graph()
    assert len(in_graph) == len(set(in_graph)) == sections
    assert sorted(in_graph) == sorted(drops.ids_in_vectors(version))
    assert compare_dataset(drops.runtime, version, drops.tag, with_vectors=True).is_equal
    census = drops.census()
    assert (census["Document"], census["Section"], census["HAS_SECTION"]) == (1, sections, sections)
    assert report_of(drops.runtime, state)["ready_for_queries"] is True, report_of(drops.runtime, state)["reasons"]
    readiness = drops.runtime.state.readiness.get(drops.tag)
    assert readiness is not None
    assert readiness.ready


def assert_nothing_lost(drops: Drops) -> None:
    """The one job is there, completed, and nothing of the dataset waits in the queue."""
    jobs = drops.runtime.state.jobs
    counts = {status: count for status, count in jobs.counts_by_status(drops.tag).items() if count}
    assert counts == {JobStatus.COMPLETED: 1}
    assert not [entry for entry in jobs.waiting(0) if entry.fields.get("tag") == drops.tag]


def garbage_of(drops: Drops, sections: int) -> int:
    """Audit the dataset as the daily DAG does; return how many points it had to remove, and find none afterwards."""
    audited = auditing.audit(drops.runtime, drops.tag, f"audit-of-{drops.tag}")
    assert audited.before.is_equal, audited.before.as_json()["findings"]
    after = auditing.verify(drops.runtime, drops.tag, with_vectors=True)
    assert after.comparison.is_clean, after.as_json()["findings"]
    assert (after.comparison.graph_total, after.comparison.vector_total) == (sections, sections)
    assert audited.verdict.ready, audited.verdict.reasons
    return sum(document.removed for document in audited.documents)


@pytest.fixture
def harm(
    drops: Drops,
    version: EmbeddingVersion,
    failpoints: Failpoints,
    killer: Killer,
    operator: Operator,
    matrix: Matrix,
    runtime: Runtime,
) -> Harm:
    """Drop a document, do something to its run or to the stack while it is stopped at a place, and see it through."""

    def run(place: str, victim: str) -> Landing:
        spec, sections = PLACES[place]
        before = embedded_texts(runtime.settings)
        failpoints.arm(spec)
        drops.drop({"guide.md": page("Guide", sections, drops.tag)})
        stopped = failpoints.stopped_at(place)
        failpoints.disarm()
        at_kill = embedded_texts(runtime.settings)
        (job,) = drops.jobs()
        task = operator.task_with(job.run_id, stopped)
        began = time.monotonic()
        killed = 0
        if victim in ACTS:
            operator.act(victim, job.run_id, task)
            wait_for(lambda: not is_alive(stopped), f"Airflow ends the task of a run after: {victim}", 60)
        else:
            killed = killer.kill(victim, stopped)
        failpoints.release(place)
        killer.await_back(victim, killed)
        state = reported(drops)
        seconds = time.monotonic() - began
        # Else a late repetition of its report would stop at the place that the next cell arms.
        operator.await_end(state.run_id, RECOVERY_SECONDS)
        assert_whole(drops, version, state, sections)
        assert_nothing_lost(drops)
        # The counter of a killed embedder begins at nought again.
        counted_from = 0 if victim == "embedder" else at_kill
        texts = at_kill - before + embedded_texts(runtime.settings) - counted_from
        batch = runtime.config.pipeline.embed_batch
        assert texts <= sections + batch, f"{texts} texts were embedded for {sections} sections"
        landing = Landing(
            place=place,
            victim=victim,
            task=str(task),
            task_pid=stopped,
            killed_pid=killed,
            job=f"{job.status}, {job.stage or 'no stage yet'}",
            outcome=state.outcome,
            seconds_to_recover=round(seconds, 1),
            job_attempts=state.attempt,
            sections=sections,
            texts_embedded=texts,
            garbage=garbage_of(drops, sections),
        )
        matrix.add(landing)
        print(f"\n{landing}")
        return landing

    return run


def test_a_task_killed_while_it_embeds_is_retried_and_pays_the_batch_in_flight_only(harm: Harm) -> None:
    landing = harm("embed.after_batch", TASK)
    assert landing.job_attempts == 1, "Airflow repeats the task; the job itself needs no second attempt"


@pytest.mark.parametrize(("place", "victim"), SAMPLE)
def test_a_run_goes_on(harm: Harm, place: str, victim: str) -> None:
    harm(place, victim)


@pytest.mark.matrix
@pytest.mark.parametrize(("place", "victim"), MATRIX)
def test_a_run_goes_on_at_each_other_place(harm: Harm, place: str, victim: str) -> None:
    harm(place, victim)


def test_a_claim_that_dies_before_it_returns_is_repeated_and_takes_the_same_jobs(
    drops: Drops, version: EmbeddingVersion, failpoints: Failpoints
) -> None:
    failpoints.arm("claim.after_claim=kill")
    drops.drop({"guide.md": page("Guide", 12, drops.tag)})

    def claimed() -> JobState | None:
        return next((state for state in drops.jobs() if state.status is JobStatus.RUNNING), None)

    first = wait_for(claimed, "the job is claimed")
    failpoints.disarm()
    state = reported(drops)
    assert_whole(drops, version, state, 12)
    assert_nothing_lost(drops)
    assert (state.run_id, state.attempt, state.outcome) == (first.run_id, 1, "created")


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
