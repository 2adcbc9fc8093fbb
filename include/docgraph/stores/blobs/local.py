"""Blobs as files below one folder, and the one way in which this code base writes a file: wholly there, or not at all.

The only place that knows renames, inode numbers, file times and folders. A blob's file is where its key says, so that a person
finds it; files under way and the lock begin with a dot and are no blobs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from docgraph.domain.errors import InfrastructureError
from docgraph.stores.blobs.base import Blob, BlobStat, KeyOrNaming, checked_key

#: Files under way; the second kind is what version 0.1.0 left beside the files of reports.
_DRAFT = re.compile(r"\.draft-.*|\..+\.[0-9a-f]{12}")
#: Age at which a file under way is what a crash left behind, seconds.
_DRAFT_ABANDONED_SECONDS = 24 * 3600.0
#: How often a folder may vanish between its making and its use, because another process removed the last blob in it.
_TRIES = 20


class LocalBlobs:
    """A `BlobStore` of files below `root`, which is made with the first blob."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: KeyOrNaming, data: bytes | Iterable[bytes], *, new: bool = False) -> bool:
        """See `BlobStore`."""
        with Draft(self._root) as draft:
            for chunk in (data,) if isinstance(data, bytes) else data:
                draft.write(chunk)
            return draft.publish(self._path(key if isinstance(key, str) else key()), new=new)

    def get(self, key: str) -> Blob | None:
        """See `BlobStore`."""
        path = self._path(key)
        with explaining("read", path):
            try:
                with path.open("rb") as file:
                    return Blob(file.read(), _version(os.fstat(file.fileno())))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def stat(self, key: str) -> BlobStat | None:
        """See `BlobStore`."""
        path = self._path(key)
        with explaining("look at", path):
            status = _file_status(path)
        return None if status is None else _stat(key, status)

    def list(self, prefix: str = "") -> Iterator[BlobStat]:
        """See `BlobStore`."""
        for path, status in self._files(self._root / prefix.rpartition("/")[0]):
            key = path.relative_to(self._root).as_posix()
            if not path.name.startswith(".") and key.startswith(prefix):
                yield _stat(key, status)

    def delete(self, key: str, *, version: str | None = None) -> None:
        """See `BlobStore`."""
        path = self._path(key)
        with explaining("remove", path), contextlib.suppress(FileNotFoundError):
            status = _file_status(path)
            if status is not None and version in {None, _version(status)}:
                path.unlink()
                self._prune(path.parent)

    def touch(self, key: str) -> None:
        """See `BlobStore`."""
        path = self._path(key)
        with explaining("touch", path), contextlib.suppress(FileNotFoundError):
            if _file_status(path) is not None:
                os.utime(path)

    def point(self, name: str, target: str) -> None:
        """See `BlobStore`: a symbolic link beside the folder that it points to."""
        link = self._path(name)
        checked_key(target)
        with explaining("write", link):
            make_folder(self._root)
            with (self._root / ".lock").open("w") as lock:
                # One writer at a time, so that the link never goes back.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if (self.target(name) or "") < target:
                    draft = link.with_name(f".draft-{secrets.token_hex(6)}")
                    draft.symlink_to(target)
                    draft.replace(link)

    def target(self, name: str) -> str | None:
        """See `BlobStore`."""
        link = self._path(name)
        with explaining("read", link):
            return os.readlink(link) if link.is_symlink() else None

    def remove_abandoned(self) -> None:
        """See `BlobStore`."""
        for path, status in self._files(self._root):
            if _DRAFT.fullmatch(path.name) and time.time() - status.st_mtime > _DRAFT_ABANDONED_SECONDS:
                with explaining("remove", path):
                    path.unlink(missing_ok=True)
                self._prune(path.parent)

    def address(self, key: str = "") -> str:
        """See `BlobStore`."""
        return str(self._path(key) if key else self._root)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _files(self, folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield what is below a folder and is no folder itself, as it is when it is reached."""
        with explaining("list", folder):
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from self._files(Path(entry.path))
                continue
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(entry.path)
                if stat.S_ISREG(status.st_mode) or _DRAFT.fullmatch(entry.name):
                    yield Path(entry.path), status

    def _prune(self, folder: Path) -> None:
        """Remove a folder that has nothing in it any more, and those above it for which that is true then."""
        with contextlib.suppress(OSError):
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent


class Draft:
    """A file under way: `publish` makes it visible under its name, leaving the block without that removes it.

    The folder of the draft and the folder that it is published to must be on one file system.
    """

    def __init__(self, folder: Path, mode: int = 0o666) -> None:
        """Begin a file in `folder`, which only those may open whom `mode` names from the first.

        Raises:
            InfrastructureError: the folder can't be written to.
        """
        self._path = folder / f".draft-{uuid.uuid4().hex}"
        with explaining("write", self._path):
            make_folder(folder)
            self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")

    def write(self, data: bytes) -> None:
        """Add to the file.

        Raises:
            InfrastructureError: the disk is full or broken.
        """
        with explaining("write", self._path):
            self._file.write(data)

    def publish(self, target: Path, *, new: bool = False) -> bool:
        """Put the whole file on the disk and give it its name, in place of any file that has it; with `new`, of none.

        Raises:
            InfrastructureError: the disk is full or broken; nothing is visible then.
        """
        with explaining("write", target):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            for left in reversed(range(_TRIES)):
                try:
                    make_folder(target.parent)
                    if new:
                        os.link(self._path, target)
                    else:
                        self._path.replace(target)
                    break
                except FileExistsError:
                    if not (new and target.is_file()):
                        raise
                    return False
                except FileNotFoundError:
                    if not left:
                        raise
            # Without a folder the blob was removed in this very moment, and nothing of it has to last.
            with contextlib.suppress(FileNotFoundError):
                _sync_folder(target.parent)
        return True

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


def write_file(target: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file so that `target` is never seen half written, nor by anyone whom `mode` does not name.

    Raises:
        InfrastructureError: the disk is full or broken; nothing is visible then.
    """
    with Draft(target.parent, mode) as draft:
        draft.write(data)
        draft.publish(target)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each on the disk before anything is put into it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


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
        raise InfrastructureError(f"Can't {action} {path}: {error.strerror or error}. {hint}") from error


def _file_status(path: Path) -> os.stat_result | None:
    """Return what the system knows of a file; None where there is none, or something else."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _stat(key: str, status: os.stat_result) -> BlobStat:
    return BlobStat(key, status.st_size, status.st_mtime, _version(status))


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_mtime_ns}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
