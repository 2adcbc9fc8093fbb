"""Does the intake live? A pure judgement of signs of life: of Airflow, its DAGs, the watched sources, the dispatcher, and work.

Reading goes on without any of it, so none of this makes docgraph unready; it says that nothing new is becoming searchable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.ingest.airflow_api import AirflowApi, AirflowPart, ImportedDag
from docgraph.ingest.launcher import INGEST_DAG
from docgraph.runtime.config import LivenessConfig, SourceConfig
from docgraph.state import GateState, Heartbeat, Movement, RunningJob, State

#: The name under which the dispatcher tells of its rounds.
DISPATCHER = "duty:dispatcher"
#: DAGs beside those of the sources.
DAGS = (
    INGEST_DAG,
    "approve_deletions",
    "audit_datasets",
    "reembed_dataset",
    "sync_sources",
    "verify_datasets",
)
_CUT = 300


def source_beat(name: str) -> str:
    """Return the name under which the watch on a source tells of its looks."""
    return f"source:{name}"


@dataclass(frozen=True, slots=True)
class IntakeCheck:
    """One part of the intake: whether it lives, the age of its last sign in seconds, and above which age it doesn't."""

    name: str
    ok: bool
    age: float | None = None
    limit: float | None = None
    reason: str = ""
    #: What to do about it.
    advice: str = ""


def of_airflow(api: AirflowApi, limits: LivenessConfig, sources: Sequence[SourceConfig]) -> list[IntakeCheck]:
    """Ask Airflow about its parts and the DAGs; where it can't be asked, that is what is wrong."""
    try:
        parts, dags, errors = api.parts(), api.imported_dags(), api.import_errors()
    except (StoreUnavailableError, ConfigurationError) as error:
        advice = "`make status` shows Airflow's processes."
        return [IntakeCheck("airflow", False, None, limits.round_seconds, _cut(str(error)), advice)]
    return [judge_parts(parts, limits), judge_dags(dags, errors, limits, [each.dag_id for each in sources])]


def of_state(state: State, limits: LivenessConfig, sources: Sequence[SourceConfig]) -> list[IntakeCheck]:
    """Ask Redis about the sources, the dispatcher and the work.

    Raises:
        StoreUnavailableError: Redis can't be reached.
    """
    heartbeats = state.liveness.heartbeats()
    return [
        *(judge_source(each.name, heartbeats.get(source_beat(each.name)), limits) for each in sources),
        judge_dispatcher(heartbeats.get(DISPATCHER), limits),
        *judge_work(state.liveness.movement(), state.gate.state(), limits),
    ]


def judge_parts(parts: Iterable[AirflowPart], limits: LivenessConfig) -> IntakeCheck:
    """Judge the heartbeats of the scheduler, the triggerer and the DAG processor."""
    parts = list(parts)
    oldest = max((part.age for part in parts if part.age is not None), default=None)
    silent = [part for part in parts if part.age is None or part.age > limits.round_seconds]
    told = [
        f"{part.name} {'was never seen' if part.age is None else f'was last seen {part.age:.0f} s ago'}"
        for part in silent
    ]
    return IntakeCheck(
        "airflow",
        not silent,
        oldest,
        limits.round_seconds,
        f"Airflow's {', '.join(told)}" if told else "",
        "`make status` shows Airflow's processes; their logs say why." if told else "",
    )


def judge_dags(
    dags: Mapping[str, ImportedDag], errors: Mapping[str, str], limits: LivenessConfig, watching: Sequence[str]
) -> IntakeCheck:
    """Judge whether Airflow has imported each DAG, runs it, and reads it again: of a DAG that it deactivated no run starts."""
    needed = {INGEST_DAG, *watching}
    problems = []
    for dag_id in (*DAGS, *watching):
        dag = dags.get(dag_id)
        if dag is None:
            problems.append(f"{dag_id} was not imported")
        elif dag.has_import_errors:
            problems.append(f"{dag_id} can't be imported{_why(dag, errors)}")
        elif dag.is_stale:
            problems.append(
                f"{dag_id} was deactivated because its file was not imported in time; none of its runs start"
            )
        elif dag.is_paused and dag_id in needed:
            problems.append(f"{dag_id} is paused")
        elif dag.age is not None and dag.age > limits.document_seconds:
            problems.append(f"{dag_id} was last imported {dag.age:.0f} s ago")
    ages = [dags[dag_id].age for dag_id in needed if dag_id in dags]
    oldest = max((age for age in ages if age is not None), default=None)
    advice = "Airflow's list of DAGs and its import errors, and logs/airflow-dag-processor.log, say more."
    return IntakeCheck(
        "dags", not problems, oldest, limits.document_seconds, _cut("; ".join(problems)), advice if problems else ""
    )


def judge_source(name: str, heartbeat: Heartbeat | None, limits: LivenessConfig) -> IntakeCheck:
    """Judge when a source was last looked at with success, and whether a file that was claimed waits."""
    check = source_beat(name)
    advice = f"The DAG watch_{name} in Airflow, and logs/airflow-triggerer.log, say more."
    if heartbeat is None:
        return IntakeCheck(check, False, None, limits.round_seconds, f"{name} was never looked at", advice)
    limit = limits.round_seconds + 2 * heartbeat.every
    age, reason = heartbeat.good_age, ""
    if heartbeat.error:
        reason = f"the last look at {name} failed: {heartbeat.error}"
    elif age is None or age > limit:
        reason = f"{name} was last looked at {'never' if age is None else f'{age:.0f} s ago'}"
    elif heartbeat.claimed_age is not None and heartbeat.claimed_age > limits.progress_seconds:
        reason = f"a file of {name} was claimed {heartbeat.claimed_age:.0f} s ago and is no job yet"
    return IntakeCheck(check, not reason, age, limit, _cut(reason), advice if reason else "")


def judge_dispatcher(heartbeat: Heartbeat | None, limits: LivenessConfig) -> IntakeCheck:
    """Judge when the dispatcher last finished a round, of whatever replica of the service."""
    age = None if heartbeat is None else heartbeat.good_age
    limit = limits.round_seconds + (2 * heartbeat.every if heartbeat else 0)
    ok = age is not None and age <= limit
    reason = "" if ok else "it has finished no round yet" if age is None else f"its last round ended {age:.0f} s ago"
    if not ok and heartbeat is not None and heartbeat.error:
        reason += f": {heartbeat.error}"
    return IntakeCheck(
        "dispatcher", ok, age, limit, _cut(reason), "" if ok else "The log of the ingestion service says more."
    )


def judge_work(movement: Movement, gate: GateState, limits: LivenessConfig) -> list[IntakeCheck]:
    """Judge whether what waits is taken, what is worked on goes on, and the gate lets it.

    Entries of a large delivery wait for long, and a document waits while others of its batch are worked on: as long as anything
    moves, that is work. What shows no progress while nothing else does either, or for very long, stands still.
    """
    runs = _newest_by_run(movement.running)
    signs = [run.quiet for run in runs.values()]
    if movement.last_ended is not None:
        signs.append(movement.last_ended)
    moves = min(signs, default=None)
    at_rest = moves is None or moves > limits.progress_seconds
    waited = movement.oldest_unclaimed
    queue = ""
    if at_rest and waited is not None and waited > limits.progress_seconds:
        queue = f"the oldest entry of ingest:jobs has waited {waited:.0f} s, and nothing else moves"
    limit = limits.progress_seconds if at_rest else limits.document_seconds
    stuck = max(runs.values(), key=lambda run: run.quiet, default=None)
    documents = ""
    if stuck is not None and stuck.quiet > limit:
        documents = (
            f"{stuck.source_uri} (job {stuck.job_id}) has shown no progress for {stuck.quiet:.0f} s in "
            f"{stuck.stage or 'its run'}, nor has any other document of run {stuck.run_id}"
        )
    is_shut = not gate.open
    return [
        IntakeCheck(
            "queue",
            not queue,
            waited,
            limits.progress_seconds,
            queue,
            "The runs of ingest_documents in Airflow say more." if queue else "",
        ),
        IntakeCheck(
            "documents",
            not documents,
            stuck.quiet if stuck else None,
            limit,
            _cut(documents),
            f"`ingestctl status {stuck.job_id}` shows it; `ingestctl cancel {stuck.job_id}` ends it."
            if documents and stuck
            else "",
        ),
        IntakeCheck(
            "gate",
            gate.open,
            reason=_cut(f"it is closed since {gate.since}: {gate.reason}") if is_shut else "",
            advice="It opens by itself once the stores answer in time, unless a person closed it (`GET /v1/gate`)."
            if is_shut
            else "",
        ),
    ]


def _newest_by_run(running: Iterable[RunningJob]) -> dict[str, RunningJob]:
    """Return, of each run, the job that was heard of last: as long as that one moves, its run does."""
    newest: dict[str, RunningJob] = {}
    for job in running:
        if job.run_id not in newest or job.quiet < newest[job.run_id].quiet:
            newest[job.run_id] = job
    return newest


def _why(dag: ImportedDag, errors: Mapping[str, str]) -> str:
    trace = next((text for name, text in errors.items() if name.endswith(dag.file)), "")
    lines = trace.strip().splitlines()
    return f" ({lines[-1]})" if lines else ""


def _cut(text: str) -> str:
    return text if len(text) <= _CUT else text[: _CUT - 1] + "…"
