"""An explicit-state check of a move to another embedding version: every interleaving with attempts at a document, breadth first.

The decisions are the code's own (`docgraph.domain.protocol`, `docgraph.domain.versions`). Modelled is what lies between them: a
back-fill that reads, takes a fence, stages and looks again, the switch, and attempts that ask for the versions, stage in one
after the other, commit and sweep, each of them crashing at any step. What may come late in a network is `protocol_model`'s.
The promise: whatever the graph says of the document, the version that readers have holds a point for it. `Rules` switches single
rules off, to show that the check would notice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from docgraph.domain.documents import Committed
from docgraph.domain.protocol import (
    Attempt,
    CommitDecision,
    decide_commit,
    is_staged_everywhere,
    is_swept,
    may_overwrite,
    may_sweep,
    next_fence,
)
from docgraph.domain.versions import DatasetVersions

OLD, NEW = "old", "new"
SECTIONS = 2
ABSENT = -1
Points = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a move safe; each can be switched off."""

    commit_asks_for_the_versions: bool = True
    documents_are_listed_after_the_beginning: bool = True


class Doc(NamedTuple):
    """The Document node."""

    generation: int = 0
    fence: int = 0
    owner: str = ""


class Actor(NamedTuple):
    """One attempt: how far it is, what it knows, and the versions that it has still to stage or sweep in."""

    step: str = "start"
    base: int = 0
    fence: int = 0
    todo: tuple[str, ...] = ()
    staged: tuple[str, ...] = ()


class State(NamedTuple):
    """Everything there is."""

    doc: Doc
    versions: DatasetVersions
    old: Points
    new: Points
    counter: int
    actors: tuple[Actor, ...]
    #: Step of the move, the sections that it found missing, and its fence.
    move: tuple[str, int, int]
    crashes_left: int


@dataclass(frozen=True, slots=True)
class Result:
    """How many states were seen, and the shortest history that breaks the promise, if any does."""

    states: int
    history: tuple[str, ...] | None


def search(generation: int, targets: tuple[int, ...], rules: Rules | None = None) -> Result:
    """Look at every state that is reached from a document with `generation`, attempts at `targets`, and one move."""
    rules = rules or Rules()
    points = tuple(1 if generation >> section & 1 else ABSENT for section in range(SECTIONS))
    doc = Doc(generation, 1, "first") if generation else Doc()
    start = State(
        doc, DatasetVersions(OLD), points, (ABSENT,) * SECTIONS, 1, (Actor(),) * len(targets), ("idle", 0, 0), 1
    )
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        held = state.new if state.versions.current == NEW else state.old
        if any(state.doc.generation >> section & 1 and held[section] == ABSENT for section in range(SECTIONS)):
            return Result(len(came_from), _history(came_from, state))
        for label, following in _steps(state, targets, rules):
            if following not in came_from:
                came_from[following] = (state, label)
                queue.append(following)
    return Result(len(came_from), None)


def _steps(state: State, targets: tuple[int, ...], rules: Rules) -> Iterator[tuple[str, State]]:
    for number, actor in enumerate(state.actors):
        if actor.step not in {"done", "dead"}:
            label, following = _act(state, number, actor, targets[number], rules)
            yield f"attempt {number} {label}", following
            yield f"attempt {number} crashes", _with(state, number, actor._replace(step="dead"))
    if state.move[0] != "done":
        yield from _move(state, rules)


def _act(state: State, number: int, actor: Actor, target: int, rules: Rules) -> tuple[str, State]:
    match actor.step:
        case "start":
            fence = next_fence(state.counter, state.doc.fence)
            fenced = Actor("fenced", state.doc.generation, fence)
            return f"takes fence {fence}", _with(state._replace(counter=fence), number, fenced)
        case "fenced":
            asked = actor._replace(step="staging", todo=state.versions.wanted)
            return f"will stage in {', '.join(asked.todo)}", _with(state, number, asked)
        case "staging" if actor.todo:
            version, *rest = actor.todo
            staged = _staged(state, version, target & ~actor.base, actor.fence)
            on = actor._replace(todo=tuple(rest), staged=(*actor.staged, version))
            return f"stages in {version}", _with(staged, number, on)
        case "staging":
            return _commit(state, number, actor, target, rules)
        case "committed":
            return "will sweep", _with(state, number, actor._replace(step="sweeping", todo=state.versions.wanted))
        case "sweeping" if actor.todo:
            version, *rest = actor.todo
            swept = _swept(state, version, actor, _owner(number, actor), target)
            return f"sweeps {version}", _with(swept, number, actor._replace(todo=tuple(rest)))
        case _:
            return "is done", _with(state, number, actor._replace(step="done"))


def _commit(state: State, number: int, actor: Actor, target: int, rules: Rules) -> tuple[str, State]:
    attempt = Attempt("d", _owner(number, actor), actor.fence, 0, _ids(actor.base))
    decision = decide_commit(_committed(state.doc), attempt)
    added = _ids(target & ~state.doc.generation)
    if (
        decision is CommitDecision.COMMIT
        and rules.commit_asks_for_the_versions
        and not is_staged_everywhere(state.versions.wanted, actor.staged, added)
    ):
        decision = CommitDecision.VERSIONS_MOVED
    if decision is CommitDecision.COMMIT:
        written = state._replace(doc=Doc(target, actor.fence, attempt.owner))
        return f"commits {target:b}", _with(written, number, actor._replace(step="committed"))
    return f"starts again: {decision}", _with(state, number, Actor())


def _move(state: State, rules: Rules) -> Iterator[tuple[str, State]]:
    step, missing, fence = state.move
    listed_early = not rules.documents_are_listed_after_the_beginning
    if state.crashes_left and step not in {"idle", "listed"}:
        # Called again, it begins (which changes nothing) and lists anew.
        yield "the move crashes", state._replace(move=("idle", 0, 0), crashes_left=state.crashes_left - 1)
    match step:
        case "idle" if listed_early:
            yield "the documents are listed", state._replace(move=("listed", state.doc.generation, 0))
        case "idle" | "listed":
            known = missing if listed_early else 1
            begun = state._replace(versions=state.versions.build(NEW), move=("begun" if known else "filled", 0, 0))
            yield "the new version is begun", begun
        case "begun":
            # A document without a generation is not listed.
            lacking = sum(1 << s for s in range(SECTIONS) if state.doc.generation >> s & 1 and state.new[s] == ABSENT)
            if not lacking:
                yield "the back-fill finds nothing missing", state._replace(move=("filled", 0, 0))
            else:
                taken = next_fence(state.counter, state.doc.fence)
                doc = Doc(state.doc.generation, taken, "move")
                advanced = state._replace(counter=taken, doc=doc, move=("fenced", lacking, taken))
                yield f"the back-fill misses {lacking:b} and commits fence {taken}", advanced
        case "fenced":
            yield "the back-fill stages", _staged(state, NEW, missing, fence)._replace(move=("looking", missing, fence))
        case "looking":
            overtaken = (state.doc.fence, state.doc.owner) != (fence, "move")
            yield "the back-fill looks again", state._replace(move=("begun" if overtaken else "filled", 0, 0))
        case "filled":
            yield (
                "readers get the new version",
                state._replace(versions=state.versions.switch(NEW), move=("done", 0, 0)),
            )


def _staged(state: State, version: str, sections: int, fence: int) -> State:
    held = state.new if version == NEW else state.old
    points = tuple(
        fence if sections >> s & 1 and may_overwrite(None if p == ABSENT else p, fence) else p
        for s, p in enumerate(held)
    )
    return state._replace(new=points) if version == NEW else state._replace(old=points)


def _swept(state: State, version: str, actor: Actor, owner: str, target: int) -> State:
    if not may_sweep(_committed(state.doc), actor.fence, owner):
        return state
    held = state.new if version == NEW else state.old
    generation = _ids(target)
    points = tuple(
        ABSENT if p != ABSENT and is_swept(str(s), p, actor.fence, generation) else p for s, p in enumerate(held)
    )
    return state._replace(new=points) if version == NEW else state._replace(old=points)


@cache
def _ids(mask: int) -> tuple[str, ...]:
    return tuple(str(section) for section in range(SECTIONS) if mask >> section & 1)


def _owner(number: int, actor: Actor) -> str:
    return f"{number}:{actor.fence}"


@cache
def _committed(doc: Doc) -> Committed:
    return Committed("d", _ids(doc.generation), doc.fence, doc.owner)


def _with(state: State, number: int, actor: Actor) -> State:
    actors = list(state.actors)
    actors[number] = actor
    return state._replace(actors=tuple(actors))


def _history(came_from: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    labels: list[str] = []
    step = came_from[state]
    while step is not None:
        state, label = step
        labels.append(label)
        step = came_from[state]
    return tuple(reversed(labels))
