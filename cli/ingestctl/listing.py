"""The table of recent jobs, laid out for the terminal's width: ids stay whole, the documents stay readable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from docgraph.api.jobs import Job, parse_time
from docgraph.domain.jobs import JobStatus
from ingestctl import render
from ingestctl.text import duration, printable, shorten

#: Cells of a document's name below which columns that say less give way to it.
_READABLE = 20
_WIDEST = 48
_GAP = 2
_LIVE = frozenset({JobStatus.RUNNING, JobStatus.PAUSED})
#: What a narrow terminal goes without, first the first.
_DISPENSABLE = ("Queued", "Dataset", "Stage")


def elapsed(record: Job, now: datetime | None = None) -> float | None:
    """Return the seconds since a job started, up to its end or, while it is worked on, up to now.

    Never less than what the service has seen, where the two clocks differ.
    """
    known = record.seconds
    started = parse_time(record.started_at)
    if known is None or started is None or record.status not in _LIVE:
        return known
    return max(known, ((now or datetime.now(UTC)) - started).total_seconds())


def silent(record: Job, now: datetime | None = None) -> float | None:
    """Return the seconds since a job that is worked on was last heard of; None where it is not worked on."""
    last = parse_time(record.updated_at)
    if last is None or record.status not in _LIVE:
        return None
    return max(0.0, ((now or datetime.now(UTC)) - last).total_seconds())


class JobList:
    """One line a job; where the terminal is too narrow for name and id beside each other, the id gets a line of its own."""

    def __init__(self, records: Sequence[Job]) -> None:
        self._records = records

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw what there is room for."""
        cells = {name: [cell(record) for record in self._records] for name, cell in _CELLS.items()}
        widths = {
            name: max(cell_len(name), *(cell_len(text.plain) for text in column)) for name, column in cells.items()
        }
        ids = [printable(record.job_id) for record in self._records]
        names = [shorten(printable(render.name_of(record.source_uri)), _WIDEST) for record in self._records]
        id_width = max(cell_len("Job"), *map(cell_len, ids))
        name_width = max(cell_len(render.NAME), *map(cell_len, names))
        wanted = min(name_width, _READABLE)
        shown = list(cells)
        for name in _DISPENSABLE:
            if id_width + wanted + _taken(shown, widths) + _GAP <= options.max_width:
                break
            shown.remove(name)
        room = options.max_width - id_width - _GAP - _taken(shown, widths)
        if room >= wanted:
            yield _table(cells, shown, [("Job", id_width, ids), (render.NAME, min(room, name_width), names)])
            return
        shown = list(cells)
        for name in _DISPENSABLE:
            if id_width + _taken(shown, widths) <= options.max_width:
                break
            shown.remove(name)
        # Below even that, the ids are folded: what is copied from two lines is still whole.
        width = max(1, min(max(id_width, name_width), options.max_width - _taken(shown, widths)))
        stacked = [f"{shorten(name, width)}\n{each}" for name, each in zip(names, ids, strict=True)]
        yield _table(cells, shown, [(f"{render.NAME}, job", width, stacked)])


def _taken(shown: Sequence[str], widths: dict[str, int]) -> int:
    return sum(widths[name] + _GAP for name in shown)


def _table(
    cells: dict[str, list[Text]], shown: Sequence[str], first: Sequence[tuple[str, int, Sequence[str]]]
) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for title, width, _ in first:
        # The gap to the next column is the column's padding, which Rich adds to its width.
        grid.add_column(title, width=width, overflow="fold")
    for name in shown:
        grid.add_column(name, justify="right" if name == "Time" else "left", no_wrap=True)
    for row in range(len(cells["Status"])):
        texts = [
            Text(shorten(texts[row], width) if title == render.NAME else texts[row]) for title, width, texts in first
        ]
        grid.add_row(*texts, *(cells[name][row] for name in shown))
    return grid


_CELLS: dict[str, Callable[[Job], Text]] = {
    "Dataset": lambda record: Text(printable(record.tag)),
    "Status": render.outcome_text,
    "Stage": lambda record: Text("" if record.status is JobStatus.COMPLETED else printable(record.stage)),
    "Time": lambda record: Text(duration(elapsed(record))),
    "Queued": lambda record: Text(render.ago(record.queued_at or record.created_at), style="dim"),
}
