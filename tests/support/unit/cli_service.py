"""A small ingestion service for the command line's tests: the HTTP API over memory, with real uploads and real server-sent events.

It stands for the service's *door* only; what stores do is tested on the real engines elsewhere. Run as a script it works
off whatever is posted, slowly enough to look at: `python tests/support/unit/cli_service.py 9108`.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from docgraph.api.base import AnswerModel
from docgraph.api.datasets import Dataset, Embeddings, ReembeddingStarted
from docgraph.api.errors import Error, ErrorAnswer
from docgraph.api.health import Check, DatasetReadiness, Health, Intake, IntakeCheck, Readiness, ServedEmbedding
from docgraph.api.integrity import Operation
from docgraph.api.jobs import (
    AcceptedJob,
    AcceptedJobs,
    Checkpoint,
    Job,
    JobDetails,
    JobRequest,
    Jobs,
    JobsRequest,
    Progress,
    ResumedJob,
    StartedRun,
)
from docgraph.api.quarantine import Quarantined, SetAside
from docgraph.api.reports import Reason, Report
from docgraph.api.search import Evidence, SearchAnswer
from docgraph.api.snapshots import Snapshot
from docgraph.api.sources import SourceState, WithheldDeletions
from docgraph.domain.jobs import STAGES, Event, JobStatus, now
from docgraph.domain.quarantine import Door
from ingestctl.main import run

TOKEN = "a-token-for-tests"
REPORT_ID = "20261123T205200.123456Z"


@dataclass
class Plan:
    """How the service treats a document, picked by a part of its address."""

    sections: int = 40
    reused: int = 0
    outcome: str = "created"
    fails_in: str = ""
    error: str = "the embedder refused section 3"
    #: Never ends by itself.
    hangs: bool = False
    #: A stage's failure that is tried again and then passes.
    stumbles_in: str = ""


@dataclass
class FakeDoor:
    """The service's memory, and what the tests can turn."""

    plans: dict[str, Plan] = field(default_factory=dict)
    seconds_per_step: float = 0.0
    ready: bool = True
    #: Why the intake stands still; empty where it lives.
    standing_still: str = ""
    limit: int = 1 << 30
    #: The next so many requests that are not /health fail with this status.
    failing: list[int] = field(default_factory=list)
    #: The event stream breaks (without `end`) after so many messages; None = never.
    break_after: int | None = None
    #: Requests for the report that are answered with 404 first.
    report_delay: int = 0
    snapshots: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, JobDetails] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    uploads: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)
    resumed_from: list[str] = field(default_factory=list)
    token: str = TOKEN
    #: What the service remarks on queued jobs.
    note: str = ""
    #: How a dataset's embedding versions stand, question by question; the last answer stays.
    moves: list[Embeddings] = field(default_factory=list)
    #: What a verification or repair ends as; null: it is done at once.
    operation: Operation | None = None
    #: What is told of it on the way, as (event, data).
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def plan(self, uri: str) -> Plan:
        return next((plan for part, plan in self.plans.items() if part in uri), self.plans.get("", Plan()))

    def emit(self, job_id: str, stage: str, status: str, done: int = 0, total: int = 0, message: str = "") -> None:
        log = self.events.setdefault(job_id, [])
        unit = "sections" if total else ""
        log.append(Event(len(log) + 1, now(), stage, status, done, total, unit, message))

    def set(self, job_id: str, **values: Any) -> JobDetails:
        self.jobs[job_id] = self.jobs[job_id].model_copy(update={**values, "updated_at": now()})
        return self.jobs[job_id]

    def add(self, new: JobRequest, run_id: str) -> JobDetails:
        job_id = str(uuid.uuid4())
        self.jobs[job_id] = JobDetails(
            job_id=job_id, source_uri=new.source_uri, content_type=new.content_type or "", checksum=new.checksum,
            tag=new.tag, created_at=now(), op=new.op, version=1, status=JobStatus.QUEUED, run_id=run_id,
            document_id=str(uuid.uuid5(uuid.NAMESPACE_URL, new.source_uri)), queued_at=now(), updated_at=now(),
        )  # fmt: skip
        self.emit(job_id, "", "queued")
        return self.jobs[job_id]

    async def work(self, job_id: str) -> None:
        plan = self.plan(self.jobs[job_id].source_uri)
        await asyncio.sleep(self.seconds_per_step)
        self.set(job_id, status=JobStatus.RUNNING, started_at=now())
        self.emit(job_id, "", "running")
        for stage in STAGES:
            steps = 10 if stage == "embed" else 1
            self.set(job_id, stage=stage)
            for step in range(steps + 1):
                if self.jobs[job_id].status is not JobStatus.RUNNING:
                    return
                if step == 0 and plan.stumbles_in == stage:
                    self.emit(job_id, stage, "failed", message="Neo4j is down; Airflow tries again")
                total = plan.sections if stage in {"embed", "vector_upsert"} else 0
                self.emit(job_id, stage, "running", plan.sections * step // steps if total else 0, total)
                if plan.fails_in == stage:
                    self.end(job_id, JobStatus.FAILED, error=plan.error, error_code="document_error")
                    return
                while plan.hangs and stage == "embed" and self.jobs[job_id].status is JobStatus.RUNNING:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(self.seconds_per_step)
            done = Checkpoint(fingerprint="ab" * 32, artifact="", items=plan.sections, seconds=0.1)
            self.set(job_id, checkpoints={**self.jobs[job_id].checkpoints, stage: done})
        counts = {"embedded": plan.sections, "reused": plan.reused, "removed": 0}
        self.end(job_id, JobStatus.COMPLETED, outcome=plan.outcome, counts=counts)

    def end(self, job_id: str, status: JobStatus, **values: Any) -> JobDetails:
        job = self.set(job_id, status=status, finished_at=now(), report=f"reports/ingest/{REPORT_ID}", **values)
        self.emit(job_id, job.stage, status, message=values.get("error", ""))
        return job

    def report(self, job: JobDetails | None = None) -> Report:
        failed = [job for job in self.jobs.values() if job.status is JobStatus.FAILED]
        against = Reason(
            code="drift", message="drift is 1.2 %, the limit is 0.5 %", command="ingestctl ingest docs --tag t"
        )
        return Report(
            report_id=REPORT_ID, run_id=(job.run_id if job else None) or "run", tag="docs",
            ready_for_queries=self.ready, reasons=[] if self.ready else [against], drift_pct=0.0 if self.ready else 1.2,
            summary=f"{len(self.jobs)} documents worked off, {len(failed)} failed.",
        )  # fmt: skip


def build(door: FakeDoor) -> Starlette:
    """Return the application over one memory."""
    tasks: set[asyncio.Task[None]] = set()

    def told(answer: AnswerModel, status: int = 200) -> Response:
        return JSONResponse(answer.as_json(), status)

    def error(status: int, code: str, message: str, hint: str = "") -> Response:
        return told(ErrorAnswer(error=Error(code=code, message=message, hint=hint)), status)

    def refused(request: Request) -> Response | None:
        if door.failing:
            return error(door.failing.pop(0), "unavailable", "Redis is loading")
        if request.headers.get("authorization") != f"Bearer {door.token}":
            return error(401, "unauthorized", "the token is wrong")
        return None

    def no_job(job_id: str) -> Response:
        return error(404, "job_not_found", f"No job {job_id}.", "`ingestctl status` lists the jobs.")

    async def snapshots(request: Request) -> Response:
        if wrong := refused(request):
            return wrong
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > door.limit:
                return error(413, "too_large", f"larger than the limit of {door.limit} bytes", "Split the document.")
        digest = hashlib.sha256(body).hexdigest()
        door.snapshots[digest] = body
        door.uploads += 1
        return told(Snapshot(sha256=digest, size=len(body)), 201)

    async def snapshot(request: Request) -> Response:
        return refused(request) or Response(status_code=200 if request.path_params["sha"] in door.snapshots else 404)

    async def jobs(request: Request) -> Response:
        if wrong := refused(request):
            return wrong
        if request.method == "GET":
            wanted = {key: request.query_params.get(key) for key in ("tag", "status", "run_id")}
            found = [job for job in door.jobs.values() if all(v in {None, getattr(job, k)} for k, v in wanted.items())]
            listed = [Job.model_validate(job.model_dump(exclude={"checkpoints"})) for job in found[::-1]]
            return told(Jobs(jobs=listed[: int(request.query_params.get("limit", 100))]))
        body = await request.json()
        door.posts.append(body)
        asked = JobsRequest.model_validate(body)
        tag = asked.jobs[0].tag
        run_id = f"ingest__{tag}__{len(door.posts):016x}"
        made = [door.add(new, run_id) for new in asked.jobs]
        for job in made:
            tasks.add(asyncio.create_task(door.work(job.job_id)))
        accepted = [
            AcceptedJob(
                job_id=job.job_id, document_id=job.document_id, source_uri=job.source_uri, tag=tag, deduplicated=False,
                superseded=[],
            )
            for job in made
        ]  # fmt: skip
        runs = [StartedRun(tag=tag, run_id=run_id)]
        return told(AcceptedJobs(jobs=accepted, runs=runs, run_id=run_id, note=door.note), 202)

    async def job(request: Request) -> Response:
        job_id = request.path_params["job_id"]
        return refused(request) or (told(door.jobs[job_id]) if job_id in door.jobs else no_job(job_id))

    async def act(request: Request) -> Response:
        if wrong := refused(request):
            return wrong
        job_id, action = request.path_params["job_id"], request.path_params["action"]
        if job_id not in door.jobs:
            return no_job(job_id)
        status = door.jobs[job_id].status
        if action == "cancel":
            if status.is_final:
                return error(409, "illegal_transition", f"Job {job_id} is {status}.", "A final job can't be cancelled.")
            return told(door.end(job_id, JobStatus.CANCELLED, error="cancelled on request"))
        if status not in {JobStatus.FAILED, JobStatus.CANCELLED}:
            return error(
                409, "illegal_transition", f"Job {job_id} is {status}.", "Only failed and cancelled jobs resume."
            )
        attempt = door.jobs[job_id].attempt + 1
        resumed = door.set(job_id, status=JobStatus.QUEUED, attempt=attempt, error="", error_code="")
        tasks.add(asyncio.create_task(door.work(job_id)))
        return told(ResumedJob.model_validate({**resumed.model_dump(), "note": ""}), 202)

    async def events(request: Request) -> Response:
        if wrong := refused(request):
            return wrong
        wanted = request.query_params.getlist("job")
        if unknown := [job_id for job_id in wanted if job_id not in door.jobs]:
            return no_job(unknown[0])
        last = request.headers.get("last-event-id", "")
        door.resumed_from.append(last)

        async def stream() -> AsyncIterator[dict[str, str]]:
            cursor = dict.fromkeys(wanted, 0) | (json.loads(last) if last else {})
            sent = 0
            while True:
                final = all(door.jobs[job_id].status.is_final for job_id in wanted)
                for job_id in wanted:
                    for event in door.events[job_id][cursor[job_id] :]:
                        cursor[job_id] += 1
                        data = json.dumps({**Progress.of(job_id, event).as_json(), "unknown_to_you": 1})
                        yield {"id": json.dumps(cursor), "event": "progress", "data": data}
                        sent += 1
                        if door.break_after is not None and sent >= door.break_after:
                            return
                if final:
                    yield {"event": "end", "data": "{}"}
                    return
                await asyncio.sleep(0.01)

        return EventSourceResponse(stream(), ping=1)

    async def report(request: Request) -> Response:
        if wrong := refused(request):
            return wrong
        job_id = request.path_params.get("job_id")
        if job_id is not None and job_id not in door.jobs:
            return no_job(job_id)
        if door.report_delay > 0:
            door.report_delay -= 1
            return error(404, "report_not_found", "No report yet.")
        if request.path_params.get("ts", REPORT_ID) not in {REPORT_ID, "latest"}:
            return error(404, "report_not_found", f"No report {request.path_params['ts']}.")
        form = request.query_params.get("format", "json")
        if form == "md":
            return PlainTextResponse("# Ingest report\n\n**ready**\n", media_type="text/markdown")
        if form == "html":
            return HTMLResponse("<h1>Ingest report</h1>")
        return told(door.report(door.jobs.get(job_id) if job_id else None))

    async def search(request: Request) -> Response:
        if wrong := refused(request):
            return wrong
        hit = Evidence(
            section_id="s", document_id="d", document="Install", source_uri="upload:///guides/install.md",
            heading_path=["Install", "On Linux"], anchor="on-linux", score=0.0325,
            snippet="Run `make up` and wait until `make status` is green.", why=["dense rank 1", "full text rank 2"],
        )  # fmt: skip
        query = request.query_params["q"]
        evidence = [] if query == "nothing" else [hit]
        return told(
            SearchAnswer(
                query=query, tag=request.query_params["tag"], evidence=evidence,
                confidence=0.82 if evidence else 0.05, timings={"total": 0.042}, counts={"dropped": 0},
            )
        )  # fmt: skip

    async def datasets(request: Request) -> Response:
        row = Dataset(
            tag="docs", documents=3, sections=1234, embedding_version="minilm", building=None, ready=True,
            report=REPORT_ID, verdict={"ready": "true", "report": REPORT_ID},
        )  # fmt: skip
        return refused(request) or JSONResponse([row.as_json()])

    async def quarantine(request: Request) -> Response:
        kept = SetAside(
            id="stream-1-0", door=Door.STREAM, name="ingest:jobs 1-0", code="document_error", reason="'x' is not a valid address",
            fields={"source_uri": "x"},
        )  # fmt: skip
        if (wanted := request.path_params.get("entry_id")) is None:
            return refused(request) or JSONResponse(Quarantined(entries=[kept]).as_json())
        if wanted != kept.id:
            return error(404, "not_set_aside", f"Nothing that was set aside has the id {wanted}.")
        return JSONResponse(kept.as_json())

    async def sources(request: Request) -> Response:
        withheld = WithheldDeletions(
            documents=1234, since="2026-11-28T02:00:00.000000Z", decision="waiting", decided_by="", plan_id="0" * 64
        )
        rows = [
            SourceState(
                name="filesystem", kind="filesystem", tag="docs", where="", dag_id="watch_filesystem", known=None, withheld=None
            ),
            SourceState(
                name="handbook", kind="folder", tag="manuals", where="../handbook", dag_id="watch_handbook", known=4321,
                withheld=withheld,
            ),
        ]  # fmt: skip
        return refused(request) or JSONResponse([row.as_json() for row in rows])

    async def embeddings(request: Request) -> Response:
        answer = door.moves[0] if len(door.moves) == 1 else door.moves.pop(0)
        return refused(request) or told(answer)

    async def reembed(request: Request) -> Response:
        begun = ReembeddingStarted(tag="docs", version="new", model="a-model", run_id="reembed__docs__new__1")
        return refused(request) or told(begun, 202)

    async def begin_operation(request: Request) -> Response:
        if wrong := refused(request):
            return wrong
        door.posts.append(await request.json())
        assert door.operation is not None
        if door.operation.run_id is None:
            return told(door.operation)
        return told(door.operation.model_copy(update={"status": "queued", "datasets": [], "error": None}), 202)

    async def operation(request: Request) -> Response:
        assert door.operation is not None
        return refused(request) or told(door.operation)

    async def operation_events(request: Request) -> Response:
        last = request.headers.get("last-event-id", "")
        door.resumed_from.append(last)

        async def stream() -> AsyncIterator[dict[str, str]]:
            first = int(last or 0)
            for number, (event, data) in enumerate(door.told[first:], start=first + 1):
                yield {"id": str(number), "event": event, "data": json.dumps(data)}
                if door.break_after is not None and number >= first + door.break_after:
                    return

        return refused(request) or EventSourceResponse(stream(), ping=1)

    async def health(_: Request) -> Response:
        return told(Health(status="ok", version="9.9.9"))

    async def ready(request: Request) -> Response:
        checks = {
            "redis": Check(ok=True, seconds=0.001, error=None),
            "neo4j": Check(ok=door.ready, seconds=0.01, error=None if door.ready else "connection refused"),
        }
        status = 200 if door.ready else 503
        if request.query_params.get("tag") is None:
            return told(Readiness(ready=door.ready, checks=checks, intake=intake_of(door)), status)
        dataset = {"ready": str(door.ready).lower(), "report": REPORT_ID}
        embedding = ServedEmbedding(version="minilm", served=True, error=None)
        return told(DatasetReadiness(ready=door.ready, checks=checks, dataset=dataset, embedding=embedding), status)

    async def intake(request: Request) -> Response:
        return refused(request) or told(intake_of(door))

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/ready", ready),
            Route("/v1/intake", intake),
            Route("/v1/snapshots", snapshots, methods=["POST"]),
            Route("/v1/snapshots/{sha}", snapshot, methods=["HEAD"]),
            Route("/v1/jobs", jobs, methods=["GET", "POST"]),
            Route("/v1/jobs/{job_id}", job),
            Route("/v1/jobs/{job_id}/report", report),
            Route("/v1/jobs/{job_id}/{action}", act, methods=["POST"]),
            Route("/v1/events", events),
            Route("/v1/reports/{ts}", report),
            Route("/v1/verify", begin_operation, methods=["POST"]),
            Route("/v1/repair", begin_operation, methods=["POST"]),
            Route("/v1/operations/{run_id}", operation),
            Route("/v1/operations/{run_id}/events", operation_events),
            Route("/v1/search", search),
            Route("/v1/datasets", datasets),
            Route("/v1/sources", sources),
            Route("/v1/quarantine", quarantine),
            Route("/v1/quarantine/{entry_id}", quarantine),
            Route("/v1/quarantine/{entry_id}/{way}", quarantine, methods=["POST"]),
            Route("/v1/datasets/{tag}/embeddings", embeddings),
            Route("/v1/datasets/{tag}/reembed", reembed, methods=["POST"]),
        ]
    )


def intake_of(door: FakeDoor) -> Intake:
    """Say how the watch folder is."""
    lives = not door.standing_still
    check = IntakeCheck(
        ok=lives, age=90.0, limit=25.0, reason=door.standing_still, advice="" if lives else "Look there."
    )
    return Intake(live=lives, checks={"source:filesystem": check})


@contextmanager
def serving(door: FakeDoor, port: int = 0) -> Iterator[str]:
    """Serve in a thread while the block runs; gives the address."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(build(door), log_level="warning", timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it has to be."""
        return json.loads(self.out)


def ingestctl(*arguments: str) -> Ran:
    """Run the command line in this process, through its entry point."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            run(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


if __name__ == "__main__":
    import sys

    demo = FakeDoor(
        plans={
            "broken": Plan(fails_in="embed"),
            "same": Plan(sections=0, reused=214, outcome="unchanged"),
            "big": Plan(sections=214),
            "": Plan(sections=42),
        },
        seconds_per_step=0.4,
        report_delay=4,
    )
    with serving(demo, int(sys.argv[1])) as address:
        print(f"DOCGRAPH_SERVICE_URL={address} DOCGRAPH_TOKEN={TOKEN}", flush=True)
        while True:
            time.sleep(1)
