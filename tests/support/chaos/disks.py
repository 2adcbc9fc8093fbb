"""A disk that is really full: a small file system of its own over a folder of the running stack."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docgraph_local.stack import Stack

#: What is free on the small disk until it is filled, bytes: Qdrant opens files with holes, whose pages it writes later.
SPARE = 2**28


@dataclass(frozen=True)
class SmallDisk:
    """A mounted file system that can be filled to the last byte."""

    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Take all that is free."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (2**16, 2**12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)
        assert shutil.disk_usage(self.folder).free == 0

    def make_room(self) -> None:
        """Give back what was taken."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, stack: Stack, program: str | None = None) -> Iterator[SmallDisk]:
    """Put a small disk with the same content over a folder; `program` is the one that has files open there.

    The program stands still while its files are copied, and is killed, so that it starts on the other disk. What the
    small disk holds in the end is what the folder holds afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="docgraph-disk-") as beneath:
        _run("mount", "--bind", str(folder), beneath)
        used = int(_run("du", "--summarize", "--block-size=1", beneath).split()[0])
        with _restarted(stack, program):
            _run("mount", "-t", "tmpfs", "-o", f"size={used + SPARE}", "docgraph-test", str(folder))
            _copy(beneath, folder)
        disk = SmallDisk(folder)
        try:
            yield disk
        finally:
            disk.make_room()
            if program is not None:
                stack.await_ready(program, 90)
            with _restarted(stack, program):
                for entry in Path(beneath).iterdir():
                    # The links to the latest reports point to folders.
                    shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
                _copy(folder, beneath)
                # Lazily: the program holds files there until it is killed.
                _run("umount", "--lazy", str(folder))
            _run("umount", beneath)


@contextlib.contextmanager
def _restarted(stack: Stack, program: str | None) -> Iterator[None]:
    """Let a program stand still, and kill it afterwards, so that the supervisor starts it anew."""
    if program is None:
        yield
        return
    stopped = stack.kill(program, signal.SIGSTOP)
    yield
    stack.kill(program)
    stack.await_ready(program, 90, not_pid=stopped)


def _copy(source: str | Path, target: str | Path) -> None:
    _run("cp", "--archive", "--sparse=always", f"{source}/.", str(target))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"`{' '.join(command)}` failed: {done.stderr.strip()}. A full disk needs the right to mount: run the tests as root "
        "in a container with CAP_SYS_ADMIN."
    )
    return done.stdout
