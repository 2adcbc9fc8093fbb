"""The reference page and the program say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer.main

from ingestctl.main import app

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "ingestctl.md").read_text(encoding="utf-8")
COMMANDS = getattr(typer.main.get_command(app), "commands")  # noqa: B009 - Typer gives no type for a group's commands


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_each_of_its_options_is_in_the_reference(name: str) -> None:
    assert f"ingestctl {name}" in PAGE
    for parameter in COMMANDS[name].params:
        for option in (spelling for spelling in parameter.opts if spelling.startswith("--")):
            assert option in PAGE, f"{name} {option} is not in docs/reference/ingestctl.md"
