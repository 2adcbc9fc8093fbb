"""The commit protocol under every kind of bad luck that Hypothesis can think of: the real code, the real stores.

Programs work off jobs for the same documents side by side, one request at a time; they are killed, their answers are lost,
their requests arrive late, runs are repeated beside their own orphans, Redis forgets everything, audits come between. After
each step both stores are looked at, and at the end everything must be equal. A failure prints the shortest history of steps.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from integration.stepping import WRITES, Order, Program, Request

from docgraph import auditing, intake, pipeline
from docgraph.errors import ReadConflictError, WorldError
from docgraph.formats import parse
from docgraph.intake import NewJob
from docgraph.model.documents import EmbeddingVersion
from docgraph.model.identity import document_id, text_hash
from docgraph.model.jobs import STAGES, JobStatus, Operation
from docgraph.parity.repair import repair_document
from docgraph.retrieval import search
from docgraph.runtime import Runtime
from docgraph.settings import Settings
from docgraph.stages.work import parse_options
from docgraph.state import State

#: A word that every section holds, so that a search for it finds the whole dataset.
WORD = "heron"
_SECTIONS = {
    "limits": f"## Limits\n\nA {WORD} waits: `max_active_runs` bounds how many run at once.\n",
    "retries": f"## Retries\n\nA {WORD} tries again: `max_active_runs` and `retry_delay` say when.\n",
    "pools": f"## Pools\n\nA {WORD} wades in a pool of `pool_slots`.\n",
    "logs": f"## Logs\n\nThe {WORD} writes down `log_level` and what it saw.\n",
}
#: What a document may be asked to be; neighbours share sections, so that a change keeps some, adds some and removes some.
CONTENTS: Mapping[str, tuple[str, ...]] = {
    "short": ("limits",),
    "left": ("limits", "retries", "pools"),
    "right": ("retries", "pools", "logs"),
    "deleted": (),
}
DOCUMENTS = ("guide", "notes")
PROGRAMS = 4
#: The database of Redis that the machine may empty: nothing else of the session is in it.
REDIS_DATABASE = 7
#: How many requests a program sends at most.
_LONGEST = 600
#: What a program may end with: the world failed it, or Redis has forgotten its job.
EXPECTED_ENDS = (WorldError, LookupError)

which = st.integers(0, PROGRAMS - 1)


class CommitProtocol(RuleBasedStateMachine):
    """Jobs, programs, lost and late requests over two documents of one dataset."""

    def __init__(self, runtime: Runtime, version: EmbeddingVersion) -> None:
        super().__init__()
        self.runtime, self.version = runtime, version
        self.tag = f"t{uuid.uuid4().hex[:12]}"
        self.uris = {name: f"upload:///{name}.md" for name in DOCUMENTS}
        self.ids = {name: document_id(self.tag, uri) for name, uri in self.uris.items()}
        #: version → content that was asked for under it, by document.
        self.asked: dict[str, dict[int, str]] = {name: {} for name in DOCUMENTS}
        self.newest: dict[str, str] = {}
        #: Documents whose newest request may be lost with Redis.
        self.forgotten: set[str] = set()
        self.runs: list[str] = []
        self.programs: list[Program] = []
        self.late: list[Request] = []
        self.seen_version = dict.fromkeys(DOCUMENTS, 0)
        self.runtime.state.jobs._server.call("FLUSHDB")
        self.generations = {
            name: {content: self._generation(name, content) for content in CONTENTS} for name in DOCUMENTS
        }

    def _text(self, content: str) -> bytes:
        return ("# Guide\n\n" + "\n".join(_SECTIONS[part] for part in CONTENTS[content])).encode()

    def _generation(self, name: str, content: str) -> tuple[str, ...]:
        if not CONTENTS[content]:
            return ()
        parsed = parse(
            self._text(content),
            document_id=self.ids[name],
            source_uri=self.uris[name],
            tag=self.tag,
            content_type="text/markdown",
            options=parse_options(self.runtime),
        )
        return tuple(section.section_id for section in parsed.sections)

    @property
    def alive(self) -> list[Program]:
        return [program for program in self.programs if program.is_alive]

    def _start(self, name: str, work: Any) -> None:
        program = Program(name, self.runtime, work)
        self.programs.append(program)
        self._check_end(program)

    def _chosen(self, index: int) -> Program:
        return self.alive[index % len(self.alive)]

    def _obey(self, program: Program, order: Order) -> None:
        request = program.obey(order)
        note(f"    {request} {order.value}")
        if order.keeps:
            self.late.append(request)
        self._check_end(program)

    def _check_end(self, program: Program) -> None:
        if program.error is not None and not isinstance(program.error, EXPECTED_ENDS):
            raise program.error

    # What people and Airflow do.

    @initialize(content=st.sampled_from(["short", "left"]))
    def begin(self, content: str) -> None:
        """Somebody asks for a document, and a run takes it up."""
        self.ask("guide", content)
        self.start_run()

    @rule(name=st.sampled_from(DOCUMENTS), content=st.sampled_from(list(CONTENTS)))
    def ask(self, name: str, content: str) -> None:
        """Somebody asks for a document to be this."""
        new = NewJob(self.uris[name], self.tag, op=Operation.DELETE)
        if CONTENTS[content]:
            snapshot = self.runtime.snapshots.put_stream([self._text(content)])
            new = NewJob(self.uris[name], self.tag, snapshot.sha256, size=snapshot.size)
        (enqueued,) = intake.accept(self.runtime, [new])
        self.asked[name][self.runtime.state.jobs.get(enqueued.job_id).job.version] = content
        self.newest[name] = content
        self.forgotten.discard(name)

    @precondition(lambda self: len(self.alive) < PROGRAMS)
    @rule()
    def start_run(self) -> None:
        """A run takes up what is queued."""
        self.runs.append(f"run-{len(self.runs) + 1}-{self.tag}")
        self.repeat_run(len(self.runs) - 1)

    @precondition(lambda self: self.runs and len(self.alive) < PROGRAMS)
    @rule(index=st.integers(0, 5))
    def repeat_run(self, index: int) -> None:
        """Airflow repeats a run, whether what worked for it before has died or lives on."""
        run_id = self.runs[index % len(self.runs)]
        name = f"program {len(self.programs) + 1} of {run_id.rsplit('-', 1)[0]}"
        note(f"    {name} starts")
        self._start(name, lambda runtime: self._work_off(runtime, run_id))

    def _work_off(self, runtime: Runtime, run_id: str) -> None:
        for batch in pipeline.claim(runtime, run_id, self.tag, None):
            for stage in STAGES:
                pipeline.run_stage(runtime, stage, run_id, batch)

    @precondition(lambda self: len(self.alive) < PROGRAMS)
    @rule(name=st.sampled_from(DOCUMENTS))
    def audit(self, name: str) -> None:
        """An audit begins to mend a document."""
        self._start(
            f"audit {len(self.programs) + 1}",
            lambda runtime: repair_document(runtime, self.version, self.ids[name], tag=self.tag),
        )

    # What happens to programs.

    @precondition(lambda self: self.alive)
    @rule(index=which, steps=st.integers(1, 40))
    def advance(self, index: int, steps: int) -> None:
        """A program goes on for some requests."""
        program = self._chosen(index)
        for _ in range(steps):
            if program.is_alive:
                self._obey(program, Order.GO)

    @precondition(lambda self: self.alive)
    @rule(index=which, order=st.sampled_from([Order.DIE_BEFORE, Order.DIE_AFTER, Order.LOSE_ANSWER]))
    def fail(self, index: int, order: Order) -> None:
        """A program is killed, or an answer is lost."""
        self._obey(self._chosen(index), order)

    @precondition(lambda self: self.alive)
    @rule(index=which, order=st.sampled_from([Order.KEEP_AND_DIE, Order.KEEP_AND_TIME_OUT]))
    def delay(self, index: int, order: Order) -> None:
        """A program goes on to its next write, which is under way when the program dies or gives up waiting."""
        program = self._chosen(index)
        while program.waiting is not None and program.waiting.name not in WRITES:
            self._obey(program, Order.GO)
        if program.is_alive:
            self._obey(program, order)

    @precondition(lambda self: self.late)
    @rule(index=st.integers(0, 5))
    def deliver(self, index: int) -> None:
        """A late request arrives."""
        request = self.late.pop(index % len(self.late))
        note(f"    {request} is applied late")
        request.apply()

    @rule()
    def lose_redis(self) -> None:
        """Redis loses everything."""
        self.runtime.state.jobs._server.call("FLUSHDB")
        self.forgotten |= set(self.newest)

    # What must hold.

    @rule()
    def read(self) -> None:
        """A reader finds the whole of what is committed, and nothing else."""
        dataset = self.runtime.graph.dataset(self.tag)
        if dataset is None:
            return
        try:
            answer = search(
                self.runtime.graph, self.runtime.vectors, self.runtime.embedder, WORD, self.tag, limit=50, related=False
            )
        except ReadConflictError:
            return
        for name in DOCUMENTS:
            found = {e.section_id for e in answer.evidence if e.document_id == self.ids[name]}
            generation = self.runtime.graph.committed(self.ids[name]).generation
            assert found == set(generation), f"a reader of {name} sees {len(found)} of {len(generation)} sections"

    @invariant()
    def what_is_committed_was_asked_for_and_is_whole(self) -> None:
        for name in DOCUMENTS:
            committed = self.runtime.graph.committed(self.ids[name])
            if not committed.fence:
                continue
            assert committed.version >= self.seen_version[name], f"{name} went back to an older version"
            self.seen_version[name] = committed.version
            if committed.version == 0:
                assert not committed.generation, "an audit of an unknown document made sections"
                continue
            content = self.asked[name][committed.version]
            assert committed.generation == self.generations[name][content], f"{name} is not what was asked for"
            nodes = self.runtime.graph.sections(committed.generation)
            points = self.runtime.vectors.retrieve(self.version, committed.generation)
            assert set(nodes) == set(committed.generation), f"sections of {name} are lost in the graph"
            assert set(points) == set(committed.generation), f"vectors of {name} are lost"
            for section_id, point in points.items():
                node = nodes[section_id]
                assert point.text_hash == text_hash(node.heading_path, node.text)

    def teardown(self) -> None:
        """Let everything end, finish what is left as reaper and Airflow do, audit, and compare."""
        try:
            self._end_well()
        finally:
            for program in self.programs:
                program.kill()

    def _end_well(self) -> None:
        for program in self.programs:
            self._finish(program)
        while self.late:
            self.deliver(0)
        jobs = self.runtime.state.jobs
        for round_number in range(3):
            for run_id, job_ids in jobs.runs_with_live_jobs().items():
                for job_id in job_ids:
                    jobs.requeue(job_id, run_id, "the run has ended without finishing it")
            if not jobs.find(tag=self.tag, status=JobStatus.QUEUED):
                break
            self._work_off(self.runtime, f"last-{round_number}-{self.tag}")
        states = jobs.find(tag=self.tag, limit=1_000)
        assert all(s.status in {JobStatus.COMPLETED, JobStatus.CANCELLED} for s in states), [
            (s.job.source_uri, s.status, s.error) for s in states
        ]
        if self.runtime.graph.dataset(self.tag) is None:
            return
        for name in DOCUMENTS:
            repair_document(self.runtime, self.version, self.ids[name], tag=self.tag)
        comparison = auditing.verify(self.runtime, self.tag, with_vectors=True).comparison
        assert comparison.is_clean, comparison
        for name, content in self.newest.items():
            if name not in self.forgotten:
                generation = self.runtime.graph.committed(self.ids[name]).generation
                assert generation == self.generations[name][content], f"{name} is not what was asked for last"
        self.what_is_committed_was_asked_for_and_is_whole()
        self.read()
        assert not self._orphaned_entities(), "entities that nothing mentions are left"

    def _finish(self, program: Program) -> None:
        for _ in range(_LONGEST):
            if not program.is_alive:
                return
            self._obey(program, Order.GO)
        raise AssertionError(f"{program.name} does not come to an end")

    def _orphaned_entities(self) -> list[Any]:
        return self.runtime.graph._read(
            "MATCH (e:Entity {tag: $tag}) WHERE NOT EXISTS { (:Section)-[:MENTIONS]->(e) } RETURN e.name", tag=self.tag
        )


@pytest.fixture(scope="module")
def forgetful(settings: Settings, session_runtime: Runtime) -> Iterator[Runtime]:
    """The session's stores, with a database of Redis that may be emptied."""
    with Runtime(settings) as made:
        address, _, _ = settings.redis_url.rpartition("/")
        made.__dict__["state"] = State.connect(f"{address}/{REDIS_DATABASE}")
        yield made


@pytest.mark.task("6.2")
@pytest.mark.timeout(7200)
def test_no_history_of_crashes_and_late_requests_breaks_the_commit_protocol(
    forgetful: Runtime, version: EmbeddingVersion
) -> None:
    """`DOCGRAPH_PROTOCOL_EXAMPLES` sets how many histories are tried; a number of one's own draws new ones each time."""
    examples = os.environ.get("DOCGRAPH_PROTOCOL_EXAMPLES")
    run_state_machine_as_test(
        lambda: CommitProtocol(forgetful, version),
        settings=settings(
            max_examples=int(examples or 12),
            stateful_step_count=40,
            derandomize=examples is None,
            database=None,
            deadline=None,
            print_blob=True,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
