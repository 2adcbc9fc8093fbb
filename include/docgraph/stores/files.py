"""Files that are either wholly there or not there at all, whenever the machine stops: what artifacts and snapshots are written with.

It knows nothing of what is in them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from docgraph.domain.errors import WorldError

_log = logging.getLogger(__name__)
#: Files under way begin with this; no reader looks at them.
_DRAFT_PREFIX = ".draft-"
#: Age at which a file under way is what a crash left behind, seconds.
_DRAFT_ABANDONED_SECONDS = 24 * 3600.0


class Draft:
    """A file under way: `publish` makes it visible under its name, leaving the block without that removes it.

    The folder of the draft and the folder that it is published to must be on one file system.
    """

    def __init__(self, folder: Path) -> None:
        """Begin a file in `folder`.

        Raises:
            WorldError: the folder can't be written to.
        """
        self._path = folder / f"{_DRAFT_PREFIX}{uuid.uuid4().hex}"
        with explaining("write", self._path):
            make_folder(folder)
            self._file = self._path.open("xb")

    def write(self, data: bytes) -> None:
        """Add to the file.

        Raises:
            WorldError: the disk is full or broken.
        """
        with explaining("write", self._path):
            self._file.write(data)

    def publish(self, target: Path) -> None:
        """Put the whole file on the disk and give it its name, in place of any file that has it.

        Raises:
            WorldError: the disk is full or broken; nothing is visible then.
        """
        with explaining("write", target):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            make_folder(target.parent)
            self._path.replace(target)
            _sync_folder(target.parent)

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing flushes: on a full disk that fails once more and says nothing new. A draft that stays is for retention.
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def write_file(target: Path, data: bytes) -> None:
    """Write a file so that `target` is never seen half written.

    Raises:
        WorldError: the disk is full or broken; nothing is visible then.
    """
    with Draft(target.parent) as draft:
        draft.write(data)
        draft.publish(target)


def read_file(path: Path, sha256: str) -> bytes | None:
    """Return the content of a file whose SHA-256 is known; None where it is not there or not what was written.

    A damaged file is removed, which the log says, so that it is made again.

    Raises:
        WorldError: the disk is broken.
    """
    with explaining("read", path):
        try:
            with path.open("rb") as file:
                data = file.read()
                number = os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return None
        found = hashlib.sha256(data).hexdigest()
        if found == sha256:
            return data
        _log.warning("Removed %s: its content has the SHA-256 %s and not %s; it is made again.", path, found, sha256)
        with contextlib.suppress(FileNotFoundError):
            # Somebody may have put a sound one in its place meanwhile.
            if path.stat().st_ino == number:
                path.unlink()
    return None


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each on the disk before anything is put into it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def remove_unused(root: Path, kept: Iterable[Path], older_than_seconds: float) -> int:
    """Remove the files below `root` that are not among `kept` and were not used for this long; return how many.

    What a crash left half written is removed after a day, and not counted.

    Raises:
        WorldError: a file can't be removed.
    """
    keep = set(kept)
    present = time.time()
    removed = 0
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            is_draft = name.startswith(_DRAFT_PREFIX)
            if path in keep:
                continue
            with explaining("remove", path), contextlib.suppress(FileNotFoundError):
                age = present - path.stat().st_mtime
                if age > (_DRAFT_ABANDONED_SECONDS if is_draft else older_than_seconds):
                    path.unlink()
                    removed += not is_draft
    return removed


def touch(path: Path) -> None:
    """Say that a file is in use, so that retention leaves it; that it has vanished is found out by reading it."""
    with explaining("touch", path), contextlib.suppress(FileNotFoundError):
        os.utime(path)


@contextlib.contextmanager
def explaining(action: str, path: Path) -> Iterator[None]:
    """Turn the system's errors into ours: which file, why, what to do."""
    try:
        yield
    except OSError as error:
        hint = {
            errno.ENOSPC: "Free space on that disk, or shorten the retention in config/ingest.yaml.",
            errno.EDQUOT: "Raise the quota or free space.",
            errno.EACCES: "Give the user who runs docgraph the right to write there.",
            errno.EROFS: "Mount that file system writable.",
        }.get(error.errno or 0, "Check that disk and the folders in the settings.")
        raise WorldError(f"Can't {action} {path}: {error.strerror or error}. {hint}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
