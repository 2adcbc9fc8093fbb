"""An explicit-state check of the commit protocol: every interleaving of a few attempts at one document, breadth first.

The decisions are the code's own (`docgraph.domain.protocol`); this file models what lies between them: a graph with atomic
transactions that are applied piece by piece under its readers, a vector store with atomic requests, a network that
delivers late or never, answers that come too late, a Redis that can be lost, attempts that crash at any step, and one
reader. `Rules` switches single rules off, to show that the check would notice.

Sections are bits of a mask (their points differ in nothing but the fence), times are steps, contents are masks. What an
actor knows and never uses again is forgotten, so that worlds which can't differ any more are one state.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from docgraph.domain.documents import Committed
from docgraph.domain.protocol import (
    Attempt,
    CommitDecision,
    PointState,
    classify_point,
    decide_commit,
    is_swept,
    may_overwrite,
    may_sweep,
    next_fence,
)

ABSENT = -1


@dataclass(frozen=True, slots=True)
class Rules:
    """The protocol's rules; each can be switched off."""

    conditional_upsert: bool = True
    insert_only: bool = False
    sweep_spares_higher_fences: bool = True
    unchanged_sweeps_nothing: bool = True
    unchanged_respects_requests_in_between: bool = True
    audit_commits_its_fence: bool = True
    tombstone_keeps_the_fence: bool = True
    cancelled_deletes_nothing: bool = True
    superseded_is_refused: bool = True
    base_is_compared: bool = True
    owner_is_compared: bool = True
    readers_wait_for_stillness: bool = True
    readers_join_with_the_generation: bool = True


@dataclass(frozen=True, slots=True)
class Work:
    """What one attempt is for: content (a mask of sections), its version, and since which version it was asked for."""

    version: int
    target: int
    since: int
    kind: str = "ingest"


class Doc(NamedTuple):
    """The Document node."""

    generation: int = 0
    fence: int = 0
    owner: str = ""
    version: int = 0


class Actor(NamedTuple):
    """One attempt: what it knows, and at which step it is."""

    step: str = "start"
    fence: int = 0
    base: int = 0
    read_fence: int = 0


class Request(NamedTuple):
    """A request that is under way: `upsert` of a mask, `sweep` of what is not in a mask, or `commit` of a mask on a base."""

    kind: str
    actor: int
    fence: int
    mask: int
    base: int = 0


class View(NamedTuple):
    """What a statement of a reader sees: of a commit that is being applied, any part."""

    generation: int = 0
    nodes: int = 0
    indexed: int = 0


class Reader(NamedTuple):
    """One search, by one arm: its bookmark (the fence of the last commit it knows of), and what it has found so far."""

    step: str = "marking"
    bookmark: int = 0
    moved: bool = False
    found: int = 0
    #: The generations that stood at some moment since it began, as bits.
    stood: int = 0


class State(NamedTuple):
    """The whole world."""

    doc: Doc
    points: tuple[int, ...]
    counter: int
    actors: tuple[Actor, ...]
    network: tuple[Request, ...]
    losses_left: int
    timeouts_left: int
    #: Both None where nobody reads: a commit is applied at once then.
    view: View | None
    reader: Reader | None
    #: A dead attempt's upsert was applied after an audit had ended: the next audit's business.
    late: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise, with the shortest history that leads to it."""

    promise: str
    history: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What a search found; `complete` says whether every reachable state was seen."""

    states: int
    complete: bool
    violation: Violation | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Attempts whose interleavings say something, what else may happen meanwhile, and by which arm a reader reads."""

    works: tuple[Work, ...]
    losses: int = 0
    timeouts: int = 0
    #: `words` (the full-text index), `meaning` (the vectors), or nobody.
    reader: str = ""


_AUDIT = Work(0, 0, 0, "audit")
_TWO = (Work(1, 1, 1), Work(2, 2, 2))
_COMES_AND_GOES = (Work(1, 1, 1), Work(2, 0, 2))
_FLIP = (*_TWO, Work(3, 1, 3))
_DELETION = (Work(1, 1, 1), Work(2, 0, 2), Work(3, 1, 3))

#: What `make test` goes through, by name. Contents are masks: 1 is {0}, 2 is {1}, 3 both.
SCENARIOS: dict[str, Scenario] = {
    "content that flips back": Scenario(_FLIP),
    "an orphan beside its retry": Scenario((*_TWO, Work(2, 2, 2))),
    "a section that stays": Scenario((Work(1, 1, 1), Work(2, 3, 2), Work(3, 2, 3))),
    "a deletion in between": Scenario(_DELETION),
    "the same content twice": Scenario((Work(1, 1, 1), Work(2, 1, 1), Work(3, 2, 3))),
    "an audit meanwhile": Scenario((*_TWO, _AUDIT)),
    "two attempts, a request timed out and Redis lost": Scenario(_TWO, losses=1, timeouts=1),
    "a reader by words": Scenario(_TWO, reader="words"),
    "a reader by meaning": Scenario(_TWO, reader="meaning"),
}
#: Larger ones, for `make prove`.
LARGE_SCENARIOS: dict[str, Scenario] = {
    "flipping back, Redis lost": Scenario(_FLIP, losses=1),
    "a deletion in between, Redis lost": Scenario(_DELETION, losses=1),
    "flipping back, a request timed out": Scenario(_FLIP, timeouts=1),
    "a deletion in between, a request timed out": Scenario(_DELETION, timeouts=1),
    "an audit, a request timed out": Scenario((*_TWO, _AUDIT), timeouts=1),
    "an audit, Redis lost": Scenario((*_TWO, _AUDIT), losses=1),
    "a request timed out under a reader by words": Scenario(_TWO, timeouts=1, reader="words"),
    "a request timed out under a reader by meaning": Scenario(_TWO, timeouts=1, reader="meaning"),
    "a document that comes and goes under a reader by words": Scenario(_COMES_AND_GOES, timeouts=1, reader="words"),
    "a document that comes and goes under a reader by meaning": Scenario(_COMES_AND_GOES, timeouts=1, reader="meaning"),
    "flipping back beside an orphan": Scenario((*_TWO, Work(2, 2, 2), Work(3, 1, 3))),
    "flipping back during an audit": Scenario((*_FLIP, _AUDIT)),
    "deletion and orphan": Scenario((Work(1, 1, 1), Work(2, 0, 2), Work(2, 0, 2), Work(3, 1, 3))),
}

_ENDED = frozenset({"done", "dead", "superseded", "unchanged"})
#: The step at which an actor waits for a request, and the step that the answer brings it to.
_WAITING = {"upsert": ("staging", "staged"), "sweep": ("sweeping", "done"), "commit": ("", "")}


class Model:
    """The transition system of some attempts at one document."""

    def __init__(self, scenario: Scenario, sections: int = 2, *, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.works = scenario.works
        self.sections = sections
        self.rules = rules or Rules()
        self._audits = [number for number, work in enumerate(self.works) if work.kind == "audit"]

    def initial(self) -> State:
        """Nothing committed, nothing stored."""
        idle = tuple(Actor() for _ in self.works)
        reads = bool(self.scenario.reader)
        return State(
            doc=Doc(),
            points=(ABSENT,) * self.sections,
            counter=0,
            actors=idle,
            network=(),
            losses_left=self.scenario.losses,
            timeouts_left=self.scenario.timeouts,
            view=View() if reads else None,
            reader=Reader() if reads else None,
        )

    def search(self, limit: int, report: Callable[[int, int], None] = lambda states, frontier: None) -> Result:
        """Visit states breadth first until a promise breaks, none is left, or `limit` is reached.

        `report` is told the number of states and the size of the frontier now and then.
        """
        first = self.initial()
        came_from: dict[State, State | None] = {first: None}
        frontier = [first]
        while frontier:
            ahead: list[State] = []
            for visited, state in enumerate(frontier):
                broken = self.broken_promise(state)
                if broken:
                    return Result(len(came_from), False, Violation(broken, self._history(came_from, state)))
                if len(came_from) >= limit:
                    return Result(len(came_from), False, None)
                for _, following in self.steps(state):
                    if following not in came_from:
                        came_from[following] = state
                        ahead.append(following)
                if visited % 4096 == 0:
                    report(len(came_from), len(frontier) - visited + len(ahead))
            frontier = ahead
        return Result(len(came_from), True, None)

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield everything that can happen next; once the reader has its answer, nothing that matters (others need none)."""
        if state.reader is not None and state.reader.step == "answered":
            return
        for number, actor in enumerate(state.actors):
            if actor.step in _ENDED:
                continue
            yield from self._act(state, number, actor)
            yield f"{number} crashes", _with(state, number, Actor("dead"))
            if state.timeouts_left:
                yield from self._time_out(state, number, actor)
            if (
                self.works[number].kind == "ingest"
                and not self.rules.cancelled_deletes_nothing
                and actor.step == "staged"
            ):
                cleaned = self._clean_up(state, number, actor)
                yield f"{number} is cancelled and cleans up", _with(cleaned, number, Actor("dead"))
        for request in dict.fromkeys(state.network):
            yield from self._deliver(state, request)
        if state.losses_left:
            yield "redis is lost", state._replace(counter=0, losses_left=state.losses_left - 1)
        if state.reader is not None:
            yield from self._apply(state)
            yield from self._read_on(state, state.reader)

    def broken_promise(self, state: State) -> str | None:
        """Return the promise that a state breaks."""
        doc = state.doc
        for section in range(self.sections):
            if doc.generation >> section & 1 and state.points[section] == ABSENT:
                return f"section {section} is committed and has no point"
        for work, actor in zip(self.works, state.actors, strict=True):
            ended_well = work.kind == "ingest" and actor.step in {"done", "unchanged"}
            if ended_well and doc.version < work.version and doc.generation != work.target:
                return f"version {work.version} ended well, and older content stands"
        if state.reader is not None and state.reader.step == "answered wrongly":
            return f"a reader was given {state.reader.found:b}, which was never the document"
        audits = [state.actors[number] for number in self._audits]
        quiet = audits and not state.network and all(actor.step in _ENDED for actor in state.actors)
        if quiet and not state.late and all(a.step == "done" and a.fence == doc.fence for a in audits):
            for section in range(self.sections):
                held = state.points[section]
                if held != ABSENT and classify_point(str(section), held, _committed(doc)) is PointState.STRAY:
                    return f"section {section} is a stray after an audit"
        return None

    def _act(self, state: State, number: int, actor: Actor) -> Iterator[tuple[str, State]]:
        work = self.works[number]
        match actor.step:
            case "start":
                yield from self._read(state, number, actor)
            case "read":
                known = actor.read_fence
                if work.kind == "audit":
                    known = max(known, *state.points)
                fence = next_fence(state.counter, known)
                taken = _with(state._replace(counter=fence), number, Actor("fenced", fence, actor.base))
                yield f"{number} takes fence {fence}", taken
            case "fenced":
                added = self._target(work, actor) & ~actor.base
                if added and work.kind == "ingest":
                    request = Request("upsert", number, actor.fence, added)
                    yield (
                        f"{number} sends upsert {added:b}",
                        _sent(state, number, actor._replace(step="staging"), request),
                    )
                else:
                    yield f"{number} has nothing to stage", _with(state, number, actor._replace(step="staged"))
            case "staged":
                if not _is_locked(state):
                    yield self._commit(state, number, actor)
            case "committed":
                if (
                    may_sweep(_committed(state.doc), actor.fence, _owner(number, actor.fence))
                    or not self.rules.audit_commits_its_fence
                ):
                    request = Request("sweep", number, actor.fence, self._target(work, actor))
                    yield f"{number} sends sweep", _sent(state, number, actor._replace(step="sweeping"), request)
                else:
                    yield f"{number} may not sweep", _with(state, number, self._done(number, actor))

    def _read(self, state: State, number: int, actor: Actor) -> Iterator[tuple[str, State]]:
        work, doc = self.works[number], state.doc
        since = work.since if self.rules.unchanged_respects_requests_in_between else 0
        if work.kind == "ingest" and doc.fence and doc.generation == work.target and doc.version >= since:
            if self.rules.unchanged_sweeps_nothing:
                yield f"{number} finds it unchanged", _with(state, number, Actor("unchanged"))
            else:
                swept = Actor("sweeping", fence=max(doc.fence, state.counter), base=doc.generation)
                request = Request("sweep", number, swept.fence, doc.generation)
                yield f"{number} finds it unchanged and sweeps", _sent(state, number, swept, request)
            return
        knows = Actor("read", base=doc.generation, read_fence=doc.fence)
        yield f"{number} reads generation {doc.generation:b}", _with(state, number, knows)

    def _target(self, work: Work, actor: Actor) -> int:
        return actor.base if work.kind == "audit" else work.target

    def _done(self, number: int, actor: Actor) -> Actor:
        """What is left of an actor that has ended well: of an audit, the fence under which it swept."""
        return Actor("done", actor.fence if self.works[number].kind == "audit" else 0)

    def _commit(self, state: State, number: int, actor: Actor) -> tuple[str, State]:
        work, doc = self.works[number], state.doc
        if work.kind == "audit" and not self.rules.audit_commits_its_fence:
            return f"{number} audits without a commit", _with(state, number, actor._replace(step="committed"))
        target = self._target(work, actor)
        match self._decide(doc, number, actor.fence, actor.base):
            case CommitDecision.COMMIT:
                following = self._written(state, number, actor.fence, target)
                label = f"{number} commits {target:b} under fence {actor.fence}"
                return label, _with(following, number, actor._replace(step="committed"))
            case CommitDecision.ALREADY_MINE:
                return f"{number} finds its commit", _with(state, number, actor._replace(step="committed"))
            case CommitDecision.SUPERSEDED:
                return f"{number} is superseded", _with(state, number, Actor("superseded"))
            case decision:
                # Staged again under a new fence, against what stands now.
                again = Actor("read", 0, doc.generation, doc.fence)
                return f"{number} starts again: {decision}", _with(state, number, again)

    def _decide(self, doc: Doc, number: int, fence: int, base: int) -> CommitDecision:
        version = doc.version if self.works[number].kind == "audit" else self.works[number].version
        if not self.rules.superseded_is_refused:
            version = max(version, doc.version)
        if not self.rules.owner_is_compared and doc.fence == fence:
            return CommitDecision.ALREADY_MINE
        known = base if self.rules.base_is_compared else doc.generation
        attempt = Attempt("d", _owner(number, fence), fence, version, _ids(known))
        return decide_commit(_committed(doc), attempt)

    def _written(self, state: State, number: int, fence: int, target: int) -> State:
        work = self.works[number]
        version = state.doc.version if work.kind == "audit" else work.version
        doc = Doc(target, fence, _owner(number, fence), version)
        if not target and not self.rules.tombstone_keeps_the_fence:
            doc = Doc()
        if state.reader is None:
            return state._replace(doc=doc)
        stood = state.reader.stood | 1 << target if state.reader.stood else 0
        return state._replace(doc=doc, reader=state.reader._replace(stood=stood))

    def _time_out(self, state: State, number: int, actor: Actor) -> Iterator[tuple[str, State]]:
        """Let the answer to a request fail to come: it is under way, applied by now, or never will be, and is made anew."""
        fewer = state._replace(timeouts_left=state.timeouts_left - 1)
        match actor.step:
            case "staging":
                again = Actor("read", base=actor.base, read_fence=state.doc.fence)
                yield f"{number} hears nothing of its upsert", _with(fewer, number, again)
            case "staged" if self.works[number].kind == "ingest" or self.rules.audit_commits_its_fence:
                request = Request("commit", number, actor.fence, self._target(self.works[number], actor), actor.base)
                yield f"{number} hears nothing of its commit", _sent(fewer, number, actor, request)
            case "sweeping":
                yield f"{number} hears nothing of its sweep", _with(fewer, number, actor._replace(step="staged"))

    def _deliver(self, state: State, request: Request) -> Iterator[tuple[str, State]]:
        network = list(state.network)
        network.remove(request)
        rest = state._replace(network=tuple(network))
        label = f"{request.kind} of {request.actor} (fence {request.fence}, {request.mask:b}) is applied"
        actor = state.actors[request.actor]
        waiting, answered = _WAITING[request.kind]
        awaited = actor.step == waiting and actor.fence == request.fence
        if request.kind == "commit":
            if _is_locked(state):
                return
            decision = self._decide(state.doc, request.actor, request.fence, request.base)
            following = rest
            if decision is CommitDecision.COMMIT:
                following = self._written(rest, request.actor, request.fence, request.mask)
        else:
            points = self._changed(state.points, request)
            audited = any(state.actors[number].step == "done" for number in self._audits)
            late = state.late or (audited and request.kind == "upsert")
            following = rest._replace(points=points, late=late)
        if awaited:
            ended = self._done(request.actor, actor) if answered == "done" else actor._replace(step=answered)
            following = _with(following, request.actor, ended)
        yield label, following
        if not awaited:
            yield f"{label}: never", rest

    def _changed(self, before: tuple[int, ...], request: Request) -> tuple[int, ...]:
        points = list(before)
        for section in range(self.sections):
            held = None if points[section] == ABSENT else points[section]
            inside = bool(request.mask >> section & 1)
            if request.kind == "upsert" and inside and self._may_write(held, request.fence):
                points[section] = request.fence
            elif request.kind == "sweep" and held is not None and self._is_swept(section, held, request):
                points[section] = ABSENT
        return tuple(points)

    def _may_write(self, held: int | None, fence: int) -> bool:
        if self.rules.insert_only:
            return held is None
        return not self.rules.conditional_upsert or may_overwrite(held, fence)

    def _is_swept(self, section: int, held: int, request: Request) -> bool:
        spared = held if self.rules.sweep_spares_higher_fences else 0
        return is_swept(str(section), spared, request.fence, _ids(request.mask))

    def _clean_up(self, state: State, number: int, actor: Actor) -> State:
        added = self.works[number].target & ~actor.base
        points = [ABSENT if added >> s & 1 else p for s, p in enumerate(state.points)]
        return state._replace(points=tuple(points))

    def _apply(self, state: State) -> Iterator[tuple[str, State]]:
        """Let readers see one more piece of the commit that is being applied, in any order."""
        view, target = state.view, state.doc.generation
        assert view is not None
        if view.generation != target:
            yield "the Document's list is seen", state._replace(view=view._replace(generation=target))
        for section in range(self.sections):
            bit = 1 << section
            if (view.nodes ^ target) & bit:
                nodes = view.nodes ^ bit
                yield f"node {section} is seen to change", state._replace(view=view._replace(nodes=nodes))
            if (view.indexed ^ target) & bit:
                indexed = view.indexed ^ bit
                yield f"the index is seen to change for {section}", state._replace(view=view._replace(indexed=indexed))

    def _read_on(self, state: State, reader: Reader) -> Iterator[tuple[str, State]]:
        """Let the reader make its next statement, as `docgraph.retrieval.validated` does.

        A statement waits until the transaction of its bookmark is applied, and gives the bookmark of the last commit.
        """
        doc, view = state.doc, state.view
        assert view is not None
        patient, joins = self.rules.readers_wait_for_stillness, self.rules.readers_join_with_the_generation
        if patient and reader.bookmark == doc.fence and _is_locked(state):
            return
        saw = reader._replace(bookmark=doc.fence, moved=reader.moved or reader.bookmark != doc.fence)
        match reader.step:
            case "marking":
                marked = Reader("marked", doc.fence, stood=1 << doc.generation)
                yield "the reader begins", state._replace(reader=marked)
            case "marked" if self.scenario.reader == "words":
                found = view.indexed & view.nodes
                yield f"the reader finds {found:b}", state._replace(reader=saw._replace(step="asked", found=found))
            case "marked":
                found = sum(1 << section for section, fence in enumerate(state.points) if fence != ABSENT)
                asked = reader._replace(step="asked", found=found)
                yield f"the reader finds {found:b}", state._replace(reader=asked)
            case "asked":
                found = reader.found & view.generation if joins else reader.found
                yield f"the reader keeps {found:b}", state._replace(reader=saw._replace(step="joined", found=found))
            case "joined":
                found = reader.found & view.nodes if joins else reader.found
                if patient and saw.moved:
                    again = Reader("marked", doc.fence, stood=reader.stood)
                    yield "the reader asks again", state._replace(reader=again)
                else:
                    step = "answered" if reader.stood >> found & 1 else "answered wrongly"
                    yield f"the reader is given {found:b}", state._replace(reader=Reader(step, found=found))

    def _history(self, came_from: dict[State, State | None], state: State) -> tuple[str, ...]:
        labels: list[str] = []
        earlier = came_from[state]
        while earlier is not None:
            labels.append(next(label for label, following in self.steps(earlier) if following == state))
            state, earlier = earlier, came_from[earlier]
        return tuple(reversed(labels))


@cache
def _ids(mask: int) -> tuple[str, ...]:
    return tuple(str(section) for section in range(mask.bit_length()) if mask >> section & 1)


@cache
def _owner(number: int, fence: int) -> str:
    return f"{number}:{fence}"


@cache
def _committed(doc: Doc) -> Committed:
    return Committed(
        "d", _ids(doc.generation), doc.fence, doc.owner, doc.version, deleted=bool(doc.fence) and not doc.generation
    )


def _is_locked(state: State) -> bool:
    """Whether a commit is still being applied, which keeps the Document's lock."""
    if state.view is None:
        return False
    generation = state.doc.generation
    return state.view != (generation, generation, generation)


def _with(state: State, number: int, actor: Actor) -> State:
    actors = list(state.actors)
    actors[number] = actor
    return state._replace(actors=tuple(actors))


def _sent(state: State, number: int, actor: Actor, request: Request) -> State:
    return _with(state._replace(network=tuple(sorted((*state.network, request)))), number, actor)


class Progress:
    """Says every few seconds how far a search is."""

    def __init__(self, name: str, seconds: float = 10.0) -> None:
        self._name = name
        self._every = seconds
        self._began = self._said = time.monotonic()

    def __call__(self, states: int, frontier: int) -> None:
        """Take note of how many states were found, and how many of them are still to be looked at."""
        now = time.monotonic()
        if now - self._said >= self._every:
            self._said = now
            rate = states / (now - self._began)
            print(
                f"  … {self._name}: {states:,} states, {rate:,.0f} a second, {frontier:,} to be looked at",
                file=sys.stderr,
                flush=True,
            )


def prove(most_states: int) -> int:
    """Search all scenarios and say what was seen; returns 1 where a promise breaks or a scenario was not seen whole."""
    began, total, incomplete = time.monotonic(), 0, 0
    for name, scenario in {**SCENARIOS, **LARGE_SCENARIOS}.items():
        started = time.monotonic()
        result = Model(scenario).search(most_states, Progress(name))
        total += result.states
        incomplete += not result.complete
        scope = "every state" if result.complete else "the first states"
        print(f"{result.states:>10,} {scope} in {time.monotonic() - started:5.0f} s: {name}", flush=True)
        if result.violation:
            print(f"BROKEN: {result.violation.promise}")
            print("\n".join(f"  {number}. {label}" for number, label in enumerate(result.violation.history, 1)))
            return 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.monotonic() - began
    print(f"{total:>10,} states in all in {seconds:.0f} s, {memory:,.0f} MB at most; no promise broken")
    if incomplete:
        print(f"{incomplete} scenarios are larger than {most_states:,} states; give a larger number as the argument.")
    return 1 if incomplete else 0


if __name__ == "__main__":
    sys.exit(prove(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000))
