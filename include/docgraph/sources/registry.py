"""The kinds of sources (built in, or offered by installed packages as `docgraph.sources`), and the sources that are configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from docgraph.domain.errors import ConfigurationError
from docgraph.domain.plug_ins import with_plug_ins
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import Settings
from docgraph.sources import filesystem, folder, s3
from docgraph.sources.base import Source
from docgraph.sources.http import source as http
from docgraph.sources.http.options import HttpOptions
from docgraph.sources.options import Options

ENTRY_POINT_GROUP = "docgraph.sources"


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source: its name in the configuration, and what makes a source of it.

    `make` raises ConfigurationError where the source can't be as it is configured.
    """

    name: str
    make: Callable[[SourceConfig, Settings, IngestConfig], Source]
    #: Seconds between two looks where the configuration names none.
    poll_seconds: float = 5.0
    #: What its `options` may be.
    options: type[Options] = Options

    def seconds(self, wanted: SourceConfig) -> float:
        """Return the seconds between two looks at a source of this kind."""
        return self.poll_seconds if wanted.poll_seconds is None else wanted.poll_seconds


BUILT_IN = (
    SourceKind("filesystem", filesystem.make, poll_seconds=0.5),
    SourceKind("folder", folder.make, poll_seconds=2.0, options=folder.FolderOptions),
    SourceKind("http", http.make, poll_seconds=http.POLL_SECONDS, options=HttpOptions),
    SourceKind("s3", s3.make, poll_seconds=30.0, options=s3.S3Options),
)


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, SourceKind]:
    """Return all kinds of sources by name: the built-in ones, then plug-ins by name of their entry point.

    Raises:
        ConfigurationError: a plug-in can't be loaded, is no kind of source, or has the name of another one.
    """
    return with_plug_ins(
        BUILT_IN,
        group=ENTRY_POINT_GROUP,
        noun="kind of source",
        kind=SourceKind,
        otherwise=lambda made: f"is a {type(made).__name__}, not a docgraph.sources.registry.SourceKind.",
    )


def source_of(wanted: SourceConfig, settings: Settings, config: IngestConfig) -> Source:
    """Make one source.

    Raises:
        ConfigurationError: its kind is unknown, or it can't be as it is configured.
    """
    return kind_of(wanted, settings).make(wanted, settings, config)


def kind_of(wanted: SourceConfig, settings: Settings) -> SourceKind:
    """Return the kind that a configured source names.

    Raises:
        ConfigurationError: no such kind is known.
    """
    kind = kinds().get(wanted.kind)
    if kind is None:
        raise ConfigurationError(
            f"{settings.config_file}: sources: {wanted.name}: kind: {wanted.kind!r} is no kind of source; known are "
            f"{', '.join(sorted(kinds()))}. A plug-in that offers it has to be installed beside docgraph."
        )
    return kind


def sources_of(settings: Settings, config: IngestConfig) -> list[Source]:
    """Make every configured source.

    Raises:
        ConfigurationError: as `configured` says.
    """
    return [source for _, source in configured(settings, config)]


def configured(settings: Settings, config: IngestConfig) -> list[tuple[SourceConfig, Source]]:
    """Make every configured source; returns each beside what is configured of it.

    Raises:
        ConfigurationError: one of them can't be made, or two folders lie in each other, so that a file would be taken twice.
    """
    made = [(wanted, source_of(wanted, settings, config)) for wanted in config.configured_sources]
    dropped = [source for _, source in made if isinstance(source, filesystem.DropFolder)]
    folders = [source for _, source in made if isinstance(source, filesystem.DropFolder | folder.FolderMirror)]
    for one in dropped:
        for other in folders:
            if one is not other and (
                one.root == other.root or one.root in other.root.parents or other.root in one.root.parents
            ):
                raise ConfigurationError(
                    f"{settings.config_file}: sources: the folders of {one.name} ({one.root}) and {other.name} ({other.root}) are "
                    "the same, or one lies in the other, so that both would take the same files; give them folders of their own."
                )
    return made
