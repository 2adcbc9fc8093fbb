"""embed: added sections → vectors, durable batch by batch.

The one stage that works across documents: batches are filled from all of a task's documents, and each is in the journal
before the next is asked for. A resumed task computes only what the journal lacks.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from docgraph.domain.documents import EmbeddingVersion, Plan
from docgraph.domain.errors import DocumentError
from docgraph.domain.identity import fingerprint
from docgraph.ingest.work import Work, still_live
from docgraph.integrity.staging import Pace, Text, VectorStager
from docgraph.runtime.failpoints import failpoint
from docgraph.state.records import Checkpoint

NAME = "embed"
EMBED_VERSION = 1
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Progress:
    """How far one job is."""

    work: Work
    fingerprint: str
    #: Vectors: of each added section, in each embedding version.
    total: int = 0
    done: int = 0
    failed: DocumentError | None = None
    #: Sections whose vectors are still to be computed in the present version.
    due: set[str] = field(default_factory=set)


def fingerprint_of(work: Work) -> str:
    """Return what determines the vectors: the embedding versions and the plan."""
    names = [version.name for version in work.target_versions()]
    return fingerprint(NAME, EMBED_VERSION, [*names, work.checkpoint("build_graph").fingerprint])


def run_batch(works: Sequence[tuple[Work, str]]) -> dict[str, Checkpoint | DocumentError]:
    """Embed what the journal lacks for each of the (work, fingerprint) pairs; returns a checkpoint or an error by job id.

    A job that is cancelled meanwhile is left out of the following batches and of the answer.
    """
    progress = {work.job_id: _Progress(work, own_fingerprint) for work, own_fingerprint in works}
    texts: dict[EmbeddingVersion, list[tuple[_Progress, list[Text]]]] = defaultdict(list)
    for state in progress.values():
        plan = state.work.load("build_graph", Plan)
        wanted = set(plan.difference.added)
        if wanted and plan.document is not None:
            sections = plan.document.parsed.sections
            own = [Text.of(s, state.work.document_id) for s in sections if s.section_id in wanted]
            for version in state.work.target_versions():
                texts[version].append((state, own))
    for version, of_jobs in texts.items():
        _embed(version, of_jobs)
    return {
        job_id: state.failed
        or Checkpoint(fingerprint=state.fingerprint, artifact="", items=state.total, extra={"unit": "vectors"})
        for job_id, state in progress.items()
        if state.failed or state.done == state.total
    }


def _embed(version: EmbeddingVersion, of_jobs: Sequence[tuple[_Progress, list[Text]]]) -> None:
    """Embed in one version what the jobs lack there, in batches that their documents share."""
    states = [state for state, _ in of_jobs if not state.failed]
    if not states:
        return
    runtime = states[0].work.runtime
    stager = VectorStager(runtime, version, _Embedding(states))
    lacking: dict[str, Text] = {}
    for state, own in of_jobs:
        if state.failed:
            continue
        missing = {text.section_id: text for text in stager.lacking(own)}
        every = {text.section_id for text in own}
        state.total += len(every)
        state.done += len(every) - len(missing)
        state.due = set(missing)
        lacking |= missing
    stager.embed(list(lacking.values()))


class _Embedding(Pace):
    """Before each batch the gate is waited for and jobs that have ended are left out; each document's progress is announced."""

    def __init__(self, states: Sequence[_Progress]) -> None:
        super().__init__(states[0].work.runtime)
        self._states = states

    def wanted(self, batch: Sequence[Text]) -> Sequence[Text]:
        involved = [state for state in self._of(text.document_id for text in batch) if not state.failed]
        live = {work.job_id for work in still_live(self._runtime, [state.work for state in involved])}
        due = {section_id for state in involved if state.work.job_id in live for section_id in state.due}
        return [text for text in batch if text.section_id in due]

    def embedded(self, document_id: str, section_ids: Sequence[str]) -> None:
        for state in self._of([document_id]):
            made = state.due.intersection(section_ids)
            state.due -= made
            state.done += len(made)
            work = state.work
            self._runtime.state.jobs.add_counts(work.job_id, work.run_id, embedded=len(made))
            work.say("running", done=state.done, total=state.total, unit="sections")

    def refused(self, text: Text, error: DocumentError) -> None:
        for state in self._of([text.document_id]):
            logger.warning("section %s of %s can't be embedded: %s", text.section_id, state.work.job.source_uri, error)
            state.failed = error

    def finished(self) -> None:
        failpoint("embed.after_batch")

    def _of(self, document_ids: Iterable[str]) -> list[_Progress]:
        wanted = set(document_ids)
        return [state for state in self._states if state.work.document_id in wanted]
