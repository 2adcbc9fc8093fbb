"""How documents stand while they are worked on, and how that is drawn."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from docgraph.api.jobs import Job
from docgraph.domain.jobs import STAGES, Event
from ingestctl.board import Board, Phase
from ingestctl.progress import LiveView, PlainView, viewing


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def event(stage: str, status: str = "running", done: int = 0, total: int = 0, message: str = "") -> Event:
    return Event(1, "2026-11-23T10:00:00.000000Z", stage, status, done, total, "sections", message)


def record(job_id: str, status: str = "completed", outcome: str = "created", error: str = "") -> Job:
    return Job.model_validate({
        "job_id": job_id, "source_uri": "upload:///a.md", "content_type": "text/markdown", "checksum": "c", "tag": "t",
        "created_at": "", "document_id": "d", "status": status, "outcome": outcome, "error": error, "stage": "embed",
        "counts": {"embedded": 3, "reused": 2}, "a_field_of_tomorrow": 1,
    })  # fmt: skip


def board_of(*names: str) -> Board:
    board = Board(clock=Clock())
    for name in names:
        board.add(name, job_id=name)
    return board


@given(st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 300), st.integers(0, 300)), max_size=60))
def test_a_bar_never_runs_backwards_and_is_full_only_at_the_end(steps: list[tuple[str, int, int]]) -> None:
    board = board_of("a")
    (row,) = board.rows
    for stage, done, total in steps:
        before = row.fraction
        board.progressed("a", event(stage, done=done, total=total))
        assert before <= row.fraction <= 1.0 + 1e-9
    board.finished(record("a"))
    assert row.fraction == 1.0


def test_a_stage_that_failed_and_is_tried_again_does_not_end_the_document() -> None:
    board = board_of("a")
    board.progressed("a", event("embed", status="failed", message="Neo4j is down"))
    assert board.rows[0].phase is Phase.ACTIVE
    board.progressed("a", event("embed", done=1, total=2))
    assert board.rows[0].label == "embed"


def test_a_closed_gate_shows_as_paused_with_its_reason_and_ends() -> None:
    board = board_of("a")
    board.progressed("a", event("embed", status="paused", message="Qdrant is slow"))
    assert (board.rows[0].label, board.rows[0].message) == ("paused", "Qdrant is slow")
    board.progressed("a", event("embed", done=1, total=2))
    assert board.rows[0].phase is Phase.ACTIVE


def test_late_events_change_nothing_about_a_document_that_is_over() -> None:
    board = board_of("a")
    board.finished(record("a", status="failed", outcome="", error="too large"))
    board.progressed("a", event("parse"))
    assert (board.rows[0].phase, board.rows[0].message) == (Phase.FAILED, "too large")


def test_events_of_jobs_that_nobody_asked_for_are_ignored() -> None:
    assert board_of("a").progressed("other", event("parse")) is None


def test_rate_and_time_left_come_from_what_was_done() -> None:
    board = board_of("a", "b")
    clock = board.clock
    assert isinstance(clock, Clock)
    board.progressed("a", event("embed", done=0, total=100))
    assert board.sections_per_second() is None
    clock.now += 5
    board.progressed("a", event("embed", done=50, total=100))
    assert board.sections_per_second() == 10
    left = board.seconds_left()
    assert left is not None
    assert left == pytest.approx(5 * (1 - board.fraction) / board.fraction)


def drawn(board: Board, width: int, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(LiveView(board, console, hint="Ctrl-C detaches, the jobs go on").render())
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_of_the_bars_is_wider_than_the_terminal(width: int) -> None:
    board = board_of("a.md", "reference/a/very/long/path/that/needs/cutting/日本語の設定.md", "it\n is [bold]markup.md")
    board.progressed("a.md", event("vector_upsert", done=123_456, total=1_234_567))
    board.finished(record("it\n is [bold]markup.md", status="failed", outcome="", error="x"))
    lines = drawn(board, width)
    assert len(lines) == 3 + 3
    assert all(cell_len(line) <= width for line in lines)


def test_a_document_has_its_own_bar_with_stage_and_counts() -> None:
    board = board_of("guide.md", "other.md")
    board.progressed("guide.md", event("embed", done=96, total=214))
    line = next(line for line in drawn(board, 100) if "guide.md" in line)
    assert "embed" in line
    assert "96/214 sections" in line
    assert "━" in line


def test_with_many_documents_only_the_busy_ones_and_the_whole_are_drawn() -> None:
    board = board_of(*(f"{number:03}.md" for number in range(200)))
    for number in range(100):
        board.progressed(f"{number:03}.md", event("embed", done=1, total=4))
    for number in range(80):
        board.finished(record(f"{number:03}.md"))
    lines = drawn(board, 80)
    assert len(lines) < 24
    text = "\n".join(lines)
    assert "079.md" not in text
    assert "080.md" in text
    assert "150.md" not in text
    assert "8 more at work" in text
    assert "80 of 200 documents done" in text


def lines_of(board: Board, events: list[tuple[str, Event]], records: list[Job]) -> str:
    out = io.StringIO()
    view = PlainView(board, Console(file=out, width=200))
    for job_id, one in events:
        if row := board.progressed(job_id, one):
            view.changed(row)
    for one_record in records:
        if row := board.finished(one_record):
            view.changed(row)
    return out.getvalue()


def test_without_a_terminal_each_change_of_stage_is_one_line_without_control_codes() -> None:
    events = [("a", event("embed", done=done, total=100)) for done in range(100)] + [("a", event("vector_upsert"))]
    text = lines_of(board_of("a"), events, [record("a")])
    assert [line.split("  ")[2] for line in text.splitlines()] == ["embed", "store vectors", "created"]
    assert "\x1b" not in text
    assert "\r" not in text


def test_without_a_terminal_a_thousand_documents_take_few_lines_and_failures_are_named() -> None:
    jobs = [f"{number}.md" for number in range(1000)]
    events = [(job, event(stage)) for stage in STAGES for job in jobs]
    records = [record(job) for job in jobs[1:]] + [record(jobs[0], status="failed", outcome="", error="not UTF-8")]
    lines = lines_of(board_of(*jobs), events, records).splitlines()
    assert len(lines) <= 3
    assert "not UTF-8" in lines[0]
    assert "999 of 1,000 documents done, 1 failed" in lines[-1]


def test_a_terminal_gets_bars_and_a_pipe_gets_lines() -> None:
    with viewing(board_of("a"), Console(file=io.StringIO(), force_terminal=True, width=80)) as view:
        assert isinstance(view, LiveView)
    with viewing(board_of("a"), Console(file=io.StringIO())) as view:
        assert isinstance(view, PlainView)
