"""The validated read: which candidates exist, decided so that no reader sees half a document.

Both arms can name sections that a commit has just replaced, and miss ones it has just made, while it is being applied even
both at once: then nothing they say betrays it. So the candidates are joined with the Documents' generation lists in one
statement, the texts are read, and all of it counts only if the graph stood still meanwhile; else both arms are asked
again. This module decides what exists; it ranks nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from docgraph.domain.errors import ReadConflictError
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.stillness import Stillness
from docgraph.stores.graph.views import DocumentView, Member, SectionText

logger = logging.getLogger(__name__)

#: A read that meets a commit each time gives up after this many rounds or seconds, whichever is first.
MAX_ROUNDS = 50
MAX_SECONDS = 3.0
#: How often everything is read again only because what stands beside the hits was of another state.
BESIDE_ROUNDS = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A section that an arm named; `fence` is its point's where the dense arm named it."""

    section_id: str
    document_id: str
    fence: int | None = None
    cosine: float | None = None
    bm25: float | None = None

    @property
    def from_fulltext(self) -> bool:
        """Whether the full-text arm named it, which means that its node was there."""
        return self.bm25 is not None


@dataclass(frozen=True, slots=True)
class Candidates:
    """What both arms named in one round, each best first."""

    dense: tuple[Candidate, ...]
    fulltext: tuple[Candidate, ...]

    @property
    def all(self) -> dict[str, Candidate]:
        """Every candidate once; one that both arms named has the values of both."""
        found = {candidate.section_id: candidate for candidate in self.fulltext}
        for dense in self.dense:
            other = found.get(dense.section_id)
            bm25 = other.bm25 if other else None
            found[dense.section_id] = Candidate(dense.section_id, dense.document_id, dense.fence, dense.cosine, bm25)
        return found


@dataclass(frozen=True, slots=True)
class Hit:
    """A candidate that exists: where it stands, what its document is called, and its text."""

    candidate: Candidate
    member: Member
    document: DocumentView
    section: SectionText


@dataclass(frozen=True, slots=True)
class ValidatedRead(Generic[T]):
    """The outcome: the hits by id, the candidates of the last round, how many were dropped in all, and how long it took.

    `beside` is what was read beside the hits, of the same state; None where nothing was asked for or commits met each try.
    """

    hits: Mapping[str, Hit]
    candidates: Candidates
    dropped: int
    rounds: int
    join_seconds: float
    read_seconds: float
    beside: T | None = None


#: What else to read, of the same state: given what both arms named, the hits, and the stillness to read under.
Beside = Callable[[Candidates, Mapping[str, Hit], Stillness], T]


def dropped(candidates: Mapping[str, Candidate], views: Mapping[str, DocumentView]) -> list[Candidate]:
    """Return the candidates that are gone: not a member, although the node was there or the point's fence is committed.

    A point above its document's fence is staged: it never existed for a reader, so it isn't missing.
    """
    lost = []
    for candidate in candidates.values():
        view = views[candidate.document_id]
        if candidate.section_id in view.members:
            continue
        committed = candidate.fence is not None and candidate.fence <= view.fence
        if candidate.from_fulltext or committed:
            lost.append(candidate)
    return lost


def validated_read(
    reader: GraphStore,
    tag: str,
    ask: Callable[[Stillness], Candidates],
    beside: Beside[T] | None = None,
    *,
    max_rounds: int = MAX_ROUNDS,
    max_seconds: float = MAX_SECONDS,
) -> ValidatedRead[T]:
    """Ask both arms, join, and read, until the dataset stood still from the first question to the last.

    It stood still if no transaction of the database was committed or being applied meanwhile (which costs nothing to
    see), or, where there was one, if no document of this dataset has changed (which is looked at only then, and from the
    beginning where it was needed lately). `ask` puts what it asks the graph under the `Stillness` that it is given, and so
    does `beside`, which reads what belongs to the hits; when commits meet it again and again, the hits come without it.
    Commits to other datasets cost no round but the first that meets one, and never end in an error, however slow the rounds.

    Raises:
        ReadConflictError: commits to this dataset met every round.
    """
    deadline = time.monotonic() + max_seconds
    watch = _Watch(reader, tag)
    total_dropped, join_seconds, read_seconds = 0, 0.0, 0.0
    without_beside: ValidatedRead[T] | None = None
    for round_number in range(1, max_rounds + 1):
        candidates = ask(watch.stillness)
        found = candidates.all
        started = time.monotonic()
        views = reader.membership(_by_document(found), stillness=watch.stillness)
        joined = time.monotonic()
        members = [i for i, candidate in found.items() if i in views[candidate.document_id].members]
        sections = reader.sections(members, stillness=watch.stillness)
        join_seconds += joined - started
        read_seconds += time.monotonic() - joined
        total_dropped += len(dropped(found, views))
        if not watch.moved():
            for i in members:
                if i not in sections:
                    # Nothing was being committed, so this is no race: the graph is damaged here.
                    logger.warning("Section %s of %s has no whole node; `ingestctl repair` repairs it.", i, tag)
            hits = {i: _hit(found[i], views, sections[i]) for i in members if i in sections}
            read: ValidatedRead[T] = ValidatedRead(
                hits, candidates, total_dropped, round_number, join_seconds, read_seconds
            )
            if beside is None:
                return read
            started = time.monotonic()
            also = watch.unmoved(beside, candidates, hits)
            read_seconds += time.monotonic() - started
            if also is not None:
                return replace(read, read_seconds=read_seconds, beside=also)
            without_beside = read
            if round_number >= BESIDE_ROUNDS:
                break
        if watch.was_seen_moving and time.monotonic() > deadline:
            break
    if without_beside is not None:
        return without_beside
    raise ReadConflictError(
        f"The dataset {tag!r} was being written to during each of {round_number} reads; ask again in a moment."
    )


class _Watch:
    """Whether a dataset has moved since it was last looked at, by what its statements saw on the way.

    A state is compared with one that was read before the round's first statement. That one may itself have met a commit: then
    the bookmark that came with it names this commit, and all statements of the round wait until it is applied whole. Whatever
    commit a statement of the round may have met is waited for by the look that follows, and changes what that look finds.
    """

    def __init__(self, reader: GraphStore, tag: str) -> None:
        self.stillness = Stillness(chained=False)
        #: Whether this very dataset was found changed, not only the database.
        self.was_seen_moving = False
        self._reader, self._tag = reader, tag
        #: The state when it was last looked at; while the database stands still, it is that one.
        self._state: tuple[int, int, str] | None = None
        if reader.restlessness.lately:
            self._look()
        else:
            reader.mark(self.stillness)

    def moved(self) -> bool:
        """Whether it has, as far as is known: where the database did not stand still, its state has to be the one known."""
        if self.stillness.held:
            return False
        self._reader.restlessness.note()
        before = self._state
        after = self._look()
        if before is not None and after != before:
            self.was_seen_moving = True
        return after != before

    def _look(self) -> tuple[int, int, str]:
        """Look at the dataset, after all that was met, and start a row of statements there."""
        self.stillness.begin()
        self._state = self._reader.dataset_state(self._tag, self.stillness)
        self.stillness.begin()
        return self._state

    def unmoved(self, beside: Beside[T], candidates: Candidates, hits: Mapping[str, Hit]) -> T | None:
        """Return what is read beside the hits, None where the dataset has moved meanwhile."""
        try:
            found = beside(candidates, hits, self.stillness)
        except ReadConflictError:
            return None
        return None if self.moved() else found


def _by_document(candidates: Mapping[str, Candidate]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for candidate in candidates.values():
        grouped.setdefault(candidate.document_id, []).append(candidate.section_id)
    return grouped


def _hit(candidate: Candidate, views: Mapping[str, DocumentView], section: SectionText) -> Hit:
    view = views[candidate.document_id]
    return Hit(candidate, view.members[candidate.section_id], view, section)
