"""The life of jobs as a state machine: random sequences of calls against a real Redis and a model of a few lines."""

from __future__ import annotations

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from docgraph.domain.errors import IllegalTransitionError
from docgraph.domain.jobs import JobStatus, Outcome
from docgraph.state import State
from support.contract.state_helpers import TAG, assert_consistent, new_job

RUNS = st.sampled_from(["run-1", "run-2", "run-3"])
URIS = st.sampled_from(["upload:///a.md", "upload:///b.md"])
CHECKSUMS = st.sampled_from(["1", "2"])
LIVE = {JobStatus.RUNNING, JobStatus.PAUSED}


class Life(RuleBasedStateMachine):
    """Model: status, holder, document, content and version of each job; everything else follows."""

    url = ""
    jobs = Bundle("jobs")

    @initialize()
    def connect(self) -> None:
        self.raw = redis.Redis.from_url(self.url, decode_responses=True)
        self.raw.flushdb()
        self.state = State.connect(self.url)
        self.status: dict[str, JobStatus] = {}
        self.holder: dict[str, str] = {}
        self.content: dict[str, tuple[str, str]] = {}
        self.version: dict[str, int] = {}
        self.attempt: dict[str, int] = {}

    def queued(self, uri: str) -> str | None:
        found = [j for j, s in self.status.items() if s is JobStatus.QUEUED and self.content[j][0] == uri]
        assert len(found) <= 1
        return found[0] if found else None

    def is_live(self, job: str, run: str) -> bool:
        return self.status[job] in LIVE and self.holder[job] == run

    @rule(target=jobs, uri=URIS, checksum=CHECKSUMS)
    def enqueue(self, uri: str, checksum: str) -> str:
        job = new_job(uri, checksum)
        before = self.queued(uri)
        answer = self.state.jobs.enqueue(job)
        if before and self.content[before][1] == checksum:
            assert (answer.job_id, answer.deduplicated) == (before, True)
            return before
        assert answer.superseded == ((before,) if before else ())
        if before:
            self.status[before] = JobStatus.CANCELLED
        assert all(answer.version > v for j, v in self.version.items() if self.content[j][0] == uri)
        self.status[job.job_id] = JobStatus.QUEUED
        self.holder[job.job_id] = ""
        self.content[job.job_id] = (uri, checksum)
        self.version[job.job_id] = answer.version
        self.attempt[job.job_id] = 1
        return job.job_id

    @rule(run=RUNS, wanted=st.lists(jobs, max_size=3))
    def claim(self, run: str, wanted: list[str]) -> None:
        held = self.state.jobs.claim(run, tag=TAG, job_ids=wanted)
        for job in wanted:
            if self.status[job] is JobStatus.QUEUED:
                self.status[job], self.holder[job] = JobStatus.RUNNING, run
        assert {each.job.job_id for each in held} == {job for job, holder in self.holder.items() if holder == run}

    @rule(job=jobs, run=RUNS)
    def begin_stage(self, job: str, run: str) -> None:
        assert self.state.jobs.begin_stage(job, run, "embed").live is self.is_live(job, run)

    @rule(job=jobs, run=RUNS, pausing=st.booleans())
    def pause(self, job: str, run: str, pausing: bool) -> None:
        jobs = self.state.jobs
        answer = jobs.pause(job, run, "x") if pausing else jobs.unpause(job, run)
        assert answer is self.is_live(job, run)
        if answer:
            self.status[job] = JobStatus.PAUSED if pausing else JobStatus.RUNNING

    @rule(job=jobs, run=RUNS)
    def complete(self, job: str, run: str) -> None:
        again = self.status[job] is JobStatus.COMPLETED and self.holder[job] == run
        answer = self.state.jobs.complete(job, run, Outcome.UPDATED, {})
        assert answer is (self.is_live(job, run) or again)
        if answer:
            self.status[job] = JobStatus.COMPLETED

    @rule(job=jobs, run=st.one_of(st.none(), RUNS))
    def fail(self, job: str, run: str | None) -> None:
        status = self.status[job]
        again = status is JobStatus.FAILED and run is not None and self.holder[job] == run
        answer = self.state.jobs.fail(job, run_id=run, code="x", message="y")
        allowed = not status.is_final if run is None else self.is_live(job, run)
        assert answer is (allowed or again)
        if answer:
            self.status[job] = JobStatus.FAILED

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        assert self.state.jobs.cancel(job, "x") is self.status[job]
        if not self.status[job].is_final:
            self.status[job] = JobStatus.CANCELLED

    def to_queue(self, job: str) -> bool:
        """Do what a job's return to the queue means; False where newer content is there already."""
        other = self.queued(self.content[job][0])
        if other and self.version[other] > self.version[job]:
            return False
        if other:
            self.status[other] = JobStatus.CANCELLED
        self.status[job], self.holder[job] = JobStatus.QUEUED, ""
        self.attempt[job] += 1
        return True

    @rule(job=jobs)
    def resume(self, job: str) -> None:
        allowed = self.status[job] in {JobStatus.FAILED, JobStatus.CANCELLED} and self.to_queue(job)
        try:
            self.state.jobs.resume(job)
        except IllegalTransitionError:
            assert not allowed
        else:
            assert allowed

    @rule(job=jobs, run=RUNS)
    def requeue(self, job: str, run: str) -> None:
        live = self.is_live(job, run)
        assert self.state.jobs.requeue(job, run, "lost") is live
        if live and not self.to_queue(job):
            self.status[job] = JobStatus.CANCELLED

    @rule()
    def purge(self) -> None:
        """Nothing ended an hour ago."""
        assert self.state.jobs.purge(3600) == 0

    @invariant()
    def the_server_says_what_the_model_says(self) -> None:
        found = {each.job.job_id: each for each in self.state.jobs.find(limit=1_000)}
        assert {job: each.status for job, each in found.items()} == self.status
        assert {job: each.run_id for job, each in found.items()} == self.holder
        assert {job: each.attempt for job, each in found.items()} == self.attempt
        assert_consistent(self.raw)

    def teardown(self) -> None:
        self.raw.flushdb()
        self.raw.close()
        self.state.close()


def test_any_sequence_of_calls_leaves_jobs_as_the_model_says(redis_url: str) -> None:
    machine = type("LifeHere", (Life,), {"url": redis_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
