"""Pictures that scripts draw from the code show what the code says now."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_picture_of_the_processes_is_up_to_date() -> None:
    drawn = runpy.run_path(str(ROOT / "scripts" / "draw_processes.py"))["picture"]()
    assert (ROOT / "docs" / "images" / "processes.svg").read_text(encoding="utf-8") == drawn, (
        "draw it again: .venv/bin/python scripts/draw_processes.py"
    )
