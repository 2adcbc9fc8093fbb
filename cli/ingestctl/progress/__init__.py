"""Drawing the board while it changes: live bars on a terminal, plain lines anywhere else.

Both take the same calls, so that the commands do not know which one they talk to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live

from ingestctl.board import Board, Row
from ingestctl.progress.bars import LiveView
from ingestctl.progress.lines import PlainView

__all__ = ["LiveView", "PlainView", "View", "viewing"]

REFRESH_PER_SECOND = 10


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
