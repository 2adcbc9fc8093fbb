"""The link `source`: what still lies in the watch folder, and why."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from docgraph.diagnosis.chain import BrokenError, Case
from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.formats import content_type_of
from docgraph.sources import filesystem
from docgraph.sources.filesystem import READY_SUFFIX, SOURCE_PREFIX


@dataclass(frozen=True, slots=True)
class Drop:
    """What lies in the watch folder under a name: the file, its marker, and whether it was claimed but not put aside."""

    path: Path
    exists: bool
    marker: bool
    claimed: bool
    done: bool


def watched(uri: str) -> str:
    """Return the path below the watch folder that an address stands for; empty for other addresses."""
    if not uri.startswith(SOURCE_PREFIX):
        return ""
    relative = unquote(uri.removeprefix(SOURCE_PREFIX))
    return "" if ".." in relative.split("/") else relative


def dropped(watch_root: Path, relative: str) -> Drop:
    """Return what lies in the watch folder, and beside it, under this path."""
    path = watch_root / relative
    if not path.exists() and path.parent.is_dir():
        # A name may be composed differently on disk than in the address.
        named = (each for each in path.parent.iterdir() if unicodedata.normalize("NFC", each.name) == path.name)
        path = next(named, path)
    beside = watch_root.parent
    return Drop(
        path=path,
        exists=path.is_symlink() or path.exists(),
        marker=path.with_name(path.name + READY_SUFFIX).exists(),
        claimed=any((folder / relative).exists() for folder in filesystem.left_claimed(watch_root)),
        done=(beside / "done" / relative).exists(),
    )


def source(case: Case) -> tuple[str, str]:
    """Say whether the document still waits where it comes from.

    Raises:
        BrokenError: the link is missing.
    """
    relative = watched(case.uri)
    if not relative:
        return "sent", f"{case.uri} is sent by its owner; docgraph does not watch it."
    runtime = case.runtime
    drop = dropped(runtime.settings.watch_root, relative)
    if drop.exists:
        raise _waiting_in_folder(case, drop, relative)
    if drop.marker:
        raise BrokenError(
            "marker_without_file",
            f"{relative}{READY_SUFFIX} announces {relative}, but that file is not in the watch folder.",
            f"Drop {relative} into {runtime.settings.watch_root}, or remove the marker.",
        )
    if drop.claimed:
        raise BrokenError(
            "left_claimed",
            f"{relative} was taken from the watch folder, but a crash or a store that is away kept it from being queued.",
            f"It is taken up again by the next round of the watcher. {airflow_advice(case)}",
        )
    return (
        "taken",
        f"{relative} was taken from the watch folder." if drop.done else "Nothing waits in the watch folder.",
    )


def _waiting_in_folder(case: Case, drop: Drop, relative: str) -> BrokenError:
    """Say why a file still lies in the watch folder."""
    config, root = case.runtime.config.watch, case.runtime.settings.watch_root
    own = filesystem.tag_of(relative, config.default_tag)
    if own != case.tag:
        return BrokenError(
            "other_dataset",
            f"{relative} lies in the watch folder, but its first folder puts it into the dataset {own!r}, not {case.tag!r}.",
            f"Ask with --tag {own}, or move it to {root / case.tag}.",
        )
    settle = config.settle_seconds
    if drop.path not in {each.path for each in filesystem.dropped_files(root)}:
        return BrokenError(
            "ignored_name",
            f"{relative} lies in the watch folder, but names like this (hidden, or what editors and copying tools leave for "
            "a moment) are never taken.",
            "Rename it, for instance to end in .md.",
        )
    if content_type_of(drop.path.name) is None:
        return BrokenError(
            "unsupported_format",
            f"{relative} lies in the watch folder, but no reader exists for this kind of file; its job will fail.",
            "Convert it to Markdown and drop it under a name that ends in .md.",
        )
    status = drop.path.lstat()
    age = time.time() - max(status.st_mtime, status.st_ctime)
    # A time that lies ahead tells of a clock that was put back, and nothing about the file.
    if not drop.marker and 0 <= age < settle:
        return BrokenError(
            "settling",
            f"{relative} was still being written {age:.1f} s ago; it is taken once it stood still for {settle:g} s.",
            f"Wait {settle - age:.1f} s, or drop {drop.path.name}{READY_SUFFIX} beside it to say that it is complete.",
        )
    return BrokenError(
        "waiting_for_watcher",
        f"{relative} is complete and lies in the watch folder, but nobody has taken it yet.",
        f"The DAG watch_filesystem takes it within seconds. {airflow_advice(case)}",
    )


def airflow_advice(case: Case) -> str:
    """Say whether Airflow can go on with it."""
    if case.airflow is None:
        return "If it does not, look at Airflow."
    try:
        case.airflow.ping()
    except (StoreUnavailableError, ConfigurationError) as error:
        return f"It can't now: {error}"
    return "Airflow is well; if nothing happens, see in its UI that the DAG is not paused."
