"""The board as lines, for pipes and logs."""

from __future__ import annotations

import time

from rich.console import Console
from rich.text import Text

from ingestctl.board import Board, Phase, Row
from ingestctl.progress.wording import MANY, counts, tally
from ingestctl.text import printable

#: With many documents plain output says how far all are at most this often, in seconds.
PLAIN_INTERVAL = 10.0


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
