"""Named places where a test can stop or kill a process; off unless `DOCGRAPH_FAILPOINT` is set.

`DOCGRAPH_FAILPOINT=embed.after_batch:3=pause` acts at the third pass of that place in a process; several are separated by commas.
Actions: `pause` (writes `<name>.hit` holding the process id into `$DOCGRAPH_HOME/run/failpoints/` and waits until the file
is removed), `kill` (SIGKILL to this process), `error` (raises). `@FILE` reads the same from a file at every pass.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

from docgraph.domain.errors import InfrastructureError

VARIABLE = "DOCGRAPH_FAILPOINT"
_POLL_SECONDS = 0.05
_passes: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Do what the environment asks for at this place; nothing at all unless it asks."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    if wanted.startswith("@"):
        file = Path(wanted[1:])
        wanted = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    for part in filter(None, wanted.split(",")):
        place, _, action = part.partition("=")
        place, _, nth = place.partition(":")
        if place != name:
            continue
        _passes[name] += 1
        if _passes[name] == int(nth or 1):
            _act(name, action)


def forget_passes() -> None:
    """Count the passes of this process from the first again."""
    _passes.clear()


def _act(name: str, action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "error":
        raise InfrastructureError(f"Failpoint {name} asked for an error; unset {VARIABLE}.")
    elif action == "pause":
        marker = Path(os.environ["DOCGRAPH_HOME"]) / "run" / "failpoints" / f"{name}.hit"
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(str(os.getpid()), encoding="utf-8")
        while marker.exists():
            time.sleep(_POLL_SECONDS)
    else:
        raise ValueError(f"{VARIABLE}: unknown action {action!r} at {name!r}; use pause, kill or error.")
