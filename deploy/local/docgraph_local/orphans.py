"""Finds and ends processes that a stack started and no supervisor keeps any more.

Every process of a stack carries `DOCGRAPH_STACK_ID=<random per home>` in its environment, also the tasks that Airflow forks;
the pids that the last `up` recorded (with their time of birth) are the second way. Names are never looked at.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import psutil

MARK = "DOCGRAPH_STACK_ID"


def find(stack_id: str, recorded: Mapping[int, float] | None = None) -> list[psutil.Process]:
    """Return the living processes of the stack, whoever their parent is; never the calling process.

    `recorded` maps pid to create time (seconds since the epoch) for processes whose environment can't be read.
    """
    mark = f"{MARK}={stack_id}".encode()
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            born = (recorded or {}).get(process.pid)
            if _is_marked(process.pid, mark) or (born is not None and abs(process.create_time() - born) < 0.1):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def end(processes: list[psutil.Process], grace_seconds: float = 15.0) -> int:
    """End processes: first asked (SIGTERM), after `grace_seconds` forced (SIGKILL); return how many there were."""
    for process in processes:
        _send(process, force=False)
    _, left = psutil.wait_procs(processes, timeout=grace_seconds)
    for process in left:
        _send(process, force=True)
    psutil.wait_procs(left, timeout=5)
    return len(processes)


def _is_marked(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        return False


def _send(process: psutil.Process, *, force: bool) -> None:
    try:
        process.kill() if force else process.terminate()
    except psutil.NoSuchProcess:
        return
