"""For each rule of the commit protocol the history that needs it, told on the real code and stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.identity import document_id
from docgraph.runtime.connections import Runtime
from support.integration.broken_rules import (
    Break,
    older_content_is_not_refused,
    staging_overwrites_higher_fences,
    sweeping_takes_higher_fences,
    the_base_is_not_compared,
    unchanged_forgets_what_was_asked_in_between,
)
from support.integration.stepping import Order, Program, Request
from support.integration.work import ask, uri_of, work_off

DOCUMENT = "guide"
_LONGEST = 200


@dataclass
class Stage:
    """One document, and the programs that work on it side by side."""

    runtime: Runtime
    version: EmbeddingVersion
    tag: str
    programs: list[Program] = field(default_factory=list)

    def ask(self, *parts: str) -> None:
        """Ask for the document to have these parts; for its deletion without any."""
        text = "# Guide\n\n" + "\n".join(f"## {part}\n\nThe text of {part}.\n" for part in parts)
        ask(self.runtime, self.tag, {DOCUMENT: text if parts else None})

    def starts(self) -> Program:
        """Start a program for what is queued."""
        name = f"program {len(self.programs) + 1}"
        program = Program(name, self.runtime, lambda runtime: work_off(runtime, self.tag))
        self.programs.append(program)
        return program

    def asked_and_done(self, *parts: str) -> None:
        """Bring the document to these parts, undisturbed."""
        self.ask(*parts)
        finish(self.starts())

    def headings(self) -> set[str]:
        """The headings that are committed."""
        generation = self.runtime.graph.committed(document_id(self.tag, uri_of(DOCUMENT))).generation
        return {section.heading_path[-1] for section in self.runtime.graph.sections(generation).values()}

    def lost(self) -> int:
        """How many committed sections have no node or no vector."""
        generation = set(self.runtime.graph.committed(document_id(self.tag, uri_of(DOCUMENT))).generation)
        nodes = self.runtime.graph.sections(sorted(generation))
        points = self.runtime.vectors.retrieve(self.version, sorted(generation))
        return len(generation - (nodes.keys() & points.keys()))


def until(program: Program, request: str) -> None:
    """Let a program go on until it is about to send this request."""
    for _ in range(_LONGEST):
        if program.waiting is None:
            raise AssertionError(f"{program.name} ended before {request}: {program.error}")
        if program.waiting.name == request:
            return
        program.obey(Order.GO)
    raise AssertionError(f"{program.name} never came to {request}")


def finish(program: Program) -> None:
    """Let a program go on to its end."""
    for _ in range(_LONGEST):
        if not program.is_alive:
            assert program.error is None, program.error
            return
        program.obey(Order.GO)
    raise AssertionError(f"{program.name} does not come to an end")


def left_under_way(program: Program, request: str) -> Request:
    """Kill a program just after it has sent this request, which will arrive later."""
    until(program, request)
    return program.obey(Order.KEEP_AND_DIE)


def a_late_upsert_and_a_late_sweep(stage: Stage) -> bool:
    """The oldest upsert arrives last and lowers the fence of a committed point; a late sweep then takes it."""
    stage.asked_and_done("base")
    stage.ask("base", "wanted")
    upsert = left_under_way(stage.starts(), "vectors.stage")
    stage.ask("base", "other")
    sweep = left_under_way(stage.starts(), "vectors.sweep")
    stage.asked_and_done("base", "wanted")
    upsert.apply()
    sweep.apply()
    return stage.lost() == 0


def a_late_sweep(stage: Stage) -> bool:
    """A sweep arrives when newer content, which it does not know, has been committed."""
    stage.ask("base")
    sweep = left_under_way(stage.starts(), "vectors.sweep")
    stage.asked_and_done("base", "wanted")
    sweep.apply()
    return stage.lost() == 0


def two_differences_against_one_base(stage: Stage) -> bool:
    """Two attempts reckon from the same generation; the older commits between the plan and the commit of the newer."""
    stage.asked_and_done("base", "kept")
    stage.ask("other")
    older = stage.starts()
    until(older, "jobs.next_fence")
    stage.ask("base", "wanted")
    newer = stage.starts()
    until(older, "graph.commit")
    until(newer, "graph.commit")
    finish(older)
    newer.obey(Order.GO)
    return stage.lost() == 0


def an_orphan_of_older_content(stage: Stage) -> bool:
    """An attempt at older content takes its fence after newer content was committed."""
    stage.asked_and_done("base")
    stage.ask("old")
    orphan = stage.starts()
    until(orphan, "jobs.next_fence")
    stage.asked_and_done("new")
    finish(orphan)
    return stage.headings() == {"new"}


def content_that_flips_back(stage: Stage) -> bool:
    """A, then B under way, then A again: what stands says A already, and B must not come after it."""
    stage.asked_and_done("first")
    stage.ask("second")
    orphan = stage.starts()
    until(orphan, "graph.commit")
    stage.asked_and_done("first")
    finish(orphan)
    return stage.headings() == {"first"}


#: Rule → the history that loses something without it.
WITNESSES: dict[Break, Callable[[Stage], bool]] = {
    staging_overwrites_higher_fences: a_late_upsert_and_a_late_sweep,
    sweeping_takes_higher_fences: a_late_sweep,
    the_base_is_not_compared: two_differences_against_one_base,
    older_content_is_not_refused: an_orphan_of_older_content,
    unchanged_forgets_what_was_asked_in_between: content_that_flips_back,
}
