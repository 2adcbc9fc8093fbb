"""The table of landings: where each kill landed, how that is known, and how it went on."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from docgraph.domain.jobs import STAGES

SCHEMA_VERSION = 2
_ORDER = ("claim", *STAGES, "report")


@dataclass(frozen=True)
class Landing:
    """One cell of the matrix.

    `task` is what Airflow said that the stopped process was; `job` is the job's status and stage in Redis at that moment;
    `garbage` counts the points that the next audit had to remove.
    """

    place: str
    victim: str
    task: str
    task_pid: int
    killed_pid: int
    job: str
    outcome: str
    seconds_to_recover: float
    job_attempts: int
    sections: int
    texts_embedded: int
    garbage: int


_COLUMNS: dict[str, Callable[[Landing], object]] = {
    "stopped at": lambda cell: f"`{cell.place}`",
    "done to": lambda cell: cell.victim,
    "what was stopped, by Airflow": lambda cell: f"{cell.task}, pid {cell.task_pid}",
    "killed pid": lambda cell: cell.killed_pid or "-",
    "job in Redis just then": lambda cell: cell.job,
    "outcome": lambda cell: cell.outcome,
    "seconds to the end": lambda cell: f"{cell.seconds_to_recover:.1f}",
    "attempts": lambda cell: cell.job_attempts,
    "texts embedded": lambda cell: f"{cell.texts_embedded} of {cell.sections}",
    "garbage": lambda cell: cell.garbage,
}


class Matrix:
    """The table of landings; cells of earlier sessions stay until they are run again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cells: dict[tuple[str, str], Landing] = {}
        with contextlib.suppress(FileNotFoundError):
            stored = json.loads((folder / "matrix.json").read_text(encoding="utf-8"))
            if stored["schema_version"] == SCHEMA_VERSION:
                for row in stored["cells"]:
                    self._cells[row["place"], row["victim"]] = Landing(**row)

    def add(self, landing: Landing) -> None:
        """Take a landing in and write both files."""
        self._cells[landing.place, landing.victim] = landing
        cells = sorted(self._cells.values(), key=_place_in_run)
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"schema_version": SCHEMA_VERSION, "cells": [asdict(cell) for cell in cells]}, indent=2)
        (self._folder / "matrix.json").write_text(text + "\n", encoding="utf-8")
        (self._folder / "matrix.md").write_text(_markdown(cells), encoding="utf-8")


def _place_in_run(cell: Landing) -> tuple[int, str, str]:
    return _ORDER.index(cell.place.partition(".")[0]), cell.place, cell.victim


def _markdown(cells: list[Landing]) -> str:
    lines = ["# Where each kill landed\n", "| " + " | ".join(_COLUMNS) + " |", "| --- " * len(_COLUMNS) + "|"]
    lines += ["| " + " | ".join(str(column(cell)) for column in _COLUMNS.values()) + " |" for cell in cells]
    return "\n".join(lines) + "\n"
