"""Becomes one program of the stack: what supervisord executes in front of each, with the standard library only.

Reads the program's launch file (mode 0600: the exact command and environment, so that no password stands in a command line
or in supervisord's configuration), ends what a killed predecessor left behind, and executes the command in its own place.

Usage: python -I -S launch.py LAUNCH_FILE DIGEST   (the digest only makes supervisord notice a changed launch file)
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

GRACE_SECONDS = 2.0


def main(launch_file: str) -> None:
    """Execute the command of `launch_file`; never returns."""
    program = json.loads(Path(launch_file).read_text(encoding="utf-8"))
    environment: dict[str, str] = program["environment"]
    end_leftovers(f"DOCGRAPH_STACK_ID={environment['DOCGRAPH_STACK_ID']}", f"DOCGRAPH_PROGRAM={program['name']}")
    os.chdir(program["directory"])
    os.execvpe(program["command"][0], program["command"], environment)  # noqa: S606 - no shell is wanted


def end_leftovers(stack_mark: str, program_mark: str) -> None:
    """End processes of an earlier instance of this program.

    A scheduler that was killed leaves its workers and tasks behind: they would run beside the retries of the new one.
    """
    left = _marked(stack_mark, program_mark)
    for pid in left:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = _marked(stack_mark, program_mark)
    for pid in left:
        _signal(pid, signal.SIGKILL)


def _marked(*marks: str) -> list[int]:
    wanted = {mark.encode() for mark in marks}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            # Another user's process, or one that has just ended: neither is ours to end.
            continue
        if wanted.issubset(variables):
            found.append(int(entry.name))
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main(sys.argv[1])
