"""The watch folder: files that somebody drops become jobs.

The first folder below the watch folder is the tag, else the default tag holds. `a.md.ready` says that `a.md` is complete;
without it a file is taken once somebody saw it stand still (`Stillness`). Order: claim by rename → snapshot → enqueue → put
aside; what a crash left claimed is taken up again, which is harmless, because the same bytes make the same job.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from docgraph.domain.errors import DocumentError, DocumentTooLargeError
from docgraph.domain.identity import is_tag, uri_for_path
from docgraph.formats import content_type_of
from docgraph.ingest import intake
from docgraph.ingest.intake import NewJob
from docgraph.runtime.connections import Runtime
from docgraph.runtime.failpoints import failpoint
from docgraph.stores.blobs.local import explaining

logger = logging.getLogger(__name__)

READY_SUFFIX = ".ready"
SOURCE_PREFIX = "fs://ingest/watch/"
#: Names that editors, copying tools and operating systems leave for a moment.
_IGNORED_SUFFIXES = ("~", ".part", ".tmp", ".swp", ".crdownload")
UNKNOWN_CONTENT_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file in the watch folder; `missing` where only its marker is there.

    `state` is another text as soon as the file is written to, moved away or replaced.
    """

    path: Path
    relative: str
    marker: Path | None
    state: str
    missing: bool = False

    @property
    def announced(self) -> bool:
        """Whether a marker says that the file is complete."""
        return self.marker is not None and not self.missing


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the dropped files: job ids by tag."""

    jobs: dict[str, list[str]]


class Stillness:
    """Sees which files stand still, by a clock that nobody sets.

    A file's times say it only while nobody sets the wall clock: put forward, it makes half of a file look old; put back,
    it makes a complete one look as if it came from tomorrow.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Call a file still that did not change for `seconds`."""
        self._seconds = seconds
        self._clock = clock
        self._since: dict[str, float] = {}

    def of(self, files: Sequence[Dropped]) -> list[Dropped]:
        """Return those of the files that were seen in their present state for long enough; asked again and again, it learns."""
        present = self._clock()
        self._since = {file.state: self._since.get(file.state, present) for file in files}
        return [file for file in files if present - self._since[file.state] >= self._seconds]


def dropped_files(watch_root: Path) -> list[Dropped]:
    """Return the files that lie in the watch folder, complete or not, and markers that announce nothing."""
    found = dict(_visible_files(watch_root))
    dropped: list[Dropped] = []
    for path, state in found.items():
        relative = path.relative_to(watch_root).as_posix()
        if path.name.endswith(READY_SUFFIX):
            target = path.with_name(path.name.removesuffix(READY_SUFFIX))
            if target not in found:
                dropped.append(Dropped(target, relative.removesuffix(READY_SUFFIX), path, state, missing=True))
            continue
        marker = path.with_name(path.name + READY_SUFFIX)
        dropped.append(Dropped(path, relative, marker if marker in found else None, state))
    return dropped


def _visible_files(root: Path) -> Iterator[tuple[Path, str]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.startswith(".") or name.endswith(_IGNORED_SUFFIXES):
                continue
            path = Path(folder) / name
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            yield path, "-".join(map(str, parts))


def left_claimed(watch_root: Path) -> list[Path]:
    """Return the folders of files that were claimed but not yet put aside."""
    root = _claimed_root(watch_root)
    return sorted(root.iterdir()) if root.is_dir() else []


def is_announced(watch_root: Path, files: Sequence[Dropped]) -> bool:
    """Whether something may be taken at once: one of the files is announced, or a crash left one claimed."""
    return any(file.announced for file in files) or bool(left_claimed(watch_root))


def _claimed_root(watch_root: Path) -> Path:
    return watch_root.parent / "claimed"


def take(runtime: Runtime, still: Collection[str] = ()) -> Taken:
    """Turn every complete file of the watch folder, and what a crash left claimed, into queued jobs.

    Complete is what is announced, and what is still in one of the states that `Stillness` has seen for long enough.

    Raises:
        WorldError: Redis can't be reached, or the disk is full; the files stay claimed and are taken up by the next call.
    """
    watch_root = runtime.settings.watch_root
    claimed_root = _claimed_root(watch_root)
    for dropped in dropped_files(watch_root):
        if dropped.announced or dropped.state in still:
            with explaining("take", dropped.path):
                _claim(dropped, claimed_root / uuid.uuid4().hex)
    jobs: dict[str, list[str]] = {}
    for folder in left_claimed(watch_root):
        for tag, job_id in _enqueue_folder(runtime, folder):
            jobs.setdefault(tag, []).append(job_id)
    return Taken(jobs)


def _claim(dropped: Dropped, folder: Path) -> None:
    """Move one file out of the watch folder; from here on a writer's next file of that name is another drop."""
    target = folder / dropped.relative
    target.parent.mkdir(parents=True, exist_ok=True)
    if dropped.missing and dropped.marker:
        dropped.marker.rename(target.with_name(target.name + READY_SUFFIX))
        return
    try:
        dropped.path.rename(target)
    except FileNotFoundError:
        logger.info("%s went away before it was taken", dropped.relative)
    if dropped.marker:
        dropped.marker.unlink(missing_ok=True)


def _enqueue_folder(runtime: Runtime, folder: Path) -> Iterator[tuple[str, str]]:
    for path, _ in sorted(_visible_files(folder)):
        relative = path.relative_to(folder).as_posix()
        failpoint("watch.before_enqueue")
        tag, job_id = _enqueue(runtime, path, relative)
        failpoint("watch.after_enqueue")
        with explaining("put aside", path):
            _put_aside(path, runtime.settings.watch_root.parent / "done" / relative)
        yield tag, job_id
    shutil.rmtree(folder, ignore_errors=True)


def _enqueue(runtime: Runtime, path: Path, relative: str) -> tuple[str, str]:
    """Snapshot and enqueue one claimed file; one that can't become a document becomes a failed job that says why."""
    tag = tag_of(relative, runtime.config.watch.default_tag)
    missing = path.name.endswith(READY_SUFFIX)
    name = _printable(relative.removesuffix(READY_SUFFIX) if missing else relative)
    new = NewJob(
        source_uri=uri_for_path(SOURCE_PREFIX, name),
        tag=tag,
        content_type=content_type_of(name) or UNKNOWN_CONTENT_TYPE,
    )
    try:
        _check_file(path, name, missing, runtime.config.limits.max_document_bytes)
        snapshot = runtime.snapshots.put_file(path)
        new = NewJob(new.source_uri, tag, snapshot.sha256, new.content_type, size=snapshot.size)
        return tag, intake.accept(runtime, [new])[0].job_id
    except DocumentError as error:
        return tag, intake.refuse(runtime, new, error)


def _check_file(path: Path, name: str, missing: bool, limit: int) -> None:
    if missing:
        raise DocumentError(
            f"{name}{READY_SUFFIX} announces {name}, but that file isn't there; drop the file, then the marker."
        )
    if path.is_symlink() or not path.is_file():
        raise DocumentError(f"{name} is a link or no regular file; copy the file itself into the watch folder.")
    # Before anything is copied: what is refused anyway need not fill the snapshot store first.
    if (size := path.stat().st_size) > limit:
        raise DocumentTooLargeError(
            f"{name} has {size:,} bytes, more than the limit of {limit:,}; split the document, or raise "
            "limits.max_document_bytes in config/ingest.yaml."
        )


def tag_of(relative: str, default_tag: str) -> str:
    """Return the dataset of a dropped file: its first folder where that can be a tag, else the default."""
    first, separator, _ = relative.partition("/")
    if not separator:
        return default_tag
    lowered = first.lower()
    return lowered if is_tag(lowered) else default_tag


def _printable(name: str) -> str:
    """Return a file name as text: bytes that are no UTF-8 become the replacement character."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _put_aside(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
