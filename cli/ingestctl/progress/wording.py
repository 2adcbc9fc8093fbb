"""How documents on the board are put into words, for bars and for lines."""

from __future__ import annotations

from rich.text import Text

from ingestctl.board import Board, Phase, Row
from ingestctl.text import plural, printable, size

#: Up to this many documents each keep a bar, or lines, of their own; beyond, one bar for all and the busy ones above it.
MANY = 12


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
