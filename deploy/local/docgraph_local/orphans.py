"""Finds and ends processes that a stack started and no supervisor keeps any more.

Every process of a stack carries `DOCGRAPH_STACK_ID=<random per home>` in its environment, also the tasks that Airflow forks;
the pids that the last `up` recorded (with their time of birth) are the second way. Names are never looked at.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "DOCGRAPH_STACK_ID"
GRACE_SECONDS = 3.0
STORE_GRACE_SECONDS = 30.0


def find(stack_id: str, recorded: Mapping[int, float] | None = None) -> list[psutil.Process]:
    """Return the living processes of the stack, whatever their parent is; never the calling process.

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
            if mark in _environment(process.pid) or (born is not None and abs(process.create_time() - born) < 0.1):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def programs(processes: Sequence[psutil.Process]) -> dict[str, psutil.Process]:
    """Return the process that each program of the stack consists of, by the program's name: of its processes, the first one."""
    found: dict[str, tuple[float, psutil.Process]] = {}
    for process in processes:
        name = _program(process.pid)
        try:
            born = process.create_time()
        except psutil.NoSuchProcess:
            continue
        if name and (name not in found or born < found[name][0]):
            found[name] = (born, process)
    return {name: process for name, (_, process) in found.items()}


def end(processes: Sequence[psutil.Process], patient: Collection[str] = ()) -> int:
    """End processes: asked first (SIGTERM), then forced (SIGKILL); return how many there were.

    Programs named in `patient` (stores that put their files in order) get `STORE_GRACE_SECONDS`, others `GRACE_SECONDS`.
    """
    stores = {process for process in processes if _program(process.pid) in patient}
    for process in processes:
        _send(process, force=False)
    for group, grace in ((set(processes) - stores, GRACE_SECONDS), (stores, STORE_GRACE_SECONDS)):
        _, left = psutil.wait_procs(group, timeout=grace)
        for process in left:
            _send(process, force=True)
        psutil.wait_procs(left, timeout=5)
    return len(processes)


def _program(pid: int) -> str:
    for variable in _environment(pid):
        if variable.startswith(b"DOCGRAPH_PROGRAM="):
            return variable.partition(b"=")[2].decode()
    return ""


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        # It has just ended, or belongs to another user.
        return []


def _send(process: psutil.Process, *, force: bool) -> None:
    try:
        process.kill() if force else process.terminate()
    except psutil.NoSuchProcess:
        return
