"""Starting runs of Airflow's DAGs: the one way to do it, inside Airflow and outside.

The id of a run for queued jobs follows from the jobs and their attempts, so that every caller that names the same jobs asks for
the same run, and no run gets more jobs than the configuration allows. How Airflow is reached is a port (`Runs`): outside Airflow
its REST API (`airflow_api`), inside a task the Task SDK (`docgraph.airflow.runs`), which needs no password.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.domain.jobs import JobState, JobStatus

INGEST_DAG = "ingest_documents"
#: States of a run that will still do something.
LIVE_RUN_STATES = frozenset({"queued", "running"})
#: Runs for one and the same set of attempts, before a person has to look why none of them claims it.
MOST_RUNS = 20
_RUN_PREFIX = "ingest__"


class Runs(Protocol):
    """Runs of DAGs as the launcher needs them. Each call may be repeated: a run is created once, whatever was answered."""

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any], note: str | None = None) -> bool:
        """Create a run; False: a run with this id exists already.

        Raises:
            StoreUnavailableError: Airflow can't be reached, does not know the DAG (yet) or answers with an error.
            ConfigurationError: Airflow refuses the user.
        """
        ...

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return the state of a run (queued, running, success, failed); None: there is no such run.

        Raises:
            StoreUnavailableError: Airflow can't be reached or answers with an error.
            ConfigurationError: Airflow refuses the user.
        """
        ...


@dataclass(frozen=True, slots=True)
class Launch:
    """Queued jobs of one dataset that share a run: the run's id, or why none was started (None, and an error)."""

    tag: str
    jobs: tuple[JobState, ...]
    run_id: str | None
    error: StoreUnavailableError | ConfigurationError | None = None


class RunLauncher:
    """Starts runs; holds no state but the connection, so that any number of them may start the same runs at once."""

    def __init__(
        self, runs: Runs, *, max_jobs_per_run: int, observe: Callable[[str], None] = lambda outcome: None
    ) -> None:
        """Start runs by `runs`; `observe` is told of each run for jobs: created, exists or unreachable."""
        self._runs = runs
        self._most = max_jobs_per_run
        self._observe = observe

    def ingest(self, jobs: Iterable[JobState], note: str | None = None) -> Iterator[Launch]:
        """Make sure that each of the queued jobs has a live run, one run a dataset and `max_jobs_per_run`; lazily, run by run.

        Jobs that were refused at intake are given along, for the report; others that are not queued (any more) are passed over.
        A run that can't be started loses nothing: its jobs stay queued, and the sidecar's dispatcher asks again.
        """
        for tag, queued in _by_tag(jobs).items():
            for start in range(0, len(queued), self._most):
                share = tuple(queued[start : start + self._most])
                try:
                    yield Launch(tag, share, self._start(tag, share, note))
                except (StoreUnavailableError, ConfigurationError) as error:
                    yield Launch(tag, share, None, error)

    def create(self, dag_id: str, run_id: str, conf: Mapping[str, Any], note: str | None = None) -> str:
        """Make sure that the run with this id exists, and return its id.

        Raises:
            StoreUnavailableError: Airflow can't be reached.
            ConfigurationError: Airflow refuses the user.
        """
        self._runs.trigger(dag_id, run_id, conf, note)
        return run_id

    def create_first_free(
        self, dag_id: str, run_ids: Iterable[str], conf: Mapping[str, Any], note: str | None = None
    ) -> tuple[str, bool] | None:
        """Return the first of the runs that is live or can be created, and whether it was created; None: all have ended.

        Raises:
            StoreUnavailableError: Airflow can't be reached.
            ConfigurationError: Airflow refuses the user.
        """
        for run_id in run_ids:
            if self._runs.trigger(dag_id, run_id, conf, note):
                return run_id, True
            if self._runs.run_state(dag_id, run_id) in LIVE_RUN_STATES:
                return run_id, False
        return None

    def _start(self, tag: str, jobs: tuple[JobState, ...], note: str | None) -> str:
        base = ingest_run_id(tag, ((state.job.job_id, state.attempt) for state in jobs))
        # Where a run has ended without claiming the jobs, the next free number is appended.
        names = [base, *(f"{base}__{number}" for number in range(2, MOST_RUNS + 1))]
        conf = {"tag": tag, "job_ids": [state.job.job_id for state in jobs]}
        try:
            found = self.create_first_free(INGEST_DAG, names, conf, note)
        except StoreUnavailableError:
            self._observe("unreachable")
            raise
        if found is None:
            raise StoreUnavailableError(
                f"{MOST_RUNS} runs for {len(jobs)} jobs of {tag} ended without claiming them; look at the claim task of {base} in "
                "Airflow, then cancel and resume the jobs."
            )
        run_id, is_new = found
        self._observe("created" if is_new else "exists")
        return run_id


def ingest_run_id(tag: str, attempts: Iterable[tuple[str, int]]) -> str:
    """Return the run id for jobs of one dataset, given as (job id, attempt).

    It follows from the jobs alone, so that every caller that starts the same jobs asks for the same run and is told that it
    exists; a job that was resumed or requeued has another attempt and so another run.
    """
    listed = "\n".join(sorted(f"{job_id}:{attempt}" for job_id, attempt in attempts))
    return f"{_RUN_PREFIX}{tag}__{hashlib.sha256(listed.encode()).hexdigest()[:16]}"


def is_ingest_run_id(run_id: str) -> bool:
    """Tell whether a run id was made by `ingest_run_id`."""
    return run_id.startswith(_RUN_PREFIX)


def _by_tag(jobs: Iterable[JobState]) -> dict[str, list[JobState]]:
    """Group by dataset the jobs that are for a run to claim, in the order of their versions."""
    groups: defaultdict[str, list[JobState]] = defaultdict(list)
    for state in sorted(jobs, key=lambda state: state.job.version):
        # What was refused at intake has no work, but belongs in the report of the run with which it came.
        refused = state.status is JobStatus.FAILED and not state.run_id
        if state.status is JobStatus.QUEUED or refused:
            groups[state.job.tag].append(state)
    return dict(groups)
