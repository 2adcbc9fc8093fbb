"""The pipeline: claim → parse → extract → build_graph → embed → vector_upsert → reconcile.

The page to read first. `claim` and `run_stage` are what the tasks of the DAG `ingest_documents` call, `close_run` is the report's
(`docgraph.readiness.publishing`); none of them knows Airflow. A task takes a batch of jobs, works document by document
(embed: across documents), and is safe to run twice.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import ModuleType

from docgraph.domain.documents import Plan
from docgraph.domain.errors import (
    ArtifactDamagedError,
    DocumentError,
    InfrastructureError,
    JobNotFoundError,
    TaskTooLongError,
)
from docgraph.domain.jobs import GIVEN_UP, STAGES, JobState, Outcome
from docgraph.ingest.stages import build_graph, embed, extract, parse, reconcile, vector_upsert
from docgraph.ingest.work import JobLostError, Work, begin, is_current, pipeline_version
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint
from docgraph.state.records import Checkpoint

logger = logging.getLogger(__name__)

#: The stages in the order in which they run.
MODULES: Mapping[str, ModuleType] = {
    module.NAME: module for module in (parse, extract, build_graph, embed, vector_upsert, reconcile)
}
assert tuple(MODULES) == STAGES
#: What a deletion has nothing to do in.
#: Documents that a task names which took too long.
_MAX_NAMED = 5
_NOT_FOR_DELETIONS = frozenset({"parse", "extract"})


def claim(runtime: Runtime, run_id: str, tag: str, job_ids: Sequence[str] | None) -> list[list[str]]:
    """Take jobs for a run, settle those whose documents stand already, and cut the rest into batches of job ids.

    Repeated for the same run it returns the same jobs. `job_ids` None takes whatever is queued for the tag.

    Raises:
        InfrastructureError: Redis or Neo4j can't be reached.
    """
    runtime.graph.ensure_schema()
    if runtime.graph.dataset(tag) is None:
        # The collection before the dataset: from the moment that a dataset is known, both arms can be asked about it.
        runtime.vectors.ensure(runtime.embedding_version)
        runtime.graph.ensure_dataset(tag, runtime.embedding_version.name)
    pipeline = pipeline_version(runtime)
    states = runtime.state.jobs.claim(run_id, tag=tag, job_ids=job_ids, pipeline=pipeline.digest)
    states = _with_cleared(runtime, run_id, states)
    failpoint("claim.after_claim")
    live = [state for state in states if not state.status.is_final]
    committed = runtime.graph.committed_many([state.document_id for state in live])
    open_jobs: list[JobState] = []
    for state in live:
        document = committed[state.document_id]
        if is_current(state, document, pipeline):
            counts = {"sections": len(document.generation), "reused": len(document.generation)}
            runtime.state.jobs.complete(state.job.job_id, run_id, Outcome.UNCHANGED, counts, document.fence)
        else:
            open_jobs.append(state)
    return balanced(open_jobs, runtime.config.pipeline.max_batches, runtime.config.pipeline.batch_bytes)


def balanced(states: Sequence[JobState], most: int, batch_bytes: int) -> list[list[str]]:
    """Cut jobs into at most `most` batches of about equal bytes (longest processing time first, Graham 1969).

    No more batches than there are `batch_bytes` worth of work, so that small documents share the cost of a task.
    """
    if not states:
        return []
    # Each document costs something even when it is tiny.
    weights = {state.job.job_id: state.job.size + 4096 for state in states}
    count = max(1, min(most, len(states), -(-sum(weights.values()) // batch_bytes)))
    heap: list[tuple[int, int]] = [(0, index) for index in range(count)]
    batches: list[list[str]] = [[] for _ in range(count)]
    for job_id in sorted(weights, key=lambda i: (-weights[i], i)):
        load, index = heapq.heappop(heap)
        batches[index].append(job_id)
        heapq.heappush(heap, (load + weights[job_id], index))
    return [batch for batch in batches if batch]


def run_stage(
    runtime: Runtime,
    stage: str,
    run_id: str,
    job_ids: Sequence[str],
    *,
    breaks: tuple[type[BaseException], ...] = (),
) -> None:
    """Bring every job of the batch through one stage.

    A job that was cancelled, has failed, or belongs to another run is left alone. An error of a document fails that job
    and the others go on. `breaks` is what the caller's clock raises when the task has taken too long.

    Raises:
        InfrastructureError: something outside failed; repeating the call goes on where this one stopped.
        TaskTooLongError: one of `breaks` was raised; the message says which documents were under way.
        JobNotFoundError: Redis has lost jobs of the batch: the others are done, the task is not.
    """
    works: list[Work] = []
    lost: list[str] = []
    begun = _begin_each(runtime, stage, run_id, job_ids, lost)
    try:
        if stage == embed.NAME:
            works = list(begun)
            _run_together(works)
        else:
            for work in begun:
                works.append(work)
                _run_one(work, MODULES[stage])
                work.forget()
    except InfrastructureError as error:
        for work in works:
            runtime.state.jobs.note_error(work.job_id, run_id, f"{stage}: {error}")
        raise
    except breaks as error:
        # Stages that go document by document were at the last that they began, embed at all of them.
        under_way = works if stage == embed.NAME else works[-1:]
        late = TaskTooLongError(_too_long(stage, under_way, len(job_ids), runtime.config.pipeline.task_seconds))
        for job_id in job_ids:
            runtime.state.jobs.note_error(job_id, run_id, str(late))
        raise late from error
    if lost:
        raise JobNotFoundError(
            f"Redis has lost {len(lost)} of the {len(job_ids)} jobs of this task (first: {lost[0]}): {stage} is done for the "
            "others only. Send their documents again; `ingestctl repair --all` brings back the rest."
        )


def _too_long(stage: str, under_way: Sequence[Work], count: int, seconds: float) -> str:
    names = ", ".join(work.job.source_uri for work in under_way[:_MAX_NAMED]) or "none"
    more = f" and {len(under_way) - _MAX_NAMED} more" if len(under_way) > _MAX_NAMED else ""
    return (
        f"{stage} took more than {seconds:g} s (pipeline.task_seconds) for {count} documents and was broken off; under way: {names}{more}; "
        "what is done stays done, and the task is tried again; if that does not help, look at these documents and at the stores' "
        "load, or raise the limit in config/ingest.yaml."
    )


def _begin_each(runtime: Runtime, stage: str, run_id: str, job_ids: Sequence[str], lost: list[str]) -> Iterator[Work]:
    """Begin the stage with one job after the other and yield those that are this run's to work on; `lost` takes the unknown ids."""
    for job_id in job_ids:
        try:
            work = begin(runtime, job_id, run_id, stage)
        except JobNotFoundError:
            lost.append(job_id)
        else:
            if work is not None:
                yield work


def _with_cleared(runtime: Runtime, run_id: str, states: Sequence[JobState]) -> list[JobState]:
    """Take up again what the run's report gave up: a task that starts after the report was cleared by a person."""
    cleared = {
        state.job.job_id
        for state in states
        if state.given_up_by(run_id) and runtime.state.jobs.take_up_again(state.job.job_id, run_id)
    }
    again = {state.job.job_id: state for state in runtime.state.jobs.get_many(cleared)}
    return [again.get(state.job.job_id, state) for state in states]


def _run_one(work: Work, module: ModuleType) -> None:
    if work.deletes and work.stage in _NOT_FOR_DELETIONS:
        work.say("skipped", message="nothing to do for a deletion")
        return
    start = time.monotonic()
    with_document_errors(work, lambda: _run_unless_done(work, module, start))


def _run_unless_done(work: Work, module: ModuleType, start: float) -> None:
    fingerprint = module.fingerprint_of(work)
    if _is_done(work, fingerprint):
        work.say("skipped", message="done before, and nothing it depends on has changed")
        return
    checkpoint: Checkpoint = module.run(work, fingerprint)
    _announce(work, replace(checkpoint, seconds=time.monotonic() - start))


def _run_together(works: Sequence[Work]) -> None:
    start = time.monotonic()
    due: list[tuple[Work, str]] = []
    for work in works:

        def prepare(work: Work = work) -> None:
            fingerprint = embed.fingerprint_of(work)
            if _is_done(work, fingerprint):
                work.say("skipped", message="done before, and nothing it depends on has changed")
            else:
                # Read here, where a damaged artifact is made again; the batch finds it in the task's memory.
                work.load("build_graph", Plan)
                due.append((work, fingerprint))

        with_document_errors(work, prepare)
    results = embed.run_batch(due)
    seconds = time.monotonic() - start
    texts = sum(result.items for result in results.values() if isinstance(result, Checkpoint))
    for work, _ in due:
        result = results.get(work.job_id)
        if isinstance(result, DocumentError):
            _fail(work, result)
        elif result is not None:
            # The documents shared the batches: each has its part of the time.
            _announce(work, replace(result, seconds=seconds * result.items / texts if texts else 0.0))


def with_document_errors(work: Work, step: Callable[[], None]) -> None:
    """Do one document's step; an error of the document fails its job, and the batch goes on."""
    try:
        step()
    except JobLostError:
        logger.info("job %s is no longer this run's: %s stops", work.job_id, work.stage)
    except DocumentError as error:
        _fail(work, error)
    except ArtifactDamagedError:
        # What a damaged artifact was made from is still there: the stage that made it runs again first.
        _redo_up_to(work)
        step()


def _redo_up_to(work: Work) -> None:
    logger.warning("an artifact of job %s is damaged: the stages before %s run again", work.job_id, work.stage)
    for earlier in STAGES[: STAGES.index(work.stage)]:
        if earlier in {"parse", "extract", "build_graph"} and not (work.deletes and earlier in _NOT_FOR_DELETIONS):
            again = replace(work, stage=earlier)
            module = MODULES[earlier]
            checkpoint: Checkpoint = module.run(again, module.fingerprint_of(again))
            work.set_checkpoint(earlier, checkpoint)


def _is_done(work: Work, fingerprint: str) -> bool:
    found = work.checkpoint_or_none(work.stage)
    if found is None or found.fingerprint != fingerprint:
        return False
    return not found.artifact or work.runtime.artifacts.has(found.artifact)


def _announce(work: Work, checkpoint: Checkpoint) -> None:
    failpoint(f"{work.stage}.before_announce")
    # A job's last event says how it ended: after it there is nothing to say about a stage.
    work.set_checkpoint(work.stage, checkpoint, announce=work.stage != reconcile.NAME)


def _fail(work: Work, error: DocumentError) -> None:
    logger.warning("%s: %s", work.job.source_uri, error)
    work.runtime.state.jobs.fail(work.job_id, run_id=work.run_id, code=error.code, message=str(error))


def close_run(runtime: Runtime, run_id: str) -> list[JobState]:
    """End what a run leaves open: a job whose tasks were given up by Airflow is failed with the last error it saw."""
    states = runtime.state.jobs.jobs_of_run(run_id)
    abandoned = [state for state in states if not state.status.is_final and state.run_id == run_id]
    for state in abandoned:
        reason = state.error or f"the tasks of run {run_id} ended without finishing it; see the task log in Airflow"
        message = f"Stage {state.stage or 'claim'} did not finish: {reason}. `ingestctl resume {state.job.job_id}` tries again."
        runtime.state.jobs.fail(state.job.job_id, run_id=run_id, code=GIVEN_UP, message=message)
    return runtime.state.jobs.jobs_of_run(run_id) if abandoned else states
