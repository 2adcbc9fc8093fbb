"""What is ingested and how: `config/ingest.yaml`, validated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from docgraph.domain.errors import ConfigurationError
from docgraph.domain.identity import is_tag
from docgraph.domain.site_routes import Site
from docgraph.runtime.located import located


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SampleQuery(_Strict):
    """A question that the dataset must answer with evidence, optionally from a named place."""

    q: str = Field(min_length=1, description="The question.")
    expect: str | None = Field(
        default=None, description="Part of the source address, or of the heading, that one of the top hits must have."
    )


class SiteConfig(_Strict):
    """A site that the dataset is published as, so that links written for it find the files they mean."""

    base: str = Field(
        pattern=r"^(?:/|https?://[^/?#]+)[^?#]*$",
        description="A path on the site (`/docs`) or an address (`https://example.org/docs`).",
    )
    files: str = Field(
        default="/",
        pattern=r"^(?:/|[a-z][a-z0-9+.-]*://)[^?#]*$",
        description="Folder of the files published below it: a path (`/content`) or a whole address (`upload:///content`).",
    )


class DatasetConfig(_Strict):
    """What is particular to one dataset."""

    sample_queries: tuple[SampleQuery, ...] = Field(
        default=(), description="Questions that the dataset must answer to be ready."
    )
    sites: tuple[SiteConfig, ...] = Field(default=(), description="Where the dataset is published, for its links.")

    @property
    def published(self) -> tuple[Site, ...]:
        """The sites, as links are resolved by them."""
        return tuple(Site(site.base, site.files) for site in self.sites)


class LimitsConfig(_Strict):
    """Sizes above which a document is refused, with a clear error for that document."""

    max_document_bytes: int = Field(default=64 * 2**20, gt=0, description="Bytes of a document.")
    max_sections: int = Field(
        default=25_000, gt=0, description="Sections of a document: all of them are committed in one transaction."
    )
    reader_seconds: float = Field(
        default=120.0, gt=0, description="Seconds that reading one document may take in its child process."
    )
    reader_memory_bytes: int = Field(
        default=2 * 2**30, ge=256 * 2**20, description="Bytes of memory that it may take there."
    )
    document_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Seconds that extracting from one document, and making its rows, may take, each; a document that takes longer fails.",
    )


class PipelineConfig(_Strict):
    """How work is cut up."""

    max_batches: int = Field(default=4, ge=1, le=256, description="Mapped indexes of one run.")
    batch_bytes: int = Field(
        default=256 * 2**10, ge=1, description="Bytes up to which small documents share a mapped index."
    )
    embed_batch: int = Field(
        default=32, ge=1, le=2048, description="Texts embedded between two checkpoints: what a crash can cost at most."
    )
    upsert_batch: int = Field(default=256, ge=1, description="Points sent to Qdrant at once.")
    task_seconds: float = Field(
        default=14_400.0,
        ge=60,
        description="Seconds that one task of a DAG may take, such as a batch in one stage; it is then broken off and retried, and goes on "
        "where it was. DAGs follow within a minute.",
    )
    max_attempts: int = Field(
        default=3, ge=1, description="Attempts at a job whose runs end without finishing it, before it fails."
    )


class VerdictConfig(_Strict):
    """What must hold for a dataset to be ready."""

    max_drift_pct: float = Field(default=0.5, ge=0, description="Per cent by which graph and vectors may differ.")
    max_failed_share: float = Field(default=0.01, ge=0, le=1, description="Part of the documents that may have failed.")
    min_confidence: float = Field(default=0.3, ge=0, le=1, description="Confidence that sample queries must reach.")
    probes: int = Field(
        default=3,
        ge=1,
        le=20,
        description="Questions made from the run's own sections where a dataset has fewer sample queries.",
    )
    probe_top: int = Field(default=5, ge=1, description="Hits among which a probe must find its section.")
    full_compare_sections: int = Field(
        default=20_000,
        ge=0,
        description="Sections up to which a dataset is compared in full after each run; larger ones by exact counts, and in full "
        "by the audit.",
    )


def _tag(value: str) -> str:
    if not is_tag(value):
        raise ValueError(f"{value!r} is not a valid name: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit")
    return value


#: A dataset's tag, or the name of a source.
Name = Annotated[str, AfterValidator(_tag), Field(json_schema_extra={"pattern": "^[a-z0-9][a-z0-9-]{0,62}$"})]


class WatchConfig(_Strict):
    """The one watch folder, where no `sources` are configured."""

    default_tag: Name = Field(default="docs", description="Dataset of files that lie directly in the folder.")
    settle_seconds: float = Field(
        default=2.0, gt=0, description="Seconds for which a file without a marker must have stood still to be complete."
    )


class GuardConfig(_Strict):
    """How many documents a source may lose at one look without a person's approval."""

    share: float = Field(
        default=0.25, ge=0, le=1, description="Part of the documents that are known of the source; more are withheld."
    )
    documents: int = Field(default=1000, ge=0, description="Number of documents; more are withheld.")
    spare: int = Field(
        default=3, ge=0, description="So few may always go: a set of three pages must be able to lose one."
    )

    def withholds(self, removed: int, known: int) -> bool:
        """Tell whether the removal of so many of the known documents needs approval."""
        return removed > self.spare and (removed > self.documents or removed > self.share * known)


#: What an option of a kind of source may be.
OptionValue = str | int | float | bool | tuple[str, ...]


class SourceConfig(_Strict):
    """A place that documents come from."""

    name: Name = Field(description="Names the source's DAG (`watch_<name>`), its folders and its cursor.")
    kind: str = Field(default="filesystem", description="Kind of place; packages can add kinds.")
    tag: Name = Field(default="docs", description="Dataset of what names no other.")
    where: str = Field(
        default="", description="The place, in the kind's own terms; of `filesystem` empty for the watch folder."
    )
    settle_seconds: float = Field(
        default=2.0, gt=0, description="Seconds for which a file must have stood still to be taken."
    )
    poll_seconds: float | None = Field(
        default=None, gt=0, description="Seconds between two looks; each kind has a default."
    )
    connection: str = Field(
        default="",
        description="Id of the Airflow connection with the credentials; empty for the kind's default, or none.",
    )
    deletions: Literal["delete", "keep"] = Field(
        default="delete", description="What becomes of documents that have gone from a source that is mirrored."
    )
    guard: GuardConfig = Field(default=GuardConfig(), description="Deletions that need a person's approval.")
    options: dict[str, OptionValue] = Field(
        default_factory=dict, description="What the kind wants to know beyond that."
    )

    @property
    def dag_id(self) -> str:
        """The DAG that waits at the source."""
        return f"watch_{self.name}"


class GateConfig(_Strict):
    """When claims and batches wait because a store is overloaded or unavailable."""

    interval_seconds: float = Field(default=2.0, gt=0, description="Seconds between two probes.")
    close_after: int = Field(default=3, ge=1, description="Bad probes in a row after which work waits.")
    open_after: int = Field(default=2, ge=1, description="Good probes in a row after which it goes on.")
    max_latency_seconds: float = Field(default=2.0, gt=0, description="Seconds above which an answer is a bad probe.")


class DispatchConfig(_Strict):
    """Runs for jobs that no run has claimed."""

    unclaimed_seconds: float = Field(
        default=3.0, ge=0, description="Seconds that a job is left to the producer that enqueued it."
    )
    interval_seconds: float = Field(default=1.0, gt=0, description="Seconds between two looks.")
    max_jobs_per_run: int = Field(default=1000, ge=1, description="Jobs of one run, wherever it is started.")


class LivenessConfig(_Strict):
    """When the intake counts as standing still, in seconds; slow machines want more."""

    round_seconds: float = Field(
        default=25.0,
        gt=0,
        description="Seconds that a round of the dispatcher, the watch on a source or a heartbeat of Airflow may be overdue.",
    )
    progress_seconds: float = Field(
        default=25.0,
        gt=0,
        description="Seconds for which nothing at all may move while jobs wait or are worked on, or a claimed file waits.",
    )
    document_seconds: float = Field(
        default=300.0,
        gt=0,
        description="Seconds for which one run may show no progress, and a DAG not be read again, while others go on.",
    )


class RetentionConfig(_Strict):
    """How long what is no longer needed is kept, in days; `audit_datasets` removes what is older once a day."""

    final_jobs_days: float = Field(default=30.0, gt=0, description="Jobs that have ended.")
    artifacts_days: float = Field(
        default=14.0,
        gt=0,
        description="What stages left for each other, since it was last used, where no live job needs it.",
    )
    snapshots_days: float = Field(
        default=30.0,
        gt=0,
        description="Bytes that no live document was made from and no job refers to, since last used.",
    )
    reports_days: float = Field(default=90.0, gt=0, description="Reports; the latest of each dataset stays.")
    done_days: float = Field(
        default=90.0,
        gt=0,
        description="Originals taken from a watch folder (`ingest/done/`); what was ingested needs them no longer.",
    )
    tombstones_days: float = Field(
        default=30.0, gt=0, description="Tombstones of deleted documents that nothing refers to any more."
    )


class IngestConfig(_Strict):
    """What is ingested, how, and what a dataset must show to be called ready."""

    limits: LimitsConfig = LimitsConfig()
    pipeline: PipelineConfig = PipelineConfig()
    verdict: VerdictConfig = VerdictConfig()
    watch: WatchConfig = WatchConfig()
    sources: tuple[SourceConfig, ...] = Field(
        default=(), description="Places that documents come from, each with a DAG of its own."
    )
    gate: GateConfig = GateConfig()
    dispatch: DispatchConfig = DispatchConfig()
    liveness: LivenessConfig = LivenessConfig()
    retention: RetentionConfig = RetentionConfig()
    datasets: dict[Name, DatasetConfig] = Field(
        default_factory=dict, description="What is particular to datasets, by tag."
    )

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
        variables: dict[tuple[int | str, ...], str] = {}
        for name, value in options:
            section, _, key = name.removeprefix("DOCGRAPH_").lower().partition("_")
            variables[section, key] = name
            content[section] = {**(content.get(section) or {}), key: value}
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = located(path, cls, error, variables)
            raise ConfigurationError("\n".join(problems)) from error

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
