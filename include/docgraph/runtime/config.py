"""What is ingested and how: `config/ingest.yaml`, validated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from docgraph.domain.errors import ConfigurationError
from docgraph.domain.identity import is_tag
from docgraph.domain.site_routes import Site


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SampleQuery(_Strict):
    """A question that the dataset must answer with evidence, optionally from a named place."""

    q: str = Field(min_length=1)
    #: Part of the source address (or of the heading) that one of the top hits must have.
    expect: str | None = None


class SiteConfig(_Strict):
    """A site that the dataset is published as, so that links written for it find the files they mean."""

    #: A path on the site (`/docs`) or an address (`https://example.org/docs`).
    base: str = Field(pattern=r"^(?:/|https?://[^/?#]+)[^?#]*$")
    #: Folder of the files published below it: a path (`/content`) or a whole address (`upload:///content`).
    files: str = Field(default="/", pattern=r"^(?:/|[a-z][a-z0-9+.-]*://)[^?#]*$")


class DatasetConfig(_Strict):
    """What is particular to one tag."""

    sample_queries: tuple[SampleQuery, ...] = ()
    sites: tuple[SiteConfig, ...] = ()

    @property
    def published(self) -> tuple[Site, ...]:
        """The sites, as links are resolved by them."""
        return tuple(Site(site.base, site.files) for site in self.sites)


class LimitsConfig(_Strict):
    """Sizes above which a document is refused."""

    max_document_bytes: int = Field(default=64 * 2**20, gt=0)
    max_sections: int = Field(default=25_000, gt=0)
    #: What reading one document may take in its child process.
    reader_seconds: float = Field(default=120.0, gt=0)
    reader_memory_bytes: int = Field(default=2 * 2**30, ge=256 * 2**20)


class PipelineConfig(_Strict):
    """How work is cut up."""

    max_batches: int = Field(default=4, ge=1, le=256)
    batch_bytes: int = Field(default=256 * 2**10, ge=1)
    embed_batch: int = Field(default=32, ge=1, le=2048)
    upsert_batch: int = Field(default=256, ge=1)
    max_attempts: int = Field(default=3, ge=1)


class VerdictConfig(_Strict):
    """What must hold for a dataset to be ready."""

    max_drift_pct: float = Field(default=0.5, ge=0)
    max_failed_share: float = Field(default=0.01, ge=0, le=1)
    min_confidence: float = Field(default=0.3, ge=0, le=1)
    probes: int = Field(default=3, ge=1, le=20)
    probe_top: int = Field(default=5, ge=1)
    #: Datasets up to this many sections are compared in full after each run; larger ones by exact counts (the audit is always in full).
    full_compare_sections: int = Field(default=20_000, ge=0)


class WatchConfig(_Strict):
    """How the watch folder is read."""

    default_tag: str = "docs"
    settle_seconds: float = Field(default=2.0, gt=0)

    @field_validator("default_tag")
    @classmethod
    def _is_tag(cls, value: str) -> str:
        if not is_tag(value):
            raise ValueError("a tag is 1 to 63 of a-z, 0-9 and '-', and starts with a letter or digit")
        return value


class GuardConfig(_Strict):
    """How many documents a source may lose at one look without a person's approval."""

    #: Part of the documents that are known of the source.
    share: float = Field(default=0.25, ge=0, le=1)
    documents: int = Field(default=1000, ge=0)
    #: So few may always go: a set of three pages must be able to lose one.
    spare: int = Field(default=3, ge=0)

    def withholds(self, removed: int, known: int) -> bool:
        """Tell whether the removal of so many of the known documents needs approval."""
        return removed > self.spare and (removed > self.documents or removed > self.share * known)


#: What an option of a kind of source may be.
OptionValue = str | int | float | bool | tuple[str, ...]


class SourceConfig(_Strict):
    """A place that documents come from."""

    #: Names the source's DAG (`watch_<name>`), its folders and its cursor.
    name: str
    kind: str = "filesystem"
    #: Dataset of what names no other.
    tag: str = "docs"
    #: In the kind's own terms: for `filesystem` a folder, relative to the workspace; empty for the watch folder.
    where: str = ""
    settle_seconds: float = Field(default=2.0, gt=0)
    #: Seconds between two looks; the kind has a default.
    poll_seconds: float | None = Field(default=None, gt=0)
    #: Id of the Airflow connection that has the credentials; empty for the kind's default, or none.
    connection: str = ""
    #: What becomes of a document whose original has gone, where the source is a mirror.
    deletions: Literal["delete", "keep"] = "delete"
    guard: GuardConfig = GuardConfig()
    #: What the kind wants to know beyond that.
    options: dict[str, OptionValue] = Field(default_factory=dict)

    @field_validator("name", "tag")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if not is_tag(value):
            raise ValueError(
                f"{value!r} is not a valid name: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit"
            )
        return value


class GateConfig(_Strict):
    """When claims and batches wait because a store is overloaded."""

    interval_seconds: float = Field(default=2.0, gt=0)
    close_after: int = Field(default=3, ge=1)
    open_after: int = Field(default=2, ge=1)
    max_latency_seconds: float = Field(default=2.0, gt=0)


class DispatchConfig(_Strict):
    """How the sidecar picks up what nobody triggered."""

    unclaimed_seconds: float = Field(default=3.0, ge=0)
    interval_seconds: float = Field(default=1.0, gt=0)
    max_jobs_per_run: int = Field(default=1000, ge=1)


class RetentionConfig(_Strict):
    """How long what is no longer needed is kept, in days. Progress events expire by themselves a week after their job."""

    final_jobs_days: float = Field(default=30.0, gt=0)
    #: Artifacts and vectors of stages that no live job refers to, since they were last used.
    artifacts_days: float = Field(default=14.0, gt=0)
    #: Bytes that no live document was made from and no job refers to, since they were last used.
    snapshots_days: float = Field(default=30.0, gt=0)
    #: Reports; the latest of each dataset stays.
    reports_days: float = Field(default=90.0, gt=0)
    #: Originals that were taken from a watch folder (`ingest/done/`); what was ingested needs them no longer.
    done_days: float = Field(default=90.0, gt=0)
    #: Tombstones of deleted documents that nothing refers to any more (decision 0011).
    tombstones_days: float = Field(default=30.0, gt=0)


class IngestConfig(_Strict):
    """The whole of `config/ingest.yaml`."""

    limits: LimitsConfig = LimitsConfig()
    pipeline: PipelineConfig = PipelineConfig()
    verdict: VerdictConfig = VerdictConfig()
    watch: WatchConfig = WatchConfig()
    sources: tuple[SourceConfig, ...] = ()
    gate: GateConfig = GateConfig()
    dispatch: DispatchConfig = DispatchConfig()
    retention: RetentionConfig = RetentionConfig()
    datasets: dict[str, DatasetConfig] = Field(default_factory=dict)

    @field_validator("datasets")
    @classmethod
    def _tags(cls, value: dict[str, DatasetConfig]) -> dict[str, DatasetConfig]:
        for tag in value:
            if not is_tag(tag):
                raise ValueError(
                    f"{tag!r} is not a valid tag: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit"
                )
        return value

    @field_validator("sources")
    @classmethod
    def _are_named_apart(cls, value: tuple[SourceConfig, ...]) -> tuple[SourceConfig, ...]:
        names = [source.name for source in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} names more than one source; each needs a name of its own")
        return value

    @property
    def configured_sources(self) -> tuple[SourceConfig, ...]:
        """The sources, or the one watch folder that `watch` describes where none is configured."""
        if self.sources:
            return self.sources
        watch = self.watch
        return (SourceConfig(name="filesystem", tag=watch.default_tag, settle_seconds=watch.settle_seconds),)

    @classmethod
    def load(cls, path: Path, options: Sequence[tuple[str, str]] = ()) -> IngestConfig:
        """Read and validate the file, with what `Settings.options` puts in the place of its values; no file means the defaults.

        Raises:
            ConfigurationError: not YAML, or a key or value that isn't known.
        """
        content = _read(path)
        for name, value in options:
            section, _, key = name.removeprefix("DOCGRAPH_").lower().partition("_")
            content[section] = {**(content.get(section) or {}), key: value}
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
            above = f", with {', '.join(name for name, _ in options)} of the environment," if options else ""
            raise ConfigurationError(f"{path}{above} can't be used: {problems}") from error

    def dataset(self, tag: str) -> DatasetConfig:
        """Return what is configured for `tag` (the defaults where nothing is)."""
        return self.datasets.get(tag, DatasetConfig())

    @property
    def published(self) -> dict[str, tuple[Site, ...]]:
        """The sites of each tag that has any."""
        return {tag: dataset.published for tag, dataset in self.datasets.items() if dataset.sites}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the effective configuration; reports carry it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not readable YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} can't be used: it holds a {type(content).__name__}, and not sections with keys."
        )
    return content
