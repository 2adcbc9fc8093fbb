"""What the stages share: one job as its stage sees it, its progress events, artifacts as typed values, and the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from docgraph.domain.computing import within
from docgraph.domain.documents import Committed, EmbeddingVersion
from docgraph.domain.errors import ArtifactDamagedError, DocumentTooSlowError, EmbeddingVersionError, JobNotFoundError
from docgraph.domain.identity import content_hash
from docgraph.domain.jobs import Job, JobState, Operation
from docgraph.domain.pipeline_version import PipelineVersion
from docgraph.extraction import EXTRACT_VERSION, ExtractOptions
from docgraph.formats import PARSE_VERSION, ParseOptions
from docgraph.formats.detection import DETECTION_VERSION
from docgraph.formats.registry import versions
from docgraph.runtime.connections import Runtime
from docgraph.state.records import Checkpoint

T = TypeVar("T")

#: Version of what a commit writes for the same parse and extraction; part of the pipeline's fingerprint.
BUILD_VERSION = 3


class JobLostError(Exception):
    """The job was cancelled, or another run has taken it over: stop working on it, change nothing more."""


@dataclass(slots=True)
class _Memory:
    """What a task has read of one job: checkpoints change only by its own hand, artifacts never."""

    checkpoints: dict[str, Checkpoint] | None = None
    versions: list[EmbeddingVersion] | None = None
    artifacts: dict[str, Any] = field(default_factory=dict)
    standing: Committed | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One job inside one stage of one run."""

    runtime: Runtime
    state: JobState
    run_id: str
    stage: str
    _memory: _Memory = field(default_factory=_Memory, repr=False, compare=False)

    @property
    def job(self) -> Job:
        """The job as it was asked for."""
        return self.state.job

    @property
    def job_id(self) -> str:
        """Id of the job."""
        return self.state.job.job_id

    @property
    def document_id(self) -> str:
        """Id of the job's document."""
        return self.state.document_id

    @property
    def deletes(self) -> bool:
        """Whether the job asks for the document's removal."""
        return self.job.op is Operation.DELETE

    def say(self, status: str, *, done: int = 0, total: int = 0, unit: str = "", message: str = "") -> None:
        """Append a line of progress."""
        self.runtime.state.events.append(
            self.job_id, self.stage, status, done=done, total=total, unit=unit, message=message
        )

    def check_live(self) -> None:
        """Wait out a closed gate in the slot, then make sure that the job is still this run's.

        Raises:
            JobLostError: it was cancelled or taken over.
        """
        if not still_live(self.runtime, [self]):
            raise JobLostError(self.job_id)

    def checkpoint(self, stage: str) -> Checkpoint:
        """Return the checkpoint of an earlier stage.

        Raises:
            LookupError: the stage never ran for this job (Airflow's order makes that a lost Redis).
        """
        found = self.checkpoint_or_none(stage)
        if found is None:
            raise LookupError(f"Job {self.job_id} has no checkpoint of {stage}; resume the job.")
        return found

    def checkpoint_or_none(self, stage: str) -> Checkpoint | None:
        """Return the checkpoint of a stage, None where it has not been done for this job; Redis is asked once a task."""
        if self._memory.checkpoints is None:
            self._memory.checkpoints = self.runtime.state.jobs.checkpoints(self.job_id)
        return self._memory.checkpoints.get(stage)

    def set_checkpoint(self, stage: str, checkpoint: Checkpoint, *, announce: bool = False) -> None:
        """Record that a stage is done for this job, and (`announce`) say so on its stream."""
        self.runtime.state.jobs.set_checkpoint(self.job_id, stage, checkpoint, announce=announce)
        if self._memory.checkpoints is not None:
            self._memory.checkpoints[stage] = checkpoint

    def load(self, stage: str, kind: type[T]) -> T:
        """Return the typed artifact that an earlier stage left; it is read once a task.

        Raises:
            ArtifactDamagedError: it is not there, or not what was stored.
        """
        reference = self.checkpoint(stage).artifact
        if reference not in self._memory.artifacts:
            self._memory.artifacts[reference] = load_artifact(self.runtime, reference, kind)
        found: T = self._memory.artifacts[reference]
        return found

    def target_versions(self) -> list[EmbeddingVersion]:
        """Return the embedding versions that a commit must have vectors in, as they were when the task first asked.

        The commit asks again, under the dataset's lock.
        """
        if self._memory.versions is None:
            self._memory.versions = target_versions(self.runtime, self.job.tag)
        return self._memory.versions

    def standing(self) -> Committed:
        """Return what was committed for the document when the task first asked."""
        if self._memory.standing is None:
            self._memory.standing = self.runtime.graph.committed(self.document_id)
        return self._memory.standing

    def forget(self) -> None:
        """Let go of what was read: the task has other documents to work on."""
        self._memory.checkpoints = self._memory.versions = self._memory.standing = None
        self._memory.artifacts.clear()


def computed(runtime: Runtime, source_uri: str, what: str, step: Callable[[], T]) -> T:
    """Return what a step computes about one document, within `limits.document_seconds`; it must not wait for a store.

    Raises:
        DocumentTooSlowError: it took longer.
    """
    seconds = runtime.config.limits.document_seconds
    late = lambda: DocumentTooSlowError.of(source_uri, what, seconds, "limits.document_seconds")  # noqa: E731
    return within(seconds, step, late)


def load_artifact(runtime: Runtime, reference: str, kind: type[T]) -> T:
    """Read an artifact back as the type it was stored from.

    Raises:
        ArtifactDamagedError: it is not there, not what was stored, or of another release of docgraph.
    """
    value = runtime.artifacts.get_json(reference)
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise ArtifactDamagedError(f"The artifact {reference} is not what this release reads: {error}") from error


def store_artifact(runtime: Runtime, stage: str, fingerprint: str, value: Any) -> str:
    """Store a frozen value as a stage's artifact; returns its reference."""
    return runtime.artifacts.put_json(stage, fingerprint, TypeAdapter(type(value)).dump_python(value, mode="json"))


def parse_options(runtime: Runtime) -> ParseOptions:
    """Return the options that the configuration gives to the parse stage."""
    return ParseOptions(max_bytes=runtime.config.limits.max_document_bytes)


def extract_options(runtime: Runtime) -> ExtractOptions:
    """Return the options that the configuration gives to the extract stage."""
    del runtime
    return ExtractOptions()


def pipeline_version(runtime: Runtime) -> PipelineVersion:
    """Return what, beside a document's bytes, determines what is committed for it: versions and options."""
    common = content_hash(
        "pipeline",
        str(PARSE_VERSION),
        str(DETECTION_VERSION),
        parse_options(runtime).digest(),
        str(EXTRACT_VERSION),
        extract_options(runtime).digest(),
        str(BUILD_VERSION),
    )[:16]
    return PipelineVersion(common, versions())


def is_current(work_state: JobState, committed: Committed, pipeline: PipelineVersion) -> bool:
    """Whether the graph already says what the job asks for, and no other content was asked for since.

    `since` is the version at which the present streak of equal requests began: while something else was asked for in
    between, an attempt of it may still be under way, and only a commit of the newer version makes that one stale.
    """
    if committed.version < work_state.since:
        return False
    if work_state.job.op is Operation.DELETE:
        return committed.deleted or committed.fence == 0
    return committed.exists and committed.checksum == work_state.job.checksum and pipeline.made(committed.pipeline)


def target_versions(runtime: Runtime, tag: str, dataset: Mapping[str, Any] | None = None) -> list[EmbeddingVersion]:
    """Return the embedding versions that a commit must have vectors in: the readers' first, then the one that is being built.

    `dataset` is its node where the caller has read it already.

    Raises:
        EmbeddingVersionError: no embedding server makes one of them.
        StoreUnavailableError: Neo4j or an embedding server can't be reached.
    """
    dataset = dataset or runtime.graph.dataset(tag) or runtime.graph.ensure_dataset(tag, runtime.embedding_version.name)
    return served_versions(
        runtime, tag, dict.fromkeys(filter(None, (dataset["embedding_version"], dataset["building"])))
    )


def served_versions(runtime: Runtime, tag: str, names: Iterable[str]) -> list[EmbeddingVersion]:
    """Return a dataset's embedding versions of these names.

    Raises:
        EmbeddingVersionError: no embedding server makes one of them.
    """
    try:
        return [runtime.embedder.serving(name).version for name in names]
    except EmbeddingVersionError as error:
        raise EmbeddingVersionError(
            f"The dataset {tag!r} can't take vectors. {error} Start a server with the dataset's model beside the present one "
            f"(DOCGRAPH_SECOND_EMBEDDINGS_URL), or move the dataset: `ingestctl reembed --tag={tag}`."
        ) from error


def begin(runtime: Runtime, job_id: str, run_id: str, stage: str) -> Work | None:
    """Begin a stage with a job, waiting out a closed gate; None where the job is not this run's to work on.

    What the run's report gave up is taken up again: the task was cleared in Airflow after the report.

    Raises:
        JobNotFoundError: no job has this id.
    """
    jobs = runtime.state.jobs
    begun = jobs.begin_stage(job_id, run_id, stage)
    if begun.state is not None and begun.state.given_up_by(run_id) and jobs.take_up_again(job_id, run_id):
        begun = jobs.begin_stage(job_id, run_id, stage)
    if begun.state is None:
        raise JobNotFoundError(f"No job has the id {job_id}.")
    if not begun.live:
        return None
    work = Work(runtime, begun.state, run_id, stage, _Memory(checkpoints=begun.checkpoints))
    return work if begun.gate.open or still_live(runtime, [work]) else None


def still_live(runtime: Runtime, works: Sequence[Work]) -> list[Work]:
    """Wait while the gate is closed, showing the jobs as paused, and return those that are still their run's to work on."""
    jobs = runtime.state.jobs
    answers = [(work, *jobs.may_go_on(work.job_id, work.run_id)) for work in works]
    closed = next((gate for _, _, gate in answers if not gate.open), None)
    if closed is None:
        return [work for work, live, _ in answers if live]
    for work in works:
        jobs.pause(work.job_id, work.run_id, closed.reason)
    if not runtime.state.gate.wait(lambda: any(jobs.is_live(work.job_id, work.run_id) for work in works)):
        return []
    return [work for work in works if jobs.unpause(work.job_id, work.run_id)]
