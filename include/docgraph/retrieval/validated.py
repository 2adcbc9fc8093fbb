"""The validated read: which candidates exist, decided so that no reader sees half a document.

Both arms can name sections that a commit has just replaced, or miss ones it has just made. So the candidates are joined
with the Documents' generation lists in one statement, and where a commit happened meanwhile both arms are asked again.
This module decides what exists; it ranks nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from docgraph.errors import ReadConflictError
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.reading import DocumentView, Member, SectionText

#: A read that meets a commit each time gives up after this many rounds or seconds, whichever is first.
MAX_ROUNDS = 8
MAX_SECONDS = 2.0
#: Seconds before the second round; doubled for each further one, because applying a large commit takes a while.
FIRST_PAUSE = 0.01


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
class ValidatedRead:
    """The outcome: the hits by id, the candidates of the last round, how many were dropped in all, and how long it took."""

    hits: Mapping[str, Hit]
    candidates: Candidates
    dropped: int
    rounds: int
    join_seconds: float
    read_seconds: float


def dropped(candidates: Mapping[str, Candidate], views: Mapping[str, DocumentView]) -> list[Candidate]:
    """Return the candidates that a commit took away: not a member, although its node was there or its fence is committed.

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


def is_settled(lost: Sequence[Candidate], views: Mapping[str, DocumentView], before: Mapping[str, int]) -> bool:
    """Whether the join stands: nothing was dropped, or no commit happened between the join before and this one.

    Fences only rise, so equal fences mean that the arms were asked while the documents stood still: what is dropped
    then is garbage of an attempt that never ended, and asking again would bring it back.
    """
    return all(before.get(c.document_id) == views[c.document_id].fence for c in lost)


def validated_read(
    reader: GraphStore,
    ask: Callable[[], Candidates],
    *,
    max_rounds: int = MAX_ROUNDS,
    max_seconds: float = MAX_SECONDS,
) -> ValidatedRead:
    """Ask both arms, join, and read, until what is read is one state of each document.

    Raises:
        ReadConflictError: documents kept changing, or a member's node stayed invisible, for all rounds.
    """
    deadline = time.monotonic() + max_seconds
    before: dict[str, int] = {}
    total_dropped, join_seconds, read_seconds = 0, 0.0, 0.0
    trouble = ""
    for round_number in range(1, max_rounds + 1):
        candidates = ask()
        found = candidates.all
        started = time.monotonic()
        views = reader.membership(_by_document(found))
        join_seconds += time.monotonic() - started
        lost = dropped(found, views)
        total_dropped += len(lost)
        if is_settled(lost, views, before):
            started = time.monotonic()
            members = [i for i, candidate in found.items() if i in views[candidate.document_id].members]
            sections = reader.sections(members)
            read_seconds += time.monotonic() - started
            invisible = [i for i in members if i not in sections]
            if not invisible:
                hits = {i: _hit(found[i], views, sections[i]) for i in members}
                return ValidatedRead(hits, candidates, total_dropped, round_number, join_seconds, read_seconds)
            view = views[found[invisible[0]].document_id]
            trouble = (
                f"section {invisible[0]} of {view.source_uri} is in its document's list but its node can't be seen"
            )
        else:
            trouble = f"{views[lost[0].document_id].source_uri or lost[0].document_id} was changed during each read"
        before = {document: view.fence for document, view in views.items()}
        pause = FIRST_PAUSE * 2 ** (round_number - 1)
        if round_number == max_rounds or time.monotonic() + pause > deadline:
            break
        time.sleep(pause)
    raise ReadConflictError(
        f"The documents kept changing while they were read ({trouble}; {round_number} rounds). Ask again in a moment; "
        "where it stays so, `ingestctl repair` mends the damage."
    )


def _by_document(candidates: Mapping[str, Candidate]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for candidate in candidates.values():
        grouped.setdefault(candidate.document_id, []).append(candidate.section_id)
    return grouped


def _hit(candidate: Candidate, views: Mapping[str, DocumentView], section: SectionText) -> Hit:
    view = views[candidate.document_id]
    return Hit(candidate, view.members[candidate.section_id], view, section)
