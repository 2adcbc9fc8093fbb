"""Drawing the board while it changes: live bars on a terminal, plain lines anywhere else.

Both take the same calls, so that the commands do not know which one they talk to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ingestctl.board import Board, Phase, Row
from ingestctl.text import duration, estimate, plural, printable, shorten, size

#: Up to so many documents each keep a bar of their own; beyond, one bar for all and the busy ones below it.
MANY = 12
REFRESH_PER_SECOND = 10
#: With many documents plain output says how far all are at most this often, in seconds.
PLAIN_INTERVAL = 10.0

_ICONS = {
    Phase.WAITING: ("·", "dim"),
    Phase.PAUSED: ("‖", "yellow"),
    Phase.DONE: ("✔", "green"),
    Phase.FAILED: ("✘", "red"),
    Phase.CANCELLED: ("–", "yellow"),
}
_BAR_STYLES = {
    Phase.ACTIVE: "cyan",
    Phase.WAITING: "cyan",
    Phase.PAUSED: "yellow",
    Phase.DONE: "green",
    Phase.FAILED: "red",
    Phase.CANCELLED: "yellow",
}


class View(Protocol):
    """What draws a board."""

    def changed(self, row: Row) -> None:
        """A row has changed."""

    def note(self, text: str) -> None:
        """Something happened that belongs to no row."""


@contextmanager
def viewing(board: Board, console: Console, hint: str = "") -> Iterator[View]:
    """Draw the board while the block runs: live on a terminal that can, as lines elsewhere."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainView(board, console)
        return
    view = LiveView(board, console, hint)
    with Live(
        get_renderable=view.render,
        console=console,
        refresh_per_second=REFRESH_PER_SECOND,
        vertical_overflow="crop",
        # What remains on the screen is the table of results; two lists of the same documents are one too many.
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield view


class LiveView:
    """Bars that move in place."""

    def __init__(self, board: Board, console: Console, hint: str = "") -> None:
        self._board = board
        self._console = console
        self._hint = hint
        self._spinner = Spinner("dots", style="cyan")

    def changed(self, row: Row) -> None:
        """Keep a failure visible above the bars where its row is going to disappear."""
        if self._many and row.phase is Phase.FAILED:
            self._console.print(failure_line(row))

    def note(self, text: str) -> None:
        """Print a remark above the bars."""
        self._console.print(Text(printable(text), style="dim"))

    @property
    def _many(self) -> bool:
        return len(self._board.rows) > MANY

    def render(self) -> RenderableType:
        """Return the whole view as it is now; Live calls this from its own thread."""
        width = self._console.width
        lines: list[RenderableType] = []
        if self._many:
            room = max(1, min(MANY, self._console.height - 5))
            busy = [row for row in self._board.rows if row.phase is Phase.ACTIVE or row.phase is Phase.PAUSED]
            if busy:
                lines.append(self._table(busy[:room], width))
            if len(busy) > room:
                lines.append(Text(f"  … and {len(busy) - room} more at work", style="dim"))
        elif self._board.rows:
            lines.append(self._table(self._board.rows[: max(1, self._console.height - 4)], width))
        lines.append(self._summary(width))
        return Group(*lines)

    def _table(self, rows: list[Row], width: int) -> Table:
        columns = _Columns.fit(width, [row.name for row in rows])
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1)
        table.add_column(width=columns.name, no_wrap=True)
        table.add_column(width=columns.label, no_wrap=True)
        table.add_column(width=columns.bar)
        if columns.counts:
            table.add_column(width=columns.counts, no_wrap=True, justify="right")
        table.add_column(width=columns.elapsed, no_wrap=True, justify="right")
        now = self._board.clock()
        for row in rows:
            cells: list[RenderableType] = [
                self._icon(row),
                Text(shorten(printable(row.name), columns.name), style="dim" if row.phase is Phase.WAITING else ""),
                _label(row),
                _bar(row.fraction, columns.bar, _BAR_STYLES[row.phase]),
            ]
            if columns.counts:
                cells.append(Text(counts(row), style="dim", overflow="ellipsis"))
            cells.append(Text(duration(row.elapsed(now)), style="dim"))
            table.add_row(*cells)
        return table

    def _icon(self, row: Row) -> RenderableType:
        if row.phase is Phase.ACTIVE:
            return self._spinner
        icon, style = _ICONS[row.phase]
        return Text(icon, style=style)

    def _summary(self, width: int) -> RenderableType:
        board = self._board
        parts = Text(style="dim")
        if board.trouble:
            parts.append(f"service out of reach, trying again ({printable(board.trouble)})", style="yellow")
        elif board.waiting_for:
            parts.append(board.waiting_for, style="cyan")
        else:
            parts.append(tally(board))
            if (rate := board.sections_per_second()) is not None:
                parts.append(f" · {rate:.0f} sections/s")
            if (left := board.seconds_left()) is not None:
                parts.append(f" · about {estimate(left)} left")
            if self._hint and parts.cell_len + len(self._hint) + 5 < width and board.over < len(board.rows):
                parts.append(f" · {self._hint}")
        parts.truncate(max(10, width - 2), overflow="ellipsis")
        if len(board.rows) == 1:
            return Group(Text.assemble("  ", parts))
        bar_width = max(10, min(60, width - 16))
        overall = Table.grid(padding=(0, 1))
        overall.add_row(
            Text(" "),
            _bar(board.fraction, bar_width, "green" if board.fraction >= 1 else "cyan"),
            Text(f"{board.fraction * 100:.0f} %".rjust(5), style="bold"),
            Text(duration(board.elapsed()), style="dim"),
        )
        return Group(Text(""), overall, Text.assemble("  ", parts))


class _Columns:
    """Widths of the columns, in cells, for a terminal of a given width."""

    def __init__(self, name: int, label: int, bar: int, counts: int, elapsed: int) -> None:
        self.name, self.label, self.bar, self.counts, self.elapsed = name, label, bar, counts, elapsed

    @classmethod
    def fit(cls, width: int, names: list[str]) -> _Columns:
        """Give the name and the bar what the fixed columns leave."""
        from rich.cells import cell_len

        label, elapsed = 13, 6
        counts = 17 if width >= 72 else 0
        gaps = 6 if counts else 5
        left = max(14, width - 1 - label - counts - elapsed - gaps)
        longest = max((cell_len(printable(name)) for name in names), default=0)
        name = max(8, min(longest, 48, left * 3 // 5))
        return cls(name=name, label=label, bar=max(6, min(40, left - name)), counts=counts, elapsed=elapsed)


def _bar(fraction: float, width: int, style: str) -> ProgressBar:
    return ProgressBar(
        total=1.0,
        completed=fraction,
        width=width,
        style="bright_black",
        complete_style=style,
        finished_style=style,
    )


def _label(row: Row) -> Text:
    return Text(printable(row.label), style=_BAR_STYLES[row.phase] if row.phase is not Phase.WAITING else "dim")


def counts(row: Row) -> str:
    """Write how far a stage is: `96/214 sections`, `1.2/3.0 MiB`."""
    if row.phase is Phase.WAITING or not row.total:
        return ""
    if row.unit == "bytes":
        return f"{size(row.done)}/{size(row.total)}" if row.done < row.total else size(row.total)
    amount = f"{row.total:,}" if row.phase.is_over else f"{row.done:,}/{row.total:,}"
    return f"{amount} {row.unit}".rstrip()


def tally(board: Board) -> str:
    """Write how many documents are where: `3 of 5 documents done, 1 failed`."""
    text = f"{board.count(Phase.DONE):,} of {plural(len(board.rows), 'document')} done"
    for phase, word in ((Phase.FAILED, "failed"), (Phase.CANCELLED, "cancelled"), (Phase.PAUSED, "paused")):
        if number := board.count(phase):
            text += f", {number:,} {word}"
    return text


def failure_line(row: Row) -> Text:
    """Write a failed document on one line."""
    return Text.assemble(("✘ ", "red"), printable(row.name), (f"  {row.label}", "red"), f"  {printable(row.message)}")


class PlainView:
    """One line a change of stage, without control codes; with many documents, failures and now and then the whole."""

    def __init__(self, board: Board, console: Console) -> None:
        self._board = board
        self._console = console
        self._last: dict[int, str] = {}
        self._said_at = board.clock()

    def changed(self, row: Row) -> None:
        """Print a line if the row says something new."""
        if len(self._board.rows) > MANY:
            self._changed_among_many(row)
            return
        seen = row.label
        if self._last.get(id(row)) == seen:
            return
        self._last[id(row)] = seen
        self._print(f"{printable(row.name)}  {printable(row.label)}  {counts(row)}  {printable(row.message)}")

    def note(self, text: str) -> None:
        """Print a remark."""
        self._print(printable(text))

    def _changed_among_many(self, row: Row) -> None:
        if row.phase is Phase.FAILED:
            self._print(f"{printable(row.name)}  {printable(row.label)}  {printable(row.message)}")
        now = self._board.clock()
        if now - self._said_at >= PLAIN_INTERVAL or self._board.over == len(self._board.rows):
            self._said_at = now
            self._print(f"{self._board.fraction * 100:.0f} %  {tally(self._board)}")

    def _print(self, text: str) -> None:
        at = time.strftime("%H:%M:%S")
        self._console.print(Text(f"{at}  {text.rstrip()}"), soft_wrap=True)
