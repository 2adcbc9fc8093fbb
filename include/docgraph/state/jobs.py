"""Jobs in Redis: taken in, claimed by runs, moved through their stages, ended, taken up again, removed.

Each change of a job is one Lua script (`scripts/`), so that a crash leaves it either not begun or done, and two who want
the same job can't both have it. Nothing here decides *what* to do with a document; nothing here calls Airflow.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from docgraph.domain.addresses import LONGEST_ADDRESS, is_address
from docgraph.domain.errors import IllegalTransitionError, JobNotFoundError, StateUnreadableError
from docgraph.domain.identity import document_id, is_tag
from docgraph.domain.jobs import GIVEN_UP, Job, JobState, JobStatus, Operation, Outcome, new_job_id, now
from docgraph.state import keys
from docgraph.state.gate import GateState, gate_of
from docgraph.state.job_queries import UNREADABLE, JobQueries, in_order, unknown_job
from docgraph.state.records import BegunStage, Checkpoint, Enqueued, StreamEntry, checkpoints_of, state_of
from docgraph.state.server import Argument

#: Longest error message kept with a job, characters.
MESSAGE_LIMIT = 4_000
#: Longest field taken over from an entry that another program wrote, characters.
FOREIGN_FIELD_LIMIT = 2_000
_REPORT_BATCH = 1_000
_PURGE_BATCH = 500
#: What an entry of the stream may lie ahead of the server's clock without that clock having been put back.
_CLOCK_TOLERANCE_MS = 1_000


class Jobs(JobQueries):
    """The hashes `ingest:state:<job_id>`, their stream `ingest:jobs`, and the indexes over them."""

    def enqueue(self, job: Job, *, committed_version: int = 0) -> Enqueued:
        """Put a job into the queue and give it its document's next version.

        A queued job of the same document with the same checksum and operation answers for this one (`deduplicated`); one
        with other content is superseded. `committed_version` is the graph's, for a document that Redis doesn't know.

        Raises:
            IllegalTransitionError: the job id is in use for another request.
        """
        return _enqueued(self._ask(job, committed_version, entry_id=""))

    def enqueue_again(self, job: Job, *, committed_version: int = 0) -> Enqueued | None:
        """Put a job into the queue that asks again for what was asked for last; None: something else was asked for since.

        Raises:
            IllegalTransitionError: the job id is in use for another request.
        """
        answer = self._ask(job, committed_version, entry_id="", again=True)
        return None if answer[0] == "other" else _enqueued(answer)

    def admit(self, entry_id: str, job: Job, committed_version: int = 0) -> Enqueued:
        """Take in a job that another program added to the stream; its entry stays until the job is claimed.

        The entry is removed where a queued job answers for it or the job was taken in before.

        Raises:
            IllegalTransitionError: the job id is in use for another request; reject the entry.
        """
        return _enqueued(self._ask(job, committed_version, entry_id=entry_id))

    def _ask(self, job: Job, committed_version: int, *, entry_id: str, again: bool = False) -> list[Any]:
        document = document_id(job.tag, job.source_uri)
        arguments: tuple[Argument, ...] = (
            now(),
            committed_version,
            entry_id,
            job.job_id,
            document,
            job.source_uri,
            job.content_type,
            job.checksum,
            job.tag,
            job.created_at,
            job.op.value,
            job.size,
            int(again),
        )
        answer: list[Any] = self._server.script("enqueue", [keys.state(job.job_id)], arguments)
        if answer[0] == "unreadable":
            raise StateUnreadableError(
                f"{answer[1]} is no hash, but what docgraph knows of the document {job.source_uri} belongs there; "
                "find out what wrote it, and delete the key."
            )
        if answer[0] == "taken":
            raise IllegalTransitionError(
                f"Job {job.job_id} for {job.source_uri} can't be taken in: the id is in use for another request. "
                "Use a new UUID for each job."
            )
        return answer

    def reject(self, entry_id: str, fields: Mapping[str, str], code: str, message: str) -> str:
        """Remove a foreign entry that can't be taken in and leave a failed job that says why; return the job's id.

        The job has the id that the entry names, or a new one where that is missing or in use. Where the entry names no document,
        so that the job can't be resumed, the entry itself is set aside as it was. Empty where the entry was gone already.
        """
        known = {name: str(value)[:FOREIGN_FIELD_LIMIT] for name, value in fields.items()}
        tag, source_uri = known.get("tag", ""), str(fields.get("source_uri", ""))[:LONGEST_ADDRESS]
        usable = is_tag(tag) and is_address(str(fields.get("source_uri", "")))
        operation = known.get("op", "")
        arguments: tuple[Argument, ...] = (
            now(),
            entry_id,
            known.get("job_id", ""),
            new_job_id(),
            document_id(tag, source_uri) if usable else "",
            source_uri,
            known.get("content_type", ""),
            known.get("checksum", ""),
            tag,
            known.get("created_at", ""),
            operation if operation in set(Operation) else Operation.UPSERT.value,
            code,
            message[:MESSAGE_LIMIT],
            "" if usable else f"stream-{entry_id}",
        )
        return str(self._server.script("reject", [], arguments))

    def post(self, job: Job) -> str:
        """Add a request to the stream as any other program would, without a state; return the entry's id."""
        fields = ("job_id", "source_uri", "content_type", "checksum", "tag", "created_at", "op")
        return str(
            self._server.call("XADD", keys.JOBS, "*", *(p for name in fields for p in (name, str(getattr(job, name)))))
        )

    def waiting(self, older_than_seconds: float, limit: int = 1_000) -> list[StreamEntry]:
        """Return the oldest entries of the stream that have waited this long unclaimed, foreign ones among them."""
        seconds, microseconds = self._server.call("TIME")
        present_ms = int(seconds) * 1_000 + int(microseconds) // 1_000
        newest_ms = present_ms - int(older_than_seconds * 1_000)
        entries = self._server.call("XRANGE", keys.JOBS, "-", max(0, newest_ms), "COUNT", limit)
        if len(entries) < limit:
            # From tomorrow: the clock was put back, and how long they wait is not known. Waiting a day would be worse.
            ahead = present_ms + _CLOCK_TOLERANCE_MS
            entries = entries + self._server.call("XRANGE", keys.JOBS, ahead, "+", "COUNT", limit - len(entries))
        found = self._server.call_each(
            [("HMGET", keys.state(fields.get("job_id", "")), "status", "entry") for _, fields in entries]
        )
        return [
            StreamEntry(
                entry_id,
                dict(fields),
                max(0, present_ms - int(entry_id.partition("-")[0])) / 1_000,
                _own_status(entry_id, values),
            )
            for (entry_id, fields), values in zip(entries, found, strict=True)
        ]

    def take_up_again(self, job_id: str, run_id: str) -> bool:
        """Let a run go on with a job that its own report had to give up (`stage_failed`), as the job's next attempt.

        That is what clearing a failed task in Airflow asks for. False: the job is not such a one, or newer content of
        its document is queued.
        """
        return bool(self._server.script("take_up_again", [keys.state(job_id)], (now(), job_id, run_id, GIVEN_UP)))

    def claim(
        self, run_id: str, *, tag: str, job_ids: Sequence[str] | None, limit: int = 1_000, pipeline: str = ""
    ) -> list[JobState]:
        """Give queued jobs of a dataset to a run, and return all that the run holds, in the order of enqueueing.

        `job_ids` None takes the oldest queued jobs of the tag. Jobs that are not queued, or not of this tag, are left
        alone. Repeated, the claim returns what the run holds, ended jobs among them, and takes nothing twice. A run never
        holds more than `limit`. `pipeline` is the fingerprint of the pipeline that the run works with. A job whose hash can't be
        read is failed with the reason: no run could do anything with it.
        """
        mode, ids = ("tag", ()) if job_ids is None else ("ids", tuple(dict.fromkeys(job_ids)))
        held = self._server.script(
            "claim",
            [keys.run(run_id), keys.index(tag, JobStatus.QUEUED)],
            (now(), run_id, tag, limit, pipeline, mode, *ids),
        )
        states, unreadable = self.look_at(held)
        for each in unreadable:
            self._stop(each.job_id, run_id, JobStatus.FAILED, UNREADABLE, f"{each.key} can't be read: {each.reason}.")
        return in_order(states, run_id)

    def begin_stage(self, job_id: str, run_id: str, stage: str) -> BegunStage:
        """Say that a stage begins, and return all that the stage has to know of its job, in one round trip."""
        live, state, checkpoints, gate = self._server.script(
            "begin_stage",
            [keys.state(job_id), keys.checkpoint(job_id), keys.GATE],
            (now(), job_id, run_id, stage),
        )
        known = _paired(state)
        return BegunStage(
            live=bool(live),
            state=state_of(known) if known.get("status") else None,
            checkpoints=checkpoints_of(_paired(checkpoints)),
            gate=gate_of(_paired(gate)),
        )

    def may_go_on(self, job_id: str, run_id: str) -> tuple[bool, GateState]:
        """Tell whether the job is still running or paused under this run, and how the gate stands: to be asked between batches."""
        live, gate = self._server.script("may_go_on", [keys.GATE], (job_id, run_id))
        return bool(live), gate_of(_paired(gate))

    def pause(self, job_id: str, run_id: str, reason: str) -> bool:
        """Say that the job waits (the gate is closed); False: it is not this run's to work on."""
        return self._pause(job_id, run_id, JobStatus.PAUSED, reason)

    def unpause(self, job_id: str, run_id: str) -> bool:
        """Say that the job goes on; False: it is not this run's to work on."""
        return self._pause(job_id, run_id, JobStatus.RUNNING, "")

    def _pause(self, job_id: str, run_id: str, after: JobStatus, reason: str) -> bool:
        arguments = (now(), job_id, run_id, after.value, reason[:MESSAGE_LIMIT])
        return bool(self._server.script("pause", [keys.state(job_id)], arguments))

    def complete(self, job_id: str, run_id: str, outcome: Outcome, counts: Mapping[str, int], fence: int = 0) -> bool:
        """End a job with success; `counts` replace what was counted under these names. False: not this run's to end.

        True again for the run that has completed it already.
        """
        arguments = (now(), job_id, run_id, outcome.value, fence, *_flat(counts))
        return bool(self._server.script("complete", [keys.state(job_id)], arguments))

    def add_counts(self, job_id: str, run_id: str, **counts: int) -> bool:
        """Add to a job's counts; False: it is not this run's to work on."""
        if not counts:
            return self.is_live(job_id, run_id)
        arguments = (now(), job_id, run_id, uuid.uuid4().hex, *_flat(counts))
        return bool(self._server.script("add_counts", [keys.state(job_id)], arguments))

    def note_error(self, job_id: str, run_id: str, message: str) -> bool:
        """Keep the error for which a task of the job is about to be retried; False: it is not this run's to work on."""
        arguments = (now(), job_id, run_id, message[:MESSAGE_LIMIT])
        return bool(self._server.script("note_error", [keys.state(job_id)], arguments))

    def set_checkpoint(self, job_id: str, stage: str, checkpoint: Checkpoint, *, announce: bool = False) -> None:
        """Record that a stage is done, and (`announce`) say so on the job's stream in the same step.

        Nothing is recorded for a job that retention has removed.
        """
        value = json.dumps(asdict(checkpoint), ensure_ascii=False, sort_keys=True)
        arguments: list[Argument] = [stage, value]
        if announce:
            arguments += [now(), job_id, checkpoint.items, checkpoint.extra.get("unit", ""), uuid.uuid4().hex]
        self._server.script("set_checkpoint", [keys.state(job_id), keys.checkpoint(job_id)], arguments)

    def next_fence(self, document_id: str, committed_fence: int) -> int:
        """Return the fence of a new attempt at a document: above every one before and above what the graph has committed."""
        return int(self._server.script("next_fence", [keys.document(document_id)], (committed_fence,)))

    def set_report(self, job_ids: Sequence[str], report_id: str) -> None:
        """Record which report these jobs are in."""
        for start in range(0, len(job_ids), _REPORT_BATCH):
            self._server.script("set_report", [], (report_id, *job_ids[start : start + _REPORT_BATCH]))

    def fail(self, job_id: str, *, run_id: str | None, code: str, message: str) -> bool:
        """End a job with an error: as the run that holds it, or (`run_id` None) as a caretaker, whichever run holds it.

        False: it has ended, or is not this run's to end. True again for the run that has failed it already.

        Raises:
            JobNotFoundError: no job has this id.
        """
        stopped, _ = self._stop(job_id, run_id or "", JobStatus.FAILED, code, message)
        return stopped

    def cancel(self, job_id: str, reason: str) -> JobStatus:
        """Cancel a job that has not ended, and return its status before; a final status stays as it is.

        Who works on it learns it from `begin_stage`, `is_live` and `complete`.

        Raises:
            JobNotFoundError: no job has this id.
        """
        _, before = self._stop(job_id, "", JobStatus.CANCELLED, "cancelled", reason)
        return before

    def _stop(self, job_id: str, run_id: str, after: JobStatus, code: str, message: str) -> tuple[bool, JobStatus]:
        arguments = (now(), job_id, run_id, after.value, code, message[:MESSAGE_LIMIT], uuid.uuid4().hex)
        answer = self._server.script("stop", [keys.state(job_id)], arguments)
        if not answer:
            raise JobNotFoundError(unknown_job(job_id))
        return bool(answer[0]), JobStatus(answer[1])

    def resume(self, job_id: str) -> JobState:
        """Put a failed or cancelled job into the queue again, as its next attempt, and return it.

        Raises:
            JobNotFoundError: no job has this id.
            IllegalTransitionError: it is not failed or cancelled, newer content of its document is queued, or its request
                never named a document.
        """
        answer = self._restart(job_id, "", "resumed")
        match answer[0]:
            case "missing":
                raise JobNotFoundError(unknown_job(job_id))
            case "refused":
                raise IllegalTransitionError(
                    f"Job {job_id} can't be resumed: it is {answer[1]}. Only a failed or cancelled job can."
                )
            case "superseded":
                raise IllegalTransitionError(
                    f"Job {job_id} can't be resumed: job {answer[1]} with newer content of the document is queued. "
                    "Cancel that one first, or let it run."
                )
            case "unreadable":
                raise StateUnreadableError(
                    f"Job {job_id} can't be resumed: {answer[1]} is no hash, but what docgraph knows of its document belongs there; "
                    "find out what wrote it, and delete the key."
                )
            case "unusable":
                raise IllegalTransitionError(
                    f"Job {job_id} can't be resumed: its request has no usable tag or address. Send a new request."
                )
        return self.get(job_id)

    def requeue(self, job_id: str, run_id: str, reason: str) -> bool:
        """Take a live job from a run that has ended or vanished, and put it into the queue again as its next attempt.

        False: the run does not hold it any more. Where newer content of the document is queued, the job is superseded
        instead.
        """
        if not run_id:
            return False
        return self._restart(job_id, run_id, reason)[0] in {"queued", "superseded"}

    def _restart(self, job_id: str, run_id: str, reason: str) -> list[str]:
        arguments = (now(), job_id, run_id, reason[:MESSAGE_LIMIT], uuid.uuid4().hex)
        return [str(part) for part in self._server.script("restart", [keys.state(job_id)], arguments)]

    def forget_unreadable(self, job_id: str) -> None:
        """Remove a job that can't be read; its entry in the stream, if it has one, is taken in anew. Repeated, it does nothing more."""
        if self.look_at([job_id])[1]:
            self._server.script("forget", [keys.state(job_id)], (job_id, *JobStatus))

    def purge(self, final_older_than_seconds: float) -> int:
        """Remove jobs that ended longer ago than this, with their checkpoints and events; return how many."""
        removed = 0
        while True:
            arguments = (int(final_older_than_seconds * 1_000_000), _PURGE_BATCH)
            batch = int(self._server.script("purge", [keys.INDEX_FINISHED], arguments))
            removed += batch
            if batch < _PURGE_BATCH:
                return removed


def _own_status(entry_id: str, values: Any) -> str:
    """Return the status of the job that an entry is of, "" where its id is in use for another entry, another request or something else."""
    if isinstance(values, StateUnreadableError):
        return ""
    status, own_entry = values
    return str(status) if status and own_entry == entry_id else ""


def _paired(flat: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Return a hash that a script returned; the older wire protocol gives names and values in one list."""
    return dict(flat) if isinstance(flat, Mapping) else dict(zip(flat[::2], flat[1::2], strict=True))


def _flat(counts: Mapping[str, int]) -> list[Argument]:
    return [part for name, number in counts.items() for part in (name, int(number))]


def _enqueued(answer: Sequence[Any]) -> Enqueued:
    job_id, version, deduplicated, superseded = answer
    return Enqueued(job_id, int(version), bool(int(deduplicated)), (superseded,) if superseded else ())
