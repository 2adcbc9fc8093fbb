"""The commit protocol under every kind of bad luck that Hypothesis can think of: the real code, the real stores.

Programs work off jobs for the same documents side by side, one request at a time; they are killed, their answers are lost,
their requests arrive late, runs are repeated beside their own orphans, Redis forgets everything, audits come between. After
each step both stores are looked at, and at the end everything must be equal. A failure prints the shortest history of steps.
"""

from __future__ import annotations

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

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.errors import InfrastructureError, JobNotFoundError, ReadConflictError
from docgraph.domain.identity import document_id, text_hash
from docgraph.domain.jobs import JobStatus
from docgraph.formats import parse
from docgraph.ingest.work import parse_options
from docgraph.integrity.repair import repair_document
from docgraph.readiness import audit as auditing
from docgraph.retrieval import search
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings
from docgraph.state import State
from support.integration.stepping import Order, Program, Request
from support.integration.work import ask, uri_of, work_off

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
#: Steps of a history, at most: many short histories find more than a few long ones.
_STEPS = 20
#: What a program may end with: the world failed it, or Redis has forgotten its job.
EXPECTED_ENDS = (InfrastructureError, LookupError, JobNotFoundError)

#: How far a program is let go, and what becomes of it there (nothing: it stands there until it is told to go on).
MOVES: Mapping[str, tuple[str, Order | None]] = {
    "to its end": ("", None),
    "before its fence": ("jobs.next_fence", None),
    "before its commit": ("graph.commit", None),
    "before its sweep": ("vectors.sweep", None),
    "dead, an upsert under way": ("vectors.stage", Order.KEEP_AND_DIE),
    "dead, its commit under way": ("graph.commit", Order.KEEP_AND_DIE),
    "dead, its sweep under way": ("vectors.sweep", Order.KEEP_AND_DIE),
    "given up waiting for an upsert": ("vectors.stage", Order.KEEP_AND_TIME_OUT),
    "given up waiting for its commit": ("graph.commit", Order.KEEP_AND_TIME_OUT),
    "given up waiting for its sweep": ("vectors.sweep", Order.KEEP_AND_TIME_OUT),
    # Only an audit sends it.
    "dead, its fence under way": ("graph.advance_fence", Order.KEEP_AND_DIE),
    "given up waiting for its fence": ("graph.advance_fence", Order.KEEP_AND_TIME_OUT),
}

moves = st.sampled_from(list(MOVES))
which = st.integers(0, PROGRAMS - 1)


class CommitProtocol(RuleBasedStateMachine):
    """Jobs, programs, lost and late requests over two documents of one dataset."""

    def __init__(self, runtime: Runtime, version: EmbeddingVersion) -> None:
        super().__init__()
        self.runtime, self.version = runtime, version
        self.tag = f"t{uuid.uuid4().hex[:12]}"
        self.uris = {name: uri_of(name) for name in DOCUMENTS}
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

    def _move(self, program: Program, move: str) -> None:
        request, fate = MOVES[move]
        for _ in range(_LONGEST):
            if program.waiting is None:
                return
            if program.waiting.name == request:
                break
            self._obey(program, Order.GO)
        else:
            raise AssertionError(f"{program.name} does not come to an end")
        if fate is not None:
            self._obey(program, fate)

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
        (job_id,) = ask(self.runtime, self.tag, {name: self._text(content) if CONTENTS[content] else None})
        self.asked[name][self.runtime.state.jobs.get(job_id).job.version] = content
        self.newest[name] = content
        self.forgotten.discard(name)

    @precondition(lambda self: len(self.alive) < PROGRAMS)
    @rule(content=st.sampled_from(list(CONTENTS)), move=moves)
    def attempt(self, content: str, move: str) -> None:
        """Somebody asks for the guide to be this; a run takes it up at once, and comes that far."""
        self.ask("guide", content)
        self.start_run()
        self._move(self.programs[-1], move)

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
        self._start(name, lambda runtime: work_off(runtime, self.tag, run_id=run_id))

    @precondition(lambda self: len(self.alive) < PROGRAMS)
    @rule(name=st.sampled_from(DOCUMENTS))
    def audit(self, name: str) -> None:
        """An audit begins to repair a document."""
        self._start(
            f"audit {len(self.programs) + 1}",
            lambda runtime: repair_document(runtime, self.version, self.ids[name], tag=self.tag),
        )

    # What happens to programs.

    @precondition(lambda self: self.alive)
    @rule(index=which, move=moves)
    def advance(self, index: int, move: str) -> None:
        """A program goes on, by one request at least."""
        program = self._chosen(index)
        self._obey(program, Order.GO)
        self._move(program, move)

    @precondition(lambda self: self.alive)
    @rule(index=which, fate=st.sampled_from([fate for fate in Order if not fate.keeps]))
    def one_request(self, index: int, fate: Order) -> None:
        """A program sends its next request, whichever it is."""
        self._obey(self._chosen(index), fate)

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
            self._move(program, "to its end")
        # Before anything repairs it.
        self.what_is_committed_was_asked_for_and_is_whole()
        while self.late:
            self.deliver(0)
            self.what_is_committed_was_asked_for_and_is_whole()
        jobs = self.runtime.state.jobs
        for round_number in range(3):
            for run_id, job_ids in jobs.runs_with_live_jobs().items():
                for job_id in job_ids:
                    jobs.requeue(job_id, run_id, "the run has ended without finishing it")
            if not jobs.find(tag=self.tag, status=JobStatus.QUEUED):
                break
            work_off(self.runtime, self.tag, run_id=f"last-{round_number}-{self.tag}")
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


def try_histories(
    runtime: Runtime, version: EmbeddingVersion, examples: int, *, fixed: bool, shrink: bool = True
) -> None:
    """Let Hypothesis make up so many histories (the same ones each time where `fixed`), and shrink the one that fails."""

    class OnTheseStores(CommitProtocol):
        def __init__(self) -> None:
            super().__init__(runtime, version)

    run_state_machine_as_test(
        OnTheseStores,
        settings=settings(
            max_examples=examples,
            stateful_step_count=_STEPS,
            derandomize=fixed,
            database=None,
            deadline=None,
            print_blob=True,
            phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
