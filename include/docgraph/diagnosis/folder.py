"""The link `source`: what still lies in the watch folder, or in another source, and why."""

from __future__ import annotations

from pathlib import Path

from docgraph.diagnosis.chain import BrokenError, Case
from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.formats import content_type_of
from docgraph.runtime.connections import Runtime
from docgraph.sources.base import Location, Place, Source, covering
from docgraph.sources.dropped import READY_SUFFIX
from docgraph.sources.registry import sources_of


def source_at(runtime: Runtime, uri: str) -> Source | None:
    """Return the configured source whose address this is."""
    return covering(sources_of(runtime.settings, runtime.config), uri)


def source(case: Case) -> tuple[str, str]:
    """Say whether the document still waits where it comes from.

    Raises:
        BrokenError: the link is missing.
    """
    own = source_at(case.runtime, case.uri)
    if own is None:
        return "sent", f"{case.uri} is sent by its owner; docgraph does not watch it."
    if own.remembers and case.runtime.state.cursors.has(own.name, case.uri):
        return "taken", f"{case.uri} was taken from the source {own.name}, which keeps its originals."
    location = own.locate(case.uri)
    name = location.name
    match location.place:
        case Place.WAITING | Place.SETTLING | Place.IGNORED:
            raise _waiting(case, own, location)
        case Place.ANNOUNCED_ONLY:
            raise BrokenError(
                "marker_without_file",
                f"{name}{READY_SUFFIX} announces {name}, but that file is not in the watch folder.",
                f"Drop {name} into {_folder(location)}, or remove the marker.",
            )
        case Place.CLAIMED:
            raise BrokenError(
                "left_claimed",
                f"{name} was taken from the watch folder, but a crash or a store that is unavailable kept it from being queued.",
                f"It is taken up again by the next round of the watcher. {airflow_advice(case)}",
            )
        case Place.SETTLED:
            return "taken", f"{name} was taken from the watch folder."
    return "taken", "Nothing waits in the watch folder."


def _folder(location: Location) -> Path | str:
    """Return the folder below which the location's name lies."""
    if location.path is None:
        return "the source"
    return location.path.parents[len(Path(location.name).parts) - 1]


def _waiting(case: Case, own: Source, location: Location) -> BrokenError:
    """Say why a document still waits at its source."""
    name = location.name
    if own.remembers and location.place is Place.WAITING:
        return BrokenError(
            "waiting_for_watcher",
            f"{name} is in the source {own.name}, for the dataset {location.tag!r}, but has not been taken yet.",
            f"The DAG watch_{own.name} takes it at one of its next looks; its log says why it can't. {airflow_advice(case)}",
        )
    if own.remembers and location.place is Place.IGNORED:
        return BrokenError(
            "ignored_name",
            f"{name} is in the source {own.name}, but is never taken: its name is hidden or of no kind that is read, or the source's "
            "options leave it out.",
            f"Rename it, or change options.include and options.exclude of {own.name} in config/ingest.yaml.",
        )
    if location.tag != case.tag:
        return BrokenError(
            "other_dataset",
            f"{name} lies in the watch folder, but its first folder puts it into the dataset {location.tag!r}, not {case.tag!r}.",
            f"Ask with --tag {location.tag}, or move it to {_folder(location)}/{case.tag}.",
        )
    if location.place is Place.IGNORED:
        return BrokenError(
            "ignored_name",
            f"{name} lies in the watch folder, but names like this (hidden, or what editors and copying tools leave for "
            "a moment) are never taken.",
            "Rename it, for instance to end in .md.",
        )
    if location.path is not None and content_type_of(location.path.name) is None:
        return BrokenError(
            "unsupported_format",
            f"{name} lies in the watch folder, but no reader exists for this kind of file; its job will fail.",
            "Convert it to Markdown and drop it under a name that ends in .md.",
        )
    if location.place is Place.SETTLING:
        return BrokenError(
            "settling",
            f"{name} was still being written {location.age:.1f} s ago; it is taken once it stood still for {location.settle:g} s.",
            f"Wait {location.settle - location.age:.1f} s, or drop {Path(name).name}{READY_SUFFIX} beside it to say that it is complete.",
        )
    return BrokenError(
        "waiting_for_watcher",
        f"{name} is complete and lies in the watch folder, but nobody has taken it yet.",
        f"The DAG watch_{own.name} takes it within seconds. {airflow_advice(case)}",
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
