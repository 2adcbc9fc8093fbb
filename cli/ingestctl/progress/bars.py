"""The board as bars that move in place, on a terminal."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ingestctl.board import Board, Phase, Row
from ingestctl.progress.wording import MANY, counts, failure_line, tally
from ingestctl.text import duration, estimate, printable, shorten

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
