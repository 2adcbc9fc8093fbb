"""A folder that stays as it is (a git work tree, a mounted share): its documents are read where they lie.

A file is another version when its size or one of its times is another. It is taken once it was seen to stand still, and so is
its absence, because an editor that saves and a checkout that switches remove files for a moment.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pathspec import GitIgnoreSpec
from pydantic import Field

from docgraph.domain.content_types import content_type_of
from docgraph.domain.errors import ConfigurationError, DocumentError, DocumentTooLargeError, InfrastructureError
from docgraph.domain.identity import uri_for_path
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import Settings
from docgraph.sources.base import Change, ChangedMeanwhileError, Cursor, Location, Place, SyncPlan
from docgraph.sources.files import PatternOptions, Patterns, is_passing, path_below, printable
from docgraph.sources.options import options_of
from docgraph.sources.stillness import Stillness

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 2**20


class FolderOptions(PatternOptions):
    """Which files of the folder are documents; patterns are those of `.gitignore`, relative to the folder."""

    gitignore: bool = Field(default=True, description="Whether files that git ignores are left out.")


class FolderMirror:
    """A folder whose documents are mirrored; nothing in it is moved or written."""

    remembers = True

    def __init__(
        self,
        root: Path,
        *,
        name: str,
        tag: str,
        settle_seconds: float = 2.0,
        max_bytes: int = 64 * 2**20,
        options: FolderOptions | None = None,
    ) -> None:
        """Mirror `root` into the dataset `tag`; what has changed is taken once it stood still for `settle_seconds`."""
        self.name = name
        self.root = root
        self._tag = tag
        self._prefix = f"fs://{name}/"
        self._settle_seconds = settle_seconds
        self._max_bytes = max_bytes
        self._choice = _Choice(root, options or FolderOptions())
        self._stillness = Stillness(settle_seconds)

    def covers(self, uri: str) -> bool:
        """Tell whether the address is one of this folder's."""
        return bool(path_below(self._prefix, uri))

    def plan(self, cursor: Cursor) -> SyncPlan:
        """Return what differs from the cursor, still or not.

        Raises:
            InfrastructureError: the folder, or one in it, can't be read; a mount that is gone is no deletion.
        """
        return self._difference(cursor, self._present())

    def poll(self, cursor: Cursor) -> list[str] | None:
        """Look whether something differs from the cursor and stood still; returns what, as `changes` wants it."""
        still = self._stillness.of(_differences(self.plan(cursor)))
        return still or None

    def changes(self, cursor: Cursor, seen: Collection[str] = ()) -> Iterator[Change]:
        """Yield what differs from the cursor and was `seen` to stand still; for what nobody looked at before, this looks twice.

        Raises:
            InfrastructureError: the folder can't be read.
        """
        still = set(seen)
        present = self._present()
        plan = self._difference(cursor, present)
        if not still.issuperset(_difference(uri, "") for uri in plan.removed) or not (still or plan.is_empty):
            time.sleep(self._settle_seconds)
            still.update(_differences(plan))
            present = self._present()
            plan = self._difference(cursor, present)
        still.intersection_update(_differences(plan))
        for uri in (*plan.added, *plan.changed):
            found = present[uri]
            if _difference(uri, found.version) in still:
                content_type = content_type_of(found.relative) or ""
                opened = partial(self._read, found)
                yield Change(uri, self._tag, found.version, content_type=content_type, open=opened)
        for uri in plan.removed:
            if _difference(uri, "") in still:
                yield Change(uri, self._tag, "", deleted=True)

    def settle(self, change: Change) -> None:
        """Do nothing: the cursor says what is settled, and the original stays."""

    def locate(self, uri: str) -> Location:
        """Return whether the file is there and would be taken."""
        relative = path_below(self._prefix, uri)
        path = self.root / relative
        found = self._present().get(uri)
        if found is not None:
            path = found.path
            status = path.lstat()
            age = time.time() - max(status.st_mtime, status.st_ctime)
            place = Place.SETTLING if 0 <= age < self._settle_seconds else Place.WAITING
            return Location(place, relative, self._tag, path, age, self._settle_seconds)
        place = Place.IGNORED if path.is_symlink() or path.exists() else Place.ABSENT
        return Location(place, relative, self._tag, path)

    def remove_settled(self, older_than_seconds: float) -> int:
        """Remove nothing: no original is put aside."""
        del older_than_seconds
        return 0

    def _difference(self, cursor: Cursor, present: Mapping[str, _Found]) -> SyncPlan:
        return SyncPlan.between(self.name, cursor, {uri: found.version for uri, found in present.items()})

    def _present(self) -> dict[str, _Found]:
        present: dict[str, _Found] = {}
        for found in self._choice.files():
            uri = uri_for_path(self._prefix, found.relative)
            if uri in present:
                # The same name, composed in two ways: an address has one document.
                logger.warning("%s and %s have one address; the second is left out", present[uri].path, found.path)
                continue
            present[uri] = found
        return present

    def _read(self, found: _Found) -> Iterable[bytes]:
        """Give the bytes of the very version that the look saw."""
        if found.size > self._max_bytes:
            raise DocumentTooLargeError.of(found.relative, found.size, self._max_bytes)
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ChangedMeanwhileError(f"{found.path} has gone since it was seen; the next look says so.") from error
        except PermissionError as error:
            raise DocumentError(
                f"{found.path} can't be read: {error.strerror}; let the user who runs the workers read it."
            ) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ChangedMeanwhileError(
                    f"{found.path} became a link since it was seen, which is not followed."
                ) from error
            raise InfrastructureError(f"Can't read {found.path}: {error.strerror}; check its disk or share.") from error
        with _reading(found.path), os.fdopen(descriptor, "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
            if _version(os.fstat(file.fileno())) != found.version:
                raise ChangedMeanwhileError(f"{found.path} was written to while it was read; the next look takes it.")


def make(wanted: SourceConfig, settings: Settings, config: IngestConfig) -> FolderMirror:
    """Make the source of kind `folder` that the configuration describes."""
    if not wanted.where:
        raise ConfigurationError(
            f"{settings.config_file}: sources: {wanted.name}: where: a source of kind folder needs the folder that it mirrors."
        )
    return FolderMirror(
        settings.workspace / Path(wanted.where).expanduser(),
        name=wanted.name,
        tag=wanted.tag,
        settle_seconds=wanted.settle_seconds,
        max_bytes=config.limits.max_document_bytes,
        options=options_of(wanted, FolderOptions, settings.config_file),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    relative: str
    version: str
    size: int


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = (
            "Let the user who runs the workers read it, or leave it out with options.exclude."
            if isinstance(error, PermissionError)
            else "Check that it is there, and that its disk or share is mounted: what can't be read counts as there."
        )
        raise InfrastructureError(f"Can't read {path}: {error.strerror or error}. {hint}") from error


class _Choice:
    """Which files below a folder are its documents."""

    def __init__(self, root: Path, options: FolderOptions) -> None:
        self._root = root
        self._patterns = Patterns(options)
        self._gitignore = options.gitignore

    def files(self) -> Iterator[_Found]:
        """Yield them by path.

        Raises:
            InfrastructureError: a folder can't be read.
        """
        yield from self._below(self._root, "", self._above() if self._gitignore else ())

    def _below(self, folder: Path, prefix: str, ignores: Sequence[_Ignore]) -> Iterator[_Found]:
        with _reading(folder):
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        if self._gitignore and any(entry.name == ".gitignore" for entry in entries):
            ignores = (*ignores, *_ignores(folder / ".gitignore", folder))
        for entry in entries:
            if is_passing(entry.name):
                continue
            relative = prefix + printable(entry.name)
            if entry.is_dir(follow_symlinks=False):
                path = f"{relative}/"
                if not self._patterns.excludes(path) and not _is_ignored(entry.path + "/", ignores):
                    yield from self._below(Path(entry.path), path, ignores)
            elif (
                entry.is_file(follow_symlinks=False)
                and self._patterns.choose(relative)
                and not _is_ignored(entry.path, ignores)
            ):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield _Found(Path(entry.path), relative, _version(status), status.st_size)

    def _above(self) -> tuple[_Ignore, ...]:
        """What the work tree says of which the folder is a part; what the folder itself says is read with it."""
        top = next((each for each in (self._root, *self._root.parents) if (each / ".git").exists()), None)
        if top is None:
            return ()
        found = _ignores(top / ".git" / "info" / "exclude", top)
        for folder in reversed(self._root.parents):
            if folder.is_relative_to(top):
                found += _ignores(folder / ".gitignore", folder)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Ignore:
    folder: str
    spec: GitIgnoreSpec


def _ignores(file: Path, folder: Path) -> list[_Ignore]:
    if not file.is_file():
        return []
    with _reading(file):
        lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return [_Ignore(f"{folder}/", GitIgnoreSpec.from_lines(lines))]


def _is_ignored(path: str, ignores: Sequence[_Ignore]) -> bool:
    """Tell what git would: the nearest file that says something of the path decides."""
    for ignore in reversed(ignores):
        answer = ignore.spec.check_file(path.removeprefix(ignore.folder)).include
        if answer is not None:
            return answer
    return False


def _version(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "no file"
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def _difference(uri: str, version: str) -> str:
    return f"{uri} {version}"


def _differences(plan: SyncPlan) -> list[str]:
    present = [_difference(uri, plan.versions[uri]) for uri in (*plan.added, *plan.changed)]
    return present + [_difference(uri, "") for uri in plan.removed]
