"""An explicit-state check of the commit protocol: every interleaving of a few attempts at one document, breadth first.

The decisions are the code's own (`docgraph.model.protocol`); this file models what lies between them: a graph with atomic
transactions, a vector store with atomic requests, a network that delivers late or never, a Redis that can be lost,
attempts that crash at any step, audits, and readers. `Rules` switches single rules off, to show that the check would notice.

Sections are bits of a mask (their points differ in nothing but the fence), times are steps, contents are masks.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from docgraph.model.documents import Committed
from docgraph.model.protocol import (
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
#: Steps at which an attempt does nothing more.
ENDED = frozenset({"done", "dead", "superseded", "unchanged"})
#: States between two words about the progress of a search.
SAID_EVERY = 50_000


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
    readers_wait_for_stillness: bool = True
    readers_join_with_the_generation: bool = True


@dataclass(frozen=True, slots=True)
class Work:
    """What one attempt is for: content (a mask of sections), its version, and since which version it was asked for.

    An audit has no content of its own; a reader changes nothing, and its death is nobody's business.
    """

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
    #: A reader's hits were not the generation that it joined them with.
    torn: bool = False


class Request(NamedTuple):
    """A request to the vector store that is under way: `upsert` of a mask, or `sweep` of what is not in a mask."""

    kind: str
    actor: int
    fence: int
    mask: int


class State(NamedTuple):
    """The whole world."""

    doc: Doc
    points: tuple[int, ...]
    counter: int
    actors: tuple[Actor, ...]
    network: tuple[Request, ...]
    losses_left: int
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


#: Attempts at one document whose interleavings say something, by name. Contents are masks: 1 is {0}, 2 is {1}, 3 both.
SCENARIOS: dict[str, tuple[Work, ...]] = {
    "content that flips back": (Work(1, 1, 1), Work(2, 2, 2), Work(3, 1, 3)),
    "an orphan beside its retry": (Work(1, 1, 1), Work(2, 2, 2), Work(2, 2, 2)),
    "a section that stays": (Work(1, 1, 1), Work(2, 3, 2), Work(3, 2, 3)),
    "a deletion in between": (Work(1, 1, 1), Work(2, 0, 2), Work(3, 1, 3)),
    "the same content twice": (Work(1, 1, 1), Work(2, 1, 1), Work(3, 2, 3)),
    "an audit meanwhile": (Work(1, 1, 1), Work(2, 2, 2), Work(0, 0, 0, "audit")),
    "a reader meanwhile": (Work(1, 1, 1), Work(2, 3, 2), Work(0, 0, 0, "read")),
}
#: Larger ones, for `make prove`.
LARGE_SCENARIOS: dict[str, tuple[Work, ...]] = {
    "flipping back beside an orphan": (Work(1, 1, 1), Work(2, 2, 2), Work(2, 2, 2), Work(3, 1, 3)),
    "flipping back during an audit": (Work(1, 1, 1), Work(2, 2, 2), Work(3, 1, 3), Work(0, 0, 0, "audit")),
    "deletion and orphan": (Work(1, 1, 1), Work(2, 0, 2), Work(2, 0, 2), Work(3, 1, 3)),
    "a reader while content flips back": (Work(1, 1, 1), Work(2, 2, 2), Work(3, 1, 3), Work(0, 0, 0, "read")),
    "a reader beside an audit": (Work(1, 1, 1), Work(2, 2, 2), Work(0, 0, 0, "audit"), Work(0, 0, 0, "read")),
}


class Model:
    """The transition system of some attempts at one document."""

    def __init__(
        self, works: tuple[Work, ...], sections: int = 2, *, losses: int = 0, rules: Rules | None = None
    ) -> None:
        self.works = works
        self.sections = sections
        self.losses = losses
        self.rules = rules or Rules()

    def initial(self) -> State:
        """Nothing committed, nothing stored."""
        idle = tuple(Actor() for _ in self.works)
        return State(Doc(), (ABSENT,) * self.sections, 0, idle, (), self.losses)

    def search(self, limit: int, say: Callable[[int], None] | None = None) -> Result:
        """Visit states breadth first until a promise breaks, none is left, or `limit` is reached.

        `say` is told now and then how many were seen.
        """
        first = self.initial()
        came_from: dict[State, tuple[State, str] | None] = {first: None}
        queue = deque([first])
        said = 0
        while queue:
            if say and len(came_from) >= said + SAID_EVERY:
                said = len(came_from)
                say(said)
            state = queue.popleft()
            broken = self.broken_promise(state)
            if broken:
                return Result(len(came_from), False, Violation(broken, _history(came_from, state)))
            if len(came_from) >= limit:
                return Result(len(came_from), False, None)
            for label, following in self.steps(state):
                if following not in came_from:
                    came_from[following] = (state, label)
                    queue.append(following)
        return Result(len(came_from), True, None)

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Yield everything that can happen next."""
        for number, actor in enumerate(state.actors):
            if actor.step in ENDED:
                continue
            if self.works[number].kind == "read":
                yield self._look(state, number, actor)
                continue
            yield from self._act(state, number, actor)
            yield f"{number} crashes", _with(state, number, actor._replace(step="dead"))
            if (
                self.works[number].kind == "ingest"
                and not self.rules.cancelled_deletes_nothing
                and actor.step == "staged"
            ):
                cleaned = self._clean_up(state, number, actor)
                yield f"{number} is cancelled and cleans up", _with(cleaned, number, actor._replace(step="dead"))
        for request in dict.fromkeys(state.network):
            yield from self._deliver(state, request)
        if state.losses_left:
            yield "redis is lost", state._replace(counter=0, losses_left=state.losses_left - 1)

    def broken_promise(self, state: State) -> str | None:
        """Return the promise that a state breaks."""
        doc = state.doc
        for section in range(self.sections):
            if doc.generation >> section & 1 and state.points[section] == ABSENT:
                return f"section {section} is committed and has no point"
        if any(a.torn and a.step == "done" for a in state.actors):
            return "a reader saw a mix or a gap"
        ended = [
            w
            for w, a in zip(self.works, state.actors, strict=True)
            if a.step in {"done", "unchanged"} and w.kind == "ingest"
        ]
        if ended:
            newest = max(ended, key=lambda work: work.version)
            if doc.version < newest.version and doc.generation != newest.target:
                return f"version {newest.version} ended well, and older content stands"
        audits = [a for w, a in zip(self.works, state.actors, strict=True) if w.kind == "audit"]
        quiet = all(a.step in ENDED for a in state.actors) and not state.network
        if quiet and audits and not state.late and all(a.step == "done" and a.fence == doc.fence for a in audits):
            for section in range(self.sections):
                held = state.points[section]
                if held != ABSENT and classify_point(str(section), held, _committed(doc)) is PointState.STRAY:
                    return f"section {section} is a stray after an audit"
        return None

    def _act(self, state: State, number: int, actor: Actor) -> Iterator[tuple[str, State]]:
        work, doc = self.works[number], state.doc
        match actor.step:
            case "start":
                yield from self._read(state, number, actor)
            case "read":
                known = actor.read_fence
                if work.kind == "audit":
                    known = max(known, *state.points)
                fence = next_fence(state.counter, known)
                taken = _with(state._replace(counter=fence), number, actor._replace(step="fenced", fence=fence))
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
                yield self._commit(state, number, actor)
            case "committed":
                if (
                    may_sweep(_committed(doc), actor.fence, _owner(number, actor))
                    or not self.rules.audit_commits_its_fence
                ):
                    request = Request("sweep", number, actor.fence, self._target(work, actor))
                    yield f"{number} sends sweep", _sent(state, number, actor._replace(step="sweeping"), request)
                else:
                    yield f"{number} may not sweep", _with(state, number, actor._replace(step="done"))

    def _look(self, state: State, number: int, actor: Actor) -> tuple[str, State]:
        """Take one step of a validated read: mark where the graph stands, ask for candidates, join, look whether it stood still."""
        doc = state.doc
        match actor.step:
            case "start":
                return f"{number} marks fence {doc.fence}", _with(state, number, Actor("marked", read_fence=doc.fence))
            case "marked":
                found = sum(1 << section for section, fence in enumerate(state.points) if fence != ABSENT)
                return f"{number} finds {found:b}", _with(state, number, actor._replace(step="asked", base=found))
            case "asked":
                joined = self.rules.readers_join_with_the_generation
                hits = actor.base & doc.generation if joined else actor.base
                following = actor._replace(step="joined", base=0, torn=hits != doc.generation)
                return f"{number} joins with {doc.generation:b}", _with(state, number, following)
            case _:
                if self.rules.readers_wait_for_stillness and doc.fence != actor.read_fence:
                    return f"{number} asks again", _with(state, number, Actor())
                return f"{number} answers", _with(state, number, Actor("done", torn=actor.torn))

    def _read(self, state: State, number: int, actor: Actor) -> Iterator[tuple[str, State]]:
        work, doc = self.works[number], state.doc
        since = work.since if self.rules.unchanged_respects_requests_in_between else 0
        if work.kind == "ingest" and doc.fence and doc.generation == work.target and doc.version >= since:
            if self.rules.unchanged_sweeps_nothing:
                yield f"{number} finds it unchanged", _with(state, number, actor._replace(step="unchanged"))
            else:
                swept = actor._replace(step="sweeping", fence=max(doc.fence, state.counter), base=doc.generation)
                request = Request("sweep", number, swept.fence, doc.generation)
                yield f"{number} finds it unchanged and sweeps", _sent(state, number, swept, request)
            return
        knows = actor._replace(step="read", base=doc.generation, read_fence=doc.fence)
        yield f"{number} reads generation {doc.generation:b}", _with(state, number, knows)

    def _target(self, work: Work, actor: Actor) -> int:
        return actor.base if work.kind == "audit" else work.target

    def _commit(self, state: State, number: int, actor: Actor) -> tuple[str, State]:
        work, doc = self.works[number], state.doc
        version = doc.version if work.kind == "audit" else work.version
        if work.kind == "audit" and not self.rules.audit_commits_its_fence:
            return f"{number} audits without a commit", _with(state, number, actor._replace(step="committed"))
        base = _ids(actor.base if self.rules.base_is_compared else doc.generation)
        attempt = Attempt("d", _owner(number, actor), actor.fence, version, base)
        standing = _committed(doc)
        if not self.rules.superseded_is_refused:
            attempt = Attempt("d", attempt.owner, attempt.fence, max(version, doc.version), base)
        decision = decide_commit(standing, attempt)
        match decision:
            case CommitDecision.COMMIT | CommitDecision.ALREADY_MINE:
                target = self._target(work, actor)
                written = Doc(target, actor.fence, attempt.owner, version)
                if not target and not self.rules.tombstone_keeps_the_fence:
                    written = Doc()
                following = _with(state._replace(doc=written), number, actor._replace(step="committed"))
                return f"{number} commits {target:b} under fence {actor.fence}", following
            case CommitDecision.SUPERSEDED:
                return f"{number} is superseded", _with(state, number, actor._replace(step="superseded"))
            case _:
                # Staged again under a new fence, against what stands now.
                again = Actor("read", 0, doc.generation, doc.fence)
                return f"{number} starts again: {decision}", _with(state, number, again)

    def _deliver(self, state: State, request: Request) -> Iterator[tuple[str, State]]:
        rest = list(state.network)
        rest.remove(request)
        points = list(state.points)
        for section in range(self.sections):
            held = None if points[section] == ABSENT else points[section]
            inside = bool(request.mask >> section & 1)
            if request.kind == "upsert" and inside and self._may_write(held, request.fence):
                points[section] = request.fence
            elif request.kind == "sweep" and held is not None and self._is_swept(section, held, request):
                points[section] = ABSENT
        audited = any(w.kind == "audit" and a.step == "done" for w, a in zip(self.works, state.actors, strict=True))
        late = state.late or (audited and request.kind == "upsert")
        following = state._replace(points=tuple(points), network=tuple(sorted(rest)), late=late)
        label = f"{request.kind} of {request.actor} (fence {request.fence}, {request.mask:b}) is applied"
        actor = state.actors[request.actor]
        waiting = {"upsert": ("staging", "staged"), "sweep": ("sweeping", "done")}[request.kind]
        if actor.step == waiting[0] and actor.fence == request.fence:
            following = _with(following, request.actor, actor._replace(step=waiting[1]))
        yield label, following
        if actor.step == "dead":
            yield f"{label}: never", state._replace(network=tuple(sorted(rest)))

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


def _ids(mask: int) -> tuple[str, ...]:
    return tuple(str(section) for section in range(mask.bit_length()) if mask >> section & 1)


def _owner(number: int, actor: Actor) -> str:
    return f"{number}:{actor.fence}"


def _committed(doc: Doc) -> Committed:
    return Committed(
        "d", _ids(doc.generation), doc.fence, doc.owner, doc.version, deleted=bool(doc.fence) and not doc.generation
    )


def _with(state: State, number: int, actor: Actor) -> State:
    actors = list(state.actors)
    actors[number] = actor
    return state._replace(actors=tuple(actors))


def _sent(state: State, number: int, actor: Actor, request: Request) -> State:
    return _with(state._replace(network=tuple(sorted((*state.network, request)))), number, actor)


def _history(came_from: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    labels: list[str] = []
    step = came_from[state]
    while step is not None:
        state, label = step
        labels.append(label)
        step = came_from[state]
    return tuple(reversed(labels))


class Progress:
    """Says on standard error how far all searches are; what is left is reckoned from the most that is asked for."""

    def __init__(self, searches: int, most_states: int) -> None:
        self._most = most_states
        self._left = searches
        self._seen = 0
        self._began = time.monotonic()

    def say(self, name: str, states: int) -> None:
        """Tell of a search under way."""
        seen = self._seen + states
        rate = seen / (time.monotonic() - self._began)
        seconds = (self._left * self._most - states) / rate
        line = f"{seen:>10,} states, {rate:,.0f} a second, at most {seconds / 60:.1f} minutes left: {name}"
        print(line, file=sys.stderr, flush=True)

    def ended(self, states: int) -> None:
        """Take in that a search is over."""
        self._seen += states
        self._left -= 1


def prove(most_states: int) -> int:
    """Search all scenarios, with a loss of Redis and without, and say what was seen; returns 1 where a promise breaks."""
    searches = [
        (f"{name}{', Redis lost once' if losses else ''}", works, losses)
        for losses in (0, 1)
        for name, works in {**SCENARIOS, **LARGE_SCENARIOS}.items()
    ]
    progress = Progress(len(searches), most_states)
    total = 0
    for name, works, losses in searches:
        result = Model(works, losses=losses).search(most_states, functools.partial(progress.say, name))
        progress.ended(result.states)
        total += result.states
        scope = "every state" if result.complete else "the first states"
        print(f"{result.states:>10,} {scope}: {name}", flush=True)
        if result.violation:
            print(f"BROKEN: {result.violation.promise}")
            print("\n".join(f"  {number}. {label}" for number, label in enumerate(result.violation.history, 1)))
            return 1
    print(f"{total:>10,} states in all, no promise broken")
    return 0


if __name__ == "__main__":
    sys.exit(prove(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
