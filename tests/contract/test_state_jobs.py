"""Jobs on a real Redis: taking in, claiming, every transition that is allowed and every one that is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import redis

from docgraph.domain.errors import IllegalTransitionError, JobNotFoundError
from docgraph.domain.identity import document_id
from docgraph.domain.jobs import GIVEN_UP, JobStatus, Operation, Outcome, new_job_id
from docgraph.state import Checkpoint, State, keys
from support.contract.state_helpers import RUN, TAG, assert_consistent, entries, in_status, new_job, queued, running

ALL = list(JobStatus)
LIVE = [JobStatus.RUNNING, JobStatus.PAUSED]
FINAL = [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED]
URI = "upload:///guide.md"


@pytest.fixture(autouse=True)
def consistent(state: State, raw: redis.Redis) -> Iterator[None]:
    yield
    assert_consistent(raw)


def test_a_new_job_is_queued_with_everything_that_was_said_of_it(state: State) -> None:
    job = new_job(URI)
    enqueued = state.jobs.enqueue(job)
    assert (enqueued.job_id, enqueued.deduplicated, enqueued.superseded) == (job.job_id, False, ())
    found = state.jobs.get(job.job_id)
    assert (found.status, found.attempt, found.run_id, found.job.size) == (JobStatus.QUEUED, 1, "", 100)
    assert (found.job.source_uri, found.job.checksum, found.job.op) == (job.source_uri, job.checksum, job.op)
    assert found.document_id == document_id(TAG, URI)
    assert found.job.version == enqueued.version


def test_the_stream_entry_is_exactly_the_job_schema_and_the_operation(state: State, raw: redis.Redis) -> None:
    job = new_job(op=Operation.DELETE)
    state.jobs.enqueue(job)
    ((_, fields),) = entries(raw, "ingest:jobs")
    assert fields == {
        "job_id": job.job_id,
        "source_uri": job.source_uri,
        "content_type": "text/markdown",
        "checksum": job.checksum,
        "tag": TAG,
        "created_at": job.created_at,
        "op": "delete",
    }
    assert [group["name"] for group in raw.xinfo_groups("ingest:jobs")] == ["docgraph"]


def test_versions_are_the_present_in_microseconds_and_rise_for_each_document(state: State) -> None:
    before = time.time_ns() // 1_000
    versions = [state.jobs.enqueue(new_job(URI)).version for _ in range(50)]
    assert before <= versions[0] <= time.time_ns() // 1_000
    assert versions == sorted(set(versions))


def test_a_version_rises_above_the_one_that_the_graph_has_committed(state: State) -> None:
    future = time.time_ns() // 1_000 + 10**12
    assert state.jobs.enqueue(new_job(URI), committed_version=future).version == future + 1
    assert state.jobs.enqueue(new_job(URI)).version == future + 2


def test_known_versions_leave_out_what_redis_does_not_know(state: State) -> None:
    version = state.jobs.enqueue(new_job(URI)).version
    known, unknown, fenced = document_id(TAG, URI), document_id(TAG, "upload:///x"), document_id(TAG, "upload:///y")
    state.jobs.next_fence(fenced, 0)
    assert state.jobs.known_version([unknown, known, fenced]) == {known: version}
    assert state.jobs.known_version([]) == {}


def test_the_same_request_twice_is_one_job(state: State) -> None:
    first = state.jobs.enqueue(new_job(URI, "a"))
    second = state.jobs.enqueue(new_job(URI, "a"))
    assert (second.job_id, second.version, second.deduplicated) == (first.job_id, first.version, True)
    assert len(state.jobs.find()) == 1


def test_the_same_job_sent_again_is_not_a_second_one(state: State) -> None:
    state.jobs.enqueue(new_job(URI, "old"))
    job = new_job(URI)
    assert state.jobs.enqueue(job) == state.jobs.enqueue(job)
    state.jobs.claim(RUN, tag=TAG, job_ids=[job.job_id])
    assert state.jobs.enqueue(job).deduplicated is False
    assert state.jobs.get(job.job_id).status is JobStatus.RUNNING


def test_a_job_id_that_stands_for_another_request_is_refused(state: State) -> None:
    job = new_job(URI, "a")
    state.jobs.enqueue(job)
    other = new_job(URI, "b")
    with pytest.raises(IllegalTransitionError, match="in use for another request"):
        state.jobs.enqueue(type(job)(**{**{f: getattr(other, f) for f in job.__slots__}, "job_id": job.job_id}))


def test_newer_content_supersedes_the_queued_job(state: State) -> None:
    old = queued(state, URI, "a")
    new = state.jobs.enqueue(new_job(URI, "b"))
    assert new.superseded == (old,)
    found = state.jobs.get(old)
    assert (found.status, found.error, found.error_code) == (
        JobStatus.CANCELLED,
        f"superseded by job {new.job_id}",
        "superseded",
    )


def test_a_deletion_supersedes_a_queued_upsert_of_the_same_content(state: State) -> None:
    old = queued(state, URI, "a")
    assert state.jobs.enqueue(new_job(URI, "a", op=Operation.DELETE)).superseded == (old,)


def test_a_running_job_is_neither_superseded_nor_taken_for_the_new_one(state: State) -> None:
    old = queued(state, URI, "a")
    state.jobs.claim(RUN, tag=TAG, job_ids=[old])
    same, other = state.jobs.enqueue(new_job(URI, "a")), state.jobs.enqueue(new_job(URI, "b"))
    assert not same.deduplicated
    assert other.superseded == (same.job_id,)
    assert state.jobs.get(old).status is JobStatus.RUNNING


def test_equal_content_in_another_dataset_is_another_job(state: State) -> None:
    state.jobs.enqueue(new_job(URI, "a"))
    assert not state.jobs.enqueue(new_job(URI, "a", tag="other")).deduplicated


def test_a_streak_of_equal_requests_keeps_the_version_at_which_it_began(state: State) -> None:
    def take(checksum: str) -> tuple[int, int]:
        job_id = queued(state, URI, checksum)
        state.jobs.claim(job_id, tag=TAG, job_ids=[job_id])
        found = state.jobs.get(job_id)
        return found.job.version, found.since

    first, second, changed, back = take("a"), take("a"), take("b"), take("a")
    assert first[0] == first[1] == second[1] < second[0]
    assert changed[0] == changed[1]
    assert back[0] == back[1]


def test_a_claim_takes_the_named_jobs_out_of_the_stream(state: State, raw: redis.Redis) -> None:
    wanted, other = queued(state), queued(state)
    (claimed,) = state.jobs.claim(RUN, tag=TAG, job_ids=[wanted], pipeline="abc")
    assert (claimed.job.job_id, claimed.status, claimed.run_id) == (wanted, JobStatus.RUNNING, RUN)
    assert claimed.started_at >= claimed.queued_at
    assert state.jobs.pipeline_of(wanted) == "abc"
    assert state.jobs.pipeline_of(other) == ""
    assert [fields["job_id"] for _, fields in entries(raw, "ingest:jobs")] == [other]


def test_a_repeated_claim_returns_what_the_run_holds_even_what_has_ended(state: State) -> None:
    job_ids = [queued(state) for _ in range(3)]
    state.jobs.claim(RUN, tag=TAG, job_ids=job_ids)
    state.jobs.complete(job_ids[0], RUN, Outcome.CREATED, {})
    state.jobs.cancel(job_ids[1], "not wanted")
    again = state.jobs.claim(RUN, tag=TAG, job_ids=job_ids)
    assert [each.job.job_id for each in again] == job_ids
    assert [each.status for each in again] == [JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.RUNNING]
    assert state.jobs.jobs_of_run(RUN) == again


def test_a_claim_without_names_takes_the_oldest_of_the_tag_and_repeated_no_more(state: State) -> None:
    job_ids = [queued(state) for _ in range(5)]
    queued(state, tag="other")
    first = state.jobs.claim(RUN, tag=TAG, job_ids=None, limit=3)
    assert [each.job.job_id for each in first] == job_ids[:3]
    assert state.jobs.claim(RUN, tag=TAG, job_ids=None, limit=4) == first
    rest = state.jobs.claim("next", tag=TAG, job_ids=None)
    assert [each.job.job_id for each in rest] == job_ids[3:]


def test_a_claim_leaves_jobs_of_other_runs_and_tags_and_ended_ones_alone(state: State) -> None:
    held, ended, foreign = running(state, "another"), in_status(state, JobStatus.FAILED), queued(state, tag="other")
    assert state.jobs.claim("mine", tag=TAG, job_ids=[held, ended, foreign, new_job_id()]) == []


def test_a_run_never_holds_more_than_its_limit(state: State) -> None:
    job_ids = [queued(state) for _ in range(5)]
    assert len(state.jobs.claim(RUN, tag=TAG, job_ids=job_ids, limit=2)) == 2
    assert len(state.jobs.claim(RUN, tag=TAG, job_ids=job_ids, limit=4)) == 4


def test_a_claim_works_though_somebody_deleted_the_stream(state: State, raw: redis.Redis) -> None:
    job_id = queued(state)
    raw.delete("ingest:jobs")
    assert [each.job.job_id for each in state.jobs.claim(RUN, tag=TAG, job_ids=[job_id])] == [job_id]


@pytest.mark.parametrize("status", ALL)
def test_a_stage_begins_only_while_the_job_runs_under_this_run(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    assert state.jobs.begin_stage(job_id, RUN, "embed").live is (status in LIVE)
    assert state.jobs.begin_stage(job_id, "another", "parse").live is False
    assert state.jobs.is_live(job_id, RUN) is (status in LIVE)
    assert state.jobs.is_live(job_id, "another") is False
    assert state.jobs.get(job_id).stage == ("embed" if status in LIVE else "")


@pytest.mark.parametrize("status", ALL)
def test_only_a_live_job_is_paused_and_goes_on(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    assert state.jobs.pause(job_id, "another", "x") is False
    assert state.jobs.pause(job_id, RUN, "neo4j is busy") is (status in LIVE)
    assert state.jobs.get(job_id).status is (JobStatus.PAUSED if status in LIVE else status)
    assert state.jobs.unpause(job_id, RUN) is (status in LIVE)
    assert state.jobs.get(job_id).status is (JobStatus.RUNNING if status in LIVE else status)


@pytest.mark.parametrize("status", ALL)
def test_only_the_run_that_holds_a_live_job_completes_it(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    assert state.jobs.complete(job_id, "another", Outcome.UPDATED, {}) is False
    ended = state.jobs.complete(job_id, RUN, Outcome.UPDATED, {"embedded": 3}, fence=7)
    assert ended is (status in {*LIVE, JobStatus.COMPLETED})
    found = state.jobs.get(job_id)
    if status in LIVE:
        assert (found.status, found.outcome, found.counts, found.fence) == (
            JobStatus.COMPLETED,
            Outcome.UPDATED,
            {"embedded": 3},
            7,
        )
        assert found.finished_at >= found.started_at
    else:
        assert found.status is status
        assert found.counts == {}


@pytest.mark.parametrize("status", ALL)
def test_a_run_fails_only_a_live_job_that_it_holds(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    assert state.jobs.fail(job_id, run_id="another", code="x", message="y") is False
    failed = state.jobs.fail(job_id, run_id=RUN, code="too_large", message="split it")
    assert failed is (status in {*LIVE, JobStatus.FAILED})
    found = state.jobs.get(job_id)
    if status in LIVE:
        assert (found.status, found.error_code, found.error) == (JobStatus.FAILED, "too_large", "split it")
    else:
        assert found.status is status
        assert found.error_code != "too_large"


@pytest.mark.parametrize("status", ALL)
def test_a_caretaker_fails_whatever_has_not_ended(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    assert state.jobs.fail(job_id, run_id=None, code="run_lost", message="gone") is (status not in FINAL)
    assert state.jobs.get(job_id).status is (status if status in FINAL else JobStatus.FAILED)


@pytest.mark.parametrize("status", ALL)
def test_a_cancel_ends_whatever_has_not_ended_and_says_what_was_before(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    assert state.jobs.cancel(job_id, "by the operator") is status
    assert state.jobs.get(job_id).status is (status if status in FINAL else JobStatus.CANCELLED)


def test_who_works_on_a_cancelled_job_learns_it_everywhere(state: State) -> None:
    job_id = running(state)
    state.jobs.cancel(job_id, "by the operator")
    assert not state.jobs.begin_stage(job_id, RUN, "embed").live
    assert not state.jobs.is_live(job_id, RUN)
    assert not state.jobs.add_counts(job_id, RUN, embedded=1)
    assert not state.jobs.pause(job_id, RUN, "x")
    assert not state.jobs.complete(job_id, RUN, Outcome.CREATED, {})
    found = state.jobs.get(job_id)
    assert (found.status, found.error, found.error_code) == (JobStatus.CANCELLED, "by the operator", "cancelled")


@pytest.mark.parametrize("status", ALL)
def test_only_failed_and_cancelled_jobs_are_resumed(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    if status not in {JobStatus.FAILED, JobStatus.CANCELLED}:
        with pytest.raises(IllegalTransitionError, match=f"it is {status}"):
            state.jobs.resume(job_id)
        return
    resumed = state.jobs.resume(job_id)
    assert (resumed.status, resumed.attempt, resumed.run_id) == (JobStatus.QUEUED, 2, "")
    assert (resumed.error, resumed.error_code, resumed.finished_at) == ("", "", "")
    assert state.jobs.jobs_of_run(RUN) == []
    assert [entry.fields["job_id"] for entry in state.jobs.waiting(0)] == [job_id]
    assert state.jobs.claim(RUN, tag=TAG, job_ids=[job_id])[0].status is JobStatus.RUNNING


def test_an_older_request_is_not_resumed_while_newer_content_is_queued(state: State) -> None:
    old = queued(state, URI, "a")
    state.jobs.fail(old, run_id=None, code="x", message="y")
    new = queued(state, URI, "b")
    with pytest.raises(IllegalTransitionError, match=f"job {new} with newer content"):
        state.jobs.resume(old)
    state.jobs.cancel(new, "after all")
    assert state.jobs.resume(old).status is JobStatus.QUEUED


def test_a_resumed_newer_request_supersedes_the_older_one_in_the_queue(state: State) -> None:
    old, new = queued(state, URI, "a"), queued(state, URI, "b")
    state.jobs.cancel(new, "x")
    state.jobs.resume(old)
    state.jobs.resume(new)
    assert state.jobs.get(old).error == f"superseded by job {new}"
    assert state.jobs.get(new).status is JobStatus.QUEUED


@pytest.mark.parametrize("status", ALL)
def test_only_a_live_job_of_that_run_is_requeued(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    assert state.jobs.requeue(job_id, "another", "lost") is False
    assert state.jobs.requeue(job_id, "", "lost") is False
    assert state.jobs.requeue(job_id, RUN, "the run has vanished") is (status in LIVE)
    found = state.jobs.get(job_id)
    if status in LIVE:
        assert (found.status, found.attempt, found.run_id, found.stage) == (JobStatus.QUEUED, 2, "", "")
        assert not state.jobs.is_live(job_id, RUN)
        assert not state.jobs.complete(job_id, RUN, Outcome.CREATED, {})
        assert state.jobs.claim(RUN, tag=TAG, job_ids=None)[0].job.job_id == job_id
    else:
        assert (found.status, found.attempt) == (status, 1)


def test_a_requeued_job_gives_way_to_newer_content_in_the_queue(state: State) -> None:
    old = queued(state, URI, "a")
    state.jobs.claim(RUN, tag=TAG, job_ids=[old])
    new = queued(state, URI, "b")
    assert state.jobs.requeue(old, RUN, "lost")
    assert state.jobs.get(old).error == f"superseded by job {new}"
    assert state.jobs.get(new).status is JobStatus.QUEUED


def test_new_content_supersedes_a_requeued_job_though_a_newer_one_runs(state: State) -> None:
    first = queued(state, URI, "a")
    state.jobs.claim("one", tag=TAG, job_ids=[first])
    second = queued(state, URI, "b")
    state.jobs.claim("two", tag=TAG, job_ids=[second])
    state.jobs.requeue(first, "one", "lost")
    assert state.jobs.enqueue(new_job(URI, "c")).superseded == (first,)
    assert state.jobs.get(second).status is JobStatus.RUNNING


@pytest.mark.parametrize("call", ["get", "cancel", "resume", "fail"])
def test_an_unknown_job_is_named_in_the_error(state: State, call: str) -> None:
    job_id = new_job_id()
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: state.jobs.get(job_id),
        "cancel": lambda: state.jobs.cancel(job_id, "x"),
        "resume": lambda: state.jobs.resume(job_id),
        "fail": lambda: state.jobs.fail(job_id, run_id=None, code="x", message="y"),
    }
    with pytest.raises(JobNotFoundError, match=job_id):
        calls[call]()


def test_calls_about_an_unknown_job_leave_nothing_behind(state: State, raw: redis.Redis) -> None:
    job_id = new_job_id()
    assert not state.jobs.begin_stage(job_id, RUN, "parse").live
    assert not state.jobs.add_counts(job_id, RUN, embedded=1)
    assert not state.jobs.requeue(job_id, RUN, "x")
    state.jobs.set_report([job_id], "x")
    state.jobs.set_checkpoint(job_id, "parse", Checkpoint("f", "a"))
    with pytest.raises(JobNotFoundError):
        state.events.append(job_id, "parse", "running")
    assert raw.dbsize() == 0


def test_counts_add_up_and_the_last_word_is_that_of_the_completion(state: State) -> None:
    job_id = running(state)
    assert state.jobs.add_counts(job_id, RUN, embedded=3, reused=1)
    assert state.jobs.add_counts(job_id, RUN, embedded=2)
    assert state.jobs.get(job_id).counts == {"embedded": 5, "reused": 1}
    state.jobs.complete(job_id, RUN, Outcome.CREATED, {"embedded": 6, "removed": 0})
    assert state.jobs.get(job_id).counts == {"embedded": 6, "reused": 1, "removed": 0}


def test_the_error_of_a_retried_task_is_kept_until_the_job_completes(state: State) -> None:
    job_id = running(state)
    assert not state.jobs.note_error(job_id, "another", "x")
    assert state.jobs.note_error(job_id, RUN, "embed: the embedder is down")
    found = state.jobs.get(job_id)
    assert (found.status, found.error) == (JobStatus.RUNNING, "embed: the embedder is down")
    state.jobs.complete(job_id, RUN, Outcome.CREATED, {})
    assert state.jobs.get(job_id).error == ""
    assert not state.jobs.note_error(job_id, RUN, "late")


def test_checkpoints_are_kept_for_each_stage_and_survive_a_resume(state: State) -> None:
    job_id = running(state)
    parsed = Checkpoint("f1", "parse/f1-abc", items=12, seconds=0.25, extra={"note": "ünïcode"})
    state.jobs.set_checkpoint(job_id, "parse", Checkpoint("f0", "old"))
    state.jobs.set_checkpoint(job_id, "parse", parsed)
    state.jobs.cancel(job_id, "x")
    state.jobs.resume(job_id)
    assert state.jobs.checkpoint(job_id, "parse") == parsed
    assert state.jobs.checkpoint(job_id, "embed") is None
    assert state.jobs.checkpoints(job_id) == {"parse": parsed}


def test_fences_rise_above_all_before_and_above_what_is_committed(state: State) -> None:
    assert [state.jobs.next_fence("d", committed) for committed in (0, 0, 10, 5)] == [1, 2, 11, 12]
    assert state.jobs.next_fence("e", 0) == 1


def test_a_fence_survives_what_else_is_written_about_the_document(state: State) -> None:
    document = document_id(TAG, URI)
    state.jobs.next_fence(document, 41)
    queued(state, URI)
    assert state.jobs.next_fence(document, 0) == 43


def test_jobs_are_found_newest_first_by_tag_and_status(state: State) -> None:
    first, second, third = queued(state), queued(state), queued(state, tag="other")
    state.jobs.claim(RUN, tag=TAG, job_ids=[first])
    found = {
        (tag, status): [each.job.job_id for each in state.jobs.find(tag=tag, status=status)]
        for tag in (None, TAG)
        for status in (None, JobStatus.QUEUED, JobStatus.RUNNING)
    }
    assert found == {
        (None, None): [third, second, first],
        (None, JobStatus.QUEUED): [third, second],
        (None, JobStatus.RUNNING): [first],
        (TAG, None): [second, first],
        (TAG, JobStatus.QUEUED): [second],
        (TAG, JobStatus.RUNNING): [first],
    }
    assert [each.job.job_id for each in state.jobs.find(limit=1)] == [third]
    assert state.jobs.find(limit=0) == []
    assert [each.job.job_id for each in state.jobs.get_many([third, new_job_id(), first])] == [third, first]


def test_jobs_are_counted_by_status(state: State) -> None:
    for status in ALL:
        in_status(state, status)
    queued(state, tag="other")
    assert state.jobs.counts_by_status() == {status: 2 if status is JobStatus.QUEUED else 1 for status in ALL}
    assert state.jobs.counts_by_status(TAG) == dict.fromkeys(ALL, 1)


def test_looking_for_jobs_never_walks_the_keys(state: State, raw: redis.Redis) -> None:
    for status in ALL:
        in_status(state, status)
    raw.config_resetstat()
    state.jobs.find(tag=TAG, status=JobStatus.QUEUED)
    state.jobs.find()
    state.jobs.counts_by_status()
    state.jobs.waiting(0)
    state.jobs.runs_with_live_jobs()
    state.jobs.purge(0)
    assert {"cmdstat_keys", "cmdstat_scan"}.isdisjoint(raw.info("commandstats"))


def test_runs_with_live_jobs_are_listed_with_these_jobs(state: State) -> None:
    one, two, paused = running(state, "one"), running(state, "two"), running(state, "two")
    state.jobs.pause(paused, "two", "x")
    state.jobs.complete(running(state, "three"), "three", Outcome.CREATED, {})
    queued(state)
    live = state.jobs.runs_with_live_jobs()
    assert {run_id: sorted(job_ids) for run_id, job_ids in live.items()} == {"one": [one], "two": sorted([two, paused])}


def test_a_report_is_recorded_with_its_jobs(state: State) -> None:
    job_id = in_status(state, JobStatus.FAILED)
    state.jobs.set_report([job_id], "20261123T205200.123456Z")
    assert state.jobs.get(job_id).report == "20261123T205200.123456Z"


def test_retention_removes_old_ended_jobs_and_all_that_hangs_on_them(state: State, raw: redis.Redis) -> None:
    for status in ALL:
        state.jobs.set_checkpoint(in_status(state, status), "parse", Checkpoint("f", "a"))
    assert state.jobs.purge(60) == 0
    assert state.jobs.purge(0) == len(FINAL)
    assert {each.status for each in state.jobs.find()} == {JobStatus.QUEUED, *LIVE}
    for prefix in (keys.STATE_PREFIX, keys.CHECKPOINT_PREFIX, keys.EVENTS_PREFIX):
        assert len(raw.keys(prefix + "*")) == 3


def test_retention_removes_more_jobs_than_fit_into_one_call(state: State, raw: redis.Redis) -> None:
    for _ in range(620):
        state.jobs.cancel(queued(state), "x")
    assert state.jobs.purge(0) == 620
    assert state.jobs.find() == []


def test_a_job_that_a_newer_docgraph_wrote_is_refused(state: State, raw: redis.Redis) -> None:
    job_id = queued(state)
    raw.hset(keys.state(job_id), "v", 2)
    with pytest.raises(Exception, match="upgrade this process"):
        state.jobs.get(job_id)
    raw.hset(keys.state(job_id), "v", 1)


def given_up(state: State, run_id: str = RUN, code: str = GIVEN_UP) -> str:
    """Return a job that its run has failed with this code."""
    job_id = running(state, run_id)
    assert state.jobs.fail(job_id, run_id=run_id, code=code, message="Airflow gave up.")
    return job_id


def test_a_run_takes_up_again_what_its_report_gave_up_as_the_next_attempt(state: State) -> None:
    job_id = given_up(state)
    state.jobs.set_report([job_id], "reports/1")
    assert state.jobs.take_up_again(job_id, RUN)
    found = state.jobs.get(job_id)
    assert (found.status, found.attempt, found.run_id, found.error, found.report) == (
        JobStatus.RUNNING,
        2,
        RUN,
        "",
        "",
    )
    assert state.jobs.take_up_again(job_id, RUN), "asked again, it is so already"
    assert state.jobs.get(job_id).attempt == 2
    assert state.jobs.complete(job_id, RUN, Outcome.CREATED, {})


@pytest.mark.parametrize("status", [each for each in ALL if each not in LIVE])
def test_nothing_else_is_taken_up_again(state: State, status: JobStatus) -> None:
    job_id = in_status(state, status)
    assert not state.jobs.take_up_again(job_id, RUN)
    assert state.jobs.get(job_id).status is status


def test_only_the_run_that_gave_a_job_up_takes_it_up_again(state: State) -> None:
    job_id = given_up(state)
    assert not state.jobs.take_up_again(job_id, "another-run")


def test_what_newer_content_has_overtaken_is_not_taken_up_again(state: State) -> None:
    job_id = given_up(state)
    state.jobs.enqueue(new_job(state.jobs.get(job_id).job.source_uri, "f" * 64))
    assert not state.jobs.take_up_again(job_id, RUN)
    assert state.jobs.get(job_id).status is JobStatus.FAILED


def test_a_run_owes_a_report_from_the_end_of_a_job_until_the_report_is_there(state: State) -> None:
    job_id = given_up(state)
    assert state.jobs.unreported_runs(10) == {RUN: TAG}
    state.jobs.set_report([job_id], "reports/1")
    assert state.jobs.unreported_runs(10) == {}


def test_jobs_that_no_run_has_held_owe_no_report(state: State) -> None:
    job_id = queued(state)
    state.jobs.cancel(job_id, "not wanted any more")
    running(state)
    assert state.jobs.unreported_runs(10) == {}
