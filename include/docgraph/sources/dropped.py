"""What lies in a watch folder: files, complete or not, files that share an address, and what can't be taken out of it.

It only looks; `filesystem.DropFolder` moves.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from docgraph.sources.files import is_passing, printable

READY_SUFFIX = ".ready"
#: Longest path that Linux takes, bytes, and what claiming adds to one at most.
_PATH_MAX = 4_096
_CLAIM_BYTES = 80


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
class Stuck:
    """Something in the watch folder that can't be taken out of it, and why; it stays until a person changes that."""

    path: Path
    relative: str
    reason: str


def dropped_files(watch_root: Path) -> list[Dropped]:
    """Return the files that lie in the watch folder, complete or not, and markers that announce nothing.

    A link to a folder counts as a file: what is behind it is never read.
    """
    found = dict(visible_files(watch_root))
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


def visible_files(root: Path, on_error: Callable[[OSError], None] | None = None) -> Iterator[tuple[Path, str]]:
    """Yield each file below a folder with its state, and links to folders; `on_error` is told what can't be looked at."""
    for above, folders, names in os.walk(root, onerror=on_error):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if os.path.islink(os.path.join(above, name))]
        for name in (*names, *links):
            if is_passing(name):
                continue
            path = Path(above) / name
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            except OSError as error:
                # A folder whose names may be read and nothing else: what lies in the others is taken.
                if on_error is not None:
                    on_error(error)
                if isinstance(error, PermissionError):
                    break
                continue
            parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            yield path, "-".join(map(str, parts))


class Obstacles:
    """Why files can't be moved into the folder of claimed ones; for one look, each folder is asked once."""

    def __init__(self, claimed_root: Path) -> None:
        """Look at where claimed files go."""
        self._device = _device(claimed_root)
        self._folders: dict[Path, str] = {}

    def of(self, dropped: Dropped) -> str:
        """Return the reason; empty where the file can be moved, as far as can be known before it is tried."""
        path = dropped.marker if dropped.missing and dropped.marker else dropped.path
        if len(os.fsencode(path)) + _CLAIM_BYTES > _PATH_MAX:
            return "its path is too long; shorten the names of its folders"
        folder = path.parent
        if folder not in self._folders:
            self._folders[folder] = self._obstacle(folder)
        return self._folders[folder] or _held_by_owner(path)

    def _obstacle(self, folder: Path) -> str:
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            return (
                f"docgraph may not move files out of {printable(str(folder))}; give its user the right to write there"
            )
        if self._device not in {None, _device(folder)}:
            return f"{printable(str(folder))} is on another file system than the folder of claimed files; drop files beside it"
        return ""


def stuck(watch_root: Path, claimed_root: Path) -> list[Stuck]:
    """Return what lies in the watch folder and can't be taken, with the reason, by path."""
    unreadable: list[OSError] = []
    for _ in visible_files(watch_root, unreadable.append):
        pass
    obstacles = Obstacles(claimed_root)
    found = [
        Stuck(each.path, each.relative, reason) for each in dropped_files(watch_root) if (reason := obstacles.of(each))
    ]
    for error in unreadable:
        path = Path(error.filename or watch_root)
        hint = "let docgraph's user read it" if isinstance(error, PermissionError) else "check its disk"
        relative = path.relative_to(watch_root).as_posix() if path.is_relative_to(watch_root) else str(path)
        found.append(Stuck(path, relative, f"it can't be read ({error.strerror}); {hint}"))
    return sorted(found, key=lambda each: each.relative)


def namesakes(files: Iterable[Dropped], address_of: Callable[[str], str]) -> dict[Path, Sequence[Dropped]]:
    """Return the files that share an address with others, each with all who share it, the one that keeps it first.

    Names may differ only in how their characters are composed, or in bytes that are no UTF-8. The name keeps the address that
    is spelled as the address is.
    """
    sharing: dict[str, list[Dropped]] = defaultdict(list)
    for each in files:
        if not each.missing:
            sharing[address_of(each.relative)].append(each)
    return {
        each.path: group
        for found in sharing.values()
        if len(found) > 1
        for group in [sorted(found, key=lambda one: (not is_canonical(one.relative), one.relative))]
        for each in group
    }


def is_canonical(relative: str) -> bool:
    """Tell whether a name is spelled as its address is: in UTF-8, its characters composed (NFC)."""
    return relative == unicodedata.normalize("NFC", printable(relative))


def is_utf8(relative: str) -> bool:
    """Tell whether a name, as the system gives it, is UTF-8."""
    return relative == printable(relative)


def _device(path: Path) -> int | None:
    for each in (path, *path.parents):
        try:
            return each.stat().st_dev
        except OSError:
            continue
    return None


def _held_by_owner(path: Path) -> str:
    """Tell whether the folder's sticky bit keeps the file for its owner, as in /tmp."""
    try:
        folder = path.parent.stat()
        if not folder.st_mode & stat.S_ISVTX or os.geteuid() in {0, folder.st_uid, path.lstat().st_uid}:
            return ""
    except OSError:
        return ""
    return "its folder lets only owners move their files (sticky bit); drop it as docgraph's user, or take the bit away"
