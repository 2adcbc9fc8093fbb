"""Jobs in Redis as they stand: by id, by dataset and status, by run, by document. Reads only; `jobs.py` changes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from docgraph.domain.errors import JobNotFoundError, StateUnreadableError
from docgraph.domain.jobs import JobState, JobStatus
from docgraph.state import keys
from docgraph.state.records import Checkpoint, UnreadableJob, checkpoint_of, checkpoints_of, state_of
from docgraph.state.server import Server

_READ_BATCH = 1_000
#: Error code of a job that a run could not read.
UNREADABLE = "state_unreadable"


class JobQueries:
    """What is asked about jobs; each answer is of the moment in which Redis gave it."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def known_version(self, document_ids: Sequence[str]) -> dict[str, int]:
        """Return the newest version of each document that Redis knows; of the others the graph has to be asked."""
        answers = self._server.call_each([("HGET", keys.document(each), "version") for each in document_ids])
        return {
            each: int(answer)
            for each, answer in zip(document_ids, answers, strict=True)
            if isinstance(answer, str) and answer.isdecimal()
        }

    def newest(self, document_id: str) -> JobState | None:
        """Return the job that last asked for a document; None where none did or retention has removed it.

        Requests that were rejected before they became jobs of the document are not among them: `find` lists those.
        """
        job_id = self._server.call("HGET", keys.document(document_id), "job_id")
        states = self.get_many([job_id]) if job_id else []
        return states[0] if states else None

    def get(self, job_id: str) -> JobState:
        """Return a job.

        Raises:
            JobNotFoundError: no job has this id.
            StateUnreadableError: its hash can't be read.
        """
        states, unreadable = self.look_at([job_id])
        if unreadable:
            raise StateUnreadableError(
                f"{unreadable[0].key} is not the state of a job: {unreadable[0].reason}. "
                f"`ingestctl quarantine show state-{job_id}` shows what it holds."
            )
        if not states:
            raise JobNotFoundError(unknown_job(job_id))
        return states[0]

    def get_many(self, job_ids: Iterable[str]) -> list[JobState]:
        """Return these jobs in the given order; ids that no job has, and jobs that can't be read, are left out."""
        return self.look_at(job_ids)[0]

    def look_at(self, job_ids: Iterable[str]) -> tuple[list[JobState], list[UnreadableJob]]:
        """Return these jobs in the given order, and those that can't be read; ids that no job has are left out."""
        wanted = list(job_ids)
        states: list[JobState] = []
        unreadable: list[UnreadableJob] = []
        for start in range(0, len(wanted), _READ_BATCH):
            batch = wanted[start : start + _READ_BATCH]
            answers = self._server.call_each([("HGETALL", keys.state(job_id)) for job_id in batch])
            for job_id, answer in zip(batch, answers, strict=True):
                try:
                    if isinstance(answer, StateUnreadableError):
                        raise answer
                    if answer:
                        states.append(state_of(answer))
                except StateUnreadableError as error:
                    fields = answer if isinstance(answer, dict) else {}
                    unreadable.append(UnreadableJob(job_id, keys.state(job_id), str(error), fields))
        return states, unreadable

    def find(self, *, tag: str | None = None, status: JobStatus | None = None, limit: int = 100) -> list[JobState]:
        """Return the newest jobs, of one tag and in one status where these are given; those that can't be read are left out."""
        return self.survey(tag=tag, status=status, limit=limit)[0]

    def survey(
        self, *, tag: str | None = None, status: JobStatus | None = None, limit: int = 100
    ) -> tuple[list[JobState], list[UnreadableJob]]:
        """Return the newest jobs as `find` does, and those among them that can't be read."""
        if limit < 1:
            return [], []
        states, unreadable = self.look_at(self._server.call("ZREVRANGE", keys.index(tag, status), 0, limit - 1))
        # A job may have moved on between the look at the index and the look at the job.
        return [state for state in states if status is None or state.status is status], unreadable

    def unreadable(self, limit: int = 10_000) -> list[UnreadableJob]:
        """Return the jobs that can't be read, among the newest `limit` and among those that have not ended."""
        live = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)
        found = [each for status in (None, *live) for each in self.survey(status=status, limit=limit)[1]]
        return list({each.job_id: each for each in found}.values())

    def counts_by_status(self, tag: str | None = None) -> dict[JobStatus, int]:
        """Return the number of jobs in each status, of all jobs or of one tag."""
        answers = self._server.call_many([("ZCARD", keys.index(tag, status)) for status in JobStatus])
        return {status: int(answer) for status, answer in zip(JobStatus, answers, strict=True)}

    def jobs_of_run(self, run_id: str) -> list[JobState]:
        """Return all jobs that a run holds, in the order in which they were enqueued; ended ones among them."""
        return self._held(run_id, self._server.call("SMEMBERS", keys.run(run_id)))

    def runs_with_live_jobs(self) -> dict[str, list[str]]:
        """Return the runs that hold running or paused jobs, each with the ids of these jobs."""
        job_ids = [
            job_id
            for status in (JobStatus.RUNNING, JobStatus.PAUSED)
            for job_id in self._server.call("ZRANGE", keys.index(status=status), 0, -1)
        ]
        runs: dict[str, list[str]] = {}
        for start in range(0, len(job_ids), _READ_BATCH):
            batch = job_ids[start : start + _READ_BATCH]
            answers = self._server.call_each([("HMGET", keys.state(each), "status", "run_id") for each in batch])
            for job_id, answer in zip(batch, answers, strict=True):
                status, run_id = (None, None) if isinstance(answer, StateUnreadableError) else answer
                if run_id and status in {JobStatus.RUNNING, JobStatus.PAUSED}:
                    runs.setdefault(run_id, []).append(job_id)
        return runs

    def unreported_runs(self, limit: int) -> dict[str, str]:
        """Return the runs of the newest `limit` ended jobs that are in no report yet, newest first, each with its tag."""
        job_ids = self._server.call("ZREVRANGE", keys.INDEX_FINISHED, 0, limit - 1)
        answers = self._server.call_each(
            [("HMGET", keys.state(each), "run_id", "tag", "report", "error_code") for each in job_ids]
        )
        readable = [answer for answer in answers if not isinstance(answer, StateUnreadableError)]
        # A job that can't be read is in no report, and would be owed one for ever.
        return {
            run_id: tag
            for run_id, tag, report, code in readable
            if run_id and tag and not report and code != UNREADABLE
        }

    def _held(self, run_id: str, job_ids: Iterable[str]) -> list[JobState]:
        return in_order(self.get_many(job_ids), run_id)

    def pipeline_of(self, job_id: str) -> str:
        """Return the pipeline fingerprint with which the job was claimed; empty where it never was."""
        return str(self._server.call("HGET", keys.state(job_id), "pipeline") or "")

    def is_live(self, job_id: str, run_id: str) -> bool:
        """Tell whether the job is still running or paused under this run."""
        status, holder = self._server.call("HMGET", keys.state(job_id), "status", "run_id")
        return status in {JobStatus.RUNNING, JobStatus.PAUSED} and holder == run_id

    def checkpoint(self, job_id: str, stage: str) -> Checkpoint | None:
        """Return what a stage left behind for this job; None where it has not been done."""
        raw = self._server.call("HGET", keys.checkpoint(job_id), stage)
        return None if raw is None else checkpoint_of(raw)

    def checkpoints(self, job_id: str) -> dict[str, Checkpoint]:
        """Return what all stages left behind for this job, by stage."""
        return checkpoints_of(self._server.call("HGETALL", keys.checkpoint(job_id)))


def in_order(states: Iterable[JobState], run_id: str) -> list[JobState]:
    """Return the jobs that the run holds, in the order in which they were enqueued."""
    held = [state for state in states if state.run_id == run_id]
    return sorted(held, key=lambda state: (state.job.version, state.job.job_id))


def unknown_job(job_id: str) -> str:
    """Return the sentence that says so."""
    return f"No job has the id {job_id}; `ingestctl status` lists the jobs."
